"""Hypothesis' shrinking of what edits change values into."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replay.core.edits import Edit
from replay.engine.mutation import Edits
from replay.engine.smaller import MOST, smaller


def of(argument: Any, fails: Callable[[Any], bool], operator: str = "set") -> Any:
    """The smallest argument of a single edit."""
    found = smaller((Edit("input.a", operator, argument),), lambda edits: fails(edits[0].argument))
    assert (len(found), found[0].path, found[0].operator) == (1, "input.a", operator)
    return found[0].argument


@pytest.mark.parametrize(
    ("argument", "fails", "smallest"),
    [
        ("hello world ß", lambda text: "ß" in text, "ß"),
        ("a long and \ud800 text", lambda text: "\ud800" in text, "\ud800"),
        ("abc,def", lambda text: text.count(",") == 1 and len(text) > 2, "00,"),
        (10**30, lambda number: number > 12_345, 12_346),
        (-(10**30), lambda number: number < -77, -78),
        (1e308, lambda number: number > 1000.5, 1001.0),
        (float("inf"), lambda number: number > 1000.5, 1001.0),
        (b"abc\xffdef", lambda data: b"\xff" in data, b"\xff"),
        ({"x": [1, 2, {"k": "v"}], "y": 3}, lambda value: bool(value.get("x")), {"x": [0]}),
        (None, lambda value: True, None),
        ("2024-02-29T23:59:60Z", lambda text: ":60" in text, "2024-02-29T23:59:60Z"),
    ],
)
def test_an_argument_becomes_as_small_as_it_may(argument: Any, fails: Callable[[Any], bool], smallest: Any) -> None:
    """Shorter, nearer to zero, fewer items, plainer characters; of the same type; days stay days."""
    found = of(argument, fails)
    assert (type(found), found) == (type(smallest), smallest)


def test_operators_with_arguments_of_their_own() -> None:
    """A count and the text around are made smaller; a place in a text is not."""
    assert of(100, lambda count: count > 7, "many") == 8
    assert of(["  ", "\n"], lambda around: around[0].startswith(" "), "pad") == [" ", ""]
    assert of([5, "xyzß"], lambda what: "ß" in what[1], "put") == [5, "ß"]
    assert of(-12, lambda at: True, "cut") == -12


def test_edits_that_are_not_needed_go() -> None:
    """And none that are; each is the smallest of its kind."""
    edits = (Edit("input.a", "set", 5), Edit("input.b", "set", "text"), Edit("input.c", "drop"))
    found = smaller(edits, lambda tried: {"input.a", "input.c"} <= {edit.path for edit in tried})
    assert found == (Edit("input.a", "set", 0), Edit("input.c", "drop"))


def test_what_means_something_is_left() -> None:
    """A value that was seen in production, a status."""
    edit = Edit("input.a", "set", "enterprise")
    ran: list[Edits] = []
    assert smaller((edit,), lambda edits: not ran.append(edits), leave=lambda each: True) == (edit,)
    assert ran == []


def test_it_runs_no_more_than_it_may_and_each_mutation_once() -> None:
    """Where it stops, the best that was found stays."""
    ran: list[str] = []

    def fails(edits: Edits) -> bool:
        ran.append(edits[0].key)
        return int(edits[0].argument) % 7 == 3

    argument = 7 * 10**40 + 3
    found = smaller((Edit("input.a", "set", argument),), fails)
    assert found[0].argument % 7 == 3
    assert found[0].argument < argument
    assert len(ran) == len(set(ran)) <= MOST
    short = smaller((Edit("input.a", "set", argument),), fails, most=3)
    assert found[0].argument <= short[0].argument <= argument


def test_equal_calls_give_equal_answers_also_in_ci(tmp_path: Path) -> None:
    """Whatever profile Hypothesis has loaded, and it leaves no files."""
    script = (
        "from replay.engine.smaller import smaller; from replay.core.edits import Edit; ran = []\n"
        "fails = lambda edits: not ran.append(str(edits[0])) and len(edits[0].argument) % 3 == 1\n"
        "print(smaller((Edit('input.a', 'set', 'abcdefghij' * 4),), fails), ran)"
    )
    told = [
        subprocess.run([sys.executable, "-c", script], env={**os.environ, **more}, cwd=tmp_path, text=True,
                       capture_output=True, check=True, timeout=60).stdout
        for more in ({}, {"CI": "true", "PYTHONHASHSEED": "7"})
    ]  # fmt: skip
    assert told[0] == told[1] != ""
    assert list(tmp_path.iterdir()) == []
