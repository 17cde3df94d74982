"""What a call left in its arguments, at replay: put into those of the call now, and compared at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any

import msgspec

from replay.core.codec import Value, encode
from replay.core.compare import differences
from replay.core.families.seen import is_own
from replay.core.left import CONTAINERS, LEFT, is_noted
from replay.core.looking import address_of, assign, attributes, dotted
from replay.core.noise import LEFT as LEFT_THERE
from replay.core.noise import Noise
from replay.core.recording import Recording
from replay.core.standins import Opaque, Truncated
from replay.core.verdict import Difference, Window
from replay.core.written import json_text

_FIXED = (str, int, type(None), bool, float, bytes)
_FINAL = (*_FIXED, tuple, frozenset, Enum, BaseException, type)
"""What is replaced, not changed."""
_CALL = {"args", "kwargs"}
"""Of an input. What else it holds (a task's request) is no argument."""


def recorded_left(recording: Recording) -> Value | None:
    """What the unit of work left in its arguments; None: that is not known."""
    held = recording.facts[LEFT] if is_noted(recording) else None
    if type(held) is not dict:
        return None
    if held:
        return Value(json_text(held))
    before = recording.input.tree
    if type(before) is not dict or before.keys() <= _CALL:
        return recording.input
    return Value(json_text({name: before[name] for name in _CALL if name in before}))


def parted(recording: Recording, now: Value, window: Window, ignore: Collection[str],
           tolerances: Mapping[str, float] | float, noise: Collection[Noise]) -> list[Difference]:  # fmt: skip
    """Where a replay left other arguments behind than production did, `input afterwards $.args[0].total`."""
    recorded = recorded_left(recording)
    if recorded is None:
        return []
    found = differences(recorded, now, window=window, ignore=ignore, tolerances=tolerances, noise=noise)
    return [msgspec.structs.replace(each, path=f"{LEFT_THERE} {each.path}") for each in found]


class Filling:
    """Changes arguments as recorded ones were changed."""

    def __init__(self, before: Any, after: Mapping[str, Any]) -> None:
        """Both as they were decoded: of any shape."""
        self._before = before if type(before) is dict else {}
        self._after = after
        self._met: dict[int, Any] = {}
        """By the address of a recorded container: the one that is given now."""

    def fill(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the call returned: one of the arguments, if it was one."""
        self._change([*args], self._before.get("args"), self._after["args"])
        self._change({**kwargs}, self._before.get("kwargs"), self._after["kwargs"])
        returned = self._after["returned"]
        return self._met.get(address_of(returned), returned)

    def _change(self, now: Any, before: Any, after: Any) -> bool:
        """Change `now` in place as `before` was into `after`; False: another value has to take its place."""
        if address_of(after) in self._met:
            return self._met[address_of(after)] is now
        kind = type(after)
        if kind in _FIXED or not _name_of(now) == _name_of(before) == _name_of(after):
            return _same(before, after)
        if kind is tuple and len(now) == len(before) == len(after):
            changed = [self._change(*each) for each in zip(now, before, after, strict=True)]
            return all(changed)
        if not isinstance(after, CONTAINERS) and not _has_fields(now):
            return _same(before, after)
        self._met[address_of(after)] = now
        if isinstance(after, dict):
            self._mapping(now, before, after)
        elif isinstance(after, list):
            self._list(now, before, after)
        elif isinstance(after, deque):
            items = list(now)
            self._list(items, list(before), list(after))
            now.clear()
            now.extend(items)
        elif isinstance(after, set):
            now -= before - after
            now |= after - before
        elif isinstance(after, bytearray):
            if before != after:
                now[:] = after
        else:
            self._object(now, _fields(before), _fields(after))
        return True

    def _mapping(self, now: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> None:
        for key in before:
            if key not in after:
                now.pop(key, None)
        for key, item in after.items():
            if key not in before or (key in now and not self._change(now[key], before[key], item)):
                now[key] = self._given(item)

    def _list(self, now: list[Any], before: list[Any], after: list[Any]) -> None:
        if len(before) == len(after) == len(now):
            for at, item in enumerate(after):
                if not self._change(now[at], before[at], item):
                    now[at] = self._given(item)
            return
        first = _alike(before, after)
        last = _alike(before[first:][::-1], after[first:][::-1])
        now[first : max(first, len(now) - last)] = [self._given(item) for item in after[first : len(after) - last]]

    def _object(self, now: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        held = attributes(now)
        for name in before:
            if name not in after:
                with suppress(Exception):
                    delattr(now, name)
        for name, item in after.items():
            if name in before and (name not in held or self._change(held[name], before[name], item)):
                continue
            if type(item) is Opaque or type(item) is Truncated:
                continue  # nothing stands for it
            try:
                setattr(now, name, self._given(item))
            except Exception:  # frozen for its users, not for its own methods
                assign(now, name, self._given(item))

    def _given(self, after: Any) -> Any:
        """A recorded value, or what is given now where it is one of those."""
        return self._met.get(address_of(after), after)


def _alike(one: list[Any], other: list[Any]) -> int:
    """How many items two lists begin with in common."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if not _same(a, b):
            return at
    return min(len(one), len(other))


def _same(one: Any, other: Any) -> bool:
    return encode(one).text == encode(other).text


def _name_of(value: Any) -> str:
    return value.type if type(value) is Opaque else dotted(type(value))


def _has_fields(now: Any) -> bool:
    """Whether it is an object of the application that others may change."""
    kind = type(now)
    frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
    return is_own(kind) and not frozen and not isinstance(now, _FINAL)


def _fields(value: Any) -> dict[str, Any]:
    return value.fields or {} if type(value) is Opaque else attributes(value)
