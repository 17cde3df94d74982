"""An application whose functions fill containers of its own, fill before they fail, and fill as they yield."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import replay

RAN: list[str] = []


class Row(dict[str, Any]):
    """An own one, which lets nobody but its own code set anything."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.seen: list[str] = []

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("use put")

    def put(self, key: str, value: Any) -> None:
        """How it is set."""
        super().__setitem__(key, value)
        self.seen.append(key)


class Rows(list[Any]):
    """An own one."""


class Names(set[str]):
    """An own one."""


class Settings(UserDict[str, Any]):
    """An own one."""


def _row(into: Row) -> None:
    into["a"].append(2)
    into.put("b", into["a"])


def _mapping(into: Any) -> None:
    into["a"].append(2)
    into["b"] = into["a"]


def _items(into: Any) -> None:
    into[1].append(3)
    into.append("last")


def _space(into: Any) -> None:
    into.a.append(2)
    into.b = into.a


def _counter(into: Counter[str]) -> None:
    into.update("bcc")
    del into["a"]


def _nested(into: dict[str, Any]) -> None:
    _row(into["row"])
    _items(into["rows"])
    _space(into["space"])
    into["more"] = into["row"]


KINDS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "own mapping": (lambda: Row({"a": [1]}), _row),
    "own list": (lambda: Rows([1, [2]]), _items),
    "own set": (lambda: Names({"x"}), lambda into: into.add("y")),
    "own UserDict": (lambda: Settings(a=[1]), _mapping),
    "UserDict": (lambda: UserDict(a=[1]), _mapping),
    "UserList": (lambda: UserList([1, [2]]), _items),
    "SimpleNamespace": (lambda: SimpleNamespace(a=[1]), _space),
    "deque": (lambda: deque([1, [2]], maxlen=9), _items),
    "defaultdict": (lambda: defaultdict(list, a=[1]), _mapping),
    "OrderedDict": (lambda: OrderedDict(a=[1]), _mapping),
    "Counter": (lambda: Counter("aab"), _counter),
    "nested": (lambda: {"row": Row({"a": [1]}), "rows": Rows([0, [2]]), "space": SimpleNamespace(a=[1])}, _nested),
}


@replay.boundary
def change(kind: str, into: Any) -> None:
    """What becomes of it is the world's."""
    RAN.append("change")
    KINDS[kind][1](into)


@replay.boundary
def fail(kind: str, into: Any) -> None:
    """It comes half the way."""
    RAN.append("fail")
    KINDS[kind][1](into)
    raise LookupError(kind)


@replay.boundary
async def fail_later(kind: str, into: Any) -> None:
    """The same, awaited."""
    RAN.append("fail_later")
    await asyncio.sleep(0)
    KINDS[kind][1](into)
    raise LookupError(kind)


@replay.boundary
def pages(into: list[Any], last: str) -> Iterator[int]:
    """Each page adds to what is given; it ends in one way or the other."""
    RAN.append("pages")
    for number in range(3):
        into.append({"page": number})
        yield number
    into += [last, into[0]]
    if last == "error":
        raise LookupError(last)


@replay.boundary
async def pages_later(into: list[Any], last: str) -> AsyncIterator[int]:
    """The same, awaited."""
    RAN.append("pages_later")
    for number in range(3):
        into.append({"page": number})
        yield number
    into += [last, into[0]]
    if last == "error":
        raise LookupError(last)


@replay.capture
def changes(kind: str) -> Any:
    """What it is afterwards, and whether what was in it is still what it was."""
    return _seen_after(kind, change)


@replay.capture
def fails(kind: str) -> Any:
    """The caller goes on with what there is."""
    return _seen_after(kind, fail)


@replay.capture
async def fails_later(kind: str) -> Any:
    """The same, awaited."""
    into = KINDS[kind][0]()
    held = _held(into)
    try:
        await fail_later(kind, into)
    except LookupError:
        pass
    return _shown(into), _shown(held)


@replay.capture
def reads(last: str, most: int) -> Any:
    """All pages, or the first of them."""
    into, seen = list[Any](), list[int]()
    steps = pages(into, last)
    try:
        for number in steps:
            seen.append(number)
            if len(seen) == most:
                break
        steps.close()  # type: ignore[attr-defined]  # it is a generator
    except LookupError:
        seen.append(-1)
    return into, seen


@replay.capture
async def reads_later(last: str, most: int) -> Any:
    """The same, awaited."""
    into, seen = list[Any](), list[int]()
    steps = pages_later(into, last)
    try:
        async for number in steps:
            seen.append(number)
            if len(seen) == most:
                break
        await steps.aclose()  # type: ignore[attr-defined]  # it is a generator
    except LookupError:
        seen.append(-1)
    return into, seen


@replay.boundary
def sort(rows: list[Any]) -> None:
    """In place."""
    rows.sort()


@replay.capture
def sorts(number: int) -> Any:
    """More than is looked at once more, or less."""
    rows = [f"{at % 7} {at:050}" for at in range(number)]
    sort(rows)
    return rows[:1]


def _seen_after(kind: str, ask: Callable[[str, Any], None]) -> Any:
    into = KINDS[kind][0]()
    held = _held(into)
    try:
        ask(kind, into)
    except LookupError:
        pass
    return _shown(into), _shown(held), type(into).__name__


def _held(into: Any) -> list[Any]:
    if isinstance(into, Mapping):
        return [*into.values()]
    return [into.a] if isinstance(into, SimpleNamespace) else list(into)


def _shown(value: Any) -> Any:
    if isinstance(value, SimpleNamespace):
        return _shown(vars(value))
    if isinstance(value, Mapping):
        return [[key, _shown(item)] for key, item in value.items()], getattr(value, "seen", None)
    if isinstance(value, set):
        return sorted(value)
    return [*map(_shown, value)] if isinstance(value, list | deque | UserList) else value
