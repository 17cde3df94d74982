"""What a call left in its arguments, at replay: put into those of the call now, and compared at the end."""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from io import BytesIO, StringIO
from operator import is_
from typing import Any

import msgspec

from replay.core.codec import Resolve, Value, encode
from replay.core.compare import differences
from replay.core.families.seen import is_own
from replay.core.left import CONTAINERS, HOLDERS, LARGEST, LEFT, filled, has_left, is_left, is_noted
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
_MOST_ALIKE = 20
"""Items of a list that one is compared with because of one thing that they hold."""
_CALLS = frozenset({"call", "model"})
_UNSEEN = (
    "arguments above 64 KB are not looked at again after a call: what it changed in them, if it did, stays as it was"
)
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


def unseen(recording: Recording) -> Iterator[Difference]:
    """Of which calls no recorder looks whether they changed their arguments: these are too large for that."""
    for each in recording.interactions:
        if each.boundary not in _CALLS or len(each.request.text) <= LARGEST or f'"{LEFT}":' in each.answer.text:
            continue
        given = each.request.tree
        held = [*given.get("args", ()), *given.get("kwargs", {}).values()] if type(given) is dict else []
        if any(type(item) in (dict, list) for item in held):
            yield Difference(f"interaction[{each.seq}].request afterwards", "unknown", note=_UNSEEN)


def refitted(answer: Value, recorded: Value, asked: Value, resolve: Resolve) -> Value:
    """The stored answer of a call that was asked otherwise than `recorded`: what it changes is changed in what was
    `asked`, so that a recording of the two changes the same. As it is if that cannot be stored."""
    if not has_left(answer) or recorded.text == asked.text:
        return answer
    found = answer.decode(resolve)
    if not is_left(found):
        return answer
    given = asked.decode(resolve)
    try:
        now = {"args": given["args"], "kwargs": given["kwargs"]}
        value = Filling(recorded.decode(resolve), found.fields).fill(tuple(now["args"]), now["kwargs"])
    except Exception:  # a bundle holds any shape, and classes may refuse what is put into them
        return answer
    return filled({"returned": value, **now}) or answer


