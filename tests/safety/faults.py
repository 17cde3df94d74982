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


def watched(work: Callable[[], Any]) -> list[CodeType]:
    """Our functions that run on this thread during `work`, in the order of their first calls."""
    found: dict[CodeType, None] = {}

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and _by_us(frame):
            found.setdefault(code)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return list(found)


def with_fault(work: Callable[[], Any], code: CodeType, error: type[BaseException], at: int = 1) -> tuple[Any, int]:
    """Run `work` with an error raised as the `at`-th call of this function begins; its value, and how often it hit."""
    calls = hits = 0
    thread = threading.get_ident()

    def trace(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal calls, hits
        if frame.f_code is code and event == "call" and threading.get_ident() == thread and _by_us(frame):
            calls += 1
            if calls == at:
                hits += 1
                raise error("injected")

    sys.settrace(trace)
    try:
        value = work()
    finally:
        sys.settrace(None)
    return value, hits
