"""Frames of user code: which they are, and what they hold, as text that is safe to show."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from linecache import getline
from pathlib import Path
from types import FrameType

from replay.core.verdict import Frame
from replay.surfaces.text import plain

_PACKAGE = str(Path(__file__).parent.parent)
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
LOCALS = 200
"""Variables shown of a frame."""
STACK = 50
"""Frames shown of a stack."""


class UserCode:
    """Tells the project's code from libraries and from ours, as the player does for a divergence's stack."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._known: dict[str, bool] = {}

    def __call__(self, frame: FrameType) -> bool:
        file = frame.f_code.co_filename
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self.owns(file)
        return known

    def owns(self, file: str) -> bool:
        """Whether this file is the project's."""
        if file.startswith(_PACKAGE):
            return "/demo/" in file
        if file.startswith(self._root) and "site-packages" not in file:
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


def is_machinery(frame: FrameType) -> bool:
    """Code of this package that no user of a debugger wants to step through."""
    file = frame.f_code.co_filename
    return file.startswith(_PACKAGE) and "/demo/" not in file


def place(frame: FrameType) -> Frame:
    """The line a frame stands at."""
    code = frame.f_code
    return Frame(code.co_filename, frame.f_lineno, code.co_name, getline(code.co_filename, frame.f_lineno).strip())


def local_values(frame: FrameType) -> dict[str, str]:
    """The frame's variables as escaped text, made without running code of their classes. At module level, none."""
    if frame.f_locals is frame.f_globals:
        return {}
    code, values = frame.f_code, frame.f_locals
    names = dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars, *values))  # the order of the code
    shown = [name for name in names if name in values and not name.startswith("__")][:LOCALS]
    return {name: plain(values[name]) for name in shown}
