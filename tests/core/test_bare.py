"""Plain data is told from what needs an encoder."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

import msgspec
import pytest

from replay.core.bare import LONGEST, MOST, is_bare
from replay.core.codec import Limits, encode

SHARED: list[int] = [1]


class Number(IntEnum):
    """An int by another type."""

    ONE = 1


class Text(str):
    """A str by another type."""


PLAIN: list[Any] = [
    {}, [], "", "text", {"a": 1, "b": [True, None, -1.5, "x"]}, [[1], [1]], {"": 0}, [2**63 - 1, -(2**63)],
    {"deep": {"deeper": [{"deepest": 0.1}]}}, list(range(MOST - 1)), None, True, 0, -1, 2**63 - 1, -(2**63), 1.5, -0.0,
    1e308,
]  # fmt: skip
OTHER: list[Any] = [
    2**63, -(2**63) - 1, math.nan, math.inf, Number.ONE, Text("x"),
    b"", (), {1: 2}, {"$a": 1}, {"é": 1}, "é", ["\ud800"], [math.nan], [-math.inf], [2**63],
    [-(2**63) - 1], [SHARED, SHARED], {"a": SHARED, "b": SHARED}, [Number.ONE], [Text("x")], {Text("x"): 1}, [(1,)],
    list(range(MOST + 1)), ["x" * (LONGEST + 1)], {"x" * (LONGEST + 1): 1}, "x" * (LONGEST + 1), {1, 2},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_is_its_own_tree(value: Any) -> None:
    """As the encoder writes it too: limits that are not the usual ones go the long way."""
    assert is_bare(value) is True
    assert encode(value) == encode(value, Limits(depth=99))
    assert msgspec.json.decode(encode(value).text) == value


@pytest.mark.parametrize("value", OTHER, ids=lambda value: repr(value)[:20])
def test_what_the_encoder_must_see(value: Any) -> None:
    """Tags, references, limits."""
    assert is_bare(value) is False
    assert encode(value) == encode(value, Limits(depth=99))


def test_what_holds_itself() -> None:
    """It is not followed for ever."""
    value: dict[str, Any] = {"a": 1}
    value["self"] = [value]
    assert is_bare(value) is False
    assert encode(value).text == '{"$id":[0,{"a":1,"self":[{"$ref":0}]}]}'
