"""What is known of a failure that nobody captured: its type, what it said, the frames that it left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from replay.core.fingerprint import inlined
from replay.core.verdict import Frame
from replay.errors import ReplayError

FRAMES = 400
"""Frames that are kept of an error: the first half and the last, where there are more."""


class SignatureError(ReplayError):
    """What was given names no failure that can be looked for."""

    slug = "signature"
    exit_code = 2


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """One failure. Frames are outermost first; their files may be those of another machine."""

    error_type: str
    """As it was given: `KeyError`, `shop.errors.NoPlan`. Empty: a cut traceback that does not say it."""
    message: str = ""
    frames: tuple[Frame, ...] = ()
    """`line` is 0 where it is not known."""
    cause: Signature | None = None
    """What it was raised from, or while it was handled."""
    members: tuple[Signature, ...] = ()
    """Of an exception group."""
    variables: tuple[tuple[str, Any], ...] = ()
    """Local variables that were reported, innermost frame first: names, and values as far as they can be read."""
    when: str | None = None
    """When it happened, ISO 8601, if that was reported."""
    exact: bool = False
    """The last frame's line is meant as it is: it was given for the code that is here."""

    @property
    def way(self) -> tuple[Frame, ...]:
        """Its frames; of an exception group, those of its first member behind its own."""
        return self.frames + self.members[0].way if self.members else self.frames

    @property
    def leaves(self) -> tuple[Signature, ...]:
        """What is in an exception group, and no group itself."""
        return tuple(one for each in self.members for one in (each.leaves or (each,)))

    @property
    def said(self) -> tuple[str, ...]:
        """All messages: its own first, then those of its members and causes."""
        inner = (*self.members, *(() if self.cause is None else (self.cause,)))
        return (self.message, *(text for each in inner for text in each.said))


def is_type(wanted: str, found: str) -> bool:
    """Whether a type, `module.qualname` or builtin, is the one that a signature names: by its whole name, or by its
    last part where either side has no module, or both have the same package (`json.decoder`, `json`)."""
    if wanted == found:
        return True
    one, two = wanted.replace(":", ".").split("."), found.split(".")
    if one[-1] != two[-1]:
        return False
    return len(one) == 1 or len(two) == 1 or one[0] == two[0]


def function_name(name: str) -> str:
    """Without the classes and functions around it: Python before 3.11 does not say them."""
    return name.rpartition(".")[2] if name else ""


def plain(frames: Iterable[Frame]) -> list[Frame]:
    """Frames as every version of Python has them."""
    return inlined(msgspec.structs.replace(frame, function=function_name(frame.function)) for frame in frames)


def shortened(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Not more than `FRAMES`: a recursion has any number."""
    if len(frames) <= FRAMES:
        return tuple(frames)
    return (*frames[: FRAMES // 2], *frames[-(FRAMES // 2) :])


def named(error: str, at: str) -> Signature:
    """The signature of `--error TYPE --at FILE:FUNCTION[:LINE]`. Raises SignatureError."""
    drive = 2 if at[1:3] in (":\\", ":/") else 0
    file, *rest = at[drive:].split(":")
    line = rest.pop() if len(rest) == 2 else "0"
    if not file or len(rest) != 1 or not rest[0] or not line.isdecimal():
        raise SignatureError(
            f"--at {at[:200]}: give FILE:FUNCTION or FILE:FUNCTION:LINE, e.g. shop/billing.py:parse:12"
        )
    frame = Frame(at[:drive] + file, int(line[:9]), rest[0])
    return Signature(error_type=checked(error, "--error"), frames=(frame,), exact=int(line[:9]) > 0)


def checked(error: str, where: str) -> str:
    """The name of a type. Raises SignatureError for what is none."""
    name = error.strip().replace(":", ".")
    parts = [part for part in name.split(".") if part != "<locals>"]
    if not parts or not all(part.isidentifier() for part in parts):
        raise SignatureError(
            f"{where} {error[:200]!r}: give the type of an exception, e.g. KeyError or httpx.ReadTimeout"
        )
    return name
