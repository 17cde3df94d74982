"""Steps: what threads do between their questions comes in the same order at each replay, and ends as in production."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.recording import Recording
from replay.engine.steps import STEPS
from tests.engine import raced

Record = Callable[..., list[Recording]]


@pytest.fixture(autouse=True)
def elsewhere() -> Iterator[None]:
    """A test says how long jobs compute."""
    yield
    raced.COMPUTES.clear()


def _computing(record: Record, work: Callable[[], Any], **seconds: float) -> Recording:
    """Recorded where jobs computed so long; replayed where they do not."""
    raced.COMPUTES.update(seconds)
    (recording,) = record(work)
    raced.COMPUTES.clear()
    return recording


def test_jobs_end_in_the_order_of_production(record: Record) -> None:
    """Nothing else says which was first: they ask nothing."""
    recording = _computing(record, lambda: raced.as_they_end(["long", "b", "c"]), long=0.1)
    assert recording.outcome.value[-1] == "long"
    assert [replay.run(recording).status for _ in range(5)] == ["reproduced"] * 5


def test_what_had_ended_before_the_next_thread_began(record: Record) -> None:
    """It had time for that."""
    recording = _computing(record, lambda: raced.before_the_next(["a", "b"]), between=0.05)
    assert recording.outcome.value == ["a", "b"]
    assert {replay.run(recording).status for _ in range(3)} == {"reproduced"}


def test_a_job_computes_in_virtual_time(record: Record) -> None:
    """A limit that production met is met, one that it did not meet is not."""
    late = _computing(record, lambda: raced.computes_too_long("job", 0.05), job=0.2)
    early = _computing(record, lambda: raced.computes_too_long("job", 5.0), job=0.05)
    assert (late.outcome.value, early.outcome.value) == ("too long", "job")
    assert {replay.run(each).status for each in (late, early)} == {"reproduced"}


UNITS: dict[str, Callable[[], Any]] = {
    "told": lambda: raced.told_one_after_the_other(8),
    "sets": raced.through_sets,
    "jobs": lambda: raced.as_they_end(["a", "b", "c", "d", "e", "f"]),
}


@pytest.mark.parametrize("work", UNITS.values(), ids=UNITS.keys())
def test_each_replay_ends_alike(record: Record, work: Callable[[], Any]) -> None:
    """Whether it is as in production or not: with and without what is known of the threads' steps."""
    (recording,) = record(work)
    for each in (recording, _with_steps(recording, None)):
        ends = Counter(found.outcome.payload.text for found in (replay.run(each) for _ in range(12)) if found.outcome)
        assert len(ends) == 1, ends


@pytest.mark.parametrize("work", [raced.spins, raced.holds_a_plain_lock], ids=["spins", "plain lock"])
def test_who_waits_unseen_stops_nobody(record: Record, work: Callable[[], Any]) -> None:
    """One who runs cannot go on before one who waits for its turn does."""
    (recording,) = record(work)
    assert replay.run(recording).status == "reproduced"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_a_timer_of_processor_time_has_a_reason(record: Record) -> None:
    """What this machine computes by when is another matter."""
    for seconds in (0.3, 1.0, 4.0):  # of the clock: where others compute too, less of the processor
        recording = _computing(record, lambda: raced.computes_on_the_clock("job"), job=seconds)
        if recording.outcome.value is True:
            break
    assert recording.outcome.value is True
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert (verdict.reason or "").startswith("nondeterministic: ")


def _with_steps(recording: Recording, steps: Any) -> Recording:
    context = recording.context.decode()
    context[STEPS] = steps
    return msgspec.structs.replace(recording, context=encode(context))


MALFORMED: dict[str, Any] = {
    "none": None,
    "a list": [1, 2],
    "texts": {"0.0": ["a"]},
    "a number": {"0.0": 1},
    "too many": {"0.0": [1] * 4},
    "negative": {"0.0": [-1, -1, -1]},
    "far": {"0.0": [2**62, 2**62, 2**62]},
    "backwards": {"0.0": [3, 2, 1], "0.1": [3, 2, 1]},
}


@pytest.mark.parametrize("steps", MALFORMED.values(), ids=MALFORMED.keys())
def test_steps_that_no_recorder_wrote(record: Record, steps: Any) -> None:
    """They are not gone by, and harm nothing."""
    (recording,) = record(lambda: raced.computes_too_long("job", 5.0))
    verdict = replay.run(_with_steps(recording, steps))
    assert verdict.status in ("reproduced", "changed"), verdict
    assert verdict.status == "reproduced" or steps == MALFORMED["far"]


def test_so_many_are_kept(record: Record) -> None:
    """A recording holds those of the first lanes. Where others end in another order, the verdict says why."""
    (recording,) = record(lambda: raced.as_they_end([str(number) for number in range(1_200)]))
    assert len(recording.facts[STEPS]) == 1_000
    assert all(len(steps) == 3 for steps in recording.facts[STEPS].values())
    verdict = replay.run(recording)
    assert verdict.status == "reproduced" or (verdict.reason or "").startswith("nondeterministic: ")
