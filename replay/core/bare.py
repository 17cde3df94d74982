"""Small plain data that is its own encoded tree, as most results are: told apart at a third of what encoding costs."""

from __future__ import annotations

from typing import Any

from replay.core.looking import address_of

MOST = 100
"""Parts of a value that are looked at; larger ones are encoded as any."""
DEEPEST = 20
LONGEST = 1 << 16
"""Characters of a text, so that all of them together are below the limit of a value."""
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


def is_bare(value: Any) -> bool:
    """Whether the encoded tree of `value` is equal to it. Never calls its code; False where it takes long to tell."""
    kind = type(value)
    if kind is dict or kind is list:
        return _is_bare(value, kind, set(), 0)
    if kind is str:
        return len(value) <= LONGEST and bool(value.isascii())
    if kind is int:
        return bool(_SMALLEST <= value <= _LARGEST)
    return value is None or kind is bool or (kind is float and bool(value - value == 0.0))


def _is_bare(value: Any, kind: type, seen: set[int], depth: int) -> bool:
    if address_of(value) in seen or len(seen) + len(value) > MOST or depth > DEEPEST:
        return False  # what is held twice is written once
    seen.add(address_of(value))
    if kind is dict:
        for key in value:
            if type(key) is not str or key[:1] == "$" or len(key) > LONGEST or not key.isascii():
                return False
        value = value.values()
    for each in value:
        kind = type(each)
        if kind is str:
            if len(each) > LONGEST or not each.isascii():
                return False
        elif kind is float:
            if each - each != 0.0:
                return False
        elif kind is int:
            if not _SMALLEST <= each <= _LARGEST:
                return False
        elif kind is dict or kind is list:
            if not _is_bare(each, kind, seen, depth + 1):
                return False
        elif each is not None and kind is not bool:
            return False
    return True
