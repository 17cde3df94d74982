"""What stands in a recording for a drawn credential."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from replay.engine.entropy import Replacements, drawn


@pytest.mark.parametrize("value", [bytes(range(8, 24)), bytes.fromhex("1234567890123456")], ids=["any", "digits-only"])
def test_each_spelling_becomes_that_of_replay(value: bytes) -> None:
    """Hex and URL-safe Base64 of a draw are replaced by the same spelling of what replay draws."""
    table = Replacements("seed", [("0", 3, value)]).table
    again = drawn("seed", "0", 3, len(value))
    assert again != value
    assert table[value.hex()] == again.hex()
    assert table[urlsafe_b64encode(value).decode().rstrip("=")] == urlsafe_b64encode(again).decode().rstrip("=")


def test_a_short_draw_is_replaced_where_it_stands_alone() -> None:
    """`token_hex(4)`, `token_urlsafe(6)`, `random()` of the system's generator: as whole words."""
    for value in (bytes.fromhex("1f2e3d4c"), b"abcdef", bytes.fromhex("a1b2c3d4e5f607")):
        again = drawn("seed", "0", 0, len(value))
        replaced = Replacements("seed", [("0", 0, value)])
        assert replaced(f"order-{value.hex()}, x{value.hex()}") == f"order-{again.hex()}, x{value.hex()}"
    assert replaced(f"[{(int.from_bytes(value) >> 3) * 2**-53}]") == f"[{(int.from_bytes(again) >> 3) * 2**-53}]"


@pytest.mark.parametrize("value", [b"123", bytes.fromhex("00000007")])
def test_what_may_be_any_text_is_left_alone(value: bytes) -> None:
    """Three bytes, and a number that is small."""
    replaced = Replacements("seed", [("0", 0, value)])
    text = f'{{"code": 7, "n": {int.from_bytes(value)}, "q": "{value.hex()[:6]}"}}'
    assert replaced(text) == text


def test_draws_depend_on_seed_lane_and_number() -> None:
    """No two draws of a replay are alike, and each is the same every time."""
    values = {drawn(seed, lane, number, 16) for seed in "ab" for lane in ("0", "0.1") for number in range(3)}
    assert len(values) == 12
    assert drawn("a", "0", 0, 16) == drawn("a", "0", 0, 16)
