"""Coroutines behind a boundary that have their answer at once, and that let others go on before."""

from __future__ import annotations

import asyncio
from typing import Any

import replay

CACHE: dict[str, str] = {}


@replay.boundary
async def read(name: str) -> str:
    """From a cache, else a store that answers at once."""
    if name not in CACHE:
        await asyncio.sleep(0)
        CACHE[name] = name.upper()
    return CACHE[name]


@replay.boundary
async def refuse(name: str, turns: int) -> str:
    """It raises, after so many turns of the loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
    raise LookupError(name)


class Answer:
    """No coroutine, but it can be awaited."""

    def __await__(self) -> Any:
        yield
        return "awaited"


@replay.boundary
async def held(turns: int) -> str:
    """It sees that it is cancelled, and goes on."""
    try:
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return str(await Answer())
    return "never"


@replay.capture
def order(names: list[str]) -> list[str]:
    """Of what the tasks do, one of which asks for what another has asked for."""
    CACHE.clear()
    seen = list[str]()

    async def ask(number: int, name: str) -> None:
        seen.append(f"{number} asks")
        seen.append(f"{number} {await read(name)}")
        try:
            await refuse(name, number % 3)
        except LookupError as error:
            seen.append(f"{number} {error}")

    async def count() -> None:
        for turn in range(4):
            seen.append(f"turn {turn}")
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(count(), *(ask(*each) for each in enumerate(names)), count())

    asyncio.run(main())
    return seen


@replay.capture
def cancelled(turns: int) -> list[str]:
    """What is cancelled goes on."""

    async def main() -> list[str]:
        task = asyncio.create_task(held(turns))
        await asyncio.sleep(0.001)
        task.cancel()
        return [await task, await read("x")]

    return asyncio.run(main())
