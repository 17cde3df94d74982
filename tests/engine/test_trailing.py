"""What threads ask that the entry point has left behind is asked at replay too, although nothing waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import replay
from replay.boundaries import timeline
from replay.core.recording import Recording
from tests.engine import trailing

Record = Callable[..., list[Recording]]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    trailing.OVER["test"] = threading.Event()
    yield
    trailing.CHANGED["does"] = None
    trailing.OVER["test"].set()


@pytest.mark.parametrize(
    "work",
    [trailing.tells_later, lambda: trailing.tells_of_each(3), trailing.beats, lambda: trailing.submits(3)],
    ids=["once", "of each", "beats", "submits"],
)
def test_what_a_thread_asks_while_the_first_computes(record: Record, work: Callable[[], Any]) -> None:
    """Its waits end in virtual time, which does not move while the entry point computes."""
    (recording,) = record(work)
    assert recording.interactions
    assert all(each.lane.startswith("0.") for each in recording.interactions)
    for _ in range(3):
        verdict = replay.run(recording)
        assert (verdict.status, verdict.served) == ("reproduced", len(recording.interactions)), verdict


def test_what_it_no_longer_asks_is_missing(record: Record) -> None:
    """Nothing is waited for that nobody is going to ask."""
    (recording,) = record(trailing.tells_later)
    trailing.CHANGED["does"] = "stops"
    verdict = replay.run(recording)
    assert verdict.divergence is not None
    assert (verdict.status, verdict.divergence.kind) == ("diverged", "missing")


def test_a_thread_that_never_ends_is_not_waited_for(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may run on for a while, in real time."""
    monkeypatch.setattr(timeline, "_LINGER", 200_000_000)
    (recording,) = record(trailing.tells_later)
    trailing.CHANGED["does"] = "spins"
    started = time.perf_counter()
    assert replay.run(recording).status == "diverged"
    assert time.perf_counter() - started < 5


@pytest.mark.filterwarnings("error")
def test_what_is_asked_after_the_end_is_nobodys(record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    """The thread ends with the replay, and no traceback of it is printed."""
    (recording,) = record(trailing.tells_too_late)
    assert recording.interactions == ()
    assert replay.run(recording).status == "reproduced"
    time.sleep(0.3)
    assert "Traceback" not in capfd.readouterr().err
