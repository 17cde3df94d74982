"""An application whose functions answer by filling what they are given."""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import Any

import replay

EDITED: set[str] = set()
RAN: list[str] = []


@dataclass
class Order:
    """What is filled, as users write it."""

    lines: list[Any]
    total: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)


class User:
    """Plain data that no tag stands for."""

    def __init__(self) -> None:
        self.tags = ["new"]
        self.draft = 1

    __eq__ = None  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Slotted:
    """In slots."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "?"


@replay.boundary
def fill(into: Any, *, also: Any = None) -> Any:
    """Fill whatever it is; the world decides with what."""
    RAN.append("fill")
    return _FILLS[type(into)](into, also)


@replay.boundary
async def later(into: dict[str, Any]) -> list[int]:
    """As it is awaited; gives a part of what it filled."""
    RAN.append("later")
    await asyncio.sleep(0)
    into["found"] = [1, 2]
    del into["gone"]
    found: list[int] = into["found"]
    return found


class Store:
    """A boundary that is a method."""

    @replay.boundary
    def load(self, into: list[Any]) -> None:
        """Fill it."""
        RAN.append("load")
        into += ["a", "b"]


def _mapping(into: dict[str, Any], also: Any) -> Any:
    into["price"] = 9
    into["lines"][0]["sku"] = "x"
    into["lines"].insert(0, {"sku": "first"})
    into["pair"][0].append(2)
    into.pop("gone")
    if also is not None:
        also["whole"] = into
    return into


def _list(into: list[Any], also: Any) -> None:
    into[1:1] = ["between"]
    into.append({"last": True})


def _set(into: set[int], also: Any) -> int:
    into.discard(1)
    into.add(3)
    return len(into)


def _deque(into: deque[int], also: Any) -> None:
    into.appendleft(0)
    into.append(9)


def _ordered(into: OrderedDict[str, Any], also: Any) -> None:
    into["z"] = 1
    del into["a"]


def _default(into: defaultdict[str, list[int]], also: Any) -> None:
    into["k"].append(1)


def _bytes(into: bytearray, also: Any) -> int:
    into[:2] = b"hi"
    return 2


def _order(into: Order, also: Any) -> Order:
    into.total = 12.5
    into.lines[0]["price"] = 3
    into.lines.append("more")
    into.extra = {"of": into.lines}
    return into


def _user(into: User, also: Any) -> None:
    into.tags.append("vip")
    into.__dict__["found"] = {"lang": "de"}
    del into.draft


def _slotted(into: Slotted, also: Any) -> None:
    into.name = "Ada"


_FILLS: dict[type, Callable[[Any, Any], Any]] = {
    dict: _mapping,
    list: _list,
    set: _set,
    bytearray: _bytes,
    deque: _deque,
    OrderedDict: _ordered,
    defaultdict: _default,
    Order: _order,
    User: _user,
    Slotted: _slotted,
}
KINDS: dict[str, Callable[[], Any]] = {
    "mapping": lambda: {"lines": [{"sku": "a"}], "pair": ([1], "b"), "gone": 1},
    "list": lambda: [1, 2],
    "set": lambda: {1, 2},
    "deque": lambda: deque([1, 2]),
    "ordered": lambda: OrderedDict(a=1, b=2),
    "default": lambda: defaultdict(list, m=[3]),
    "bytearray": lambda: bytearray(b"....."),
    "dataclass": lambda: Order([{"sku": "a"}]),
    "object": User,
    "slots": Slotted,
}


@replay.capture
def fills(kind: str) -> Any:
    """Have it filled, and give what was held all along."""
    given, also = KINDS[kind](), dict[str, Any]()
    held = [each for each in (given if isinstance(given, dict | list) else ()) if isinstance(each, dict | list)]
    returned = fill(given, also=also)
    shown = vars(given) if isinstance(given, Order | User) else given.name if isinstance(given, Slotted) else given
    return [shown, held, returned is given, also.get("whole") is given, isinstance(returned, int) and returned]


@replay.capture
def waits() -> Any:
    """Of a coroutine, and of a method."""
    into: dict[str, Any] = {"gone": 1}
    found = asyncio.run(_waited(into))
    found.append(3)
    loaded = ["mine"]
    Store().load(loaded)
    return [into, loaded]


async def _waited(into: dict[str, Any]) -> list[int]:
    return await later(into)


@replay.capture
def settle(order: dict[str, Any], *, notes: list[str] | None = None) -> None:
    """Returns nothing: what it does is in what it was given."""
    order["total"] = sum(order["lines"]) + ("total" in EDITED)
    if notes is not None:
        notes.append("settled twice" if "notes" in EDITED else "settled")
    if "raises" in order:
        raise ValueError("settled, but")


@replay.capture
async def settle_later(order: Order) -> None:
    """The same as a coroutine."""
    await asyncio.sleep(0)
    order.total = 2.0 if "total" in EDITED else 1.0


class Desk:
    """An object with a state of its own, which is not what is compared."""

    def __init__(self) -> None:
        self.served = 0

    @replay.capture
    def settle(self, order: dict[str, Any]) -> None:
        """As `settle`."""
        self.served += 1 + 10 * ("served" in EDITED)
        order["total"] = 1 + ("total" in EDITED)


@replay.capture
def reads(order: dict[str, Any]) -> int:
    """Leaves it as it is."""
    if "total" in EDITED:
        order["total"] = 1
    return len(order)


@dataclass(frozen=True)
class Fixed:
    """What cannot be changed, but for what it holds."""

    tags: list[str]


def _ranked(into: list[Any]) -> None:
    for at, each in enumerate(into):
        each["score"] = at / 2
    into.sort(key=lambda each: -each["score"])


def _linked(into: list[Any]) -> None:
    out, source = into
    out["is"], out["within"] = source, [{"it": (source, 1)}]


def _buffers(into: list[Any]) -> None:
    file, text, numbers, view = into
    file.write(b"hello")
    text.write("hello")
    numbers.append(3)
    view[:3] = b"xyz"


def _moved(into: dict[str, int]) -> None:
    into["a"] = into.pop("a")


GIVEN: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "sorted": (
        lambda: [{"id": "a"}, {"id": "b"}, {"id": "c"}],
        lambda into: into.sort(key=lambda each: each["id"] < "c"),
    ),
    "ranked": (lambda: [{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "c", "n": 1}], _ranked),
    "one less": (lambda: [{"id": "a"}, {"id": "b"}, {"id": "c"}], lambda into: (into.pop(1), into[0].update(x=1))),
    "turned": (lambda: deque([{"id": 1}, {"id": 2}, {"id": 3}], 3), lambda into: into.rotate(1)),
    "rows": (lambda: [[2, "b"], [1, "a"]], lambda into: into.sort()),
    "linked": (lambda: [{}, [1]], _linked),
    "buffers": (lambda: [BytesIO(), StringIO(), array("i", [1]), memoryview(bytearray(5))], _buffers),
    "in another order": (lambda: {"a": 1, "b": 2}, _moved),
    "held by what is frozen": (lambda: Fixed(["a"]), lambda into: into.tags.append("b")),
}


@replay.boundary
def change(how: str, into: Any) -> None:
    """What becomes of it is the world's."""
    RAN.append("change")
    GIVEN[how][1](into)


