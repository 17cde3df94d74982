"""Which task or thread asks: a name that is the same when the same code runs again.

The lane that started a recording is "0"; a task or thread that asks for the first time gets its parent's name and
the next number: "0.0", "0.1", "0.1.0". The parent is known because a new task's or thread's context is a copy.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from itertools import count
from threading import get_ident


_numbers = count(1)
_lane: ContextVar[_Lane | None] = ContextVar("replay_lane", default=None)
_running_loop = asyncio._get_running_loop
_current_task = asyncio.current_task


def _owner() -> int:
    loop = _running_loop()
    if loop is None:
        return get_ident()
    task = _current_task(loop)
    return get_ident() if task is None else id(task)


class _Lane:
    __slots__ = ("children", "name", "owner", "world")

    def __init__(self, world: int, owner: int, name: str) -> None:
        self.world = world
        self.owner = owner
        self.name = name
        self.children = count()


class Lanes:
    """The lanes of one world. Holds no reference from a context to the world, so a context outlives it freely."""

    __slots__ = ("number", "root")

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.root = _Lane(self.number, _owner(), "0")

    def name(self) -> str:
        """The name of the lane that calls."""
        owner = _owner()
        lane = _lane.get()
        if lane is None or lane.world != self.number:
            lane = self.root
        if lane.owner != owner:
            lane = _Lane(self.number, owner, f"{lane.name}.{next(lane.children)}")
            _lane.set(lane)
        return lane.name
