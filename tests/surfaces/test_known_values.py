"""The stored cause as a reader sees it; a bundle is untrusted."""

from __future__ import annotations

from typing import Any

import pytest

from replay.core.cause import Cause, with_cause
from replay.core.recording import Recording
from replay.surfaces.known_values import known_values
from tests.core.test_parts import recording


def noted(*cure: list[Any]) -> Recording:
    """An incident that failed by what lies under `a`, with a cure."""
    found = Cause(values=(("input.args[0].a", ""),), cure=cure)
    return with_cause(recording(given={"args": [{"a": 1}], "kwargs": {}}), found)


@pytest.mark.parametrize(
    ("cure", "shown"),
    [
        (["input.args[0].a", "set", 2], "2"),
        (["input.args[0]", "add", ["a", "x"]], '"x"'),
        (["input.args[0]", "add", None], None),
        (["input.args[0]", "add", ["a"]], None),
        (["input.args[0]", "add", {"$tuple": ["a", "x"]}], None),
        (["input.args[0]", "answered", 3], None),
    ],
)
def test_a_cure_is_shown_if_it_is_one(cure: list[Any], shown: str | None) -> None:
    """What is stored in its place is none, and breaks nothing."""
    (found,) = known_values(noted(cure))
    assert (found.path, found.value, found.cure) == ("input.args[0].a", "1", shown)


def test_a_cure_that_cannot_be_read_is_no_cause() -> None:
    """A reference to nothing, a path that is none."""
    for cure in (["input.args[0].a", "set", {"$ref": 3}], ["no path", "set", 2], ["input.args[0].a"]):
        assert known_values(noted(cure)) == ()
