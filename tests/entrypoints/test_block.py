"""`replay.recording(...)`: a unit of work that is no function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from replay.core.recording import Outcome
from replay.core.world import current
from replay.engine import recorder
from replay.entrypoints.block import recording
from replay.errors import Unanswerable, UsageError
from tests.entrypoints.conftest import Recordings

Again = Callable[..., Outcome]


def test_a_block_is_recorded(recordings: Recordings) -> None:
    """Name, input as it was at the start, and what it came to."""
    row = {"id": 1}
    with recording("nightly-import", input=row) as block:
        assert current.get() is not None
        row["id"] = 2
        block.result(row)
        row["id"] = 3
    assert current.get() is None
    found = recordings.one
    assert (found.kind, found.entrypoint, found.input.decode()) == ("block", "nightly-import", {"id": 1})
    assert (found.outcome.state, found.outcome.value) == ("returned", {"id": 2})


def test_an_error_ends_it(recordings: Recordings) -> None:
    """The error passes on and is the outcome."""
    with pytest.raises(ValueError, match="bad row"), recording("import"):
        raise ValueError("bad row")
    assert recordings.one.error_type == "ValueError"


def test_an_async_block(recordings: Recordings) -> None:
    """`async with` is the same."""

    async def work() -> None:
        async with recording("import", input=5) as block:
            await asyncio.sleep(0)
            block.result(6)

    asyncio.run(work())
    assert (recordings.one.input.decode(), recordings.one.outcome.value) == (5, 6)


def test_blocks_nest_into_the_outermost(recordings: Recordings) -> None:
    """One recording; the inner result is not the outer one's."""
    with recording("outer") as outer, recording("inner") as inner:
        inner.result(1)
        outer.result(2)
    assert (recordings.one.entrypoint, recordings.one.outcome.value) == ("outer", 2)


def test_off_means_nothing() -> None:
    """Without settings the block only runs."""
    assert recorder.active is None
    with recording("import") as block:
        block.result(1)
        assert current.get() is None


def test_a_block_needs_a_function_to_run_again(recordings: Recordings, again: Again) -> None:
    """Without a target the reason says what to give; with one it is called with the input."""
    with recording("import", input=[1, 2]) as block:
        block.result(3)
    with pytest.raises(Unanswerable, match="a block has no entry point; name a function for it"):
        again(recordings.one, None)
    assert again(recordings.one, sum) == recordings.one.outcome

    async def later(row: Any) -> int:
        return len(row)

    assert again(recordings.one, later).value == 2


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_block_has_a_name(name: Any) -> None:
    """It is refused where it is written."""
    with pytest.raises(UsageError):
        recording(name)
