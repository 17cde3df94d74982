"""Differences between what was recorded and what happened now."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.core.codec import encode
from replay.core.compare import _TOO_LONG, _TOO_MANY, _parted, differences, unexpected
from replay.core.verdict import Difference, Window

START = 1_700_000_000
WINDOW = Window(START * 10**9 + 250_000_000, (START + 5) * 10**9)


def diff(one: Any, two: Any, **how: Any) -> list[Difference]:
    """The differences of two Python values."""
    return differences(encode(one), encode(two), **how)


def brief(one: Any, two: Any, **how: Any) -> list[tuple[str, str]]:
    """Their paths and kinds."""
    return [(each.path, each.kind) for each in diff(one, two, **how)]


def test_equal_needs_no_deepdiff() -> None:
    """Equal texts are equal, and DeepDiff is not even imported."""
    code = (
        "import sys; from replay.core.codec import encode; from replay.core.compare import differences;"
        "assert differences(encode([1]), encode([1])) == []; assert 'deepdiff' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_kinds() -> None:
    """Changed, added, removed and retyped places each have their path and kind."""
    old = {"a": 1, "b": [1, 2], "c": True, "gone": None, "t": (1, "x")}
    new = {"a": 2, "b": [1, 2, 3], "c": 1, "t": (1, "y"), "new key": 0}
    assert sorted(brief(old, new)) == [
        ("$.a", "changed"),
        ("$.b[2]", "added"),
        ("$.c", "type"),
        ("$.gone", "removed"),
        ("$.t[1]", "changed"),
        ("$['new key']", "added"),
    ]
    assert diff({"a": 1}, {"a": 1.0}) == [Difference("$.a", "type", 1, 1.0)]


def test_what_went_too_deep_may_say_it_of_another_call() -> None:
    """Interpreters count calls in different ways; what else an error says counts."""
    deep, call = "maximum recursion depth exceeded", "maximum recursion depth exceeded while calling a Python object"
    (note,) = {each.note for each in diff(RecursionError(deep), RecursionError(call))}
    assert note == "too deep, seen at another call"
    assert unexpected(diff(RecursionError(deep), RecursionError("another")))


def test_what_is_no_difference() -> None:
    """The order of a dictionary, sharing of parts and nan are none."""
    part: list[int] = []
    assert diff({"a": 1, "b": math.nan}, {"b": math.nan, "a": 1}) == []
    assert diff([part, part], [[], []]) == []


@pytest.mark.parametrize(
    ("name", "one", "two", "is_noted"),
    [
        ("x-process-time", "0.0486337160000", "1.2e-05", True),
        ("X-Runtime", "0.048", "0.051", True),
        ("x-response-time", "12ms", "8.5ms", True),
        ("x-app-response-time-ms", "12", "8", True),
        ("server-timing", "db;dur=53.2, app;dur=47", "db;dur=1.5, app;dur=0", True),
        ("server-timing", "db;dur=53.2", "cache;dur=1.5", False),
        ("x-process-time", "0.048", "none", False),
        ("x-process-time", "12ms", "8s", False),
        ("x-process-time", "86400000", "0.1", False),
        ("x-total", "12", "8", False),
        ("x-time-limit", "12", "8", False),
    ],
)
def test_headers_that_say_how_long_an_answer_took(name: str, one: str, two: str, is_noted: bool) -> None:
    """A clock that is not recorded: another such number is known; another unit, or more than the recording, is not."""
    before, now = ({"status": 200, "headers": [[name, took]], "body": b""} for took in (one, two))
    (found,) = diff(before, now, window=WINDOW)
    assert found.note == ("time that it took" if is_noted else None)


def test_times_inside_the_window() -> None:
    """Times inside the recorded window carry a note, in every usual form; others do not."""
    moment = datetime.fromtimestamp(START + 1, UTC)
    forms = [
        (START, START + 4), (START + 0.25, START + 4.5), (START * 1000 + 1, START * 1000 + 7), (START * 10**6,
        START * 10**6 + 9),
        (START * 10**9, START * 10**9 + 77), (moment, moment.replace(microsecond=5)),
        ("2023-11-14T22:13:21.75+00:00", "2023-11-14T22:13:22.5+00:00"),
        ("Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:21 GMT"), (str(START), str(START + 1)),
        ("2023-11-14T23:13:20", "2023-11-14T23:13:21"),
    ]  # fmt: skip
    for one, two in forms:
        assert [each.note for each in diff([one], [two], window=WINDOW)] == ["time inside the recorded window"], one
    for one, two in ((START, START + 50), ("2023-11-14T22:13:20", "2023-11-14T23:13:20"), (1, 2), ("a", "b"), (True,
    False),
                     ("2023-11-14", "2023-12-25"), (START, str(START)), (START, START * 1000)):  # fmt: skip
        assert len(unexpected(diff([one], [two], window=WINDOW))) == 1, one


def test_days_of_a_window() -> None:
    """Two days only where the window goes over midnight in some zone: tomorrow somewhere else is another day."""
    noon = 1_700_049_600 - 7 * 3600  # 05:00 in London, 12:00 in Bangkok
    short, over = (Window((noon + at) * 10**9, (noon + at + 5) * 10**9) for at in (420, 897))
    for one, two in ((date(2023, 11, 15), date(2023, 11, 14)), ("2023-11-15", "2023-11-14")):
        assert [each.note for each in diff([one], [two], window=short)] == [None]
        assert [each.note for each in diff([one], [two], window=over)] == ["time inside the recorded window"]
        assert [each.note for each in diff([two], [one], window=over)] == ["time inside the recorded window"]


def test_another_way_to_write_a_moment() -> None:
    """Who is asked may not read it: only digits, fractions and names of days and months may differ."""
    moment = datetime.fromtimestamp(START + 1, UTC)
    one = moment.isoformat()
    for two in (str(moment), one.replace("+00:00", "Z"), moment.strftime("%a, %d %b %Y %H:%M:%S +0000")):
        assert len(unexpected(diff([one], [two], window=WINDOW))) == 1, two
        assert len(unexpected(diff([two], [one], window=WINDOW))) == 1, two


def test_tolerances() -> None:
    """Numbers within a relative tolerance carry a note, by path if wanted."""
    assert unexpected(diff({"x": 100.0}, {"x": 100.1}, tolerances=0.01)) == []
    assert len(unexpected(diff({"x": 100.0}, {"x": 102.1}, tolerances=0.01))) == 1
    found = diff({"x": 1.0, "y": 1.0}, {"x": 1.001, "y": 1.001}, tolerances={"$.x": 0.01})
    assert [each.path for each in unexpected(found)] == ["$.y"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [("$.items[*].id", ["$.request_id"]), ("**.request_id", ["$.items[0].id"]), ("$.items", ["$.request_id"]),
     ("$.item", 2), ("**", 0)],
)  # fmt: skip
def test_ignore(pattern: str, left: Any) -> None:
    """Ignored paths, and all below them, are left out."""
    found = brief({"items": [{"id": 1}], "request_id": 1}, {"items": [{"id": 2}], "request_id": 2}, ignore=[pattern])
    assert ([path for path, _ in found] if isinstance(left, list) else len(found)) == left


def boom(message: str) -> Exception:
    """An error raised here."""
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_errors() -> None:
    """Errors differ by type, message, notes and cause; where they were raised is only a note."""
    here = boom("a")
    try:
        raise ValueError("a")
    except ValueError as error:
        there = error
    moved = diff(here, there)
    assert [(each.path, each.note) for each in moved] == [("$.frames", "frames moved")]
    assert unexpected(moved) == []
    assert [(d.path, d.recorded, d.actual) for d in diff(boom("a"), boom("b"))] == [("$.message", "a", "b")]
    assert brief(ValueError("a"), TypeError("a")) == [("$.type", "changed")]
    caused = ValueError("a")
    caused.__cause__ = KeyError("k")
    assert brief(ValueError("a"), caused) == [("$.cause", "added")]


def while_handling(handled: Exception | None) -> Exception:
    """An error that was raised while another one was handled."""
    try:
        if handled is None:
            raise ValueError("a")
        try:
            raise handled
        except Exception:
            raise ValueError("a")  # noqa: B904  # that is what it is about
    except ValueError as error:
        return error


def test_what_was_handled_when_an_error_was_raised() -> None:
    """Another type of it is a difference, in a group and in a list too; that only one of both has one is told."""
    one, two, none = map(while_handling, (KeyError("k"), IndexError("i"), None))
    assert diff(one, two) == [Difference("$.context", "changed", "KeyError", "IndexError")]
    assert diff(one, while_handling(KeyError("other"))) == []
    assert brief([one], [two]) == [("$[0].context", "changed")]
    assert brief(ExceptionGroup("g", [one]), ExceptionGroup("g", [two])) == [("$.exceptions[0].context", "changed")]
    assert brief(one, none) == [("$.context", "removed")]
    assert unexpected(diff(one, none)) == []
    assert brief(none, one) == [("$.context", "added")]
    assert unexpected(diff(none, one)) == []
    alike = {"type": "ValueError", "message": "a"}
    assert unexpected(diff({**alike, "context": "KeyError"}, alike)) != []  # a mapping of the code's own


@dataclasses.dataclass
class Order:
    total: int


def test_records() -> None:
    """Dataclasses are compared by their fields, without their class."""
    assert diff(Order(1), Order(2)) == [Difference("$.total", "changed", 1, 2)]


def test_large_values_and_the_cap() -> None:
    """In a large value the differing places are found; an insertion in front is one; 200 is the most."""
    rows = [{"id": n, "text": "x" * 50} for n in range(5000)]
    other = [dict(row) for row in rows]
    other[4321]["text"] = "y"
    assert brief(rows, other) == [("$[4321].text", "changed")]
    assert brief(rows, [{"id": -1}, *rows]) == [("$[0]", "added")]
    assert len(diff(rows, [{**row, "id": "x"} for row in rows])) == 200


_SETS = """
from replay.core.codec import encode
from replay.core.compare import differences
one, two = {"a": {"x", "y", "w", "k", 1}}, {"a": {"x", "z", "q", "m", 2}}
for each in differences(encode(one), encode(two)):
    print(each.path, each.kind, repr(each.recorded)[:9], each.actual)
