"""Characters of the same sort: letters for letters, digits for digits, everything else as it is."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Sequence

LOWER, UPPER, DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"


def like(char: str, number: int) -> str:
    """A character of the same sort, and of as many bytes in UTF-8."""
    if "a" <= char <= "z":
        return LOWER[number % 26]
    if "0" <= char <= "9":
        return DIGITS[number % 10]
    if "A" <= char <= "Z":
        return UPPER[number % 26]
    if char.isascii() or not char.isalpha():
        return char
    if char <= "\u07ff":
        return chr(0xE0 + number % 23)
    return chr(0x4E00 + number % 0x5000) if char <= "\uffff" else char


def alike(text: str, stream: bytes) -> str:
    """Each character `like` it, by two bytes of the stream."""
    numbers = array("H", stream[: 2 * len(text)])
    if sys.byteorder == "little":
        numbers.byteswap()
    if len(text) < _SHORT or not text.isascii():
        return "".join(map(like, text, numbers))
    size, data = len(text), text.encode()
    letters = bytes(map(_LETTER_OF.__getitem__, numbers))
    made = 0
    for sort, chosen in _SORTS.items():  # the bytes where the text has that sort of character, of all at once
        where = data.translate(sort)
        if any(where):
            of_it = chosen(letters, numbers, data)
            made |= int.from_bytes(where, "big") & int.from_bytes(of_it, "big")
    return made.to_bytes(size, "big").decode()


_SHORT = 24
"""Characters below which one by one is quicker."""


def _table(chars: str) -> bytes:
    """All bits for these characters, none for others."""
    return bytes(255 * (chr(code) in chars) for code in range(256))


_LETTER_OF = bytes(ord(LOWER[number % 26]) for number in range(26)) * 2521
_DIGIT_OF = bytes(ord(DIGITS[number % 10]) for number in range(10)) * 6554
_LOWERS, _UPPERS, _DIGITALS = map(_table, (LOWER, LOWER.upper(), DIGITS))
_OTHER = bytes(255 - byte for byte in _table(LOWER + LOWER.upper() + DIGITS))
_SORTS: dict[bytes, Callable[[bytes, array[int], bytes], bytes]] = {
    _LOWERS: lambda letters, numbers, data: letters,
    _UPPERS: lambda letters, numbers, data: letters.upper(),
    _DIGITALS: lambda letters, numbers, data: bytes(map(_DIGIT_OF.__getitem__, numbers)),
    _OTHER: lambda letters, numbers, data: data,
}


def all_alike(data: bytes, stream: bytes) -> bytes:
    """ASCII text, each character like it, by one byte of the stream."""
    letters = stream.translate(_LETTER_OF[:256])
    made = 0
    for sort, chosen in (
        (_LOWERS, letters), (_UPPERS, letters.upper()),
        (_DIGITALS, stream.translate(_DIGIT_OF[:256])), (_OTHER, data),
    ):  # fmt: skip
        made |= int.from_bytes(data.translate(sort), "big") & int.from_bytes(chosen, "big")
    return made.to_bytes(len(data), "big")


def laid_over(made: str, form: str, *, only_digits: bool = False) -> str:
    """The characters of `made` in the places of letters and digits of `form`."""
    each = iter(made)
    return "".join(next(each) if char.isdigit() or (char.isalpha() and not only_digits) else char for char in form)


def capitals(texts: Sequence[str], made: Sequence[str]) -> list[str]:
    """`made`, in lower case, with capitals where the texts have them: each is as long as its own."""
    before, after = "\n".join(texts), "\n".join(made)
    if len(before) != len(after) or not (before + after).isascii():
        return [_cased(text, new) for text, new in zip(texts, made, strict=True)]
    small, large = (int.from_bytes(each.encode(), "big") for each in (after, after.upper()))
    where = int.from_bytes(before.encode().translate(_UPPERS), "big")
    return (small ^ (small ^ large) & where).to_bytes(len(before), "big").decode().split("\n")


def _cased(text: str, made: str) -> str:
    return "".join(new.upper() if old.isupper() else new for old, new in zip(text, made, strict=True))
