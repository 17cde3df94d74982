"""Answers to the same question, asked many times: made small together, name by name.

A batch job or an agent asks one thing hundreds of times. What it never reads of an answer it reads of none of them:
that goes from all at once, in as few runs as it takes for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from replay.core.cause import asked
from replay.core.recording import Recording
from replay.engine.reduce import neutral
from replay.engine.shrink import fewest

MANY = 16
"""Answers from which on they are made small together."""

Values = dict[str, Any]
"""Name of a part -> its value, or what lies at one place of it."""
Test = Callable[[Values], bool]
"""Whether it still fails in the same way with these values."""


def crowds(recording: Recording, parts: Iterable[str]) -> Mapping[str, str]:
    """Of each part whose question was asked often: what was asked."""
    targets = {i.seq: f"{i.boundary} {asked(i.target)}" for i in recording.interactions}
    found: dict[str, list[str]] = {}
    for name in parts:
        root, _, number = name.partition("[")
        if number and root in ("http", "call", "model"):
            found.setdefault(targets[int(number[:-1])], []).append(name)
    return {name: target for target, names in found.items() if len(names) >= MANY for name in names}


def together(values: Values, test: Test) -> Values:
    """The smallest values found, of the same shape, for which `test` holds; it holds for `values`."""
    least = {name: small for name, value in values.items() for small in neutral(value)[:1]}
    if not least:
        return values
    if test({**values, **least}):
        return {**values, **least}
    inner = dict.fromkeys(name for value in values.values() if type(value) is dict for name in value)
    kept = fewest(tuple(inner), lambda kept: test(_only(values, kept)))
    values = _only(values, kept)
    for name in kept:
        values = _column(values, name, test)
    return values


def _column(values: Values, name: Any, test: Test) -> Values:
    """With what lies under this name made small."""
    column = {root: value[name] for root, value in values.items() if type(value) is dict and name in value}
    return _with(values, name, together(column, lambda new: test(_with(values, name, new))))


def _only(values: Values, kept: tuple[Any, ...]) -> Values:
    return {
        root: {name: value[name] for name in value if name in kept} if type(value) is dict else value
        for root, value in values.items()
    }


def _with(values: Values, name: Any, column: Values) -> Values:
    return {root: {**value, name: column[root]} if root in column else value for root, value in values.items()}
