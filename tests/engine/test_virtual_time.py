"""Virtual time and lanes, recorded for real and replayed: waits cost no time, and all ends in the recorded order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from math import inf, nextafter
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.boundaries import order, timeline, virtual_loop
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.mutation import mutate
from replay.surfaces.fresh import replay_fresh
from replay.surfaces.job import Options
from tests.boundaries.http.server import Server
from tests.engine import timed

Record = Callable[..., list[Recording]]
ROOT = Path(__file__).parents[2]
LONG = 20.0
"""Seconds of real time that no replay here may take."""


def _replayed(recording: Recording, unit_seconds: float = 0.001) -> replay.Verdict:
    timed.SCALE["seconds"] = unit_seconds
    started = time.perf_counter()
    try:
        verdict = replay.run(recording)
    finally:
        timed.SCALE["seconds"] = 0.001
    assert time.perf_counter() - started < LONG
    return verdict


LONG_WAITS: dict[str, Callable[[], Any]] = {
    "backs_off": lambda: asyncio.run(timed.backs_off()),
    "backs_off_blocking": timed.backs_off_blocking,
    "polls": lambda: timed.polls(30),
    "waits_until": lambda: timed.waits_until(0.0),
    "waits_in_threads": timed.waits_in_threads,
    "loops_inside": timed.loops_inside,
    "selects": timed.selects,
    "polls_descriptors": timed.polls_descriptors,
    "waits_beside_processes": timed.waits_beside_processes,
    "shuts_down": lambda: timed.shuts_down(300),
    "brings_a_loop": timed.brings_a_loop,
    "looks_once": timed.looks_once,
    "limits_a_socket": timed.limits_a_socket,
}


@pytest.mark.parametrize("work", LONG_WAITS.values(), ids=LONG_WAITS.keys())
def test_half_a_minute_of_waiting_takes_no_time(record: Record, work: Callable[[], Any]) -> None:
    """Recorded with waits of milliseconds; the replayed code waits for minutes, which pass at once."""
    (recording,) = record(work)
    assert recording.status == "ok", recording.outcome.payload.text
    verdict = _replayed(recording, 1.0)
    assert verdict.status == "reproduced", verdict
    assert verdict.left_over == 0


def test_locks_are_waited_for_in_virtual_time(record: Record) -> None:
    """In a process of its own, where those of the modules are made for the replay, too."""
    (recording,) = record(lambda: timed.takes_locks(0.02))
    assert recording.outcome.value == [(False, False, True)] * 3 + [7, "END"]
    verdict = replay_fresh(recording, Options(root=str(ROOT)), timeout=LONG)
    assert (verdict.status, verdict.left_over) == ("reproduced", 0), verdict
    assert verdict.seconds < recording.duration_ns / 1e9 / 1.5  # imports among them


def test_who_waits_for_an_unknown_thread_has_patience(record: Record) -> None:
    """Its time limit is not over because nobody else is known. In a process without other threads."""
    (recording,) = record(timed.waits_for_a_bare_thread)
    verdict = replay_fresh(recording, Options(root=str(ROOT)), timeout=LONG)
    assert (verdict.outcome and verdict.outcome.value, recording.outcome.value) == (True, True)


@pytest.mark.parametrize(("limit", "held_for"), [(0.05, 0.3), (5.0, 0.05)])
def test_a_limit_at_a_lock_ends_as_recorded(record: Record, limit: float, held_for: float) -> None:
    """Who gave it up in production gives it up again: its holder waited for an answer meanwhile."""
    (recording,) = record(lambda: timed.gives_up_a_lock(limit, held_for))
    assert recording.outcome.value == ("got it" if limit > held_for else "gave up")
    assert {_replayed(recording).status for _ in range(5)} == {"reproduced"}


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition"])
def test_a_lock_around_calls(record: Record, kind: str) -> None:
    """Who waits for it is seen to wait: time goes on at once, and nobody is forgotten."""
    (recording,) = record(lambda: timed.asks_under_a_lock(kind, 8, 40))
    started = time.perf_counter()
    verdict = _replayed(recording)
    assert (verdict.status, verdict.served) == ("reproduced", 320), verdict
    assert time.perf_counter() - started < 320 * 0.015  # what each would take that is noticed only at rest


def test_workers_on_simple_queues(record: Record) -> None:
    """Each item is worked off once."""
    (recording,) = record(lambda: timed.works_off(6, 60))
    assert {(v.status, v.served) for v in (_replayed(recording) for _ in range(5))} == {("reproduced", 60)}


def test_sleeps_beyond_measure(record: Record) -> None:
    """For ever, or longer than a clock counts: until they are cancelled, in production as at replay."""
    (recording,) = record(lambda: asyncio.run(timed.sleeps_beyond_measure()))
    assert _replayed(recording).status == "reproduced"
    (recording,) = record(lambda: asyncio.run(timed.sleeps_for(0.001)))
    for seconds in (2**63, 1e300):
        mutated = mutate(recording, [Edit("input.args[0]", "set", seconds)])
        verdict = _replayed(mutated)
        assert (verdict.status, verdict.reason) == ("reproduced", None), seconds


@pytest.mark.parametrize(("limit", "delay"), [(0.05, 5.0), (5.0, 0.05)])
def test_a_limit_around_a_call_ends_as_recorded(record: Record, limit: float, delay: float) -> None:
    """What timed out does so again, what did not does not."""
    (recording,) = record(lambda: asyncio.run(timed.times_out(limit, delay)))
    verdict = _replayed(recording)
    assert verdict.status == "reproduced", verdict
    assert recording.outcome.value.startswith("too slow") == (limit < delay)


def test_a_shorter_limit_times_out_at_replay(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded duration counts: code that waits less long than production did gives up."""
    (recording,) = record(lambda: asyncio.run(timed.times_out(5.0, 0.1)))
    original = asyncio.wait_for
    monkeypatch.setattr(asyncio, "wait_for", lambda work, limit: original(work, 0.05))
    verdict = _replayed(recording)
    assert verdict.status == "diverged"
    assert verdict.divergence is not None
    assert '"b"' in str(verdict.divergence.asked)


