"""An application that hands one value of many kinds to the world, and another of the same type once it was edited."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import functools
import io
import ipaddress
import operator
import os
import re
import sqlite3
import string
import threading
import types
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pydantic

import replay

EDITED: set[str] = set()


class Order:
    """Plain data."""

    def __init__(self, total: int) -> None:
        self.total = total

    def __repr__(self) -> str:
        raise AssertionError("code of the application ran")

    __eq__ = __reduce_ex__ = __getstate__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Slotted:
    """Plain data, in slots."""

    __slots__ = ("total",)

    def __init__(self, total: int) -> None:
        self.total = total


class Mapped(Order):
    """As of an object-relational mapper: its own state is private, and is no value."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._session = threading.Lock()


class Cached(Order):
    """Has computed something by now, or not."""

    @functools.cached_property
    def tax(self) -> int:
        """Of it."""
        return self.total * 2


class Node(Order):
    """Holds itself."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.me = self


class Store:
    """A service: of this no recording holds a thing."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.lock = threading.Lock()


class Where(os.PathLike[str]):
    """A path by another name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __fspath__(self) -> str:
        return self.name


class Day(datetime.datetime):
    """A moment of a library."""


class Money(decimal.Decimal):
    """An amount of a library."""


class Name(uuid.UUID):
    """A name of a library."""


def first(value: int) -> int:
    """A function."""
    return value


def second(value: int) -> int:
    """Another one."""
    return value + 1


def _closing_over(number: int) -> Callable[[], int]:
    return lambda: number


def _row(number: int) -> Any:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("select ? as id", (number,)).fetchone()


KINDS: dict[str, Callable[[int], Any]] = {
    "object": Order,
    "slots": Slotted,
    "mapped": Mapped,
    "cycle": Node,
    "nested": lambda n: {"orders": [Order(0), Order(n)]},
    "path-like": lambda n: Where(f"/orders/{n}"),
    "function": lambda n: (first, second)[n - 1],
    "lambda": lambda n: (lambda order: order.total, lambda order: order.tax)[n - 1],
    "closure": _closing_over,
    "partial": lambda n: functools.partial(first, n),
    "method": lambda n: Order(n).__init__,  # type: ignore[misc]
    "built-in": lambda n: (len, repr)[n - 1],
    "class": lambda n: (Order, Slotted)[n - 1],
    "module": lambda n: (re, io)[n - 1],
    "pattern": lambda n: re.compile(f"a{n}"),
    "match": lambda n: re.match("..", f"a{n}"),
    "bytes-io": lambda n: io.BytesIO(b"%d" % n),
    "string-io": lambda n: io.StringIO(str(n)),
    "memoryview": lambda n: memoryview(b"%d" % n),
    "array": lambda n: array.array("i", [n]),
    "slice": lambda n: slice(n),
    "proxy": lambda n: types.MappingProxyType({"total": n}),
    "keys": lambda n: {n: 0}.keys(),
    "values": lambda n: {0: n}.values(),
    "getter": lambda n: operator.itemgetter(n),
    "address": lambda n: ipaddress.ip_address(f"10.0.0.{n}"),
    "network": lambda n: ipaddress.ip_network(f"10.0.{n}.0/24"),
    "interface": lambda n: ipaddress.ip_interface(f"10.0.0.{n}/24"),
    "user-dict": lambda n: collections.UserDict({"total": n}),
    "template": lambda n: string.Template(f"${n}"),
    "row": _row,
    "datetime": lambda n: Day(2020, 1, n, 3, tzinfo=datetime.UTC),
    "decimal": Money,
    "uuid": lambda n: Name(int=n),
}
"""Of each kind a first and a second value."""


@replay.boundary
def send(value: Any) -> str:
    """The world."""
    return "sent"


@replay.boundary
def fetch(kind: str) -> Any:
    """A value of that kind."""
    return KINDS[kind](1)


@replay.capture
def hands(kind: str) -> str:
    """The same result, whatever is answered."""
    try:
        send(KINDS[kind](2 if "value" in EDITED else 1))
    except Exception:
        pass
    return "done"


@replay.capture
def shows(kind: str) -> Any:
    """A result of that kind."""
    return KINDS[kind](2 if "value" in EDITED else 1)


@replay.capture
def reads(kind: str) -> str:
    """What the world answers, in words."""
    return str(fetch(kind))


@dataclasses.dataclass
class CachedData:
    """The same as a dataclass."""

    total: int
    tax = Cached.__dict__["tax"]


class CachedModel(pydantic.BaseModel):
    """The same as a model."""

    total: int

    @functools.cached_property
    def tax(self) -> int:
        """Of it."""
        return self.total * 2


@replay.capture
def hands_cached(kind: str) -> str:
    """In production it had computed its tax before."""
    kinds = {"object": Cached, "dataclass": CachedData, "model": lambda total: CachedModel(total=total)}
    order: Any = kinds[kind](2 if "total" in EDITED else 1)
    if not EDITED:
        assert order.tax == 2
    return send(order)


@replay.capture
def hands_store() -> str:
    """What no recording holds."""
    return send(Store(1))


class Counter:
    """Counts what a process has done so far."""

    def __init__(self) -> None:
        self.done = 0


COUNTER = Counter()


@replay.capture
def hands_kept() -> str:
    """An object that lives as long as the process."""
    return send(COUNTER)


@replay.capture
def hands_own() -> str:
    """An object of the same class that does not."""
    counter = Counter()
    counter.done = len(EDITED)
    return send([counter])
