"""Values as tagged, typed JSON text: what a bundle stores of any Python value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Resolve = Callable[[str, str], object | None]
"""`(module, qualname) -> class or None`: which of the project's own classes may be rebuilt. None: a stand-in is built."""


class Gap(msgspec.Struct, frozen=True):
    """One place where what is stored is less than what was there."""

    path: str
    """Where, e.g. `input.args[0].session` (the codec gives it from the value's root: `$.args[0].session`)."""
    reason: str
    """`opaque`, `truncated-depth`, `truncated-size`, `truncated-count`, ... (a slug)"""
    type: str
    """`module.qualname` of what was there."""


class Value(msgspec.Struct, frozen=True):
    """A captured value: its canonical text, and what the text does not hold."""

    text: str
    gaps: tuple[Gap, ...] = ()

    def decode(self, resolve: Resolve | None = None) -> Any:
        """The Python value. Raises CodecError if the text is not an encoded value."""
        raise NotImplementedError

    @property
    def error_type(self) -> str | None:
        """If this is an encoded exception: its `module.qualname`, builtins without the module; else None."""
        raise NotImplementedError


class Limits(msgspec.Struct, frozen=True):
    """Where encoding stops and notes a gap."""

    depth: int = 100
    nodes: int = 1_000_000
    size: int = 8 << 20
    """Bytes of encoded text of one value."""


class Opaque(msgspec.Struct, frozen=True):
    """Stands where a value could not be stored: its type and its size in bytes, as far as known."""

    type: str
    size: int | None = None


def encode(value: object, limits: Limits = Limits()) -> Value:
    """The canonical text of `value`; never raises for a value, never calls its code."""
    raise NotImplementedError
