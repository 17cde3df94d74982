"""Each type that the codec keeps, by name: a property of its round trip."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, timedelta, timezone
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.core.codec import encode
from tests.core.test_codec import Color, Flags, Frozen, Labels, Pair, Slotted, Ticket, Tool, any_text, ours, same, zones

try:
    from hypothesis.extra import numpy as npst
    from hypothesis.extra import pandas as pdst

    INSTALLED = True
except ImportError:
    INSTALLED = False

scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text
keys = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text | st.binary(max_size=4)
    | st.dates() | st.uuids() | st.sampled_from(Color) | st.tuples(any_text, st.integers())
    | st.frozensets(st.integers(), max_size=2)
)  # fmt: skip
words = st.text(st.characters(exclude_characters="/\\\0", codec="utf-8"), min_size=1, max_size=6)
TYPES: dict[str, st.SearchStrategy[Any]] = {
    "JSON": st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=8),
    "big ints": st.integers(1 << 53, 1 << 300) | st.integers(-(1 << 300), -(1 << 53)),
    "nan, inf, -0.0": st.sampled_from([math.nan, -math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324]),
    "bytes": st.binary() | st.binary().map(bytearray),
    "tuples": st.tuples() | st.tuples(scalars) | st.tuples(scalars, st.tuples(scalars)),
    "sets": st.sets(keys, max_size=5),
    "frozensets": st.frozensets(keys, max_size=5),
    "dicts": st.dictionaries(keys, scalars, max_size=6),
    "dataclasses": st.builds(Frozen, any_text, scalars) | st.builds(Slotted, st.integers()),
    "named tuples": st.builds(Pair, scalars, scalars),
    "enums": st.sampled_from([*Color, *Flags, Flags.A | Flags.B]),
    "datetime": st.datetimes(timezones=zones) | st.datetimes(),
    "date": st.dates(),
    "time": st.times() | st.times(timezones=st.just(UTC)),
    "timedelta": st.timedeltas(),
    "timezone": st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
    | st.builds(timezone, st.just(timedelta(hours=1)), words),
    "ZoneInfo": st.sampled_from(["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "America/St_Johns"]).map(ZoneInfo),
    "Decimal": st.decimals(),
    "Fraction": st.fractions(),
    "UUID": st.uuids(),
    "paths": st.lists(words, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from([Path, PurePosixPath, PureWindowsPath]).map(lambda kind: kind(*parts))
    ),
    "pydantic models": st.builds(Ticket, id=st.integers(), labels=st.lists(words, max_size=2))
    | st.lists(words, max_size=2).map(Labels),
    "attrs models": st.builds(Tool, any_text, st.lists(any_text, max_size=2)),
    "lone surrogates": st.text(st.characters(categories=["Cs"]), min_size=1),
}  # fmt: skip
if INSTALLED:
    kinds = npst.boolean_dtypes() | npst.integer_dtypes() | npst.floating_dtypes() | npst.datetime64_dtypes()
    kinds |= npst.unicode_string_dtypes(max_len=4) | npst.byte_string_dtypes(max_len=4) | npst.complex_number_dtypes()
    TYPES["NumPy arrays"] = kinds.flatmap(lambda kind: npst.arrays(kind, npst.array_shapes(max_dims=3, max_side=3)))
    TYPES["NumPy scalars"] = kinds.flatmap(lambda kind: npst.arrays(kind, 1)).map(lambda array: array[0])
    TYPES["pandas frames"] = pdst.data_frames(
        [pdst.column("n", dtype=int), pdst.column("x", dtype=float), pdst.column("t", elements=words, dtype=object)],
        index=pdst.range_indexes(max_size=3) | pdst.indexes(elements=words, dtype=object, max_size=3),
    ) | pdst.series(dtype=float)


def alike(one: Any, two: Any) -> bool:
    """Equal in type and content."""
    if type(one) is type(two) and hasattr(one, "tobytes"):
        return (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())
    if type(one) is type(two) and hasattr(one, "equals"):
        return bool(one.equals(two))
    return same(one, two)


@pytest.mark.parametrize("name", TYPES)
def test_round_trip(name: str) -> None:
    """It comes back as it was, without a gap, and is written the same again."""

    @settings(max_examples=25, deadline=None)
    @given(TYPES[name])
    def holds(value: Any) -> None:
        stored = encode(value)
        assert stored.gaps == ()
        back = stored.decode(ours)
        assert alike(value, back), (value, back)
        assert encode(back).text == stored.text

    holds()


ERRORS = st.sampled_from([ValueError, KeyError, RuntimeError, LookupError, ArithmeticError, ConnectionResetError])


def raised(kind: type[Exception], args: tuple[Any, ...], notes: list[str], why: Callable[[], None] | None) -> Exception:
    """An error as it is caught: raised, with another as its cause or its context."""
    try:
        try:
            if why is not None:
                why()
        except Exception as other:
            raise kind(*args) from (other if notes else None)
        raise kind(*args)
    except Exception as error:
        for note in notes:
            error.add_note(note)
        return error


def _lookup() -> None:
    {}["plan"]


@settings(max_examples=25, deadline=None)
@given(ERRORS, st.lists(st.integers() | words, max_size=3), st.lists(words, max_size=2), st.booleans())
def test_exceptions(kind: type[Exception], args: list[Any], notes: list[str], chained: bool) -> None:
    """Type, arguments, message, cause and context, notes, and frames with file, line, function and source line."""
    error = raised(kind, tuple(args), notes, _lookup if chained else None)
    stored = encode(error)
    back = stored.decode()
    assert (type(back), back.args, str(back), vars(back).get("__notes__", [])) == (kind, error.args, str(error), notes)
    assert (type(back.__cause__), type(back.__context__)) == (type(error.__cause__), type(error.__context__))
    file, line, function, source = stored.tree["$error"]["frames"][-1]
    assert (file, function, source.split()[0]) == (__file__, "raised", "raise")
    assert line == error.__traceback__.tb_lineno  # type: ignore[union-attr]
    assert encode(back).text == stored.text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=6, max_size=6), st.data())
def test_shared_and_cyclic_references(edges: list[list[int]], data: st.DataObject) -> None:
    """Whatever refers to whatever: each object comes back once, in the same places."""
    kinds = data.draw(st.lists(st.sampled_from([list, dict]), min_size=6, max_size=6))
    nodes: list[Any] = [kind() for kind in kinds]
    for node, targets in zip(nodes, edges, strict=True):
        for number, target in enumerate(targets):
            if type(node) is list:
                node.append(nodes[target])
            else:
                node[number] = nodes[target]
    assert shape(encode(nodes).decode()) == shape(nodes)


def shape(root: Any) -> list[Any]:
    """A graph as a list: each object's type, and the numbers of those that it holds, in the order of meeting them."""
    numbers: dict[int, int] = {id(root): 0}
    waiting, out = [root], []
    for node in waiting:
        held = list(node.values()) if type(node) is dict else node
        for each in held:
            if id(each) not in numbers:
                numbers[id(each)] = len(numbers)
                waiting.append(each)
        out.append((type(node).__name__, [numbers[id(each)] for each in held]))
    return out
