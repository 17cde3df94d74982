"""A fault inside each of our functions in turn, found by watching which of them run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import replay

PACKAGE = str(Path(replay.__file__).parent)


class Fault(Exception):
    """What no code expects."""


def _by_us(frame: FrameType) -> bool:
    """Called by our own code. What the application calls is the seam itself: a fault there is one of its own call."""
    caller = frame.f_back
    return caller is not None and caller.f_code.co_filename.startswith(PACKAGE)


def watched(work: Callable[[], Any], seams: set[CodeType] | None = None) -> list[CodeType]:
    """Our functions that our own code calls during `work`, on this thread and on those that it starts, in the order of
    their first calls. Those that others call are added to `seams`."""
    found: dict[CodeType, None] = {}

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            if _by_us(frame):
                found.setdefault(code)
            elif seams is not None:
                seams.add(code)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return list(found)


def with_fault(work: Callable[[], Any], code: CodeType, error: type[BaseException], at: int = 1) -> tuple[Any, int]:
    """Run `work` with an error raised as the `at`-th call of this function begins; its value, and how often it hit."""
    calls = hits = 0

    def trace(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal calls, hits
        if frame.f_code is code and event == "call" and _by_us(frame):
            calls += 1
            if calls == at:
                hits += 1
                raise error("injected")

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        value = work()
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    return value, hits
