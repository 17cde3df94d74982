"""The user's own code, told from libraries and from ours: what a report of a place shows, where a debugger stops."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from linecache import getline
from pathlib import Path
from types import FrameType

from replay.core.verdict import Frame

_PACKAGE = str(Path(__file__).parent.parent)
_SESSION = str(Path(__file__).parent / "session.py")
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_STANDARD = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_INSTALLED = re.compile(r"(?:site|dist)-packages[/\\]([^/\\.]+)")
SHOWN = 10
"""Frames of the stack of one request."""


class UserCode:
    """The code of one project; without a root, all that is no library's."""

    def __init__(self, root: Path | None) -> None:
        self._root = None if root is None else str(root)
        self._known: dict[str, bool] = {}

    def __call__(self, frame: FrameType) -> bool:
        file = frame.f_code.co_filename
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self.owns(file)
        return known

    def owns(self, file: str) -> bool:
        """Whether this file is the user's."""
        if file.startswith(_PACKAGE):
            return "/demo/" in file
        if self._root is not None and file.startswith(self._root) and "site-packages" not in file:
            return True
        return not file.startswith(("<", *_LIBRARY))

    def outward(self, frame: FrameType | None) -> Iterator[FrameType]:
        """The frames of user code that are running, from `frame` outwards."""
        while frame is not None:
            if self(frame):
                yield frame
            frame = frame.f_back

    def asking(self, frame: FrameType) -> FrameType:
        """The innermost frame of user code; where there is none (a library's own thread), the innermost not ours."""
        found = next(self.outward(frame), None)
        outer: FrameType | None = frame
        while found is None and outer is not None:
            if not outer.f_code.co_filename.startswith(_PACKAGE):
                found = outer
            outer = outer.f_back
        return found or frame

    def standing(self) -> tuple[Frame, ...]:
        """Where the calling thread stands, outermost first: the innermost frames of user code of this replay."""
        frame: FrameType | None = sys._getframe(1)
        found: list[Frame] = []
        while frame is not None and len(found) < SHOWN and frame.f_code.co_filename != _SESSION:  # it did not ask
            if self(frame):
                found.append(place(frame))
            frame = frame.f_back
        return tuple(reversed(found))


@lru_cache(maxsize=16)
def user_code(root: Path | None) -> UserCode:
    """The code of the project at `root`, asked for by each replay."""
    return UserCode(root)


def place(frame: FrameType) -> Frame:
    """The line a frame stands at."""
    code = frame.f_code
    return Frame(code.co_filename, frame.f_lineno, code.co_name, getline(code.co_filename, frame.f_lineno).strip())


def library_of(frame: FrameType | None) -> str | None:
    """The installed package whose code calls, from `frame` outwards, what Python's own code or ours does; None: it is
    no installed one."""
    while frame is not None:
        file = frame.f_code.co_filename
        found = _INSTALLED.search(file)
        if found is not None:
            return found[1]
        if not file.startswith((_PACKAGE, "<", *_STANDARD)):
            return None
        frame = frame.f_back
    return None


def is_machinery(frame: FrameType) -> bool:
    """Code of this package that no user of a debugger wants to step through."""
    return is_ours(frame.f_code.co_filename)


def is_ours(file: str) -> bool:
    """Of this package, and no demo."""
    return file.startswith(_PACKAGE) and "/demo/" not in file
