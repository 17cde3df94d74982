"""When the code of a recording ran: a clock is read again in the stretch in which it was read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from threading import Thread

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.compare import unexpected
from replay.core.recording import Interaction
from replay.core.times import both_counted
from replay.engine.player import window
from replay.engine.stretches import Stretches
from tests.recordings import record

SECOND = 1_000_000_000
LONGER = {0: 60}


@replay.boundary
def slow() -> dict[str, float]:
    """More than a second; what it gives has nothing to do with the clock of who asks."""
    time.sleep(1.05)
    return {"last": time.time() - 86_400}


@replay.boundary
def pieces() -> Iterator[int]:
    yield 1
    yield 2


@replay.boundary
def save(*values: float) -> None:
    """Takes anything."""


@replay.capture
def expires() -> None:
    expiry = time.time() + LONGER[0]
    cursor = slow()["last"] + LONGER[0]
    save(expiry, cursor, time.time() + LONGER[0])


def test_another_expiry_is_told_whatever_the_recording_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One second more is another one where production waited for longer than that; the same one is not."""
    (found,) = record(tmp_path, expires)
    assert [replay.run(found).green for _ in range(3)] == [True] * 3
    monkeypatch.setitem(LONGER, 0, 61)
    (apart,) = replay.run(found).divergences
    assert (apart.kind, apart.seq) == ("changed", 1)
    assert [each.path for each in unexpected(apart.differences)] == ["$.args[0]", "$.args[1]", "$.args[2]"]


AGO = {0: 0}


@replay.capture
def tells() -> dict[str, object]:
    """When it began and ended, in three forms."""
    began = time.time() - AGO[0]
    slow()
    ended = time.time() - AGO[0]
    return {"began": began, "ended": ended, "at": datetime.fromtimestamp(ended, UTC).isoformat(), "day": int(ended)}


