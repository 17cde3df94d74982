"""Functions that are sent to other processes by their code, as Ray's actors and Dask's graphs are."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import pytest

import replay


def plain(x: int) -> int:
    return x + 1


async def later(x: int) -> int:
    return x + 1


def pieces(x: int) -> Any:
    yield x


async def pieces_later(x: int) -> Any:
    yield x


class Scorer:
    """An actor's class."""

    def score(self, x: int) -> int:
        return x


MARKS: dict[str, Callable[[Any], Any]] = {
    "capture": replay.capture,
    "boundary": replay.boundary,
    "model": replay.model("m", score=len),
}


def unfit(function: Any, met: set[int]) -> list[str]:
    """What of a function cannot go with it: by reference, where it can be imported, else by its own parts."""
    if id(function) in met:
        return []
    met.add(id(function))
    found = inspect.getclosurevars(function)
    held = {**found.globals, **found.nonlocals}
    return [f"{function.__qualname__}: {name}{rest}" for name, each in held.items() for rest in _unfit(each, met)]


def _unfit(value: Any, met: set[int]) -> list[str]:
    if isinstance(value, ModuleType):
        return []
    try:
        pickle.dumps(value)
    except Exception as error:
        return unfit(value, met) if type(value) is FunctionType else [f" ({error})"]
    return []


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("function", [plain, later, pieces, pieces_later, Scorer.score])
def test_a_marked_function_can_be_sent_by_its_code(mark: str, function: Any) -> None:
    """No context variable or mark of ours is among what it refers to: the first cannot be sent, and the other would be
    another one there."""
    assert unfit(MARKS[mark](function), set()) == []
