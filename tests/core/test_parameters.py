"""What is passed by position has the name of its parameter, however the function was made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest

from replay.core.parameters import declare, declared, names_of


def plain(user: str, /, pin: str, *rest: str, more: int = 0) -> None: ...
async def later(user: str, pin: str) -> None: ...


@wraps(plain)
def wrapped(*args: Any, **kwargs: Any) -> None: ...


class Client:
    """Its methods and its objects are called."""

    def get(self, user: str, pin: str) -> None: ...
    def __call__(self, user: str, pin: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (plain, ("user", "pin")),
        (later, ("user", "pin")),
        (wrapped, ("user", "pin")),
        (Client.get, ("self", "user", "pin")),
        (Client().get, ("user", "pin")),
        (Client(), ("user", "pin")),
        (Client, ()),
        (partial(plain, "x"), ()),
        (len, ()),
        (None, ()),
    ],
)
def test_names(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    """Of what is passed; none of what has no code in Python."""
    assert names_of(function) == names


def test_declared_under_a_name() -> None:
    """A name that was given need not be where the function is."""
    declare("fraud-v3", plain)
    assert declared("fraud-v3") == ("user", "pin")
    assert declared("fraud-v4") is None