class Filling:
    """Changes arguments as recorded ones were changed.

    First it is found which of the values now each recorded one is, then they are changed: whatever refers to one of
    them refers to that of now, wherever it stands. Which item of a list is which is not recorded; a list may have been
    sorted meanwhile, so that is told by what they hold.
    """

    def __init__(self, before: Any, after: Mapping[str, Any]) -> None:
        """Both as they were decoded: of any shape."""
        self._before = before if type(before) is dict else {}
        self._after = after
        self._met: dict[int, tuple[Any, Any, Any]] = {}
        """By the address of what a recorded container is afterwards: that of now, that before, itself."""
        self._fixed: dict[int, tuple[Any, Any, Any]] = {}
        """The same of what is not changed itself, but may hold what is: tuples, frozen objects."""
        self._known: dict[int, tuple[bool, bool]] = {}
        """By the address of such a recorded one: whether it holds what is changed, and what is given now stays."""
        self._tuples: dict[int, Any] = {}
        """By the address of a recorded one that holds what is changed: the one that takes its place."""
        self._there: dict[int, list[int | None]] = {}
        """By the address of what a recorded list is afterwards: where each of its items was."""
        self._joined: set[int] = set()
        """Recorded ones that take a place among those of now, and refer to these by now."""

    def fill(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the call returned: one of the arguments, if it was one."""
        given: tuple[tuple[Any, str], ...] = ((args, "args"), (kwargs, "kwargs"))
        for now, name in given:
            before, after = self._before.get(name), self._after[name]
            if name == "args" and type(before) is type(after) is list:
                before, after = tuple(before), tuple(after)
            self._pair(now, before, after)
        self._met.pop(address_of(self._after["kwargs"]), None)
        for now, before, after in tuple(self._met.values()):
            self._change(now, before, after)
        return self._given(self._after["returned"])

    # Which is which -----------------------------------------------------------------------------------------------

    def _pair(self, now: Any, before: Any, after: Any) -> None:
        kind = type(after)
        if kind in _FIXED or not _name_of(now) == _name_of(before) == _name_of(after):
            return
        is_fixed = kind is tuple or _is_frozen(now)
        if not is_fixed and not isinstance(after, CONTAINERS) and not _has_fields(now):
            return
        found = self._fixed if is_fixed else self._met
        if address_of(after) in found:
            return
        found[address_of(after)] = (now, before, after)
        for each in self._children(now, before, after):
            self._pair(*each)

    def _children(self, now: Any, before: Any, after: Any) -> list[tuple[Any, Any, Any]]:
        """What they hold, of each that which stands for the others."""
        found = self._parts(now, before, after)
        if isinstance(after, CONTAINERS) and not (is_own(type(now)) and _fields(after)):
            return found
        held, was, became = attributes(now), _fields(before), _fields(after)
        return found + [(held[name], was[name], item) for name, item in became.items() if name in was and name in held]

    def _parts(self, now: Any, before: Any, after: Any) -> list[tuple[Any, Any, Any]]:
        """The same of items."""
        if isinstance(after, dict):
            now = dict(now)
            return [(now[key], before[key], item) for key, item in after.items() if key in before and key in now]
        if isinstance(after, tuple):
            return [*zip(now, before, after, strict=True)] if len(now) == len(before) == len(after) else []
        if isinstance(after, (list, deque)):
            if len(now) != len(before):
                return []
            now, before = list(now), list(before)
            there = self._places(before, list(after), address_of(after))
            return [(now[at], before[at], item) for item, at in zip(after, there, strict=True) if at is not None]
        return []

    def _places(self, before: list[Any], after: list[Any], address: int) -> list[int | None]:
        if address not in self._there:
            self._there[address] = _places(before, after)
        return self._there[address]

    # What becomes of it -------------------------------------------------------------------------------------------

    def _change(self, now: Any, before: Any, after: Any) -> None:
        if isinstance(after, CONTAINERS):
            self._content(now, before, after)
            if not is_own(type(now)):
                return
        self._object(now, _fields(before), _fields(after))

    def _content(self, now: Any, before: Any, after: Any) -> None:
        """Of an own subclass by the methods of its base: what those of its own would do is done."""
        if isinstance(after, dict):
            self._mapping(now, before, after)
        elif isinstance(after, list):
            list.__setitem__(now, slice(None), self._items(list(now), before, after, address_of(after)))
        elif isinstance(after, deque):
            items = self._items(list(now), list(before), list(after), address_of(after))
            deque.clear(now)
            deque.extend(now, items)
        elif isinstance(after, set):
            set.difference_update(now, before - after)
            set.update(now, after - before)
        elif isinstance(after, (BytesIO, StringIO)):
            if (before.tell(), before.getvalue()) != (after.tell(), after.getvalue()):
                now.seek(0)
                now.truncate()
                now.write(after.getvalue())
                now.seek(after.tell())
        elif isinstance(after, (bytearray, array)):
            if before != after:
                now[:] = after
        elif before != after and len(now) == len(after):  # a memoryview
            now.cast("B")[:] = after

    def _mapping(self, now: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> None:
        base: type[dict[Any, Any]] = OrderedDict if isinstance(now, OrderedDict) else dict
        held = dict(now)
        is_in_order = [*held] == [*before]
        for key in before:
            if key not in after:
                base.pop(now, key, None)
        for key, item in after.items():
            if key not in before or (key in held and not self._stays(held[key], before[key], item)):
                base.__setitem__(now, key, self._given(item))
        if is_in_order and [*base.keys(now)] != [*after]:
            for key in after:
                base.__setitem__(now, key, base.pop(now, key))

    def _items(self, now: list[Any], before: list[Any], after: list[Any], address: int) -> list[Any]:
        if len(now) != len(before):
            first = _alike(before, after)
            last = _alike(before[first:][::-1], after[first:][::-1])
            middle = [self._given(item) for item in after[first : len(after) - last]]
            return [*now[:first], *middle, *now[max(first, len(now) - last) :]]
        there = self._places(before, after, address)
        return [
            now[at] if at is not None and self._stays(now[at], before[at], item) else self._given(item)
            for item, at in zip(after, there, strict=True)
        ]

    def _object(self, now: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        held = attributes(now)
        for name in before:
            if name not in after:
                with suppress(Exception):
                    delattr(now, name)
        for name, item in after.items():
            if name in before and (name not in held or self._stays(held[name], before[name], item)):
                continue
            if type(item) is Opaque or type(item) is Truncated:
                continue  # nothing stands for it
            try:
                setattr(now, name, self._given(item))
            except Exception:  # frozen for its users, not for its own methods
                assign(now, name, self._given(item))

    def _stays(self, now: Any, before: Any, after: Any) -> bool:
        """Whether `now` is what stands for `after`; False: another value has to take its place."""
        met = self._met.get(address_of(after))
        if met is not None:
            return met[0] is now
        fixed = self._fixed.get(address_of(after))
        if fixed is not None and fixed[0] is now and self._look(fixed)[0]:
            return self._look(fixed)[1]
        return _same(before, after)

    def _look(self, fixed: tuple[Any, Any, Any]) -> tuple[bool, bool]:
        now, before, after = fixed
        known = self._known.get(address_of(after))
        if known is None:
            self._known[address_of(after)] = (False, True)  # an object may hold itself
            holds = any(map(self._is_met, _held(after)))
            found = self._children(now, before, after) if holds else []
            stays = len(found) == len(_held(after)) and all(self._stays(*each) for each in found)
            known = self._known[address_of(after)] = (holds, stays)
        return known

    def _is_met(self, after: Any) -> bool:
        """Whether one of now stands for it, or for a part."""
        if address_of(after) in self._met:
            return True
        fixed = self._fixed.get(address_of(after))
        if fixed is not None:
            return self._look(fixed)[0]
        return type(after) is tuple and self._joins(after) is not after

    def _joins(self, after: tuple[Any, ...]) -> tuple[Any, ...]:
        """A recorded tuple with what is given now for what it holds; itself if that is the same."""
        found = self._tuples.get(address_of(after))
        if found is None:
            items = [*map(self._given, after)]
            is_same = all(map(is_, items, after))
            found = self._tuples[address_of(after)] = after if is_same else tuple(items)
        return found

    def _given(self, after: Any) -> Any:
        """A recorded value, or what is given now where it is one of those; so is all that it holds."""
        met = self._met.get(address_of(after))
        if met is not None:
            return met[0]
        kind = type(after)
        if kind in _FIXED or address_of(after) in self._joined:
            return after
        fixed = self._fixed.get(address_of(after))
        if fixed is not None and all(self._look(fixed)):
            return fixed[0]
        if kind is tuple:
            return self._joins(after)
        self._joined.add(address_of(after))
        if isinstance(after, dict):
            for key, item in after.items():
                after[key] = self._given(item)
        elif isinstance(after, (list, deque)):
            for at, item in enumerate(after):
                after[at] = self._given(item)
        elif is_own(kind) and not isinstance(after, _FINAL):
            for name, item in attributes(after).items():
                other = self._given(item)
                if other is not item:
                    assign(after, name, other)
        return after


def _held(after: Any) -> Collection[Any]:
    return after if isinstance(after, tuple) else _fields(after).values()


def _places(before: list[Any], after: list[Any]) -> list[int | None]:
    """Of each item of `after`, where it was; None: it is new."""
    if len(before) == len(after):
        found: list[int | None] = [*range(len(after))]
        if all(type(item) in _FIXED or _same(before[at], item) for at, item in enumerate(after)):
            return found
    else:
        first = _alike(before, after)
        last = _alike(before[first:][::-1], after[first:][::-1])
        found = [*range(first), *[None] * (len(after) - first - last), *range(len(before) - last, len(before))]
    moves = [at for at, item in enumerate(after) if type(item) not in _FIXED and not _same_at(before, found[at], item)]
    taken = {place for at, place in enumerate(found) if at not in moves}
    free = [at for at, item in enumerate(before) if at not in taken and type(item) not in _FIXED]
    where = defaultdict[tuple[Any, str], list[int]](list)
    for at in free:
        for mark in _marks(before[at]):
            where[mark].append(at)
    liked = list[tuple[float, int, int]]()
    for at in moves:
        votes = Counter(place for mark in _marks(after[at]) for place in where.get(mark, ())[:_MOST_ALIKE])
        if len(before) == len(after):
            votes[at] += 0  # it may have changed altogether
        liked += [(-count - (place == at) / 2, at, place) for place, count in votes.items()]
        found[at] = None
    open_ = set(free)
    for _, at, place in sorted(liked):
        if found[at] is None and place in open_:
            found[at] = place
            open_.discard(place)
    return found


def _same_at(before: list[Any], at: int | None, item: Any) -> bool:
    return at is not None and _same(before[at], item)


def _marks(item: Any) -> Iterator[tuple[Any, str]]:
    """What tells an item from the others: what it is in whole, and what it holds."""
    kind = dotted(type(item)) if type(item) is not Opaque else item.type
    yield kind, encode(item).text
    if isinstance(item, dict):
        held: Iterable[tuple[Any, Any]] = item.items()
    elif isinstance(item, (list, tuple, deque)):
        held = enumerate(item)
    elif isinstance(item, CONTAINERS):
        return
    else:
        held = _fields(item).items()
    for name, each in held:
        yield (kind, str(name)), encode(each).text


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
    """Whether it is an object of the application, or the like, that others may change."""
    return (is_own(type(now)) or type(now) in HOLDERS) and not _is_frozen(now) and not isinstance(now, _FINAL)


def _is_frozen(now: Any) -> bool:
    """Whether it is a dataclass that is replaced, not changed; what it holds may change."""
    return bool(getattr(getattr(type(now), "__dataclass_params__", None), "frozen", False))


def _fields(value: Any) -> dict[str, Any]:
    return value.fields or {} if type(value) is Opaque else attributes(value)
