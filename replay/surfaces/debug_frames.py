"""What frames of user code hold, as text that is safe to show."""

from __future__ import annotations

from types import FrameType

from replay.surfaces.text import plain

LOCALS = 200
"""Variables shown of a frame."""
STACK = 50
"""Frames shown of a stack."""


def local_values(frame: FrameType) -> dict[str, str]:
    """The frame's variables as escaped text, made without running code of their classes. At module level, none."""
    if frame.f_locals is frame.f_globals:
        return {}
    code, values = frame.f_code, frame.f_locals
    names = dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars, *values))  # the order of the code
    shown = [name for name in names if name in values and not name.startswith("__")][:LOCALS]
    return {name: plain(values[name]) for name in shown}
