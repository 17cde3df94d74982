"""What starts a recording, and how each kind is run again."""

from __future__ import annotations

import re
import sys
from contextlib import nullcontext
from importlib import import_module
from types import CodeType, FrameType
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


_DEPTH = re.compile(r"\bdepth (\d+)")


_last: tuple[int, CodeType | None, int] = (0, None, 0)
"""When the depth was last asked for: how many frames there were, whose code wanted to run something, the depth."""


def _depth() -> int:
    """How deep the stack of the calling thread is as the interpreter counts, which counts some calls of C too: one less
    or more, and what went too deep ends at another line. It is asked where something else runs, or on other frames."""
    global _last
    frames, caller, depth = _last
    if caller is not sys._getframe(2).f_code or not _are(frames):
        depth = _counted()
        _last = _frames(), sys._getframe(2).f_code, depth
    return depth


def _counted() -> int:
    """The interpreter says it where a limit is too low."""
    try:
        sys.setrecursionlimit(1)
    except RecursionError as error:
        said = _DEPTH.search(str(error))
        if said is not None:
            return int(said[1]) - 1
    return FRAMES  # an interpreter that says it otherwise


def _frames() -> int:
    """On the stack, below the caller of the caller."""
    frame: FrameType | None = sys._getframe(2)
    count = 0
    while frame is not None:
        count, frame = count + 1, frame.f_back
    return count


def _are(count: int) -> bool:
    """Whether there are so many."""
    try:
        return sys._getframe(count + 1).f_back is None
    except ValueError:
        return False


RUNNERS: dict[Kind, Runner] = {
    "function": _as_deep("function", "run_function"),
    "asgi": _as_deep("asgi_replay", "run_asgi"),
    "wsgi": _as_deep("wsgi_replay", "run_wsgi"),
    "block": _as_deep("block", "run_block"),
}
"""How a recording of each kind is run again."""
