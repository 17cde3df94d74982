"""Units of work whose failures next door need more than a changed field: late, stale and refused answers, text with a
form, what a contract declares."""

from __future__ import annotations

import asyncio
import csv
import io
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, TypedDict
from urllib.parse import urlsplit

import replay


@replay.boundary
async def cache(key: str) -> dict[str, Any]:
    """Answers first."""
    return {"from": "cache", "key": key}


@replay.boundary
async def database(key: str) -> dict[str, Any]:
    """Answers a little later."""
    await asyncio.sleep(0.02)
    return {"from": "database", "key": key}


@replay.capture
async def first_wins(key: str) -> str:
    """Takes for granted that the cache is first."""
    came: list[str] = []

    async def ask(name: str, source: Any) -> None:
        await source(key)
        came.append(name)

    await asyncio.gather(ask("cache", cache), ask("database", database), return_exceptions=True)
    if came == ["database", "cache"]:
        raise RuntimeError("the database came first")
    return " ".join(came)


@replay.capture
async def patient(key: str) -> str:
    """Waits at most a quarter of a minute, and takes what did not come for an answer."""
    task = asyncio.create_task(cache(key))
    done, _ = await asyncio.wait([task], timeout=15)
    if not done:
        task.cancel()
        raise LookupError("nothing came in time")
    try:
        return str(task.result()["from"])
    except (OSError, KeyError, TypeError):
        return "no cache"


@replay.boundary
def progress(job: str) -> dict[str, int]:
    """How far a job is."""
    return {"percent": next(STEPS)}


STEPS = iter(())


@replay.capture
def follow(job: str) -> int:
    """Takes for granted that a job never goes back."""
    seen = []
    for _ in range(3):
        try:
            percent = progress(job)["percent"]
        except (OSError, LookupError, TypeError):
            return -1
        if type(percent) is not int or percent not in (10, 55, 99):
            return -1
        seen.append(percent)
    if len(set(seen)) < len(seen):
        raise ArithmeticError("it went back")
    return seen[-1]


@replay.boundary
def save(order: dict[str, Any]) -> int:
    """Writes to a database of its own; gives the number of the row."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, sku TEXT UNIQUE)")
        return connection.execute("INSERT INTO orders (sku) VALUES (?)", [order["sku"]]).lastrowid or 0


@replay.capture
def store(order: dict[str, Any]) -> str:
    """Knows of two rows that are the same; has forgotten that it then has no row."""
    try:
        row = save(order)
    except sqlite3.IntegrityError:
        row = None
    except (OSError, sqlite3.Error):
        return "later"
    return f"order {row + 1}" if isinstance(row, int | None) else "odd"  # type: ignore[operator]  # the planted bug


@dataclass
class Plan:
    """A plan, as declared."""

    name: Literal["free", "pro", "enterprise-2019"]
    seats: int


class Order(TypedDict):
    """An order, as declared."""

    plan: Plan
    note: str | None


@replay.capture
def price(order: Order) -> int:
    """Has no price for a plan that it declares; fails outside of what it declares too."""
    plan = order["plan"]
    if not isinstance(plan, Plan):
        raise AssertionError("no plan at all")
    prices = {"free": 0, "pro": 20}
    if str(plan.name).endswith("-2019"):
        return prices[plan.name]
    if order["note"] == "":
        raise ZeroDivisionError("an empty note")
    return prices.get(plan.name, 0)


@replay.capture
def total(table: str) -> int:
    """The sum of the second column of rows that have one; takes for granted that a cell is one line."""
    if not isinstance(table, str):
        return 0
    found = 0
    for row in csv.reader(io.StringIO(table)):
        if len(row) == 2 and "\n" in row[0]:
            raise RecursionError("a cell of two lines")
        found += int(row[1]) if len(row) == 2 and row[1].isdecimal() else 0
    return found


@replay.capture
def host(address: str) -> str:
    """Of a URL; takes for granted that ports are numbers."""
    if not isinstance(address, str) or "://" not in address:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.hostname}:{parts.port or 80}"