def test_a_clock_that_is_read_a_second_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in the window, too, but no code ran then."""
    (found,) = record(tmp_path, tells)
    assert [replay.run(found).green for _ in range(3)] == [True] * 3
    monkeypatch.setitem(AGO, 0, 1)
    verdict = replay.run(found)
    assert verdict.status == "changed"
    assert {"$.ended", "$.at", "$.day"} <= {each.path for each in unexpected(verdict.difference)}


@replay.boundary
async def later_still(number: int) -> int:
    """More than a second."""
    await asyncio.sleep(1.05)
    return number


@replay.capture
async def gathers() -> list[float]:
    """Several wait at the same time, and read the clock then."""

    async def one(number: int) -> float:
        await later_still(number)
        now = time.time() - AGO[0]
        await keep(now, now + LONGER[0])
        return now

    return await asyncio.gather(*map(one, range(3)))


@replay.boundary
async def keep(*values: float) -> None:
    """Takes anything."""


@replay.capture
def in_threads() -> list[float]:
    """The same with threads."""

    def one(number: int) -> float:
        slow()
        save(time.time() - AGO[0], time.time() + LONGER[0])
        return time.time() - AGO[0]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, range(2)))


@replay.capture
def sleeps() -> float:
    """A wait of its own, which no recording has."""
    save(0)
    time.sleep(1.05)
    save(time.time() - AGO[0], time.time() + LONGER[0])
    return time.time() - AGO[0]


WORK: dict[str, Callable[[], object]] = {
    "tasks": lambda: asyncio.run(gathers()), "threads": in_threads, "sleeps": sleeps,
}  # fmt: skip


@pytest.mark.parametrize("work", WORK)
def test_a_second_more_or_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """It lies in the window of a recording that waits for longer: of lanes that wait at once, and where code sleeps."""
    (found,) = record(tmp_path, WORK[work])
    assert replay.run(found).green
    for read, at, now in [(AGO, 0, 1), (AGO, 0, -1), (LONGER, 1, 61), (LONGER, 1, 59)]:
        with monkeypatch.context() as patched:
            patched.setitem(read, 0, now)
            apart = replay.run(found).divergences[0]
        assert apart.kind == "changed", (at, now)
        assert f"$.args[{at}]" in {each.path for each in unexpected(apart.differences)}


@replay.capture
def hands_over() -> None:
    """What one thread computes another asks with."""
    waiting: Queue[float | None] = Queue()

    def work() -> None:
        begin()
        while (value := waiting.get()) is not None:
            save(value, value + LONGER[0])

    thread = Thread(target=work)
    thread.start()
    for _ in range(2):
        _compute(0.3)
        waiting.put(time.time())
    waiting.put(None)
    thread.join()


@replay.capture
def beside() -> None:
    """A thread computes that asks nothing, while another waits."""
    found: list[float] = []

    def work() -> None:
        _compute(0.3)
        found.append(time.time())

    thread = Thread(target=work)
    thread.start()
    slow()
    thread.join()
    save(found[0], found[0] + LONGER[0])


@replay.boundary
def begin() -> None:
    """Takes a while."""
    time.sleep(0.1)


def _compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.mark.parametrize("work", [hands_over, beside])
def test_what_threads_compute_takes_no_time_of_a_replay(tmp_path: Path, work: Callable[[], None]) -> None:
    """So it reads the clock earlier than production did, and by more than a little."""
    (found,) = record(tmp_path, work)
    verdict = replay.run(found)
    assert verdict.green, verdict


@replay.capture
async def computes() -> None:
    expiries = []

    async def other() -> None:
        await asyncio.sleep(0.02)
        until = time.perf_counter() + 0.03
        while time.perf_counter() < until:
            pass
        expiries.append(time.time() + 60)

    task = asyncio.create_task(other())
    await later()
    await task
    save(*expiries)


@replay.boundary
async def later() -> None:
    """Long enough."""
    await asyncio.sleep(0.2)


def test_a_task_that_computes_meanwhile(tmp_path: Path) -> None:
    """It asks nothing, so nobody knows when it read the clock."""
    (found,) = record(tmp_path, lambda: asyncio.run(computes()))
    assert len(Stretches(found).all()) == 2
    assert replay.run(found).green


@replay.capture
def reads() -> None:
    for _ in pieces():
        time.sleep(0.06)


def test_code_runs_between_the_pieces_of_a_stream(tmp_path: Path) -> None:
    """There is no time in which it certainly did not."""
    (found,) = record(tmp_path, reads)
    assert len(Stretches(found).all()) == 1


def test_parts_of_a_recording(tmp_path: Path) -> None:
    """Before and after a long answer; all of it, where lanes ran at once or an edit moved something."""
    (found,) = record(tmp_path, expires)
    start, span = found.started_at, window(found)
    before, after = span.parts
    asked = found.interactions[0]
    assert before.start == start
    assert 0 <= before.end - start - asked.offset_ns <= SECOND // 100
    assert 0 <= start + asked.offset_ns + asked.duration_ns - after.start <= SECOND // 100
    assert after.end == span.end
    one = start + asked.offset_ns + 60 * SECOND
    assert not both_counted(one / 1e9, one / 1e9 + 1, span)
    assert len(Stretches(msgspec.structs.replace(found, parent_digest="x")).all()) == 1
    elsewhere = msgspec.structs.replace(asked, lane="0.1")
    assert len(Stretches(msgspec.structs.replace(found, interactions=(elsewhere, *found.interactions[1:]))).all()) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{"status":200,"offset_ns":900000000,"pieces":[[900000001,"x"]]}', 2), ('{"offset_ns":null,"pieces":[]}', 2),
        ('{"status":200,"offset_ns":9,"pieces":[[900000001,"x"]]}', 1), ('{"pieces":7}', 2), ('{"pieces":[[]]}', 2),
        ('{"pieces":[["x"]],"offset_ns":-5}', 2), ('["pieces"]', 2), ('{"pieces"', 1),
    ],
)  # fmt: skip
def test_an_answer_goes_on_with_its_head(tmp_path: Path, text: str, parts: int) -> None:
    """Its body is read by code that runs; what a stranger's bundle says there counts for little."""
    (found,) = record(tmp_path, reads)
    one: Interaction = msgspec.structs.replace(
        found.interactions[0], offset_ns=0, duration_ns=SECOND, answer=Value(text)
    )
    changed = msgspec.structs.replace(found, interactions=(one,), duration_ns=2 * SECOND)
    assert len(Stretches(changed).all()) == parts
