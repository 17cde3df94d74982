"""Work that goes wrong when the clock moves on between two of its steps."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import replay

HOUR = 3600


@replay.boundary
def sign_in() -> str:
    """A token that is good for an hour."""
    return "a1"


@replay.boundary
def fetch(token: str, page: int) -> list[int]:
    """A page."""
    return [page]


@replay.boundary
async def fetch_later(token: str, page: int) -> list[int]:
    """The same for a coroutine."""
    await asyncio.sleep(0.001)
    return [page]


@replay.capture
def export() -> list[int]:
    """Two pages under one day's name, with one token."""
    token, since, waited, day = sign_in(), time.time(), time.monotonic(), datetime.now(UTC).date()
    found = fetch(token, 1)
    if time.monotonic() - waited > HOUR / 2:
        raise TimeoutError("half an hour for a page")
    if time.time() - since > HOUR:
        raise PermissionError("the token has expired")
    found += fetch(token, 2)
    if datetime.now(UTC).date() != day:
        raise RuntimeError("two days in one export")
    return found


@replay.capture
def pace() -> float:
    """Pages a second, by the wall clock."""
    began, waited = time.time(), time.monotonic()
    found = fetch("a1", 1) + fetch("a1", 2)
    if time.monotonic() < waited:
        raise RuntimeError("the monotonic clock went back")
    return (len(found) / max(time.time() - began, 1e-3)) ** 0.5 if time.time() >= began else _negative(began)


def _negative(began: float) -> float:
    raise ValueError(f"it took {round(time.time() - began)} s")


@replay.capture
async def export_later() -> list[int]:
    """The same in an event loop."""
    token, since = sign_in(), time.time()
    found = await asyncio.wait_for(fetch_later(token, 1), 30)
    if time.time() - since > HOUR:
        raise PermissionError("the token has expired")
    return found


WAITS = {"pear": 0.1, "apple": 0.08}
"""Seconds until a shelf has answered."""


@replay.boundary
async def shelf(name: str) -> str:
    """What lies there."""
    await asyncio.sleep(WAITS[name])
    return name


@replay.capture
async def in_turn(names: list[str]) -> list[str]:
    """Takes for granted that shelves answer in the order in which they are asked."""
    came: list[str] = []

    async def ask(name: str, later: float) -> None:
        await asyncio.sleep(later)
        came.append(await shelf(name))

    await asyncio.gather(*(ask(name, 0.04 * number) for number, name in enumerate(names)))
    if came != names and sorted(names) == sorted(WAITS):
        raise RuntimeError("out of turn")
    return came
