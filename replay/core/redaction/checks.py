"""Numbers that check themselves, and days: what is right, and what is wrong in the same way."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from functools import lru_cache

_DOUBLED = bytes(int("0246813579"[code - 48]) if 48 <= code < 58 else 0 for code in range(256))
"""Of each digit what it counts in every other place of a card's number."""
_SINGLE = bytes(code - 48 if 48 <= code < 58 else 0 for code in range(256))
_LAST = bytes(code % 10 for code in range(256))


def with_check(body: str) -> str:
    """Digits, with the one behind them that checks them (ISO/IEC 7812)."""
    return f"{body}{-_weighed(body + '0') % 10}"


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812)."""
    return _weighed(digits) % 10 == 0


def _weighed(digits: str) -> int:
    data = digits.encode() if digits.isascii() else b"".join(b"%d" % int(char) for char in digits)
    odd = data[::-2]
    return sum(odd) - 48 * len(odd) + sum(data[-2::-2].translate(_DOUBLED))


def weighed(texts: Sequence[str]) -> bytes:
    """Of each of these texts of 13 to 19 digits, all of one length, the last digit of its weight: 0 where its own last
    digit checks the others. A byte of a large number is the sum of one text."""
    data, size, total = "".join(texts).encode(), len(texts[0]), 0
    for at in range(size):
        total += int.from_bytes(data[at::size].translate(_SINGLE if (size - at) % 2 else _DOUBLED), "big")
    return total.to_bytes(len(texts), "big").translate(_LAST)


def is_day(leap: bool, month: int, day: int) -> bool:
    """Whether a year has it."""
    return 1 <= month <= 12 and 1 <= day <= monthrange(2000 if leap else 2001, month)[1]


def beyond(number: str, most: int) -> int:
    """0: nought, 1: one of 1 to `most`, 2: beyond."""
    return min(int(number), 1) + (int(number) > most)


@lru_cache(maxsize=32)
def no_days(leap: bool, month: int, day: int) -> list[str]:
    """`02-30`: months and days that are no day of a year, their numbers nought, in or beyond what they may be."""
    pairs = ((one, two) for one in range(100) for two in range(100) if not is_day(leap, one, two))
    texts = (f"{one:02}-{two:02}" for one, two in pairs)
    return [text for text in texts if (beyond(text[:2], 12), beyond(text[3:], 31)) == (month, day)]


def is_written(leap: bool, one: int, two: int) -> bool:
    """Whether two numbers are a day in one order or the other."""
    return is_day(leap, one, two) or is_day(leap, two, one)


@lru_cache(maxsize=16)
def written_like(leap: bool, written: bool, first: bool, second: bool) -> list[str]:
    """`3112`, `3102`: two numbers up to 31, above 12 or not, that are a day in one order or the other, or in none."""
    pairs = ((one, two) for one in range(1, 32) for two in range(1, 32) if (one > 12, two > 12) == (first, second))
    return [f"{one:02}{two:02}" for one, two in pairs if is_written(leap, one, two) is written]


def remainder(text: str) -> int:
    """What decides whether a number of ISO 13616 is right: 1 if its check digits are, moved to its end."""
    return int("".join(str(int(char, 36)) for char in text)) % 97
