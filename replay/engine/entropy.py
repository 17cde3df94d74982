"""Draws from the system's generator: never kept, and the same again at every replay.

`os.urandom` and `secrets` make credentials. A recording keeps a seed and the lengths; replay draws from SHAKE-256
over (seed, lane, number of the draw). Where a drawn value appears in the recording, the value that replay will draw
is put in its place, so that the recording still answers.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import shake_256

SHORTEST = 8
"""Bytes. A shorter draw is too common a value to be replaced by value; replay may then part from the recording."""


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


def replacements(seed: str, draws: Iterable[tuple[str, int, bytes]]) -> dict[str, str]:
    """For draws `(lane, number, bytes)`: every spelling of the drawn value -> the same spelling of replay's."""
    table: dict[str, str] = {}
    for lane, number, value in draws:
        if len(value) >= SHORTEST:
            table.update(zip(_spellings(value), _spellings(drawn(seed, lane, number, len(value))), strict=True))
    return table
