"""From a real run to a verdict: what was recorded is served, and every way to part from it is named."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from tests.engine import units

Record = Callable[..., list[Recording]]


def _broken(record: Record) -> Recording:
    (recording,) = record(lambda: units.quote({"customer": "ada"}), keep=replay.on_error())
    return recording


def test_a_failure_is_reproduced_without_the_world(record: Record) -> None:
    """The recorded answers lead to the same error, and the real functions are never called."""
    recording = _broken(record)
    verdict = replay.run(recording)
    assert (verdict.status, verdict.served, verdict.left_over, verdict.unanswered) == ("reproduced", 2, 0, 0)
    assert verdict.outcome is not None
    assert verdict.outcome.payload.error_type == "AttributeError"
    assert units.WORLD["calls"] == 0


def test_input_is_what_was_given_before_the_call_changed_it(record: Record) -> None:
    """`quote` writes into its argument; the recording has the argument as it came."""
    assert _broken(record).input.decode() == {"args": [{"customer": "ada"}], "kwargs": {}}


def test_a_fix_gives_changed(record: Record) -> None:
    """The world is as recorded, the outcome is another one."""
    recording = _broken(record)
    units.CHANGE.add("fixed")
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert verdict.outcome is not None
    assert verdict.outcome.value == {"plan": "none", "owed": 42}


@pytest.mark.parametrize(
    ("change", "kind", "target"),
    [("asks-other", "changed", "crm"), ("asks-more", "extra", "crm"), ("asks-less", "missing", "billing")],
)
def test_asking_something_else_diverges_at_that_request(record: Record, change: str, kind: str, target: str) -> None:
    """The first request that has no answer in order is named, with the line that asked."""
    recording = _broken(record)
    units.CHANGE.add(change)
    verdict = replay.run(recording)
    assert verdict.status == "diverged"
    assert verdict.divergence is not None
    assert (verdict.divergence.kind, verdict.divergence.target) == (kind, f"tests.engine.units:{target}")
    if kind != "missing":
        assert verdict.divergence.where[-1].function == "quote"


def test_a_swallowed_divergence_is_still_the_verdict(record: Record) -> None:
    """An application that hides the error answers as recorded, and the verdict is diverged all the same."""
    (recording,) = record(lambda: units.swallows("ada"))
    assert replay.run(recording).status == "reproduced"
    units.CHANGE.add("asks-other")
    verdict = replay.run(recording)
    assert verdict.outcome is not None
    assert verdict.outcome.value == recording.outcome.value
    assert (verdict.status, verdict.unanswered) == ("diverged", 1)


def test_reading_a_stream_further_than_production_did_is_noted(record: Record) -> None:
    """The code swallows our error and ends as recorded; the verdict still says that it asked for more."""
    (recording,) = record(lambda: units.reads_some(9))
    assert replay.run(recording).status == "reproduced"
    units.CHANGE.add("reads-on")
    verdict = replay.run(recording)
    assert verdict.outcome is not None
    assert verdict.outcome.value == recording.outcome.value == 3
    assert verdict.status == "diverged"
    assert verdict.divergence is not None
    assert (verdict.divergence.kind, verdict.divergence.target) == ("exhausted", "tests.engine.units:pages")


def test_recorded_errors_are_raised_again(record: Record) -> None:
    """`billing` refused in production; the handler in `quote` sees the same type at replay."""
    units.WORLD["plan"] = "Free"
    (recording,) = record(lambda: units.quote({"customer": "broke"}))
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    assert recording.outcome.value == {"plan": "free", "owed": 0}


@pytest.mark.parametrize(
    "work",
    [
        lambda: asyncio.run(units.gathered(["a", "bb", "ccc", "dddd"])),
        lambda: units.threaded(["x", "y", "z"]),
        lambda: units.random_and_time(),
        lambda: list(units.streamed(3)),
        lambda: asyncio.run(_drain(units.astreamed(3))),
        lambda: units.patient(),
    ],
    ids=["gather", "threads", "random-and-time", "generator", "async-generator", "sleep"],
)
def test_every_kind_of_unit_is_reproduced(record: Record, work: Callable[[], Any]) -> None:
    """Tasks, threads, draws, times, generators: the same end as recorded."""
    (recording,) = record(work)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict
    assert units.WORLD["calls"] == 0


async def _drain(stream: Any) -> list[Any]:
    return [item async for item in stream]


def test_draws_of_the_system_are_not_in_the_recording_and_replay_agrees(record: Record) -> None:
    """The drawn token is nowhere in the recording; what stands in its place is what replay draws."""
    seen: list[str] = []
    (recording,) = record(lambda: seen.append(units.random_and_time()["token"]))
    everything = repr(recording)
    assert seen[0] not in everything
    assert recording.outcome.value["token"] == recording.outcome.value["sent"]


def test_times_inside_the_window_are_shown_as_such(record: Record) -> None:
    """A result that holds the time is reproduced, and the difference says why it is expected."""
    (recording,) = record(lambda: units.random_and_time())
    notes = {difference.note for difference in replay.run(recording).difference}
    assert notes <= {"time inside the recorded window"}


def test_what_is_counted_from_now_and_texts_that_tell_it_are_no_change(record: Record) -> None:
    """A prompt with the time is answered, an expiry moves with the clock; one of another length is a change."""
    (recording,) = record(units.tells_the_time)
    verdict = replay.run(recording)
    assert (verdict.status, verdict.served) == ("reproduced", 1)
    notes = {each.path: each.note for each in verdict.difference}
    assert notes.keys() <= {"$.ends", "$.exp", "$.said"}
    assert None not in notes.values()
    units.CHANGE.add("ttl")
    changed = replay.run(recording)
    assert (changed.status, [each.path for each in changed.difference if each.note is None]) == ("changed", ["$.ends"])


def test_a_target_that_is_gone_is_unanswerable(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the target and what to do."""
    recording = _broken(record)
    monkeypatch.delattr(units, "quote")
    verdict = replay.run(recording)
    assert verdict.status == "unanswerable"
    assert "targets = {" in (verdict.reason or "")


