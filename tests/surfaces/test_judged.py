"""What varies and says nothing, what measures how long something took, and what was decided."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from replay.surfaces.judged import measures, says_nothing

SPANS = (0, 20, 40, 80)


@pytest.mark.parametrize(
    "values",
    [
        (1.0, 1.02, 1.04, 1.08),
        (10_000, 10_200, 10_400, 10_800),
        ("took 1.0 s", "took 1.02 s", "took 1.04 s", "took 1.08 s"),
        tuple(timedelta(seconds=10 + span) for span in SPANS),
        (Decimal(5), Decimal(3), Decimal(1), Decimal(-3)),
        ([1.0, "a"], [1.02, "a"], [1.04, "a"], [1.08, "a"]),
    ],
)
def test_what_grows_evenly_measures(values: tuple[Any, ...]) -> None:
    """Numbers, those of a text, and of a list."""
    assert measures(list(zip(SPANS, values, strict=True)))


@pytest.mark.parametrize(
    "values",
    [
        (3, 3, 3, 4),
        (False, False, True, True),
        ("ok", "ok", "late", "late"),
        ("took 1.0 s", "took 1.02 s", "gave up after 1.04 s", "gave up after 1.08 s"),
        (float("nan"), 1.0, 2.0, 4.0),
        (Decimal("sNaN"), Decimal(1), Decimal(2), Decimal(4)),
        (Decimal("1e999"), Decimal("2e999"), Decimal("3e999"), Decimal("5e999")),
        (10**400, 2 * 10**400, 3 * 10**400, 5 * 10**400),
        (Decimal("0e999"), Decimal(1), Decimal(1), Decimal(1)),
    ],
)
def test_what_jumps_was_decided(values: tuple[Any, ...]) -> None:
    """Nor is anything measured by what no clock says."""
    assert not measures(list(zip(SPANS, values, strict=True)))


def test_a_word_that_comes_again_is_a_decision() -> None:
    """Identifiers and addresses are another one in each run."""
    assert says_nothing([f"job {number}f7 done" for number in (11, 22, 33)])
    assert says_nothing([140_000_000, 140_000_000, 150_000_000])
    assert not says_nothing([f"job {number}f7 {end}" for number, end in ((1, "done"), (2, "done"), (3, "lost"))])
    assert not says_nothing([True, False, True])
    assert not says_nothing([5, 5, 5, 6])
