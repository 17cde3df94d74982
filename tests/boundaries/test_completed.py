"""`asyncio.as_completed` within a recording."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from replay.boundaries import completed
from tests.boundaries.worlds import Listener, inside


async def _one(number: int) -> int:
    await asyncio.sleep(0)
    return number


async def _all(wrong: Any) -> list[int]:
    return [await each for each in asyncio.as_completed([_one(1), _one(2), _one(3), wrong])]


async def _with(wrong: Any, said: list[Any]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context.get("exception")))
    with pytest.raises(TypeError):
        await _all(wrong)
    await asyncio.sleep(0.01)


@pytest.mark.filterwarnings("ignore:coroutine '_one' was never awaited")
@pytest.mark.parametrize("wrong", [object(), 3, []])
def test_what_cannot_be_awaited(wrong: Any) -> None:
    """The application gets the error of the original, and no coroutine is started a second time."""
    completed.install()
    said: list[Any] = []

    with inside(Listener()):
        for _ in range(10):
            asyncio.run(_with(wrong, said))
    assert said == []
