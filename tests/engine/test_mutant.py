"""The world of a mutation: what it answers where a strict replay would stop, and when it stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.causes import why
from replay.engine.explorer import Explorer
from replay.engine.progress import Progress
from replay.engine.values import Profile
from tests.engine import pages, units
from tests.engine.test_explorer import stage

Record = Callable[..., list[Recording]]


def explore(recording: Recording, executions: int, **options: Any) -> Progress:
    """A search."""
    return Explorer(stage(recording), executions=executions, **options).explore()


def test_a_cursor_that_comes_again_is_asked_for_ever(record: Record) -> None:
    """The page leads to itself, in a coroutine too: no time-out is waited for. Who pauses between may have a reason."""
    (recording,) = record(pages.items)
    profile = Profile()
    profile.learn([recording])
    started = time.perf_counter()
    (found,) = (each for each in explore(recording, 150, profile=profile).finds if each.failure.kind == "hang")
    assert time.perf_counter() - started < 5
    assert [str(edit) for edit in found.edits] == ['call[1].next: "b"']
    assert found.failure.message == "asks tests.engine.pages:page the same over and over, without a pause"
    assert [frame.function for frame in found.failure.frames] == ["items"]
    (recording,) = record(lambda: asyncio.run(pages.items_later(0)))
    (found,) = (each for each in explore(recording, 150, profile=profile).finds if each.failure.kind == "hang")
    assert found.failure.message == "asks tests.engine.pages:page_later the same over and over, without a pause"
    (recording,) = record(lambda: asyncio.run(pages.items_later(1)))
    assert [each for each in explore(recording, 40).finds if each.failure.kind == "hang"] == []
    (recording,) = record(lambda: pages.waits("a"))
    assert [each for each in explore(recording, 40).finds if each.failure.kind == "hang"] == []


def test_no_uuid_comes_twice(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that pydantic-ai builds once a process has keys of UUIDs, which later recordings did not draw: what is
    drawn beyond them is new."""
    (recording,) = record(pages.keyed)
    monkeypatch.setitem(pages.KEYS, "wanted", 20)
    assert stage(recording).run(recording).failure is None


def test_what_is_asked_with_the_time_is_the_same_question(record: Record) -> None:
    """It gets its own answer; another question is counted as stretched."""
    (recording,) = record(units.tells_the_time)
    assert stage(recording).execute(()).stretched == 0
    (plan,) = record(lambda: units.plan_of("ann"))
    other = Edit("input.args[0]", "set", "bob")
    assert [stage(plan).execute(edits).stretched for edits in ((), (other,))] == [0, 1]


def test_a_cause_is_found_where_the_time_is_asked_with(record: Record) -> None:
    """Each recording asked at another time, of something else."""
    units.WORLD["plan"] = "pro"
    good = record(lambda: units.plan_of("bob"))[0]
    units.WORLD["plan"] = None
    incident = record(lambda: units.plan_of("ann"))[0]
    found = why(incident, [("good", good)], stage, runs=200)
    assert (found.side, [each.path for each in found.values]) == ("recordings", ["call[0].plan"])
