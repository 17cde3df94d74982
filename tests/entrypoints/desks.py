"""Objects with captured methods, as services have them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import requests

import replay

RAN: list[str] = []
"""What must not run: code of the objects, while they are stored or rebuilt."""


class Prices:
    """An ordinary object that another holds."""

    def __init__(self, rates: dict[str, int]) -> None:
        self.rates = rates
        self.hasher = hashlib.sha256()

    def rate(self, plan: str) -> int:
        return self.rates[plan]

    def stored(self) -> int:
        return len(self.hasher.digest())


class Desk:
    """What teams write: settings, clients, a logger, a lock, a cache, another object, and a socket of some kind."""

    __slots__ = ("__dict__", "limit")

    def __init__(self, crm: str, limit: int = 3) -> None:
        self.limit = limit
        self.client = httpx.Client(base_url=crm, trust_env=False)
        self.session = requests.Session()
        self.log = logging.getLogger("desk")
        self.lock = threading.Lock()
        self.prices = Prices({"free": 0, "team": 10})
        self.hasher = hashlib.sha256()
        self.crm = crm
        self.seen: list[str] = []

    @replay.capture
    def quote(self, ticket: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.seen.append(ticket["id"])
        self.log.warning("quoting %s", ticket["id"])
        plan = self.client.get(f"/plans/{ticket['id']}").json()["plan"]
        owed = self.session.get(f"{self.crm}/owed/{ticket['id']}", timeout=5).json()["owed"]
        return {"rate": self.prices.rate(plan.lower()), "owed": owed, "seen": len(self.seen), "limit": self.limit}

    @replay.capture
    def reads(self, how: str) -> Any:
        """Uses what no recording can hold."""
        if how == "nested":
            return self.prices.stored()
        if how == "json":
            return json.dumps({"hasher": self.hasher})
        if how == "truth":
            return bool(self.hasher)
        if how == "hidden":
            try:
                self.hasher.digest()
            except Exception:
                return "ok"
            return "ok"
        if how == "hands on":
            return [looked_up(self.hasher), self.hasher]
        return self.limit

    @replay.capture
    async def later(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * self.limit

    @replay.capture
    def pages(self, number: int) -> Iterator[int]:
        for page in range(number):
            yield page * self.limit

    @replay.capture
    async def stream(self, number: int) -> AsyncIterator[int]:
        for page in range(number):
            yield page * self.limit

    @replay.capture
    @classmethod
    def named(cls, name: str) -> str:
        return f"{cls.__name__} {name}"

    @staticmethod
    @replay.capture
    def merged(one: Any, two: Any) -> str:
        return f"{type(one).__name__} {two}"


class Night(Desk):
    """Inherits the entry points, and has some that look like attributes."""

    def __init__(self, crm: str) -> None:
        super().__init__(crm, limit=7)

    @property
    @replay.capture
    def twice(self) -> int:
        """Computed each time."""
        return 2 * self.limit

    @cached_property
    @replay.capture
    def thrice(self) -> int:
        """Computed once."""
        return 3 * self.limit


@replay.boundary
def looked_up(hasher: Any) -> int:
    """Answered by the recording."""
    return 1


class Wild:
    """Runs code at every turn."""

    def __init__(self) -> None:
        self.__dict__["amount"] = 3

    def __getattribute__(self, name: str) -> Any:
        if name != "double":
            RAN.append(f"get {name}")
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        RAN.append(f"set {name}")

    def __repr__(self) -> str:
        RAN.append("repr")
        return ""

    @property
    def amount(self) -> int:
        RAN.append("property")
        return int(self.__dict__["amount"])

    @amount.setter
    def amount(self, value: int) -> None:
        RAN.append("setter")

    @replay.capture
    def double(self, factor: int) -> int:
        return factor * 2


@dataclass
class Table:
    """A record with a field that no recording can hold."""

    limit: int
    hasher: Any = field(default_factory=lambda: hashlib.sha256())

    @replay.capture
    def times(self, number: int) -> int:
        return number * self.limit

    @replay.capture
    def count(self) -> int:
        return len(self.hasher.digest())


class Hoard:
    """Holds more than is stored."""

    def __init__(self) -> None:
        self.cache = {str(number): number for number in range(200_000)}
        self.limit = 2

    @replay.capture
    def small(self, number: int) -> int:
        return number * self.limit

    @replay.capture
    def large(self) -> int:
        return len(self.cache)


class Ring:
    """Holds itself."""

    def __init__(self) -> None:
        self.size = 2
        self.inner = {"me": self}

    @replay.capture
    def around(self) -> int:
        return int(self.inner["me"].inner["me"].size) + (self.inner["me"] is self)


class Login:
    """Holds a secret, and is given one by position."""

    def __init__(self) -> None:
        self._api_token = "tok-live-4711-abcdef"
        self.auth_client = httpx.Client(base_url="http://accounts", headers={"x-api-key": "key-live-4712-abc"})
        self.attempts = 1

    @replay.capture
    def enter(self, password: str) -> str:
        return f"{self.attempts} {len(password)}"


class Actor:
    """As dramatiq's: it keeps the function, and nothing of what marks it."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.options, self.fn = {"max_retries": 0}, fn

    def __call__(self, *args: Any) -> Any:
        return self.fn(*args)


@Actor
@replay.capture
def charge(amount: int) -> int:
    """A job of a queue."""
    return 100 // amount


unmarked = Actor(len)
