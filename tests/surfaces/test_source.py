"""Plain data and its source: nothing but JSON's types, read back as it was, laid out as a formatter does."""

from __future__ import annotations

import ast
import datetime
import json
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.core.codec import encode
from replay.core.opened import Opened
from replay.surfaces.plainly import plain
from replay.surfaces.source import LONGEST, Sources, docstring

words = st.text(
    alphabet=st.one_of(st.sampled_from("\"'\\\n\r\t\0 a#{}%\u202e\ud83d\x7f☃"), st.characters()), max_size=150
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def constant(code: str) -> ast.expr:
    """What the one assignment of `code` assigns."""
    (statement,) = ast.parse(code).body
    assert isinstance(statement, ast.AnnAssign)
    assert statement.value is not None
    return statement.value


@settings(max_examples=300, deadline=None, database=None)
@given(values, st.sampled_from([72, 88, 120]))
def test_read_back(value: Any, width: int) -> None:
    """What is not left to the side file is the value, whatever its text; that file is JSON."""
    sources = Sources(width)
    code = sources.assigned("V", value)
    assert code.isascii()
    assert json.loads(json.dumps(sources.long)) == sources.long
    if not sources.long:
        assert ast.literal_eval(constant(code)) == value
    elif "V" in sources.long:
        assert sources.long["V"] == value


def test_long_text_goes_aside() -> None:
    """Under a name that says where it was taken from."""
    sources = Sources()
    code = sources.assigned("INPUT", {"a": 1, "b": ["x" * (LONGEST + 1)]})
    assert sources.long == {"INPUT.1.0": "x" * (LONGEST + 1)}
    assert ast.dump(constant(code)).count("Subscript") == 1


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("width", [72, 88, 120])
def test_the_formatter_leaves_it(width: int) -> None:
    """Many values of every shape in one file: Ruff changes nothing."""
    found: list[str] = ["from typing import Any\n", "LONG: Any = {}"]

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(values, st.lists(words, max_size=3))
    def gather(value: Any, lines: list[str]) -> None:
        name = f"V{len(found)}"
        found.append(Sources(width).assigned(name, value))
        found.append(f"\n\ndef f{len(found)}() -> None:\n{docstring('Does.', ['x', *lines, 'end'], width)}\n\n")

    gather()
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(width), "--diff", "-"]
    done = subprocess.run(command, input="\n".join(found).rstrip() + "\n", text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, 2)}, {"a": [1, 2]}),
        (b"\x00a", {"<bytes>": "\x00a"}),
        (float("nan"), "nan"),
        (10**200, hex(10**200)),
        (Decimal("1.50"), "1.50"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        ({1: "a", "1": "b"}, [["1", "a"], ["1", "b"]]),
    ],
)
def test_plain(value: Any, expected: Any) -> None:
    """What JSON has no form for becomes text, a list or a mapping."""
    found = plain(Opened(encode(value)).value)
    assert (found, type(found)) == (expected, type(expected))
