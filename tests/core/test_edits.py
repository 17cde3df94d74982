"""Edits as data: paths, lines, and what is stored of them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from replay.core.edits import Edit, line, parse, read_edit, write

PATHS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "input.args[0].items[1].qty": ("input", ("args", 0, "items", 1, "qty")),
    "http[2].headers.retry-after": ("http[2]", ("headers", "retry-after")),
    'call[12]["a b"]["$x"][""].c': ("call[12]", ("a b", "$x", "", "c")),
    'draws["0"].random[2]': ("draws", ("0", "random", 2)),
    'input["q\\"]\\u00e9"]': ("input", ('q"]é',)),
    "clock.started_at": ("clock", ("started_at",)),
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_read_and_written(path: str) -> None:
    """The text and the steps are the same thing."""
    assert parse(path) == PATHS[path]
    assert write(*PATHS[path]) == path


@pytest.mark.parametrize(
    "path", ["", "nowhere.x", "http.status", "input..a", "input.a b", "input[-1]", "input[a]", "http[1"]
)
def test_what_is_no_path_is_refused(path: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="not a path"):
        parse(path)


@pytest.mark.parametrize(
    "argument",
    [
        None,
        1,
        10**30,
        math.inf,
        "\ud800",
        b"\xff",
        [1, "a"],
        {"a": {"$b": 1}},
        (1, 2),
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
)
def test_an_edit_survives_json(argument: Any) -> None:
    """`[path, operator, argument]` is plain JSON, also of values that JSON lacks."""
    edit = Edit("input.args[0]", "set", argument)
    assert read_edit(json.loads(json.dumps(edit.tree()))) == edit


@pytest.mark.parametrize("tree", [None, [], ["input", "set"], ["nowhere", "set", 1], [1, 2, 3], {"path": "input"}])
def test_what_is_no_edit_is_refused(tree: Any) -> None:
    """A bundle may hold anything."""
    with pytest.raises(ValueError, match="not a"):
        read_edit(tree)


def test_edits_are_equal_by_their_key_only_if_they_are_the_same() -> None:
    """`True`, `1` and `1.0` are three edits."""
    keys = {Edit("input", "set", value).key for value in (True, 1, 1.0, "1", None)}
    assert len(keys) == 5


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Edit("http[2].body.plan", "set", None), "http[2].body.plan: null"),
        (Edit("http[2].body.plan", "drop"), "http[2].body.plan: drop"),
        (Edit("input.args[0].x", "set", math.nan), "input.args[0].x: NaN"),
        (Edit("http[0]", "answer", [429, "1"]), 'http[0]: answer 429, "1"'),
        (Edit("input.args[0]", "empty_page", True), "input.args[0]: empty page true"),
        (Edit("input.args[0]", "set", "\u202e\x1b"), 'input.args[0]: "\\u202e\\u001b"'),
    ],
)
def test_an_edit_is_one_ascii_line(edit: Edit, expected: str) -> None:
    """What is shown of it can drive no terminal."""
    assert line(edit) == expected


def test_a_long_argument_is_cut_in_its_line() -> None:
    """Its length is said."""
    assert line(Edit("input.args[0]", "set", "x" * 5000)).endswith("... (5,002 characters)")
