"""Whether an answer was there at once: tasks go on at the same points as in production."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.edits import Edit
from replay.core.recording import TURNS, Recording
from replay.engine.mutation import mutate
from tests.engine import at_once

Record = Callable[..., list[Recording]]
NAMES: dict[str, list[str]] = {
    "one": ["a"],
    "the same": ["a", "a", "a"],
    "two": ["a", "b", "a", "b"],
    "many": [*"abcabcdabcde"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_tasks_go_on_where_they_did(record: Record, names: list[str]) -> None:
    """What one does while another asks is in the order of production."""
    (recording,) = record(lambda: at_once.order(names))
    assert [replay.run(recording).status for _ in range(3)] == ["reproduced"] * 3


def test_what_is_kept_of_it(record: Record) -> None:
    """A letter for each interaction."""
    (recording,) = record(lambda: at_once.order(["a", "a", "a", "b"]))
    kept = {(i.request.text, i.seq): recording.facts[TURNS][i.seq] for i in recording.interactions}
    read = [letter for (request, _), letter in kept.items() if '"args":["a"]' in request]
    assert read[0] == "1"
    refused = [letter for (request, _), letter in kept.items() if '"args":["a",0]' in request]
    assert refused == ["0"]
    assert len(recording.facts[TURNS]) == len(recording.interactions)


@pytest.mark.parametrize("said", [None, "", "1", "-" * 8, "²" * 8, 7, ["1"]], ids=str)
def test_without_it_as_before(record: Record, said: Any) -> None:
    """Of an older recording, or a stranger's, it is found by what happened meanwhile."""
    (recording,) = record(lambda: at_once.order(["a", "b", "a", "b"]))
    context = recording.context.decode()
    context[TURNS] = said
    verdict = replay.run(msgspec.structs.replace(recording, context=encode(context)))
    assert verdict.status in ("reproduced", "changed")
    assert verdict.left_over == 0


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_coroutine_behaves_as_without_us(record: Record, turns: int) -> None:
    """What is thrown into it, it may catch; it may await what is no coroutine."""
    (recording,) = record(lambda: at_once.cancelled(turns))
    assert recording.outcome.value == ["awaited", "X"]


def test_an_error_has_no_context_of_ours() -> None:
    """What a coroutine raises after it was cancelled comes of nothing else."""

    @replay.boundary
    async def swallows() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
        raise KeyError("its own")

    async def main() -> BaseException:
        with replay.recording("block", input=None):
            task = asyncio.create_task(swallows())
            await asyncio.sleep(0)
            task.cancel()
            (found,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(found, KeyError)
        return found

    error = asyncio.run(main())
    assert error.__context__ is None, "".join(traceback.format_exception(error))


def test_an_answer_that_comes_later_is_waited_for(record: Record) -> None:
    """An edit puts it off: others go on meanwhile, whatever it was in production."""
    (recording,) = record(lambda: at_once.order(["a", "a"]))
    late = next(i for i in recording.interactions if i.state == "returned")
    assert recording.facts[TURNS][late.seq] in "01"
    mutated = mutate(recording, [Edit(f"call[{late.seq}]", "slow", 0.02)])
    assert mutated.facts[TURNS][late.seq] == "w"
    outcome = replay.run(mutated).outcome
    assert outcome is not None
    assert outcome.payload.text != recording.outcome.payload.text