def test_limits_that_were_over_while_production_computed(record: Record) -> None:
    """They are over at replay, which computes nothing as long, although the answers come soon after the asking."""
    (recording,) = record(lambda: asyncio.run(timed.computes_under_limits(0.1)))
    assert recording.outcome.value == ["late N0", "late N1", "late N2"]
    original, timed._compute = timed._compute, lambda duration: None
    try:
        assert _replayed(recording).status == "reproduced"
    finally:
        timed._compute = original


def test_a_far_limit_stays_far(record: Record) -> None:
    """However often the loop looks how long it may wait."""
    (recording,) = record(lambda: asyncio.run(timed.asks_on_under_a_limit(5)))
    assert _replayed(recording).status == "reproduced"


def test_a_limit_that_nearly_held_has_a_reason(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an answer or the limit was first cannot be told: the verdict says so."""
    (recording,) = record(lambda: asyncio.run(timed.times_out(5.0, 0.1)))
    (interaction,) = recording.interactions
    original = asyncio.wait_for
    limit = interaction.duration_ns / 1e9 - 0.002
    monkeypatch.setattr(asyncio, "wait_for", lambda work, _: original(work, limit))
    verdict = _replayed(recording)
    assert verdict.status == "diverged"
    assert verdict.reason is not None
    assert verdict.reason.startswith("nondeterministic: ")
    assert f"#0 (call {timed.slow.__module__}:slow)" in verdict.reason


def test_a_limit_that_production_was_past_has_a_reason(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken back in time at replay, which computes nothing."""
    (recording,) = record(lambda: asyncio.run(timed.computes_on_under_a_limit(0.05)))
    monkeypatch.setattr(timed, "_compute", lambda duration: "another")
    verdict = _replayed(recording)
    assert verdict.status != "reproduced"
    assert (verdict.reason or "").startswith("nondeterministic: ")


@pytest.mark.parametrize(("limit", "delay"), [(0.02, 0.1), (0.1, 0.02)])
def test_a_shielded_call_goes_on(record: Record, limit: float, delay: float) -> None:
    """The limit and the answer come in their order."""
    (recording,) = record(lambda: asyncio.run(timed.shields(limit, delay)))
    assert _replayed(recording).status == "reproduced"


NAMES = [f"n{number}" for number in range(12)]
TASKS: dict[str, Callable[[], Any]] = {
    "as_completed": lambda: asyncio.run(timed.finishes_in_order(NAMES)),
    "first_completed": lambda: asyncio.run(timed.first_wins(NAMES)),
}
THREADS: dict[str, Callable[[], Any]] = {
    "groups": lambda: asyncio.run(timed.in_groups(NAMES[:5])),
    "threads": lambda: timed.in_threads(NAMES),
}


@pytest.mark.parametrize("work", TASKS.values(), ids=TASKS.keys())
def test_tasks_finish_as_recorded(record: Record, work: Callable[[], Any]) -> None:
    """Whatever finished first in production does so again, in each of many replays."""
    for _ in range(5):
        (recording,) = record(work)
        verdicts = [_replayed(recording) for _ in range(10)]
        assert {verdict.status for verdict in verdicts} == {"reproduced"}, verdicts[0]


@pytest.mark.parametrize("work", THREADS.values(), ids=THREADS.keys())
def test_racing_threads_end_the_same_each_time(record: Record, work: Callable[[], Any]) -> None:
    """What threads do to a shared list between two interactions is not recorded: if it was decided by microseconds the
    verdict may be `changed`, but it is the same in all replays, and every answer finds its lane."""
    for _ in range(2):
        (recording,) = record(work)
        verdicts = [_replayed(recording) for _ in range(5)]
        assert len({(v.status, v.outcome and v.outcome.payload.text) for v in verdicts}) == 1
        assert {len(verdict.divergences) + verdict.left_over for verdict in verdicts} == {0}
        assert verdicts[0].outcome is not None
        assert sorted(verdicts[0].outcome.value) == sorted(recording.outcome.value)


def test_workers_that_wait_for_a_job_are_seen_to_wait(record: Record) -> None:
    """Time goes on without them at once."""
    (recording,) = record(lambda: asyncio.run(timed.in_workers_of_anyio(40)))
    verdict = _replayed(recording)
    assert (verdict.status, verdict.served) == ("reproduced", 40), verdict
    assert verdict.seconds < recording.duration_ns / 1e9 / 2


def test_a_crowd_is_reproduced(record: Record) -> None:
    """200 tasks and 50 threads of one recording: the same end each time, every answer served, none twice."""
    (recording,) = record(lambda: asyncio.run(timed.many(200, 50)))
    assert len(recording.interactions) == 450
    verdicts = [_replayed(recording) for _ in range(3)]
    assert {(verdict.status, verdict.served, verdict.left_over) for verdict in verdicts} == {("reproduced", 450, 0)}


@pytest.fixture
def server() -> Iterator[Server]:
    """Something to ask."""
    running = Server()
    yield running
    running.stop()


@pytest.mark.parametrize("client", ["httpx", "aiohttp"])
def test_a_recorded_timeout_of_a_client_times_out(record: Record, client: str, server: Server) -> None:
    """The client's own limit, around a server that never answers."""
    timed.URL["base"] = server.url
    (recording,) = record(lambda: asyncio.run(timed.reads(client, 0.2)))
    assert "Timeout" in recording.outcome.value
    server.stop()
    verdict = _replayed(recording)
    assert verdict.status == "reproduced", verdict


@pytest.mark.parametrize("client", ["call", "httpx", "aiohttp"])
def test_what_is_waited_for_longer_than_in_production_is_told(record: Record, client: str, server: Server) -> None:
    """A limit that was raised: what would have come by then no recording says, so that the end is the same is none."""
    timed.URL["base"] = server.url
    (recording,) = record(lambda: asyncio.run(timed.gives_up(client)))
    assert recording.outcome.value == "given up"
    server.stop()
    assert _replayed(recording).status == "reproduced"
    verdict = _replayed(recording, 0.01)
    assert [each.kind for each in verdict.divergences] == ["exhausted"]
    assert " s longer than in production" in str(verdict.divergences[0].differences[0].actual)


def test_a_slower_machine_gives_up_no_later(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings of the clock follow the real one where code computes for long: that is no time limit that was raised."""
    monkeypatch.setattr(timeline, "_PATIENCE", 0)
    (recording,) = record(lambda: asyncio.run(timed.gives_up_after_work()))
    monkeypatch.setitem(timed.COMPUTES, "seconds", 0.4)
    assert _replayed(recording).status == "reproduced"


def test_the_clocks_move_with_calls_and_sleeps(record: Record) -> None:
    """Elapsed time is what was recorded, on every clock, and the same in each replay."""
    (recording,) = record(timed.measures)
    values = [verdict.outcome.value for verdict in (_replayed(recording) for _ in range(3)) if verdict.outcome]
    assert {value[:2] for value in values} == {(True, True)}
    assert len({round(value[2], 5) for value in values}) == 1


def test_a_thread_that_was_given_up_is_joined_again(record: Record) -> None:
    """The second wait ends, whatever became of the first. In a process without other threads, where a wait that nobody
    else can end is over before it began."""
    timed.SCALE["seconds"] = 1.0
    try:
        (recording,) = record(timed.joins_again)
    finally:
        timed.SCALE["seconds"] = 0.001
    verdict = replay_fresh(recording, Options(root=str(ROOT)), timeout=15.0)
    assert verdict.status == "reproduced", verdict
    assert recording.outcome.value == "True, then False"


def test_the_time_of_now_is_the_recorded_one(record: Record) -> None:
    """Also where no clock is named: in a replay in another second than the capture's."""
    time.sleep(1.1 - time.time() % 1)  # no second ends while it is recorded: the code shows whole ones
    (recording,) = record(timed.tells_the_time)
    time.sleep(1.1)
    verdict = _replayed(recording)
    assert verdict.status == "reproduced", verdict
    assert verdict.outcome is not None
    assert verdict.outcome.value == recording.outcome.value  # a time of the recorded seconds would be excused


def test_the_real_clocks_run_on_outside(record: Record) -> None:
    """After a replay nothing is virtual any more."""
    (recording,) = record(timed.backs_off_blocking)
    _replayed(recording, 1.0)
    started = time.monotonic()
    asyncio.run(asyncio.sleep(0.02))
    assert 0.015 <= time.monotonic() - started < LONG
    loop = asyncio.new_event_loop()
    loop.close()
    assert not type(loop).__module__.startswith("replay")


ENDLESS: dict[str, Callable[[], Any]] = {
    "loop": lambda: asyncio.run(timed.woken()),
    "thread": lambda: timed.fed(4),
    "pool": timed.pooled,
    "job": lambda: asyncio.run(timed.threaded()),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # asyncio's, of its closed loop
@pytest.mark.parametrize("work", ENDLESS.values(), ids=ENDLESS)
def test_what_nothing_can_wake_does_not_hang(
    record: Record, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> None:
    """The replay ends with an error that says so."""
    (recording,) = record(work)
    before = set(threading.enumerate())
    monkeypatch.setattr(timed, "STUCK", {"event"})
    monkeypatch.setattr(order, "STUCK", 0.5)
    monkeypatch.setattr(order, "FLUSHES", 0.5)  # of other tests
    verdict = _replayed(recording)
    assert verdict.status == "diverged"
    assert verdict.outcome is not None
    assert "waits for something that cannot happen" in verdict.outcome.payload.text
    deadline = time.monotonic() + LONG
    while any("Pool" in each.name or "shutdown" in each.name for each in {*threading.enumerate()} - before):
        assert time.monotonic() < deadline  # they hold the process
        time.sleep(0.01)


def test_who_swallows_that_nothing_can_wake_it_has_diverged(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends as in production, where something woke it."""
    (recording,) = record(timed.swallows)
    monkeypatch.setattr(timed, "STUCK", {"event"})
    monkeypatch.setattr(order, "STUCK", 0.5)
    monkeypatch.setattr(order, "FLUSHES", 0.5)  # of other tests
    verdict = _replayed(recording)
    assert verdict.outcome is not None
    assert verdict.outcome.value == recording.outcome.value
    assert (verdict.status, [each.boundary for each in verdict.divergences]) == ("diverged", ["wait"])


def test_who_flushes_what_tells_of_the_service_may_wait(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread is in no time of the replay: it sleeps for real, and wakes who waits."""
    (recording,) = record(timed.flushes)
    monkeypatch.setitem(timed.COMPUTES, "seconds", 1.0)
    monkeypatch.setattr(order, "STUCK", 0.2)
    assert _replayed(recording).status == "reproduced"


def test_what_was_given_up_is_given_up_again(record: Record) -> None:
    """A unit of work that its caller cancelled, after the time that it had."""

    async def given_up() -> None:
        task = asyncio.create_task(timed.never_woken())
        await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    (recording,) = record(lambda: asyncio.run(given_up()))
    assert _replayed(recording).status == "reproduced"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Waits for half a minute (of replay) before it answers, unless the limit is shorter."""
    body = (await receive())["body"]
    try:
        async with asyncio.timeout(timed.seconds(60)):
            await asyncio.sleep(timed.seconds(float(body)))
            answer = await timed.slow("done", 0.001)
    except TimeoutError:
        answer = "too slow"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer.encode()})


served = replay.ASGI(application, target="tests.engine.test_virtual_time:served")


@pytest.mark.parametrize("wait", [b"30", b"90"])
def test_a_web_application_waits_in_virtual_time(record: Record, wait: bytes) -> None:
    """Its loop is virtual too."""
    scope = {
        "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [],
        "http_version": "1.1", "scheme": "http", "server": ("s", 80), "client": ("c", 1), "root_path": "",
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": wait, "more_body": False}

    async def send(message: Any) -> None:
        """Nobody looks."""

    (recording,) = record(lambda: asyncio.run(served(scope, receive, send)))
    verdict = _replayed(recording, 1.0)
    assert verdict.status == "reproduced", verdict


def test_what_goes_out_waits_in_real_time(record: Record, server: Server) -> None:
    """With a boundary live, limits run in real time: the real world answers when it does."""
    timed.URL["base"] = server.url
    (recording,) = record(lambda: asyncio.run(timed.reads("httpx", 0.2)))
    started = time.monotonic()
    verdict = replay.run(recording, live=["http"])
    assert 0.15 <= time.monotonic() - started < LONG
    assert verdict.outcome is not None
    assert verdict.outcome.value == "ReadTimeout"


def test_inside_a_running_loop(record: Record) -> None:
    """A replay that an asynchronous test starts: its loop keeps real time, the replay's does not."""
    (recording,) = record(lambda: asyncio.run(timed.backs_off()))

    async def test() -> tuple[str, float]:
        before = asyncio.get_running_loop().time()
        verdict = _replayed(recording, 1.0)
        return verdict.status, asyncio.get_running_loop().time() - before

    status, took = asyncio.run(test())
    assert status == "reproduced"
    assert took < LONG


def test_a_timer_far_away_is_due_when_its_clock_says_so() -> None:
    """After ten years a float knows 60 nanoseconds: a timer due before its clock shows it is looked at for ever."""
    when = 316_231_665.5734
    for _ in range(20_000):
        when = nextafter(when, inf)
        assert virtual_loop.due_at(when) / 1_000_000_000 >= when  # as the loop says its time
    assert virtual_loop.due_at(0.25) == 250_000_001


@pytest.mark.parametrize("how", timed.WAYS)
def test_an_alarm_goes_off_in_virtual_time(record: Record, how: str) -> None:
    """The handler runs in the middle of the wait, in the main thread; code that computes is interrupted too."""
    (recording,) = record(lambda: timed.alarms(how))
    assert recording.outcome.value == ["signal 14", True, 0.0]
    verdict = _replayed(recording, 1.0 if how != "computing" else 0.001)
    assert (verdict.status, verdict.reason) == ("reproduced", None), verdict


@pytest.mark.parametrize("unit", ["alarms_in_time", "beats", "takes_a_signal"])
def test_alarms_in_time(record: Record, unit: str) -> None:
    """One that is taken back never goes off; one that comes again and again does so as often as it did; who waits for
    signals waits as long."""
    (recording,) = record(getattr(timed, unit))
    assert recording.status == "ok", recording.outcome
    assert _replayed(recording, 1.0).status == "reproduced"


def test_alarm_of_whole_seconds(record: Record) -> None:
    """By `signal.alarm`."""
    (recording,) = record(timed.rings)
    assert recording.outcome.value == "rang"
    verdict = _replayed(recording)
    assert verdict.status == "reproduced"
    assert verdict.seconds < recording.duration_ns / 1e9


def test_an_alarm_ends_with_its_replay(record: Record) -> None:
    """One that the code leaves set rings nowhere else."""
    (recording,) = record(timed.leaves_an_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        assert _replayed(recording).status == "reproduced"
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)
