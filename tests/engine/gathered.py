"""Work of several tasks, whose errors a group holds."""

from __future__ import annotations

import asyncio
from typing import Any

import replay

WORLD: dict[str, Any] = {}


@replay.boundary
async def customer(name: str) -> Any:
    """What the world has of one."""
    return WORLD[name]


@replay.capture
async def plans(*names: str) -> list[str]:
    """Of each customer, all at once."""
    found: list[str] = []

    async def one(name: str) -> None:
        found.append((await customer(name))["plan"].upper())

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))
    return sorted(found)


def ask(*names: str, **world: Any) -> None:
    """One unit of work."""
    WORLD.clear()
    WORLD.update(world)
    asyncio.run(plans(*names))
