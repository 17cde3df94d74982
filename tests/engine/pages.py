"""Work that reads page after page."""

from __future__ import annotations

import time
from typing import Any

import replay

PAGES: dict[str | None, dict[str, Any]] = {
    None: {"items": [1], "next": "b"},
    "b": {"items": [2], "next": None},
}
STATES = ["pending", "done"]


@replay.boundary
def page(cursor: str | None) -> dict[str, Any]:
    """A page, and the cursor of the next one."""
    return PAGES[cursor]


@replay.boundary
def state(job: str) -> str:
    """Of a job."""
    return STATES[len(job) % 2]


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
