"""Where a thread or a task stands that waits in virtual time."""

from __future__ import annotations

import sys
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
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)  # asyncio.Timeout, anyio's CancelScope
    task: Any = getattr(owner, "_task", None) or getattr(owner, "_host_task", None)
    for future in getattr(handle, "_args", None) or ():
        for waiting, *_ in getattr(future, "_callbacks", None) or ():
            task = task or getattr(waiting, "__self__", None)
    coroutine = task.get_coro() if hasattr(task, "get_coro") else None
    found: list[Place] = []
    while coroutine is not None and len(found) < _MOST:
        frame = next((f for f in (getattr(coroutine, name, None) for name in _FRAMES) if f is not None), None)
        if frame is not None:
            found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        coroutine = next((c for c in (getattr(coroutine, name, None) for name in _AWAITED) if c is not None), None)
    return tuple(reversed(found))


_FRAMES = ("cr_frame", "ag_frame", "gi_frame")
_AWAITED = ("cr_await", "ag_await", "gi_yieldfrom")
