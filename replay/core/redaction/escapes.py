"""Percent-encoding, escapes of programming languages and UTF-16: read, and written as they were."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate

PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})++")
_RUNS = re.compile(r"((?:%[0-9A-Fa-f]{2})++)")
_NOT_ZERO = re.compile(rb"[^\0]")
_CUT = re.compile(r"%[0-9A-Fa-f]?\Z")
_BEGINNINGS = frozenset("{[%")
_UNIT = re.compile(r"%[0-9A-Fa-f]{2}|\+|[^%+]|%")
_WORDLESS = bytes(97 if chr(code).isalnum() and code < 128 else code for code in range(256))
_FEW = 40
"""Escapes that are undone run by run."""
BYTE_ORDERS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def unquoted(text: str) -> bytes:
    """As `urllib.parse.unquote_to_bytes`, which goes from escape to escape."""
    data = text.encode("utf-8", "surrogatepass")
    if data.count(b"%") > _FEW:
        try:
            return data.replace(b"\\", b"\\\\").replace(b"%", b"\\x").decode("unicode_escape").encode("latin-1")
        except UnicodeDecodeError:
            pass  # not each of them begins an escape
    return _ESCAPES.sub(lambda run: bytes.fromhex(run[0].translate(None, b"%").decode()), data)


def cut_escape(text: str) -> str:
    """The beginning of an escape at the end of what looks like a document, encoded or not, whose end was cut off."""
    found = _CUT.search(text, len(text) - 2) if text[:1] in _BEGINNINGS else None
    return "" if found is None else found[0]


def plain(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquoted(text.replace("+", " ")).decode("utf-8", "replace")


def escaped_alike(text: str, plain: bytes, made: bytes) -> str | None:
    """`made` percent-encoded as `text` has `plain`; None if their lengths differ."""
    parts = _RUNS.split(text)  # every other one is nothing but escapes
    sizes = list(map(len, parts))
    sizes[1::2] = [size // 3 for size in sizes[1::2]]
    if len(made) != len(plain) or sum(sizes) != len(plain):
        return None
    ends = [*accumulate(sizes)]
    for number in _changed(plain, made, ends):
        end = ends[number]
        at = end - sizes[number]
        new = made[at:end]
        if number % 2 or not (new.isalnum() or ("+" not in parts[number] and _signs(new) == _signs(plain[at:end]))):
            parts[number] = "".join(map(_unit_alike, _UNIT.findall(parts[number]), plain[at:end], new))
        else:
            parts[number] = new.decode()
    return "".join(parts)


def _changed(one: bytes, two: bytes, ends: list[int]) -> Iterator[int]:
    """The parts, which end there, in which two texts of one length differ."""
    differ = (int.from_bytes(one, "big") ^ int.from_bytes(two, "big")).to_bytes(len(one), "big")
    place = _NOT_ZERO.search(differ)
    while place is not None:
        number = bisect_right(ends, place.start())
        yield number
        place = _NOT_ZERO.search(differ, ends[number])


def _signs(data: bytes) -> bytes:
    """The same bytes, all letters and digits as one."""
    return data.translate(_WORDLESS)


def _unit_alike(unit: str, old: int, new: int) -> str:
    if old == new:
        return unit
    return f"%{new:02X}" if len(unit) == 3 or not chr(new).isalnum() else chr(new)


def letter(unit: str) -> str:
    """What a unit of a text stands for."""
    if len(unit) == 1:
        return unit
    if unit[0] == "&":
        digits = unit[2:-1]
        return chr(int(digits[1:], 16) if digits[0] in "xX" else int(digits))
    return chr(int(unit[-4:], 16) if "u" in unit else int(unit[-2:], 16) if "x" in unit else int(unit[-3:], 8))


def respelt(unit: str, new: str) -> str:
    """Another letter in the way of a unit."""
    if len(unit) == 1:
        return new
    code, bare = ord(new), unit.rstrip("0123456789abcdefABCDEF;")
    if unit[0] == "&":
        return f"&#x{code:x};" if unit[2] in "xX" else f"&#{code};"
    digits = f"{code:04x}" if "u" in unit else f"{code:02x}" if "x" in unit else f"{code:03o}"
    return bare + (digits.upper() if unit[len(bare) :].isupper() else digits)


def around(text: str, change: Callable[[str], str]) -> str:
    """Without the space around it."""
    bare = text.strip()
    return text.replace(bare, change(bare), 1) if bare else text


def wide(data: bytes) -> str | None:
    """UTF-16, told by its mark, or by every other byte being none in Latin text."""
    if len(data) % 2:
        return None
    if data[:2] in BYTE_ORDERS:
        return BYTE_ORDERS[data[:2]]
    even, odd = data[:4096:2], data[1:4096:2]
    for charset, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if len(high) > 3 and high.count(0) > 0.9 * len(high) and not low.count(0):
            return charset
    return None
