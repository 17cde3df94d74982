"""Units of work that ask four numbered things of one boundary. If `PATIENT`, an error of one does not stop the rest."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import requests

import replay

NUMBERS = range(4)
PATIENT = {"now": False}


def _each(ask: Callable[[int], Any]) -> list[Any]:
    found = []
    for number in NUMBERS:
        try:
            found.append(ask(number))
        except BaseException:
            if not PATIENT["now"]:
                raise
            found.append("failed")
    return found


@replay.boundary
def lookup(name: str) -> dict[str, str]:
    """The customer system."""
    return {"name": name, "plan": "free"}


@replay.model("fraud-v3", score=lambda out: out["score"])
def predict(name: str) -> dict[str, Any]:
    """A model."""
    return {"score": len(name) / 10}


@replay.capture
def calls() -> list[Any]:
    """Named functions."""
    return _each(lambda number: lookup(f"n={number}"))


@replay.capture
def models() -> list[Any]:
    """Model outputs."""
    return _each(lambda number: predict(f"n={number}"))


@replay.capture
def with_httpx(url: str) -> list[Any]:
    """httpx."""
    with httpx.Client(trust_env=False) as client:
        return _each(lambda number: client.get(f"{url}/echo?n={number}").text)


@replay.capture
def with_requests(url: str) -> list[Any]:
    """requests."""
    with requests.Session() as session:
        session.trust_env = False
        return _each(lambda number: session.post(f"{url}/echo", json={"sent": f"n={number}"}, timeout=10).text)


@replay.capture
async def with_aiohttp(url: str) -> list[Any]:
    """aiohttp."""
    found = []
    async with aiohttp.ClientSession() as session:
        for number in NUMBERS:
            try:
                async with session.get(f"{url}/echo?n={number}") as response:
                    found.append(await response.text())
            except Exception:
                if not PATIENT["now"]:
                    raise
                found.append("failed")
    return found


@replay.capture
def flags() -> list[Any]:
    """Feature flags."""
    return _each(lambda number: replay.flag(f"n={number}", number % 2 == 0))


@replay.capture
def environment() -> list[str | None]:
    """Allowed variables."""
    return [os.environ.get("SHOP_REGION"), os.environ.get("SHOP_TIER")]


@replay.capture
def draws_and_times() -> list[Any]:
    """Draws of each primitive, and whether time goes on."""
    before = time.time()
    drawn = [random.random(), random.randint(1, 6), random.choice("abc"), random.random()]
    time.sleep(0.01)
    return [*drawn, time.time() > before, time.localtime(before).tm_zone]
