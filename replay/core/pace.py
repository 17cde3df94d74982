"""Giving way: long work off the request path lets the request path have the interpreter in between."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Pause = Callable[[], None]

pause: ContextVar[Pause | None] = ContextVar("replay_pause", default=None)
"""What long work calls every now and then. None: it runs in somebody's request, or in a tool, and goes on."""


def pauses() -> Pause | None:
    """What to call between two steps of long work; read once, since reading it costs as much as a short step."""
    return pause.get()