@replay.capture
def changes(how: str) -> Any:
    """What it is now, and where each of the things that were in it is."""
    into = GIVEN[how][0]()
    held = list(into) if isinstance(into, list | deque) else [into]
    change(how, into)
    held[-1].append("later") if isinstance(held[-1], list) else None
    shown = [each.getvalue() if isinstance(each, BytesIO | StringIO) else each for each in held]
    now = list(into) if isinstance(into, list | deque | dict) else into
    return [shown, [[each is one for each in now] for one in held] if isinstance(now, list) else now.tags]


@replay.capture
async def begins(order: dict[str, Any]) -> dict[str, Any]:
    """Begins what is still to do when it ends."""
    order["tasks"] = 1
    DOING.append(asyncio.create_task(_lasts(order)))
    await asyncio.sleep(0)
    return order


DOING: list[asyncio.Task[None]] = []


async def _lasts(order: dict[str, Any]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        order["tasks"] = 0


@replay.capture
def each_of(order: list[int]) -> Iterator[int]:
    """As a generator."""
    for number in range(3):
        order.append(number + ("total" in EDITED))
        yield number


@replay.capture
async def each_of_later(order: list[int]) -> AsyncIterator[int]:
    """As an asynchronous one."""
    for number in range(3):
        order.append(number + ("total" in EDITED))
        yield number


@replay.boundary
def bump(order: dict[str, Any]) -> None:
    """Count in it."""
    RAN.append("bump")
    order["n"] = order.get("n", 0) + 1


@replay.capture
def counts(order: dict[str, Any]) -> int:
    """Asks with what was filled, and needs more than that."""
    bump(order)
    bump(order)
    total: int = order["n"] * len(order["lines"])
    return total
