"""Code that waits longer than in production: told with the first request that comes later, and no part of a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

import replay
from replay.core.recording import Recording
from tests.engine import gated

Record = Callable[..., list[Recording]]
WORK: dict[str, Callable[[], Any]] = {
    "tasks": lambda: asyncio.run(gated.in_tasks()),
    "threads": gated.in_threads,
    "tries": gated.tries,
    "rests": lambda: asyncio.run(gated.rests()),
    "in turn": lambda: asyncio.run(gated.in_turn()),
    "in turn, blocking": gated.in_turn_blocking,
}


@pytest.mark.parametrize(
    ("work", "name", "now", "path"),
    [
        ("tasks", "at once", 1, "interaction[2] asked"),
        ("threads", "at once", 1, "interaction[2] asked"),
        ("tries", "back off", 0.5, "interaction[1] asked"),
        ("rests", "rest", 5.0, "ended"),
    ],
)
def test_what_comes_later_is_told(
    record: Record, monkeypatch: pytest.MonkeyPatch, work: str, name: str, now: float, path: str
) -> None:
    """A semaphore of fewer, a pool of fewer threads, a longer back-off, a rest at the end."""
    (recording,) = record(WORK[work])
    assert replay.run(recording).difference == ()
    monkeypatch.setitem(gated.NOW, name, now)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    (found,) = verdict.difference
    assert (found.path, found.note) == (
        path,
        "later than in production; how long code waits is told and does not count",
    )
    assert str(found.actual).endswith(" s after the start")
    mutated = replace(recording, parent_digest=recording.digest)
    assert replay.run(mutated).difference == ()  # an edit may have made its answers late


@pytest.mark.parametrize("now", [0.0, 0.1])
def test_what_is_asked_again_sooner_is_told(record: Record, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    """A back-off that is left out, or shorter."""
    monkeypatch.setitem(gated.NOW, "back off", 0.3)
    (recording,) = record(WORK["tries"])
    assert [replay.run(recording).difference for _ in range(3)] == [()] * 3
    monkeypatch.setitem(gated.NOW, "back off", now)
    verdict = replay.run(recording)
    (found,) = verdict.difference
    assert (verdict.status, found.path) == ("reproduced", "interaction[1] asked again")
    assert found.actual == f"{now:.2f} s after it"
    assert str(found.note).startswith("sooner than in production")
    assert replay.run(replace(recording, parent_digest=recording.digest)).difference == ()


@pytest.mark.parametrize("work", ["in turn", "in turn, blocking"])
def test_what_is_asked_at_once_is_told(record: Record, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """Production had the answer to the first before it asked the second. Who else waits for it is no matter."""
    (recording,) = record(WORK[work])
    assert replay.run(recording).difference == ()
    monkeypatch.setitem(gated.NOW, "apart", True)
    assert replay.run(recording).difference == ()
    monkeypatch.setitem(gated.NOW, "together", True)
    verdict = replay.run(recording)
    (found,) = verdict.difference
    assert (verdict.status, found.path) == ("reproduced", "interaction[1] asked")
    answer = "the answer to interaction[0]"
    assert (found.recorded, found.actual) == (f"after {answer}", f"before {answer}")
    assert str(found.note).startswith("at once with what production awaited first")
    assert replay.run(replace(recording, parent_digest=recording.digest)).difference == ()


@pytest.mark.parametrize(("work", "name", "now"), [("tasks", "at once", 60), ("tries", "back off", 0.0)])
def test_what_comes_earlier_is_not(
    record: Record, monkeypatch: pytest.MonkeyPatch, work: str, name: str, now: float
) -> None:
    """Production may have computed meanwhile."""
    (recording,) = record(WORK[work])
    monkeypatch.setitem(gated.NOW, name, now)
    assert replay.run(recording).difference == ()
