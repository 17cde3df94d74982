"""What stands in a recording for a drawn credential."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from replay.engine.entropy import drawn, replacements


@pytest.mark.parametrize("value", [bytes(range(8, 24)), bytes.fromhex("1234567890123456")], ids=["any", "digits-only"])
def test_each_spelling_becomes_that_of_replay(value: bytes) -> None:
    """Hex and URL-safe Base64 of a draw are replaced by the same spelling of what replay draws."""
    table = replacements("seed", [("0", 3, value)])
    again = drawn("seed", "0", 3, len(value))
    assert again != value
    assert table[value.hex()] == again.hex()
    assert table[urlsafe_b64encode(value).decode().rstrip("=")] == urlsafe_b64encode(again).decode().rstrip("=")


def test_short_draws_are_left_alone() -> None:
    """A few bytes are too common a text to be replaced by value."""
    assert replacements("seed", [("0", 0, b"1234567")]) == {}


def test_draws_depend_on_seed_lane_and_number() -> None:
    """No two draws of a replay are alike, and each is the same every time."""
    values = {drawn(seed, lane, number, 16) for seed in "ab" for lane in ("0", "0.1") for number in range(3)}
    assert len(values) == 12
    assert drawn("a", "0", 0, 16) == drawn("a", "0", 0, 16)
