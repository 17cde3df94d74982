"""Stored values opened for editing, and closed again."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from replay.core.changes import Gone, Renamed, Twice, at, changed
from replay.core.codec import Value, encode
from replay.core.opened import Opened, Typed, Unfit


@dataclass
class Order:
    sku: str
    count: int


VALUES: list[Any] = [
    {"a": [1, 2.5, None, True, "é", "\ud800"], "b": {"c": {}}},
    (1, [2], {"x": (3,)}),
    {1: "one", "$x": 2, None: 3, b"k": 4},
    [math.inf, 10**40, b"\x00\xff", datetime(2026, 3, 1, tzinfo=UTC), date(2026, 3, 1), Decimal("1.50")],
    OrderedDict(a=1),
    {frozenset({1}): 2},
    Order("a", 1),
    [Order("a", 1), {"order": Order("b", 2)}],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_closing_what_was_opened_gives_the_same_text(value: Any) -> None:
    """Nothing is lost by opening."""
    stored = encode(value)
    opened = Opened(stored)
    assert opened.close(opened.value).text == stored.text


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_copy_closes_to_the_same_text(value: Any) -> None:
    """Also where no stored tree is at hand to be reused."""
    stored = encode([value])
    other = Opened(Value("null"))
    assert other.close(Opened(stored).value).text == stored.text


def test_a_record_is_opened_to_its_fields() -> None:
    """The project's class is not needed, and an edited field is written back."""
    opened = Opened(encode(Order("a", 1)))
    assert isinstance(opened.value, Typed)
    edited = changed(opened.value, ("count",), lambda value: value + 41)
    place = f"{Order.__module__}:{Order.__qualname__}"
    found = opened.close(edited).decode(lambda module, name: Order if f"{module}:{name}" == place else None)
    assert found == Order("a", 42)


def test_what_is_shared_becomes_equal_copies() -> None:
    """An edit of one does not reach the other."""
    part = [1]
    opened = Opened(encode({"a": part, "b": part}))
    edited = changed(opened.value, ("a", 0), lambda value: 9)
    assert opened.close(edited).decode() == {"a": [9], "b": [1]}


def test_a_value_that_holds_itself_cannot_be_edited() -> None:
    """It could not be written apart."""
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(Unfit, match="holds itself"):
        Opened(encode(ring))


def test_what_grows_beyond_measure_when_written_apart_is_refused() -> None:
    """Each level holds the next one twice: forty of them would fill any memory."""
    value: list[Any] = ["x"]
    for _ in range(40):
        value = [value, value]
    with pytest.raises(Unfit, match="too many parts"):
        Opened(encode(value))


def test_only_the_way_to_a_change_is_copied() -> None:
    """The rest of the value is shared."""
    value = {"a": {"b": 1}, "c": {"d": 2}}
    new = changed(value, ("a", "b"), lambda old: old + 1)
    assert new == {"a": {"b": 2}, "c": {"d": 2}}
    assert value == {"a": {"b": 1}, "c": {"d": 2}}
    assert new["c"] is value["c"]


def test_places_are_taken_out_renamed_and_doubled() -> None:
    """Where they stand, the order of the others kept."""
    value = {"a": 1, "b": [1, 2], "c": 3}
    assert list(changed(value, ("a",), lambda _: Renamed("z")).items()) == [("z", 1), ("b", [1, 2]), ("c", 3)]
    assert changed(value, ("b",), lambda _: Gone()) == {"a": 1, "c": 3}
    assert changed(value, ("b", 0), lambda _: Gone()) == {"a": 1, "b": [2], "c": 3}
    assert changed(value, ("b", 1), lambda _: Twice())["b"] == [1, 2, 2]
    assert changed((1, 2), (0,), lambda _: Gone()) == (2,)


@pytest.mark.parametrize("steps", [("x",), ("a", "x"), ("b", 7), ("b", "0")])
def test_a_place_that_is_not_there_is_unfit(steps: tuple[Any, ...]) -> None:
    """So an edit of it does nothing."""
    with pytest.raises(Unfit):
        at({"a": 1, "b": [1]}, steps)
