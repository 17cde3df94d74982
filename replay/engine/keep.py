"""Triggers: which recordings are kept, decided when they end.

A trigger is any `End -> bool`; those made here combine with `|` and `&`:
`on_error() | slower_than(2.0) | sample(0.01)`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Literal

import msgspec

from replay.core.recording import State
from replay.errors import UsageError


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a unit of work when it has ended."""

    state: State
    duration_ns: int = 0
    http_status: int | None = None
    """Of the answer, where the entry point is a web application."""
    scores: tuple[tuple[str, float], ...] = ()
    """Name and confidence of each model output that has one, in order."""
    status: Literal["ok", "error"] = "ok"
    """As `Recording.status`."""


class Trigger:
    """Says of an end whether its recording is kept. Immutable, safe in any thread, and it never raises."""

    __slots__ = ("_name", "test")

    def __init__(self, name: str, test: Callable[[End], bool]) -> None:
        self._name = name
        self.test = test

    def __call__(self, end: End) -> bool:
        return self.test(end)

    def __or__(self, other: Callable[[End], bool]) -> Trigger:
        """Kept if one of the two says so."""
        left, right = self.test, test_of(other)
        return Trigger(f"{self._name} | {_name_of(other)}", lambda end: left(end) or right(end))

    def __and__(self, other: Callable[[End], bool]) -> Trigger:
        """Kept if both say so."""
        left, right = self.test, test_of(other)
        name = f"{_grouped(self._name)} & {_grouped(_name_of(other))}"
        return Trigger(name, lambda end: left(end) and right(end))

    def __repr__(self) -> str:
        return self._name


def on_error() -> Trigger:
    """It raised, did not finish, or answered with a status of 500 or more."""
    return Trigger("on_error()", lambda end: end.state != "returned" or (end.http_status or 0) >= 500)


def slower_than(seconds: float) -> Trigger:
    """It took longer than `seconds` of wall clock."""
    limit = _number("slower_than", "seconds", seconds, 0.0, float("inf")) * 1e9
    return Trigger(f"slower_than({seconds})", lambda end: end.duration_ns > limit)


def status_at_least(code: int) -> Trigger:
    """It answered over HTTP with this status or a higher one."""
    least = _number("status_at_least", "code", code, 100, 999)
    return Trigger(f"status_at_least({code})", lambda end: end.http_status is not None and end.http_status >= least)


def sample(rate: float) -> Trigger:
    """One in `1 / rate`, at random: 0.01 keeps a hundredth. The application's generator is not drawn from."""
    share = _number("sample", "rate", rate, 0.0, 1.0)
    return Trigger(f"sample({rate})", lambda end: _draw() < share)


def score_below(threshold: float, name: str | None = None) -> Trigger:
    """A model output (of the model `name`, or of any) had a confidence under `threshold`, or NaN."""
    limit = _number("score_below", "threshold", threshold, float("-inf"), float("inf"))
    if name is not None and not isinstance(name, str):
        raise UsageError(f"score_below(name={name!r}): give the model's name, or leave it out for any model")
    shown = f"score_below({threshold})" if name is None else f"score_below({threshold}, {name!r})"

    def test(end: End) -> bool:
        # `not >=` instead of `<`: a NaN is the least confident answer of all.
        return any(not score >= limit for model, score in end.scores if name is None or model == name)

    return Trigger(shown, test)


def always() -> Trigger:
    """Every recording."""
    return Trigger("always()", lambda end: True)


def never() -> Trigger:
    """No recording: what is needed to measure the cost of capture alone."""
    return Trigger("never()", lambda end: False)


_MAKERS: tuple[object, ...] = (on_error, slower_than, status_at_least, sample, score_below, always, never)
_generator = Random()
_draw = _generator.random  # bound now: a tap on the `random` module's names later does not reach it
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_generator.seed)  # or all workers would sample the same requests


def _number(trigger: str, argument: str, value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        least_told = "" if least == float("-inf") else f" of at least {least:g}"
        span = least_told if most == float("inf") else f" from {least:g} to {most:g}"
        raise UsageError(f"{trigger}({argument}={value!r}): give a number{span}")
    return value


def test_of(other: Callable[[End], bool]) -> Callable[[End], bool]:
    """The plain function that decides: to call the object costs three times as much. UsageError if it is none."""
    if isinstance(other, Trigger):
        return other.test
    if any(other is each for each in _MAKERS):
        raise UsageError(f"{_name_of(other)} makes a trigger: call it, replay.{_name_of(other)}(...)")
    if callable(other):
        return other
    raise UsageError(f"{other!r} is no trigger: combine triggers such as replay.on_error(), or functions of the end")


def _name_of(other: object) -> str:
    return other._name if isinstance(other, Trigger) else getattr(other, "__qualname__", type(other).__qualname__)


def _grouped(name: str) -> str:
    return f"({name})" if " | " in name else name
