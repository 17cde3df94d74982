"""Lanes: tasks and threads are told apart in the same way when they are recorded and replayed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.recording import Recording
from tests.engine import timed

Record = Callable[..., list[Recording]]
NAMES = [f"n{number}" for number in range(8)]

UNITS: dict[str, Callable[[], Any]] = {
    "stream": lambda: asyncio.run(timed.stream_against_calls()),
    "stream in one turn": lambda: asyncio.run(timed.streams_at_once()),
    "polling": lambda: asyncio.run(timed.polls_a_task()),
    "cancelled": lambda: asyncio.run(timed.cancels(5)),
    "jobs": lambda: asyncio.run(timed.draws_in_jobs(6)),
    "jobs of warm pools": lambda: asyncio.run(_warm()),
    "draws": lambda: timed.draws_in_threads(12),
    "as_completed": lambda: asyncio.run(timed.finishes_in_order(NAMES)),
    "first": lambda: asyncio.run(timed.first_wins(NAMES)),
    "timeout": lambda: asyncio.run(timed.times_out(0.02, 5)),
}


async def _warm() -> None:
    """As in a service: workers of earlier requests idle when the next begins."""
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(anyio.to_thread.run_sync, time.sleep, 0.005)
    await timed.draws_in_jobs(6)


@pytest.mark.parametrize("work", UNITS.values(), ids=UNITS.keys())
def test_each_replay_ends_as_recorded(record: Record, work: Callable[[], Any]) -> None:
    """Whatever the delays were when it was recorded."""
    for _ in range(3):
        (recording,) = record(work)
        verdicts = [replay.run(recording) for _ in range(5)]
        assert {verdict.status for verdict in verdicts} == {"reproduced"}, verdicts[0]
        assert {verdict.left_over for verdict in verdicts} == {0}


def test_draws_follow_what_their_lane_asks(record: Record) -> None:
    """Tasks that start in another order get what those drew that asked the same."""
    (recording,) = record(lambda: asyncio.run(timed.draws_after_asking(NAMES)))
    timed.ORDER["names"] = NAMES[::-1]
    try:
        assert replay.run(recording).status == "reproduced"
    finally:
        timed.ORDER.clear()


def test_a_hundred_replays_have_one_verdict(record: Record) -> None:
    """Byte for byte, but for the time they took."""
    (recording,) = record(lambda: timed.in_threads(NAMES))
    seen = {msgspec.json.encode(msgspec.structs.replace(replay.run(recording), seconds=0.0)) for _ in range(100)}
    assert len(seen) == 1
    assert b'"reproduced"' in next(iter(seen))


def test_threads_are_numbered_as_they_are_started(record: Record) -> None:
    """Not as they happen to ask."""
    (recording,) = record(lambda: timed.loses_an_update(9))
    lanes = {interaction.request.decode()["args"][0]: interaction.lane for interaction in recording.interactions}
    assert {f"i{index}": f"0.job{index - 1}" for index in range(1, 9)} == lanes
    assert recording.context.decode()["lanes"] == "apart"


def test_a_recording_from_before_that_is_replayed(record: Record) -> None:
    """There the lanes were numbered as they asked; the player follows what they ask."""
    (recording,) = record(lambda: timed.in_threads(NAMES))
    context = recording.context.decode()
    del context["lanes"]
    names: dict[str, str] = {}
    for interaction in recording.interactions:
        names.setdefault(interaction.lane, f"0.{len(names)}")
    interactions = tuple(msgspec.structs.replace(i, lane=names[i.lane]) for i in recording.interactions)
    old = msgspec.structs.replace(recording, context=encode(context), interactions=interactions)
    assert [replay.run(old).status for _ in range(5)] == ["reproduced"] * 5


def test_a_recording_that_numbers_tasks_and_jobs_together_is_replayed(record: Record) -> None:
    """As all were for a time: each draws in its own order."""
    (recording,) = record(lambda: timed.draws_in_threads(5))
    context = recording.context.decode()
    context["lanes"] = "started"
    for name in ("draws", "threads"):
        context[name] = {lane.replace("job", ""): held for lane, held in context[name].items()}
    interactions = tuple(
        msgspec.structs.replace(each, lane=each.lane.replace("job", "")) for each in recording.interactions
    )
    old = msgspec.structs.replace(recording, context=encode(context), interactions=interactions)
    assert [replay.run(old).status for _ in range(3)] == ["reproduced"] * 3


def test_a_job_that_only_the_replay_runs_moves_no_draws(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The openai SDK finds out its platform in a thread, once a process: before the first request."""
    monkeypatch.setattr(timed, "PLATFORM", "linux")
    (recording,) = record(lambda: asyncio.run(timed.draws_behind_a_job()))
    monkeypatch.setattr(timed, "PLATFORM", None)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict


def test_a_race_that_ends_otherwise_is_not_green(record: Record) -> None:
    """What threads do between interactions is not recorded. Where it went another way, the verdict says so."""
    (recording,) = record(lambda: timed.loses_an_update(9))
    other = msgspec.structs.replace(recording.outcome, payload=encode(recording.outcome.value + 100))
    changed = [replay.run(msgspec.structs.replace(recording, outcome=other)) for _ in range(10)]
    assert {verdict.status for verdict in changed} == {"changed"}
    assert len({verdict.outcome and verdict.outcome.payload.text for verdict in changed}) == 1


def _normalised(recording: Recording) -> list[tuple[Any, ...]]:
    """What a recording holds, without when it was and how long it took."""
    lanes = sorted(
        recording.interactions, key=lambda i: ([int(n.removeprefix("job")) for n in i.lane.split(".")], i.seq)
    )
    asked = [(i.lane, i.boundary, i.target, i.request.text, i.state, i.answer.text) for i in lanes]
    return [(recording.entrypoint, recording.input.text, recording.outcome.payload.text), *asked]


AGAIN: dict[str, Callable[[], Any]] = {
    "back-off": timed.backs_off_blocking,
    "loops": timed.loops_inside,
    "cancelled": UNITS["cancelled"],
    "timeout": UNITS["timeout"],
    "waits": timed.waits_in_threads,
}


@pytest.mark.parametrize("work", AGAIN.values(), ids=AGAIN.keys())
def test_record_replay_record_is_the_same(record: Record, work: Callable[[], Any]) -> None:
    """A replay changes nothing of the process: what is recorded after it equals what was before."""
    (first,) = record(work)
    assert replay.run(first).status == "reproduced"
    (second,) = record(work)
    assert _normalised(first) == _normalised(second)
