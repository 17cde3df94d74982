"""The names of what functions take by position: what is passed so has a name too, which may say that it is secret."""

from __future__ import annotations

import inspect
from typing import Any

_MOST = 20_000
_declared: dict[str, tuple[str, ...]] = {}


def declare(target: str, function: Any) -> None:
    """Note them as a function is decorated. By its name it may not be found later: it has another one, is made within a
    function, or belongs to a script (`__main__`). Runs no code of the application."""
    if len(_declared) < _MOST:
        _declared[target] = names_of(function)


def declared(target: str) -> tuple[str, ...] | None:
    """Those of `module:qualname`, or of another name that was given; None if it was not declared here."""
    return _declared.get(target)


def names_of(function: Any) -> tuple[str, ...]:
    """`self` and `cls` included, where they are passed; none of what has no code in Python."""
    bound = inspect.ismethod(function)
    inner = function.__func__ if bound else function
    for _ in range(50):
        held = inner.__dict__.get("__wrapped__") if inspect.isfunction(inner) else None
        if held is None:
            break
        inner = held
    if not inspect.isfunction(inner):
        inner = inspect.getattr_static(type(inner), "__call__", None)
        bound = True
    if not inspect.isfunction(inner):
        return ()
    return inner.__code__.co_varnames[int(bound) : inner.__code__.co_argcount]
