"""Code that acts on which of two came first, where they come at about the same time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

import replay

BUSY: list[bool] = []
"""The loop is: as in production, where it saw both at once."""


@replay.boundary
def ask(name: str) -> str:
    """What a run has to ask."""
    return name


async def sleeps() -> str:
    """The first that is over."""
    await asyncio.sleep(0.002)
    return "slept"


async def limited() -> str:
    """A limit of asyncio."""
    try:
        async with asyncio.timeout(0.0025):
            await asyncio.sleep(1)
    except TimeoutError:
        pass
    return "late"


async def moved_on() -> str:
    """A limit of anyio."""
    with anyio.move_on_after(0.0025):
        await anyio.sleep(1)
    return "late"


async def slept_longer() -> str:
    """Another sleep."""
    await asyncio.sleep(0.0025)
    return "late"


OTHERS: dict[str, Callable[[], Coroutine[Any, Any, str]]] = {
    "limited": limited,
    "moved_on": moved_on,
    "slept_longer": slept_longer,
}


@replay.capture
async def first(name: str) -> list[str]:
    """Of two tasks, those that were done first."""
    ask(name)
    tasks = [asyncio.create_task(each()) for each in (sleeps, OTHERS[name])]
    await asyncio.sleep(0)
    if BUSY:
        time.sleep(0.02)
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return sorted(task.result() for task in done)


@replay.capture
def in_time(name: str) -> bool:
    """Whether another thread was there when the time was over."""
    ask(name)
    event = threading.Event()

    def come() -> None:
        time.sleep(0.05)
        event.set()

    thread = threading.Thread(target=come)
    thread.start()
    found = event.wait(0.02 if BUSY else 0.0505)
    thread.join()
    return found