print(differences(encode(one), encode({"a": {"x", (1, "u"), (1, "v")}})))
"""


def test_members_of_sets_have_one_order() -> None:
    """A verdict is the same text under each hash seed; a member has no path of its own."""
    runs = {
        subprocess.run([sys.executable, "-c", _SETS], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
                       capture_output=True, text=True).stdout
        for seed in "12345"
    }  # fmt: skip
    (lines,) = (run.splitlines() for run in runs)
    assert [line.split()[:2] for line in lines[:-1]] == [["$.a", "removed"]] * 4 + [["$.a", "added"]] * 4


def test_shared_without_end() -> None:
    """Exponentially shared values are compared quickly."""
    one: list[Any] = [1]
    two: list[Any] = [2]
    for _ in range(40):
        one, two = [one, one], [two, two]
    assert len(diff(one, two)) == 200


TOLD, ELSE = "2023-11-14T22:13:21.5 " * 4_000, "2023-11-14T22:13:22.5 " * 3_999 + "2023-11-14T23:13:21.5 "
HOSTILE: dict[str, tuple[Any, Any]] = {
    "numbers that come again": ([at % 7 for at in range(12_000)], [at * 3 % 7 for at in range(12_000)]),
    "one list many times": ([["x"]] * 6_000, [["y"]] * 6_000),
    "many long lists": ([[*["v"] * 1_900, at] for at in range(200)], [[*["v"] * 1_900, -at] for at in range(1, 201)]),
    "texts of many moments": ([f"{at} {TOLD}" for at in range(45)], [f"{at} {ELSE}" for at in range(45)]),
    "a large set": ({str(at) for at in range(12_000)}, {str(at) for at in range(6_000, 18_000)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_compared_in_bounded_time(name: str) -> None:
    """DeepDiff takes minutes for such lists, and each text alone a tenth of a second."""
    one, two = map(encode, HOSTILE[name])
    began = perf_counter()
    assert unexpected(differences(one, two, window=WINDOW))
    assert perf_counter() - began < 10


def test_texts_that_are_too_many_to_be_looked_through_are_told() -> None:
    """And it is said that they are."""
    one, two = ([f"{at} {each}" for at in range(20)] for each in (TOLD, TOLD.replace("21.5", "22.5")))
    found = diff(one, two, window=WINDOW)
    assert {each.note for each in found} == {
        None, _TOO_LONG, "times inside the recorded window, or counted from such"
    }  # fmt: skip
    assert not unexpected(diff(one[:5], two[:5], window=WINDOW))


def test_parts_that_are_each_paired_with_each_end_in_bounded_time() -> None:
    """Two graphs of shared lists that go round at other paces: as many pairs as one has parts times the other's."""

    def graph(size: int) -> Any:
        level: list[Any] = [["x"] * 9 for _ in range(size)]
        for _ in range(24):
            level = [[level[2 * at % size], level[(2 * at + 1) % size]] for at in range(size)]
        return level[0]

    began = perf_counter()
    ((_, *said),) = _parted(graph(401), graph(403))
    assert said == ["changed", _TOO_MANY, _TOO_MANY]
    assert perf_counter() - began < 10


