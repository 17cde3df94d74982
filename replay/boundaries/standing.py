"""Where a thread or a task stands that waits in virtual time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from replay.core.near import Place

_MOST = 40
"""Lines of one stack."""


def stack_of(frame: FrameType | None) -> tuple[Place, ...]:
    """From a frame outwards."""
    found: list[Place] = []
    while frame is not None and len(found) < _MOST:
        found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return tuple(found)


def stack_here() -> tuple[Place, ...]:
    """Of the calling thread."""
    return stack_of(sys._getframe(1))


def stack_of_thread(ident: int) -> tuple[Place, ...]:
    """Of a thread that waits; empty if it is no more."""
    return stack_of(sys._current_frames().get(ident))


def stack_of_timer(handle: Any) -> tuple[Place, ...]:
    """Of the task that a timer of an event loop wakes: it sleeps, or has a time limit. Empty if it cannot be told."""
    task = _task_of(handle)
    if task is None:
        return ()
    if task is _running():
        return stack_here()
    found: list[Place] = []
    coroutine = task.get_coro()
    while coroutine is not None and len(found) < _MOST:
        frame = _first_of(coroutine, _FRAMES)
        if frame is not None:
            found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        coroutine = _first_of(coroutine, _AWAITED)
    return tuple(reversed(found))


def _task_of(handle: Any) -> asyncio.Task[Any] | None:
    owner = getattr(getattr(handle, "_callback", None), "__self__", None)  # asyncio.Timeout, anyio's CancelScope
    waiting = [_first_of(owner, ("_task", "_host_task"))]
    for future in getattr(handle, "_args", None) or ():
        callbacks = getattr(future, "_callbacks", None) or ()
        waiting += [getattr(each[0], "__self__", None) for each in callbacks]
    return next((each for each in waiting if isinstance(each, asyncio.Task)), None)


def _running() -> asyncio.Task[Any] | None:
    return asyncio.current_task() if asyncio._get_running_loop() is not None else None


def _first_of(owner: Any, names: Sequence[str]) -> Any:
    return next((found for found in (getattr(owner, name, None) for name in names) if found is not None), None)


_FRAMES = ("cr_frame", "ag_frame", "gi_frame")
_AWAITED = ("cr_await", "ag_await", "gi_yieldfrom")
