"""A unit of work that draws, by itself or in a library, what it keeps from then on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import replay

LIBRARY: dict[str, Callable[[], Any]] = {}
"""Of an installed package: draws once."""


@lru_cache
def own() -> uuid.UUID:
    """The project's."""
    return uuid.uuid4()


@replay.capture
def named(who: str) -> str:
    """Needs a name that is nowhere seen."""
    (own if who == "own" else LIBRARY["node"])()
    return "done"
