"""A run that hangs on which of two came first says when that was, and where they were waited for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import replay
from replay.core.recording import Recording
from tests.engine import nearly

Record = Callable[..., list[Recording]]
HERE = Path(nearly.__file__).read_text().splitlines()


@pytest.fixture(autouse=True)
def _busy() -> Iterator[None]:
    """As production was."""
    nearly.BUSY[:] = [True]
    yield
    nearly.BUSY.clear()


def places(reason: str | None) -> list[str]:
    """The lines of code that a reason names."""
    assert (reason or "").startswith("nondeterministic: what came at about the same time"), reason
    return [HERE[int(line) - 1].strip() for line in re.findall(r"tests/engine/nearly\.py:(\d+) in", reason or "")]


@pytest.mark.parametrize(
    ("name", "line"),
    [("limited", "await asyncio.sleep(1)"), ("moved_on", "await anyio.sleep(1)"),
     ("slept_longer", "await asyncio.sleep(0.0025)")],
)  # fmt: skip
def test_two_timers_of_one_loop(record: Record, name: str, line: str) -> None:
    """Production's loop was late, and saw both."""
    (recording,) = record(lambda: asyncio.run(nearly.first(name)))
    assert recording.outcome.value == ["late", "slept"]
    nearly.BUSY.clear()
    verdicts = [replay.run(recording) for _ in range(3)]
    assert {each.status for each in verdicts} == {"changed"}
    assert len({each.reason for each in verdicts}) == 1
    assert places(verdicts[0].reason) == ["await asyncio.sleep(0.002)", line]


def test_a_limit_of_a_thread(record: Record) -> None:
    """It waits for another thread, which sleeps about as long."""
    (recording,) = record(lambda: nearly.in_time("a"))
    assert recording.outcome.value is False
    nearly.BUSY.clear()
    verdict = replay.run(recording)
    assert (verdict.status, verdict.outcome and verdict.outcome.value) == ("changed", True)
    found = places(verdict.reason)
    assert "time.sleep(0.05)" in found
    assert "found = event.wait(0.02 if BUSY else 0.0505)" in found
