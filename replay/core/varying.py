"""Where the runs of one recording differ from each other, and what may cover that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from replay.core.covering import LARGEST, identity, matches, names_a_type, uuid_form
from replay.core.noise import Matcher
from replay.core.paths import EACH, Steps
from replay.core.plain import weight
from replay.core.times import both_inside
from replay.core.verdict import Window

ABSENT: Any = object()
"""What was not recorded, or not of that form."""
_STRICT: tuple[Matcher, ...] = ("uuid", "time", "near", "unordered", "type")


class Varied(msgspec.Struct, frozen=True):
    """One place in which runs differ."""

    steps: Steps
    matcher: Matcher | None
    """The strictest that matches it; None: none may."""


def varied(recorded: Any, runs: Sequence[Any], window: Window | None = None) -> list[Varied]:
    """Where the runs of a recording differ from each other. All are plain values; `recorded` may be ABSENT."""
    try:
        return _varied(recorded, runs, window)
    except RecursionError:
        return [Varied((), None)]


def _varied(recorded: Any, runs: Sequence[Any], window: Window | None) -> list[Varied]:
    if any(weight(each, LARGEST) >= LARGEST for each in (recorded, *runs)):
        same = all(each == runs[0] for each in runs[1:])
        return [] if same else [Varied((), None)]
    return list(_Varying(window).of((), recorded, runs))


class _Varying:
    """One walk over the values of several runs."""

    def __init__(self, window: Window | None) -> None:
        self._window = window

    def of(self, steps: Steps, recorded: Any, runs: Sequence[Any]) -> Iterator[Varied]:
        first = identity(runs[0])
        if all(identity(each) == first for each in runs[1:]):
            return
        kinds = {type(each) for each in runs}
        if kinds == {dict}:
            yield from self._mappings(steps, recorded, runs)
        elif kinds in ({list}, {tuple}):
            yield from self._sequences(steps, recorded, runs)
        else:
            yield Varied(steps, self._matcher(steps, recorded, runs))

    def _mappings(self, steps: Steps, recorded: Any, runs: Sequence[Any]) -> Iterator[Varied]:
        names = [name for name in runs[0] if all(name in each for each in runs)]
        if any(len(each) != len(names) for each in runs):
            yield Varied(steps, None)
        for name in names:
            inner = recorded.get(name, ABSENT) if isinstance(recorded, dict) else ABSENT
            for found in self.of((*steps, name), inner, [each[name] for each in runs]):
                yield Varied(found.steps, None) if names_a_type(runs[0], name) else found

    def _sequences(self, steps: Steps, recorded: Any, runs: Sequence[Any]) -> Iterator[Varied]:
        sides = [*runs] if recorded is ABSENT else [recorded, *runs]
        if len({(type(each), len(each) if isinstance(each, list | tuple) else -1) for each in sides}) != 1:
            yield Varied(steps, self._matcher(steps, recorded, runs))
            return
        if self._are_alike(sides, None):
            yield Varied(steps, "unordered")
            return
        found = list(self._items(steps, recorded, runs))
        if any(each.matcher in (None, "type") for each in found):
            mask = _Shapes(self._window)
            if self._are_alike(sides, mask):
                ordered = [sorted(each, key=lambda item: repr(mask.of(item))) for each in sides]
                inner = self._items(steps, ABSENT if recorded is ABSENT else ordered[0], ordered[-len(runs) :])
                yield Varied(steps, "unordered")
                at = len(steps)
                each_of = {(*found.steps[:at], EACH, *found.steps[at + 1 :]): found.matcher for found in inner}
                yield from (Varied(place, matcher) for place, matcher in each_of.items())
                return
        yield from _gathered(found, len(steps), len(runs[0]))

    def _items(self, steps: Steps, recorded: Any, runs: Sequence[Any]) -> Iterator[Varied]:
        for at in range(len(runs[0])):
            inner = ABSENT if recorded is ABSENT else recorded[at]
            yield from self.of((*steps, at), inner, [each[at] for each in runs])

    def _are_alike(self, sides: Sequence[Any], mask: _Shapes | None) -> bool:
        """Whether all have the same items."""
        counts = [Counter(identity(item) if mask is None else mask.of(item) for item in each) for each in sides]
        return all(each == counts[0] for each in counts[1:])

    def _matcher(self, steps: Steps, recorded: Any, runs: Sequence[Any]) -> Matcher | None:
        sides = [*runs] if recorded is ABSENT else [recorded, *runs]
        for matcher in _STRICT:
            if all(matches(matcher, sides[0], each, steps, self._window) for each in sides[1:]):
                return matcher
        return None


class _Shapes:
    """`identity`, where UUIDs are all one, and times inside the window too."""

    def __init__(self, window: Window | None) -> None:
        self._window = window

    def of(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "dict", frozenset((name, self.of(item)) for name, item in value.items())
        if isinstance(value, list | tuple):
            return type(value), tuple(map(self.of, value))
        form = uuid_form(value)
        if form is not None:
            return "uuid", form
        if self._window is not None and both_inside(value, value, self._window):
            return "time", type(value)
        return identity(value)


def _gathered(found: list[Varied], at: int, size: int) -> Iterator[Varied]:
    """Where all items of a list vary in the same way, one for all of them."""
    groups: dict[tuple[Steps, Matcher | None], list[Varied]] = {}
    for each in found:
        groups.setdefault((each.steps[at + 1 :], each.matcher), []).append(each)
    for (rest, matcher), members in groups.items():
        if size > 1 and len(members) == size:
            yield Varied((*members[0].steps[:at], EACH, *rest), matcher)
        else:
            yield from members


def at(value: Any, steps: Steps) -> Any:
    """What lies there; of `[*]` a list of all. None, where nothing does."""
    for number, step in enumerate(steps):
        if step is EACH:
            return [at(item, steps[number + 1 :]) for item in value] if isinstance(value, list | tuple) else None
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value
