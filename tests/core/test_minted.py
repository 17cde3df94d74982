"""Identifiers say when they were made."""

from __future__ import annotations

from uuid import UUID

import pytest

from replay.core.minted import minted
from replay.core.times import both_inside
from replay.core.verdict import Window

SECOND = 1_000_000_000
FEBRUARY = 1_645_557_742 * SECOND
"""2022-02-22T19:22:22Z, of the examples in RFC 9562, appendix A."""


@pytest.mark.parametrize(
    ("text", "kind", "moment"),
    [
        ("C232AB00-9414-11EC-B3C8-9F6BDECED846", "uuid 1", FEBRUARY),
        ("1EC9414C-232A-6B00-B3C8-9F6BDECED846", "uuid 6", FEBRUARY),
        ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "uuid 7", FEBRUARY),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "ulid", 1_469_922_850_259_000_000),
        ("507f1f77bcf86cd799439011", "object id", 1_350_508_407 * SECOND),
    ],
)
def test_when_an_identifier_was_made(text: str, kind: str, moment: int) -> None:
    """The examples of the specifications; also as the type UUID, and in small letters."""
    assert minted(text) == minted(text.lower()) == (kind, moment)
    if kind.startswith("uuid"):
        assert minted(UUID(text)) == (kind, moment)


@pytest.mark.parametrize(
    "text",
    [
        "919108f7-52d1-4320-9bac-f847db4148a8",
        "C232AB00941411ECB3C89F6BDECED846",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "",
        "a" * 25,
    ],
)
def test_others_say_nothing(text: str) -> None:
    """A random one, one of another form, one beyond the last moment that the form holds."""
    assert minted(text) is None


def test_two_that_were_made_inside_the_window_are_expected_to_differ() -> None:
    """Of one kind, both inside; whatever their random parts."""
    window = Window(FEBRUARY, FEBRUARY + SECOND)
    one = "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"
    assert both_inside(one, "017F22E2-79B9-7000-8000-000000000000", window)
    assert both_inside(UUID(one), UUID("017F22E2-79B9-7000-8000-000000000000"), window)
    assert not both_inside(one, "017F22F2-79B9-7000-8000-000000000000", window)
    assert not both_inside(one, "1EC9414C-232A-6B00-B3C8-9F6BDECED846", window)
    assert not both_inside(one, "919108f7-52d1-4320-9bac-f847db4148a8", window)
    assert not both_inside(one, UUID(one), window)
