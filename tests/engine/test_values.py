"""What was seen at each path of the recordings at hand."""

from __future__ import annotations

from replay.core.edits import Edit
from replay.core.parts import Parts
from replay.engine.operators import suggested
from replay.engine.places import places
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


def test_names_that_others_have_are_known() -> None:
    """Each with a value that was seen; of a mapping that has all of them none."""
    profile = _profile()
    assert profile.absent("input", ("args", 0), {}) == (("a", 1),)
    assert profile.absent("input", ("args", 0), {"a": 2}) == ()
    assert profile.absent("input", ("args", 0), "text") == ()


def test_what_was_missing_somewhere_is_dropped_first() -> None:
    """And what was there elsewhere is added: both are what production was seen to send."""
    given = recording(given={"args": [{"a": 1, "b": 2}], "kwargs": {}})
    other = recording(given={"args": [{"b": 2, "c": "x"}], "kwargs": {}})
    profile = Profile()
    profile.learn([given, other])
    plans = {site.path: suggested(site) for site in places(Parts(given), profile, ())}
    assert plans["input.args[0].a"][0] == Edit("input.args[0].a", "drop")
    assert plans["input.args[0].b"][0] == Edit("input.args[0].b", "set", None)
    assert Edit("input.args[0]", "add", ["c", "x"]) in plans["input.args[0]"]
