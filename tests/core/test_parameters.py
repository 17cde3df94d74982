"""What is passed by position has the name of its parameter, however the function was made."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Any
from unittest.mock import patch

import click
import pytest

from replay.core.parameters import Shifted, declare, declared, names_of


def plain(user: str, /, pin: str, *rest: str, more: int = 0) -> None: ...
async def later(user: str, pin: str) -> None: ...


@wraps(plain)
def wrapped(*args: Any, **kwargs: Any) -> None: ...


def noted(function: Callable[..., Any]) -> Callable[..., Any]:
    """As most decorators do."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        if args[0] == "x":
            return function(*args, **{**kwargs, "more": 1})
        return function(*args, **kwargs)

    return inner


def given(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `click.pass_context` does."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function("context", *args, **kwargs)

    return inner


def taken(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def inner(*args: Any) -> Any:
        return function(*args[1:])

    return inner


def added(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        def later() -> Any:
            return function(*((1, *args)), **kwargs)

        return later()

    return inner


def fixed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def inner(value: str) -> Any:
        return function("context", value)

    return inner


class Wrapper:
    """An object that says what it wraps."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function

    def __call__(self, *args: Any) -> Any:
        return self.__wrapped__(1, *args)


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
        (partial(plain, "x"), ("pin",)),
        (lru_cache(plain), ("user", "pin")),
        (noted(plain), ("user", "pin")),
        (noted(Client.get), ("self", "user", "pin")),
        (patch("os.getpid")(plain), ("user", "pin")),
        (len, ()),
        (None, ()),
    ],
)
def test_names(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    """Of what is passed; none of what has no code in Python."""
    assert names_of(function) == names


@pytest.mark.parametrize("decorator", [given, taken, added, fixed, Wrapper, click.pass_context])
def test_names_behind_a_decorator_that_passes_others(decorator: Callable[..., Any]) -> None:
    """Which name is at which position is not known: any may be."""
    names = names_of(decorator(noted(plain)))
    assert isinstance(names, Shifted)
    assert {"user", "pin"} <= set(names)
    assert type(names_of(decorator(partial(plain, "x")))) is Shifted


def test_declared_under_a_name() -> None:
    """A name that was given need not be where the function is."""
    declare("fraud-v3", plain)
    assert declared("fraud-v3") == ("user", "pin")
    assert declared("fraud-v4") is None
