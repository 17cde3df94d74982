"""An application whose functions answer by filling what they are given."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
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
