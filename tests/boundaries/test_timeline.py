"""Virtual time: it moves when everybody waits, wakes one after the other, and never lets anybody wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from replay.boundaries import resting
from replay.boundaries.moments import Wait
from replay.boundaries.timeline import Timeline

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
LONG = 20.0


class Line(Timeline):
    """One whose wall clock is a number."""

    def __init__(self) -> None:
        self.shown = START
        super().__init__(START, self._show)

    def _show(self, step: int) -> None:
        self.shown += step


@pytest.fixture
def line() -> Iterator[Line]:
    """The calling thread is its only actor."""
    made = Line()
    yield made
    made.close()


def test_a_sleep_moves_both_clocks(line: Line) -> None:
    """Nobody else is there: time jumps, and nothing waits."""
    before = line.now
    started = time.perf_counter()
    line.sleep(30 * SECOND)
    assert time.perf_counter() - started < LONG
    assert (line.now - before, line.shown - START) == (30 * SECOND, 30 * SECOND)


def test_the_wall_clock_follows_the_recording(line: Line) -> None:
    """Of an answer it shows when production had it; the time that is waited is that since the asking."""
    before = line.now
    line.move_to(START + 5 * SECOND)
    line.sleep(2 * SECOND, START + 8 * SECOND)
    assert (line.now - before, line.shown - START) == (2 * SECOND, 8 * SECOND)
    line.move_to(START)
    assert line.shown == START + 8 * SECOND


def _run(line: Line, works: Sequence[Callable[[], object]]) -> None:
    """Every work in a thread of its own, all of them actors."""
    threads = []
    for work in works:
        line.starting()

        def act(work: Callable[[], object] = work) -> None:
            line.enter(announced=True)
            try:
                work()
            finally:
                line.leave()

        threads.append(threading.Thread(target=act))
    for thread in threads:
        thread.start()
    line.leave()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)


def test_threads_wake_one_after_the_other_in_the_order_of_their_times(line: Line) -> None:
    """Twenty sleepers, started in any order, end in the order of their sleeps; time is that of the longest."""
    before, order = line.now, []

    def sleeper(number: int) -> None:
        line.sleep(number * SECOND)
        order.append(number)

    _run(line, [partial(sleeper, number) for number in (*range(20, 10, -1), *range(1, 11))])
    assert order == list(range(1, 21))
    assert line.now - before == 20 * SECOND


def test_answers_come_in_the_order_of_the_recording(line: Line) -> None:
    """Also where the time since the asking says otherwise, and as far apart as they were."""
    before, order = line.now, []

    def ask(name: str, duration: int, end: int) -> None:
        line.sleep(duration * SECOND, START + end * SECOND)
        order.append((name, (line.now - before) // SECOND))

    _run(line, [lambda: ask("b", 1, 9), lambda: ask("a", 3, 4), lambda: ask("c", 2, 10)])
    assert order == [("a", 3), ("b", 8), ("c", 9)]


def test_a_limit_ends_before_a_later_answer(line: Line) -> None:
    """A sleep of one second is over before an answer that took two."""
    order: list[str] = []

    def ask() -> None:
        line.sleep(2 * SECOND, START + 2 * SECOND)
        order.append("answer")

    def limit() -> None:
        line.sleep(1 * SECOND)
        order.append("limit")

    _run(line, [ask, limit])
    assert order == ["limit", "answer"]


@pytest.mark.parametrize(
    ("event", "waited", "end", "expected", "is_near"),
    [
        (0.1, 1, 9, "limit", False),  # production computed for 8 s before it asked
        (0.1, 6, 4, "answer", False),  # it set the limit later than the replay does
        (0.1, 4.999, 5.002, "answer", True),
        (None, 1, 9, "answer", False),  # when it set the limit, nobody knows
        (6, 1, 9, "answer", True),
        (0.0, 1, 5.007, "limit", True),  # for sure, were production not slow
        (0.0, 1, 5.05, "limit", False),
    ],
)
def test_a_limit_and_an_answer_come_as_in_production(
    line: Line, event: float | None, waited: float, end: float, expected: str, is_near: bool
) -> None:
    """A limit of 5 s was set between the start and the `event`; the answer took `waited` s and came at `end`."""
    order: list[str] = []
    due, wall = line.after(5 * SECOND)
    line.add(Wait(lambda: order.append("limit"), due=due, wall=wall))
    if event is not None:
        line.move_to(START + int(event * SECOND))
    came = START + int(end * SECOND)
    line.add(Wait(lambda: order.append("answer"), due=line.now + int(waited * SECOND), wall=came, end=came))
    line.block(Wait(lambda: None, ready=lambda: bool(order)), lambda: None)
    assert (order[0], line.near == (came if is_near else None)) == (expected, True)


@pytest.mark.parametrize(("asked", "is_near"), [(190, True), (0, False)])
def test_threads_that_asked_in_another_order_leave_doubts(line: Line, asked: int, is_near: bool) -> None:
    """One waits at most 1 s for an answer that took 2 s. By the wall clock, which stands where another thread has
    `asked` by then, it came first."""
    line.starting()
    line.enter(announced=True)
    line._actors.add(-1)
    answer = Wait(lambda: None, due=line.now + 2 * SECOND, wall=START + 2 * SECOND, end=START + 2 * SECOND)
    line.add(answer)
    line.move_to(START + asked * SECOND)
    due, wall = line.after(SECOND)
    limit = Wait(lambda: None, due=due, wall=wall)
    line.add(limit)
    line.creep(SECOND * 3)
    assert (line.near is not None) == is_near


@pytest.mark.parametrize(
    ("is_limit", "apart", "is_near"), [(True, 0.0005, True), (True, 0.5, False), (False, 0.0005, False)]
)
def test_a_limit_beside_a_sleep_of_another_thread(line: Line, is_limit: bool, apart: float, is_near: bool) -> None:
    """That of a wait which something else may end, too, may be over first or last."""

    def wait(seconds: float, *, limited: bool = False) -> None:
        lock = threading.Lock()
        lock.acquire()
        due, wall = line.after(int(seconds * SECOND))
        ready = {"ready": lambda: not lock.locked()} if limited else {}
        line.block(Wait(lock.release, due=due, wall=wall, **ready), lock.acquire)

    _run(line, [lambda: wait(5, limited=is_limit), lambda: wait(5 + apart)])
    assert (line.near is not None) == is_near


@pytest.mark.parametrize(("wall", "is_near"), [(4, True), (6, False)])
def test_a_limit_that_production_was_past(line: Line, wall: int, is_near: bool) -> None:
    """What it was for ended in time only because nothing is computed at replay."""
    line.move_to(START + 5 * SECOND)
    line.spared(START + wall * SECOND, None)
    assert (line.near is not None) == is_near


def test_who_blocks_unseen_does_not_stop_time(line: Line) -> None:
    """An actor that waits on a plain lock is not seen to wait; time moves on when the process has come to rest."""
    lock = threading.Lock()
    lock.acquire()

    def sleeper() -> None:
        line.sleep(60 * SECOND)
        lock.release()

    _run(line, [sleeper, lock.acquire])


def test_a_thread_that_computes_holds_time(line: Line) -> None:
    """As long as an actor runs, nobody's time is over."""
    order: list[str] = []

    def compute() -> None:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        order.append("computed")

    def sleeper() -> None:
        line.sleep(1)
        order.append("slept")

    _run(line, [sleeper, compute])
    assert order == ["computed", "slept"]


