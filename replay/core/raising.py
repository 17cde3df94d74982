"""Raising a recorded error once more, with what was being handled when production raised it."""

from __future__ import annotations

from typing import NoReturn

_LONGEST = 100
"""Links of a chain that are looked at: a bundle's may be a ring."""


def throw(error: BaseException) -> NoReturn:
    """Raise `error`. Python makes what the code handles here its context; where production's error came to the code by
    way of others (a client's own handling), these lie between, and stay."""
    recorded = error.__context__
    kinds = _chain(recorded)
    try:
        raise error
    finally:
        if type(error.__context__) in kinds:
            error.__context__ = recorded
        del error, recorded  # its traceback holds this frame


def _chain(error: BaseException | None) -> list[type]:
    """The types of an error and of what was handled when it was raised."""
    kinds: list[type] = []
    while error is not None and len(kinds) < _LONGEST:
        kinds.append(type(error))
        error = error.__context__
    return kinds
