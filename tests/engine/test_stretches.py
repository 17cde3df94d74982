"""When the code of a recording ran: a clock is read again in the stretch in which it was read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.compare import unexpected
from replay.core.recording import Interaction
from replay.core.times import both_counted
from replay.engine.player import window
from replay.engine.stretches import stretches
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
    assert len(stretches(found)) == 2
    assert replay.run(found).green


@replay.capture
def reads() -> None:
    for _ in pieces():
        time.sleep(0.06)


def test_code_runs_between_the_pieces_of_a_stream(tmp_path: Path) -> None:
    """There is no time in which it certainly did not."""
    (found,) = record(tmp_path, reads)
    assert len(stretches(found)) == 1


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
    assert len(stretches(msgspec.structs.replace(found, parent_digest="x"))) == 1
    elsewhere = msgspec.structs.replace(asked, lane="0.1")
    assert len(stretches(msgspec.structs.replace(found, interactions=(elsewhere, *found.interactions[1:])))) == 1


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
    assert len(stretches(changed)) == parts