def test_reading_moves_it(line: Line) -> None:
    """A loop that only looks at the clock ends; each reading is later than the one before."""
    readings = [line.read() for _ in range(1000)]
    assert readings == sorted(set(readings))
    assert readings[-1] - readings[0] < SECOND


def test_what_is_forgotten_does_not_happen(line: Line) -> None:
    """A wait that was given up neither wakes nor moves time."""
    before, woken = line.now, set[int]()
    wait = Wait(lambda: woken.add(1), due=before + SECOND, wall=START)
    line.add(wait)
    wait.gone = True
    line.sleep(3 * SECOND)
    line.creep(SECOND)
    assert (woken, line.now - before) == (set(), 4 * SECOND)


@pytest.mark.parametrize(
    ("end", "due", "is_near"), [(1, 1, True), (1, 1000, True), (1000, 1, True), (1000, 1000, False)]
)
def test_what_is_given_up_as_it_comes(line: Line, end: int, due: int, is_near: bool) -> None:
    """By production's clock or by this one: a limit that was late there is over here before what came with it."""
    millisecond = SECOND // 1000
    assert line.given_up(line.wall + end * millisecond, line.now + due * millisecond) is is_near
    assert [each.what for each in line.nears.values()] == ["given up"] * is_near


def test_it_lets_go_at_the_end(line: Line) -> None:
    """Threads that still wait when the replay is over go on, and time is real again."""
    ended = threading.Event()
    line.starting()  # somebody who never comes: time cannot move

    def wait() -> None:
        line.enter()
        line.block(Wait(gate.release, due=line.now + 3600 * SECOND), gate.acquire)
        ended.set()

    gate = threading.Lock()
    gate.acquire()
    thread = threading.Thread(target=wait)
    thread.start()
    line.close()
    thread.join(LONG)
    assert ended.is_set()
    now = line.now
    time.sleep(0.01)
    assert line.now > now


def test_who_looks_again_and_again_sleeps_in_real_time() -> None:
    """Its module is imported at the first replay, when `time.sleep` is the virtual one already."""
    code = (
        "import time; from replay.surfaces.init import install; install(); virtual = time.sleep;"
        "from replay.boundaries import polls; assert polls.real_sleep is not virtual, virtual"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_thread_that_ended_while_all_were_looked_at_hides_none_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of threads is read first, and the first of them may have ended since."""
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    monkeypatch.setattr(resting, "listdir", lambda folder: ["1073741824", *os.listdir(folder)])
    try:
        assert any(resting.somebody_runs() for _ in range(200))
    finally:
        over.set()
        thread.join()


class Executor:
    """As much of one as is looked at."""

    _shutdown = True

    def __init__(self, workers: int) -> None:
        self._max_workers = workers


def test_an_executor_at_the_address_of_an_earlier_one(line: Line) -> None:
    """It has jobs and workers of its own: with those of the other it was up to chance who went on."""
    for _ in range(1000):
        one = Executor(1)
        address = id(one)
        line.count(line.pool(one), queued=1)
        del one
        two = Executor(4)
        if id(two) == address:
            break
    assert line.is_over(lambda: two) is None
    pool = line.pool(two)
    assert (pool.workers, pool.queued) == (4, 0)
    assert line.pool(two) is pool
