"""What starts a recording, and how each kind is run again."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from importlib import import_module
from types import FrameType
from typing import Any

from replay.core.codec import Resolve
from replay.core.recording import Kind, Outcome, Recording
from replay.engine import memory
from replay.entrypoints.turn import Runner

FRAMES = 50
"""Below an entry point in production: of its server, framework and middleware."""

_UNLIMITED = nullcontext()


def _as_deep(module: str, name: str) -> Runner:
    """The runner of that name, imported for its first run. It lets the code under test recurse as far as in production,
    wherever it runs: in a worker, under pytest, alone; what used up the memory has a limit."""
    run: Runner | None = None

    def limited(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
        nonlocal run
        if run is None:
            run = getattr(import_module(f"{__name__}.{module}"), name)
        before = sys.getrecursionlimit()
        limit = before + _depth() - FRAMES
        sys.setrecursionlimit(limit)
        try:
            with memory.limited() if memory.is_used_up(recording) else _UNLIMITED:
                return run(recording, target, resolve)
        finally:
            if sys.getrecursionlimit() == limit:  # the code may have set its own
                sys.setrecursionlimit(before)

    return limited


_known_depth = 0
"""Frames on the stack when they were last counted: it is nearly always as deep the next time."""


def _depth() -> int:
    """Frames on the stack of the calling thread."""
    global _known_depth
    try:
        frame: FrameType | None = sys._getframe(_known_depth)
        count = _known_depth
    except ValueError:  # not so deep
        frame, count = sys._getframe(), 0
    while frame is not None:
        count, frame = count + 1, frame.f_back
    _known_depth = count - 1
    return count


RUNNERS: dict[Kind, Runner] = {
    "function": _as_deep("function", "run_function"),
    "asgi": _as_deep("asgi_replay", "run_asgi"),
    "wsgi": _as_deep("wsgi_replay", "run_wsgi"),
    "block": _as_deep("block", "run_block"),
}
"""How a recording of each kind is run again."""
