"""What starts a recording, and how each kind is run again."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from replay.core.codec import Resolve
from replay.core.recording import Kind, Outcome, Recording
from replay.entrypoints.turn import Runner


def _run_function(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.function import run_function

    return run_function(recording, target, resolve)


def _run_asgi(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.asgi_replay import run_asgi

    return run_asgi(recording, target, resolve)


def _run_wsgi(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.wsgi_replay import run_wsgi

    return run_wsgi(recording, target, resolve)


def _run_block(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    from replay.entrypoints.block import run_block

    return run_block(recording, target, resolve)


FRAMES = 50
"""Below an entry point in production: of its server, framework and middleware."""


def _as_deep(run: Runner) -> Runner:
    """Let the code under test recurse as far as in production, wherever it runs: in a worker, under pytest, alone."""

    def limited(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
        before = sys.getrecursionlimit()
        limit = before + _depth() - FRAMES
        sys.setrecursionlimit(limit)
        try:
            return run(recording, target, resolve)
        finally:
            if sys.getrecursionlimit() == limit:  # the code may have set its own
                sys.setrecursionlimit(before)

    return limited


def _depth() -> int:
    """Frames on the stack of the calling thread."""
    count = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        count, frame = count + 1, frame.f_back
    return count


RUNNERS: dict[Kind, Runner] = {
    "function": _as_deep(_run_function),
    "asgi": _as_deep(_run_asgi),
    "wsgi": _as_deep(_run_wsgi),
    "block": _as_deep(_run_block),
}
"""How a recording of each kind is run again."""
