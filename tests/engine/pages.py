"""Work that reads page after page."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

import replay

PAGES: dict[str | None, dict[str, Any]] = {
    None: {"items": [1], "next": "b"},
    "b": {"items": [2], "next": None},
}
KEYS = {"wanted": 2}
STATES = ["pending", "done"]


@replay.boundary
def page(cursor: str | None) -> dict[str, Any]:
    """A page, and the cursor of the next one."""
    return PAGES[cursor]


@replay.boundary
def state(job: str) -> str:
    """Of a job."""
    return STATES[len(job) % 2]


@replay.boundary
async def page_later(cursor: str | None) -> dict[str, Any]:
    """A page that takes its time."""
    await asyncio.sleep(0.01)
    return PAGES[cursor]


@replay.capture
async def items_later(pause: float) -> list[int]:
    """All items, in a coroutine."""
    found: list[int] = []
    cursor = None
    while True:
        answer = await page_later(cursor)
        found += answer["items"]
        cursor = answer["next"]
        if not cursor:
            return found
        await asyncio.sleep(pause)


@replay.capture
def items() -> list[int]:
    """All items."""
    found: list[int] = []
    cursor = None
    while True:
        answer = page(cursor)
        found += answer["items"]
        cursor = answer["next"]
        if not cursor:
            return found


@replay.capture
def waits(job: str) -> str:
    """Asks until the job is done, a second apart."""
    while state(job) == "pending":
        time.sleep(1)
    return "done"


@replay.capture
def keyed() -> None:
    """Keeps things by UUIDs, of which a warm process needs fewer."""
    keys = [uuid.uuid4() for _ in range(KEYS["wanted"])]
    assert len(set(keys)) == len(keys), keys
