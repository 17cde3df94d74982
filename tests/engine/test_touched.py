"""Which statements a diff touches."""

from __future__ import annotations

import pytest

from replay.engine.touched import Hunk, touched

SOURCE = b'''\
"""A module."""
PLANS = {
    "pro": 10,
}


# what it costs
@free
def price(plan):
    """A docstring."""
    try:
        found = (
            PLANS[plan]
        )
    except KeyError:
        found = 0  # nothing
    # a comment
    return found


class Shop:
    name = "shop"

    def sell(self):
        return price("pro")
'''


@pytest.mark.parametrize(
    ("hunk", "statements", "everywhere"),
    [
        ((13, 1), {12}, False),
        ((15, 1), {11}, False),
        ((16, 1), {16}, False),
        ((17, 1), set(), False),
        ((10, 1), set(), False),
        ((6, 2), set(), False),
        ((9, 1), {11, 12, 16, 18}, False),
        ((8, 1), {11, 12, 16, 18}, False),
        ((3, 1), set(), True),
        ((22, 1), set(), True),
        ((25, 1), {25}, False),
        ((17, 0), {16, 18}, False),
        ((24, 0), {25}, False),
        ((1, 25), {11, 12, 16, 18, 25}, True),
    ],
)
def test_what_a_hunk_touches(hunk: Hunk, statements: set[int], everywhere: bool) -> None:
    """A line within a statement is that statement; a header all that it heads; a comment nothing."""
    found = touched(SOURCE, [hunk])
    assert (set(found.statements), found.everywhere) == (statements, everywhere)


def test_which_runs_execute_it() -> None:
    """Those that reach a statement; of a change outside of functions those that reach anything in the file."""
    assert touched(SOURCE, [(16, 1)]).by(frozenset({11, 16}))
    assert not touched(SOURCE, [(16, 1)]).by(frozenset({11, 12, 18}))
    assert touched(SOURCE, [(3, 1)]).by(frozenset({25}))
    assert not touched(SOURCE, [(3, 1)]).by(frozenset())


def test_what_cannot_be_read_may_be_anything() -> None:
    """A file that is no Python any more."""
    assert touched(b"def (", [(1, 1)]).everywhere
