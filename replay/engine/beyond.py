"""Draws that no recording has: of a generator of fixed seed, so that they are the same at each replay."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

_MADE: dict[str, Callable[[Random], Any]] = {
    "random": lambda source: source.random(),
    "getrandbits": lambda source: source.getrandbits(64),
    "uuid": lambda source: source.randbytes(16),
    "seed": lambda source: source.getrandbits(64),
    "gauss_next": lambda source: None,
    **{
        kind: lambda source: UUID(int=source.getrandbits(128), version=4)
        for name in ("uuid1", "uuid4", "uuid6", "uuid7")
        for kind in (name, f"uuid_utils.{name}")
    },
}

UNIQUE = frozenset(kind for kind in _MADE if "uuid" in kind)
"""Of these none comes twice: code keys what it holds by them."""


def beyond(kind: str, seed: str, live: Callable[[], Any]) -> Any:
    """A draw of that kind; `seed` decides which. Of numpy and the like a live one, of the types that there are."""
    made = _MADE.get(kind)
    return live() if made is None else made(Random(seed))
