"""Which task or thread asks: a name that is the same when the same code runs again.

The lane that started a recording is "0"; a task or thread that asks for the first time gets its parent's name and
the next number: "0.0", "0.1", "0.1.0". The parent is known because a new task's or thread's context is a copy.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from itertools import count
from threading import get_ident

import msgspec

from replay.core.world import followed

_numbers = count(1)
_lane: ContextVar[_Lane | None] = ContextVar("replay_lane", default=None)
followed.append(_lane)
_running_loop = asyncio._get_running_loop
_current_task = asyncio.current_task


def _owner() -> int:
    loop = _running_loop()
    if loop is None:
        return get_ident()
    task = _current_task(loop)
    return get_ident() if task is None else id(task)


class _Lane(msgspec.Struct, eq=False):
    world: int
    owner: int
    name: str
    children: count[int] = msgspec.field(default_factory=count)


class Lanes(msgspec.Struct, eq=False):
    """The lanes of one world. Holds no reference from a context to the world, so a context outlives it freely."""

    number: int = msgspec.field(default_factory=_numbers.__next__)
    owner: int = msgspec.field(default_factory=_owner)
    """Of the first lane."""
    children: count[int] = msgspec.field(default_factory=count)
    """Of the first lane."""

    def start_here(self) -> None:
        """The lane that calls is the first one: a replay runs a coroutine in a task of its own making."""
        self.owner = _owner()

    def name(self) -> str:
        """The name of the lane that calls."""
        owner = get_ident() if _running_loop() is None else _owner()
        lane = _lane.get()
        if lane is None or lane.world != self.number:
            if owner == self.owner:
                return "0"
            name, children = "0", self.children
        elif lane.owner == owner:
            return lane.name
        else:
            name, children = lane.name, lane.children
        lane = _Lane(self.number, owner, f"{name}.{next(children)}")
        _lane.set(lane)
        return lane.name
