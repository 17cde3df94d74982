"""Names and values in bytes that are no text: MessagePack, CBOR, BSON, pickles. Before each text stands its length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_HINTS = ("pass", "secret", "token", "key", "auth", "session", "pwd", "pin", "cookie", "mail", "phone", "ssn", "iban")
"""One of these is in the names of most secrets."""
_NAME = re.compile(r"[A-Za-z_][\w.-]{2,59}")
_VALUE = re.compile(r"[\x20-\x7e]{4,4000}")
_BETWEEN = 9
"""Bytes between a name and the text that it names: how that begins, and a pickle's notes."""
_MOST = 10_000
"""Names that are looked at."""


def masked(text: str, kind_of: Callable[[str], str | None], leaf: Callable[[str, str, str], str]) -> str:
    """The bytes (each a character) without what stands under the names of secrets. `leaf`: of name, kind and text."""
    small = text.lower()
    ends = sorted({end for hint in _HINTS if hint in small for end in _names(text, small, hint)})
    out, done = [], 0
    for start, end in ends:
        kind = kind_of(text[start:end])
        value = _text_from(text, end, _BETWEEN) if kind else None
        if kind and value is not None and value[0] >= done:
            shown = text[slice(*value)]
            made = leaf(text[start:end], kind, shown)
            if len(made) == len(shown):
                out += [text[done : value[0]], made]
                done = value[1]
    return "".join([*out, text[done:]]) if done else text


def _names(text: str, small: str, hint: str) -> Iterator[tuple[int, int]]:
    """Where names are that hold a word: each has its own length before it, or ends in a zero."""
    at, looked = small.find(hint), 0
    while at >= 0 and looked < _MOST:
        looked += 1
        for start in range(at, max(0, at - 40), -1):
            end = _end_of(text, start)
            if end >= at + len(hint) and _NAME.fullmatch(text, start, end):
                yield start, end
                break
            if not (text[start - 1].isalnum() or text[start - 1] in "_.-"):
                break
        at = small.find(hint, at + len(hint))


def _end_of(text: str, start: int) -> int:
    """The end of the name that begins there, by what stands before it; 0: none does."""
    before = ord(text[start - 1])
    if before == 2 and (zero := text.find("\0", start, start + 61)) > 0:  # BSON, a text
        return zero
    for size in (*_short(before), _long(text, start - 4)):
        if 3 <= size <= 60 and _NAME.fullmatch(text, start, start + size):
            return start + size
    return 0


def _text_from(text: str, at: int, most: int) -> tuple[int, int] | None:
    """The text that begins after at most so many bytes."""
    for start in range(at + 1, at + most):
        if start > len(text):
            return None
        before = ord(text[start - 1])
        for size in (_long(text, start - 4) if start >= at + 4 else 0, *_short(before)):
            end = start + size
            if size >= 4 and end <= len(text):
                end -= text[end - 1] == "\0"  # BSON
                if _VALUE.fullmatch(text, start, end):
                    return start, end
    return None


def _short(byte: int) -> Iterator[int]:
    """What one byte says: pickles, long texts; short ones of MessagePack and CBOR."""
    yield byte
    if 0xA0 <= byte <= 0xBF:
        yield byte - 0xA0
    if 0x60 <= byte <= 0x77:
        yield byte - 0x60


def _long(text: str, at: int) -> int:
    """Four bytes, the lowest first; 0 where they cannot be a length."""
    return ord(text[at]) + 256 * ord(text[at + 1]) if at >= 0 and text[at + 2 : at + 4] == "\0\0" else 0
