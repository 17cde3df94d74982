"""Code that waits: for its turn, before it tries again, at its end. `NOW` holds what a change of it makes another."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import replay

NOW = {"at once": 6, "back off": 0.05, "rest": 0.0}
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
