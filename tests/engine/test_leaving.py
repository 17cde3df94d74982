"""Tasks that still read when the entry point ends: that production had computed takes no time at replay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

import replay
from replay.boundaries import timeline
from replay.core.codec import Value
from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.engine import player
from tests.engine import leaving

Record = Callable[..., list[Recording]]


@pytest.fixture(autouse=True)
def _served() -> Iterator[None]:
    leaving.NOW.clear()
    with leaving.serving():
        yield
    leaving.NOW.clear()


def _recorded(record: Record, work: Any) -> Recording:
    (recording,) = record(lambda: asyncio.run(work))
    assert replay.run(recording).difference == ()
    return recording


def _told(verdict: Verdict) -> list[tuple[str, str]]:
    return [(each.path, each.note or "") for each in verdict.difference]


SOONER = ("ended", "sooner than in production; tasks that it left went on until they had what they had there")


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is."""
    monkeypatch.setattr(player, "_LEFT", 60 * 10**9)


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("work", [leaving.fails, lambda: leaving.leaves(40), leaving.served])
def test_they_go_on_as_long_as_they_did(record: Record, work: Callable[[], Any]) -> None:
    """A request that fails among many, and a task that nobody waits for. That it ended sooner is told."""
    recording = _recorded(record, work())
    leaving.NOW.add("computes")
    verdicts = [replay.run(recording) for _ in range(3)]
    assert [each.status for each in verdicts] == ["reproduced"] * 3, verdicts[0].divergences
    assert [_told(each) for each in verdicts] == [[SOONER]] * 3


def test_not_for_ever(record: Record) -> None:
    """What took much longer was waited for."""
    recording = _recorded(record, leaving.leaves(600))
    leaving.NOW.add("computes")
    verdict = replay.run(recording)
    assert verdict.status == "diverged"
    assert {each.kind for each in verdict.divergences} == {"missing"}


def test_what_is_not_asked_yet_is_missing(record: Record) -> None:
    """Where the loop ends with the entry point, it is never asked."""
    recording = _recorded(record, leaving.tells(10))
    leaving.NOW.add("forgets")
    verdict = replay.run(recording)
    assert (verdict.status, [each.kind for each in verdict.divergences]) == ("diverged", ["missing"])


@pytest.mark.usefixtures("_patient")
def test_what_they_ask_after_the_end_does_not_count(record: Record) -> None:
    """In production the recording had ended by then."""
    recording = _recorded(record, leaving.leaves(40))
    *others, last = recording.interactions
    assert last.boundary == "call"
    leaving.NOW.add("computes")
    assert _told(replay.run(replace(recording, interactions=tuple(others)))) == [SOONER]
    leaving.NOW.clear()
    assert replay.run(replace(recording, interactions=tuple(others))).status == "diverged"


def test_cancelled_when_it_came(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """If that is at about the same time, no recording says which was first; if it is before, it is missing."""
    recording = _recorded(record, leaving.first_of(10, 400))
    leaving.NOW.add("cancels")
    verdict = replay.run(recording)
    assert (verdict.status, [each.kind for each in verdict.divergences]) == ("diverged", ["missing"])
    monkeypatch.setattr(timeline, "LATE", 60 * 10**9)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced", verdict.divergences
    assert ("interaction[1].answer", player._JUST_MISSED) in _told(verdict)
    changed = replace(recording, outcome=replace(recording.outcome, payload=Value("2")))
    assert replay.run(changed).status == "diverged"


def test_a_job_that_production_cancelled_does_not_begin(record: Record) -> None:
    """The thread that is free then would take it before the other one cancels it."""
    (recording,) = record(leaving.gives_up)
    context = json.loads(recording.context.text)
    context["threads"]["0.job1"] = context["threads"]["0.job1"][:1]
    cancelled = replace(
        recording,
        context=Value(json.dumps(context)),
        interactions=recording.interactions[:1],
        outcome=replace(recording.outcome, payload=Value("[false,true]")),
    )
    verdicts = [replay.run(cancelled) for _ in range(5)]
    assert [each.status for each in verdicts] == ["reproduced"] * 5, verdicts[0].divergences
