"""Code that waits: for its turn, before it tries again, at its end. `NOW` holds what a change of it makes another."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import replay

NOW = {"at once": 6, "back off": 0.05, "rest": 0.0, "together": False, "apart": False}
_TRIES = {"number": 0}


@replay.boundary
async def fetch(number: int) -> int:
    """Takes its time."""
    await asyncio.sleep(0.06)
    return number * 2


@replay.boundary
def fetch_blocking(number: int) -> int:
    """So does this one."""
    time.sleep(0.06)
    return number * 2


@replay.boundary
def flaky() -> str:
    """Works each third time."""
    _TRIES["number"] += 1
    if _TRIES["number"] % 3:
        raise ConnectionError("down")
    return "ok"


@replay.capture
async def in_tasks() -> list[int]:
    """So many at once."""
    gate = asyncio.Semaphore(int(NOW["at once"]))

    async def one(number: int) -> int:
        async with gate:
            return await fetch(number)

    return await asyncio.gather(*map(one, range(6)))


@replay.capture
def in_threads() -> list[int]:
    """So many at once."""
    with ThreadPoolExecutor(int(NOW["at once"])) as pool:
        return list(pool.map(fetch_blocking, range(6)))


@replay.capture
def tries() -> str:
    """Again and again, after a while."""
    while True:
        try:
            return flaky()
        except ConnectionError:
            time.sleep(NOW["back off"])


@replay.capture
async def rests() -> str:
    """At its end."""
    found = await fetch(1)
    await asyncio.sleep(NOW["rest"])
    return str(found)


@replay.capture
async def in_turn() -> list[int]:
    """One after the other; or both together, or each in a task of its own."""
    if NOW["together"]:
        return await asyncio.gather(fetch(1), fetch(2))
    if NOW["apart"]:
        return [await asyncio.create_task(fetch(number)) for number in (1, 2)]
    return [await fetch(1), await fetch(2)]


@replay.capture
def in_turn_blocking() -> list[int]:
    """The same with threads."""
    if NOW["together"] or NOW["apart"]:
        with ThreadPoolExecutor(2 if NOW["together"] else 1) as pool:
            return list(pool.map(fetch_blocking, (1, 2)))
    return [fetch_blocking(1), fetch_blocking(2)]
