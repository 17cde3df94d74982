"""Values against annotations: what is no misfit, and where the first one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Protocol, Required, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest

from replay.core.standins import Opaque
from replay.engine.declared import misfit

T = TypeVar("T")
Number = NewType("Number", int)


@dataclass
class Data:
    """A dataclass."""

    plan: str
    seats: int | None = None
    tags: list[str] = None  # type: ignore[assignment]  # the idiom is met


class Model(pydantic.BaseModel):
    """A pydantic model."""

    count: Annotated[int, pydantic.Field(ge=0)]
    name: str = pydantic.Field(max_length=3)


class Struct(msgspec.Struct):
    """A msgspec struct."""

    count: Annotated[int, msgspec.Meta(le=5)]


@attrs.define
class Attributes:
    """An attrs class."""

    count: int


class Pair(NamedTuple):
    """A named tuple."""

    left: int
    right: str


class Keys(TypedDict, total=False):
    """A typed dictionary."""

    count: Required[int]
    names: list[str]


class Most(TypedDict):
    """A typed dictionary with a key that may be missing."""

    count: int
    name: NotRequired[str]


class Reads(Protocol):
    """Says nothing that can be asked of an instance."""

    def read(self) -> str: ...


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3, float), (True, int), (None, None), ({"a": 1}, dict), ([1, "a"], list), ("x", Any), ("x", T), (3, Number),
        ("a", Literal["a", "b"]), ((1, 2), tuple[int, ...]), ((), tuple[()]), ([], Sequence[int]),
        (len, Callable[..., int]), ({"a": [1]}, Mapping[str, list[int]]), (Data("pro"), Data),
        (Data("pro", 3, ["a"]), Data | None), (Model(count=1, name="ann"), Model), (Struct(5), Struct),
        (Attributes(1), Attributes), (Pair(1, "a"), Pair), ({"count": 1}, Keys), ({"count": 1, "more": 2}, Keys),
        ({"count": 1}, Most), (object(), Reads), (Opaque("x.Y"), int), (3, "Unknown"),
    ],
)  # fmt: skip
def test_what_is_as_declared(value: Any, hint: Any) -> None:
    """Or is not understood."""
    assert misfit(value, hint) is None


@pytest.mark.parametrize(
    ("value", "hint", "path", "expected", "found"),
    [
        (None, str, "$", "str", "None"),
        ("3", int, "$", "int", "str '3'"),
        (1, None, "$", "None", "int 1"),
        ("c", Literal["a", "b"], "$", "Literal['a', 'b']", "str 'c'"),
        (1.5, int | str, "$", "int | str", "float 1.5"),
        ([1, None], list[int], "$[*]", "int", "None"),
        ((1,), tuple[int, int], "$", "2 items", "1 items"),
        ({"a": {"b": None}}, dict[str, dict[str, int]], "$.a.b", "int", "None"),
        (Data(None), Data | None, "$.plan", "str", "None"),  # type: ignore[arg-type]
        (Model.model_construct(count=-1, name="a"), Model, "$.count", "int >= 0", "int -1"),
        (Model.model_construct(count=1, name="anna"), Model, "$.name", "str of length <= 3", "str 'anna'"),
        (Struct(9), Struct, "$.count", "int <= 5", "int 9"),
        (Attributes("a"), Attributes, "$.count", "int", "str 'a'"),  # type: ignore[arg-type]
        (Pair(1, 2), Pair, "$.right", "str", "int 2"),  # type: ignore[arg-type]
        ({}, Keys, "$.count", "a key of Keys", "nothing"),
        ({"count": 1, "names": [1]}, Keys, "$.names[*]", "str", "int 1"),
    ],
)
def test_where_it_is_not(value: Any, hint: Any, path: str, expected: str, found: str) -> None:
    """The place, what is declared there, and what is there."""
    told = misfit(value, hint)
    assert told is not None
    assert (told.path, told.expected, told.found) == (path, expected, found)
