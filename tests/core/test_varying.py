"""What differs between the runs of one recording, and the matcher that it gets."""

from __future__ import annotations

from typing import Any

import pytest

from replay.core.paths import path_of
from replay.core.varying import varied

ONE, TWO = "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "9b2d7c9e-1c9b-4c0e-8f0e-5b6f5d1f0a11"


@pytest.mark.parametrize(
    ("recorded", "runs", "found"),
    [
        ({"a": 1}, [{"a": 1}, {"a": 1}], []),
        ({"a": 1}, [{"a": 2}, {"a": 2}], []),
        ({"a": 1}, [{"a": 2}, {"a": 3}], [("$.a", "type")]),
        ({"a": ONE}, [{"a": TWO}, {"a": ONE}], [("$.a", "uuid")]),
        ({"a": "none"}, [{"a": TWO}, {"a": ONE}], [("$.a", "type")]),
        ({"a": [1, 2]}, [{"a": [2, 1]}, {"a": [1, 2]}], [("$.a", "unordered")]),
        ({"a": [1, 3]}, [{"a": [2, 1]}, {"a": [1, 2]}], [("$.a[*]", "type")]),
        ({"a": [1]}, [{"a": [1]}, {"a": [1, 2]}], [("$.a", None)]),
        ({"a": True}, [{"a": True}, {"a": False}], [("$.a", None)]),
        ({"a": 0.3}, [{"a": 0.3}, {"a": 0.1 + 0.2}], [("$.a", "near")]),
        ({"a": "x,y"}, [{"a": "y,x"}, {"a": "x,y"}], [("$.a", "unordered")]),
        ({"a": [{}]}, [{"a": [{}]}, {"a": [{}, {}]}], [("$.a", None)]),
        ({"a": 1}, [{"a": 1}, {"a": "1"}], [("$.a", None)]),
        ({"a": 1}, [{"a": 1}, {"b": 1}], [("$", None)]),
        (1, [1, 2], [("$", None)]),
        (
            [{"n": 1, "id": ONE}, {"n": 2, "id": ONE}],
            [[{"n": 1, "id": TWO}, {"n": 2, "id": ONE}], [{"n": 2, "id": TWO}, {"n": 1, "id": ONE}]],
            [("$", "unordered"), ("$[*].id", "uuid")],
        ),
    ],
)
def test_what_varies_gets_the_strictest_matcher_that_holds(recorded: Any, runs: Any, found: Any) -> None:
    """Only differences between the runs count; the matcher must hold for what was recorded too."""
    assert [(path_of(each.steps), each.matcher) for each in varied(recorded, runs)] == found
