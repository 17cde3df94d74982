"""What was seen at each path of the recordings at hand."""

from __future__ import annotations

from replay.engine.values import Profile
from tests.core.test_parts import call, recording


def _profile() -> Profile:
    found = Profile()
    plans = ["pro", "pro", "team", None]
    found.learn(
        recording(
            call({"plan": plan, "rows": [{"n": number}]}), given={"args": [{"a": 1} if number else {}], "kwargs": {}}
        )
        for number, plan in enumerate(plans)
    )
    return found


def test_other_values_of_a_path_are_known() -> None:
    """The most frequent first; the one at hand is no other."""
    assert _profile().others("call shop:lookup", ("plan",), "team") == ("pro", None)


def test_items_of_lists_are_one_place() -> None:
    """Whatever their number."""
    assert set(_profile().others("call shop:lookup", ("rows", 7, "n"), 0)) == {1, 2, 3}


def test_missing_names_are_counted() -> None:
    """In one of four recordings the name was not there."""
    assert _profile().missing("input", ("args", 0, "a")) == 0.25
    assert _profile().missing("call shop:lookup", ("plan",)) == 0.0


def test_types_and_ranges_are_kept() -> None:
    """Drift shows as more than one type."""
    seen = _profile().seen["call shop:lookup", ("plan",)]
    assert seen.types == {"str": 3, "NoneType": 1}
    rows = _profile().seen["call shop:lookup", ("rows", "*", "n")]
    assert (rows.lowest, rows.highest) == (0, 3)


def test_nothing_is_known_of_a_path_that_was_never_seen() -> None:
    """No values are made up."""
    assert _profile().others("http GET http://x", ("body",), 1) == ()