def test_two_hundred_tasks_and_fifty_threads_keep_apart(record: Record) -> None:
    """All at once, each its own recording: none lost, none foreign, each reproduced."""
    units.WORLD["plan"] = "Free"

    async def tasks() -> None:
        async def one(number: int) -> None:
            await units.gathered([f"task{number}", f"task{number}-b"])

        await asyncio.gather(*(one(number) for number in range(200)))

    def both() -> None:
        threads = [Thread(target=units.quote, args=({"customer": f"thread{n}"},)) for n in range(50)]
        for thread in threads:
            thread.start()
        asyncio.run(tasks())
        for thread in threads:
            thread.join()

    recordings = record(both)
    assert len(recordings) == 250
    for recording in recordings:
        name = recording.input.decode()["args"][0]
        own = name["customer"] if isinstance(name, dict) else name[0]
        assert len(recording.interactions) == (2 if isinstance(name, dict) else 4)
        assert all(own in interaction.request.text for interaction in recording.interactions)
    assert {replay.run(recording).status for recording in recordings} == {"reproduced"}
    assert units.WORLD["calls"] == 0


def _thread_jobs() -> None:
    units.starts_a_worker()
    queue, worker = units.JOBS
    for number in (1, 2, 3, None):
        queue.put(number)
    worker.join()


async def _task_jobs() -> None:
    await units.starts_a_task()
    queue, worker = units.JOBS
    for number in (1, 2, 3, None):
        queue.put_nowait(number)
    await worker


@pytest.mark.parametrize("work", [_thread_jobs, lambda: asyncio.run(_task_jobs())], ids=["thread", "task"])
def test_a_worker_outlives_the_request_that_started_it(record: Record, work: Callable[[], Any]) -> None:
    """What it does after that request has ended are recordings of their own: none is lost."""
    found = [recording.input.decode()["args"] for recording in record(work)]
    assert sorted(args for args in found if args) == [[1], [2], [3]]
    assert len(found) == 4


async def _gives_up() -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(units.waits_for_ever(), 0.05)


def _interrupt() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        units.interrupted()


@pytest.mark.parametrize(
    ("work", "error"),
    [(lambda: asyncio.run(_gives_up()), "asyncio.exceptions.CancelledError"), (_interrupt, "KeyboardInterrupt")],
    ids=["cancelled", "interrupted"],
)
def test_ends_that_are_no_exceptions_are_reproduced(record: Record, work: Callable[[], Any], error: str) -> None:
    """What was cancelled is cancelled again; an interrupt of production does not interrupt the replay."""
    (recording,) = record(work)
    assert recording.error_type == error
    assert replay.run(recording).status == "reproduced"


def test_every_uuid_is_drawn_again(record: Record) -> None:
    """uuid1 is made of the machine and the clock; it comes from the recording like the others."""
    (recording,) = record(units.all_uuids)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    assert verdict.outcome is not None
    assert verdict.outcome.value == recording.outcome.value
