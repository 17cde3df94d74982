"""What `--json` prints."""

from __future__ import annotations

import json

import pytest

from replay.core.codec import Value
from replay.surfaces.documents import dumps


@pytest.mark.parametrize("depth", [3, 50, 70, 500])
def test_what_is_nested_deep_takes_no_room_for_blanks(depth: int) -> None:
    """It is indented as far as somebody reads it; what it says is the same."""
    text = dumps({"request": Value("[" * depth + "]" * depth)})
    assert len(text) < 100 + (3 * depth**2 if depth < 60 else 2 * depth)
    found = json.loads(text)["request"]
    for _ in range(depth - 1):
        (found,) = found
    assert found == []


def test_nothing_in_it_drives_a_terminal_or_a_build_server() -> None:
    """Neither escapes nor workflow commands."""
    assert dumps({"a": "\x1b[2J ##[group] \u202e"}) == '{\n  "a": "\\u001b[2J #\\u0023[group] \\u202e"\n}'