def test_a_difference_that_deepdiff_does_not_see_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two values that differ would be the same."""
    monkeypatch.setattr("deepdiff.DeepDiff", lambda *values, **how: {})
    assert brief({"a": [1]}, {"a": [2]}) == [("$", "changed")]


def test_readable() -> None:
    """What is shown is plain JSON, long and odd values cut short."""
    (found,) = diff({"v": "x" * 10_000}, {"v": object()})
    assert len(found.recorded) < 600
    assert found.actual == "<opaque object>"


leaves = st.none() | st.booleans() | st.integers(0, 3) | st.floats() | st.sampled_from(["a", "b", b"c", (1,)])
trees = st.recursive(
    leaves, lambda i: st.lists(i, max_size=3) | st.dictionaries(st.sampled_from("abc"), i, max_size=3), max_leaves=8
)


@pytest.mark.parametrize(
    ("one", "two", "paths"),
    [
        ([False, True, False], [False, True, 0], ["$[2]"]),
        ([1, 2.0], [1.0, 2.0], ["$[0]"]),
        ([0, 1, "a"], [0, True, "b"], ["$[1]", "$[2]"]),
        ([7, 1], [8, 7, True], ["$[0]", "$[1]", "$[2]"]),
        ({"x": [{"y": (1, 2)}]}, {"x": [{"y": (True, 2)}]}, ["$.x[0].y[0]"]),
        ({1}, {True}, ["$"]),
        ({1}, frozenset({1}), ["$"]),
        ({1: "a"}, {True: "a"}, ["$.True", "$[1]"]),
        ({1: "a"}, {1.0: "a"}, ["$['1.0']", "$[1]"]),
        ({"n": Counter(a=1)}, {"n": {"a": 1}}, ["$.n.<type>"]),
        (0.0, -0.0, ["$"]),
        ({"price": Decimal("1.0")}, {"price": Decimal("1.00")}, ["$.price"]),
        ([datetime(2026, 1, 1, 12, tzinfo=UTC)], [datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))],
         ["$[0]"]),
    ],
)  # fmt: skip
def test_equal_to_python_and_yet_another_value(one: Any, two: Any, paths: list[str]) -> None:
    """What the canonical text tells apart is a difference, though `==` and DeepDiff take it for the same."""
    assert sorted(each.path for each in diff(one, two)) == paths


@settings(max_examples=60, deadline=None)
@given(trees, trees)
def test_found_if_and_only_if_different(one: Any, two: Any) -> None:
    """There is a difference exactly if the values differ in type or value."""

    def form(value: Any) -> Any:
        if isinstance(value, dict):
            return ("dict", tuple((k, form(value[k])) for k in sorted(value)))
        if isinstance(value, list | tuple):
            return (type(value).__name__, tuple(map(form, value)))
        return (type(value).__name__, "nan" if value != value else value)

    assert bool(diff(one, two)) == (form(one) != form(two))
