"""Draws from the system's generator: hardly ever kept, and the same again at every replay.

`os.urandom` and `secrets` make credentials. A recording keeps a seed and the lengths; replay draws from SHAKE-256
over (seed, lane, number of the draw). Where a drawn value appears in the recording, the value that replay will draw
is put in its place, so that the recording still answers.

What `choice`, `randbelow` and `shuffle` choose (`World.below`) appears nowhere as it was drawn. Passwords and one-time
codes are made of many such draws, so they are kept only where all short draws of a recording together have fewer bits
than any credential: the server that a request went to, the jitter of a retry. It counts what was chosen, not what was
drawn for it: of 100, 6.6 bits.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import shake_256
from math import log2

SHORTEST = 4
"""Bytes. A shorter draw is too common a value to be replaced by value: replay may then part from the recording."""
LONG = 8
"""Bytes of a draw, and characters of a spelling of a shorter one, that are no common text. Of a shorter draw only
whole words are replaced; what is computed of one (`uniform`) is another at replay."""


BELOW = "below"
"""The kind of the recorded draws (`context.draws`) that are choices."""
MOST_BITS = 12.0
"""Of short draws, that are no credential: a PIN of four digits has 13.3."""
MOST_CHOICES = int(MOST_BITS)
"""Choices that are remembered while it is recorded; each has a bit, or it is none."""


def may_be_secret(choices: Iterable[int], sizes: Iterable[int]) -> bool:
    """Whether these draws together may be a credential: choices among so many, and draws of so many bytes, of which
    only the short ones count (no long one is ever kept)."""
    return sum(map(log2, choices)) + sum(8 * size for size in sizes if size < LONG) >= MOST_BITS


def chosen(seed: str, lane: str, number: int, among: int) -> int:
    """What replay chooses where the choice was not kept."""
    return int.from_bytes(drawn(seed, f"{lane}/{BELOW}", number, among.bit_length() // 8 + 8), "big") % among


def drawn(seed: str, lane: str, number: int, size: int) -> bytes:
    """What replay draws as the `number`th draw of `lane`."""
    return shake_256(f"{seed}/{lane}/{number}".encode()).digest(size)


def _spellings(value: bytes) -> Iterator[str]:
    yield value.hex().upper()
    yield value.hex()  # after the upper case: of digits alone both are one spelling, and this is the one that counts
    yield urlsafe_b64encode(value).decode().rstrip("=")
    yield b64encode(value).decode().rstrip("=")
    yield str(int.from_bytes(value, "big"))
    yield str(int.from_bytes(value, "little"))
    if len(value) == 7:  # `SystemRandom().random()`
        yield repr((int.from_bytes(value, "big") >> 3) * 2**-53)


class Replacements:
    """Every spelling of drawn values -> the same spelling of those that replay will draw."""

    def __init__(self, seed: str, draws: Iterable[tuple[str, int, bytes]]) -> None:
        """`draws`: lane, number, bytes."""
        self.table: dict[str, str] = {}
        self._words: set[str] = set()
        """Those that are replaced only where they stand alone."""
        for lane, number, value in draws:
            if len(value) >= SHORTEST:
                again = drawn(seed, lane, number, len(value))
                self._add(zip(_spellings(value), _spellings(again), strict=True), len(value) >= LONG)

    def _add(self, pairs: Iterable[tuple[str, str]], long: bool) -> None:
        for old, new in pairs:
            if long or len(old) >= LONG:
                self.table[old] = new
                if not long:
                    self._words.add(old)

    def __call__(self, text: str) -> str:
        """The text with them in place."""
        for old, new in self.table.items():
            if old not in text:
                continue
            if old in self._words:
                text = new.join(re.split(rf"(?<![A-Za-z0-9]){re.escape(old)}(?![A-Za-z0-9])", text))
            else:
                text = text.replace(old, new)
        return text
