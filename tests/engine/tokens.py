"""A service whose process keeps what it asked once: a token, a provider's keys, a table of rates."""

from __future__ import annotations

import asyncio
import os
from functools import lru_cache
from typing import Any

import aiohttp
import httpx
import requests

import replay

WORLD: dict[str, Any] = {"base": os.environ.get("TOKENS_BASE", ""), "secret": "", "client": "httpx"}
_kept: dict[str, Any] = {}


def forget() -> None:
    """A new process."""
    _kept.clear()
    rates.cache_clear()


def _post(path: str, form: dict[str, str]) -> Any:
    url = f"{WORLD['base']}{path}"
    if WORLD["client"] == "requests":
        return requests.post(url, data=form, timeout=20).json()
    if WORLD["client"] == "aiohttp":
        return asyncio.run(_posted(url, form))
    return httpx.post(url, data=form, trust_env=False).json()


async def _posted(url: str, form: dict[str, str]) -> Any:
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        return await answer.json()


def _get(path: str) -> Any:
    return httpx.get(f"{WORLD['base']}{path}", trust_env=False).raise_for_status().json()


def token() -> str:
    """Asked for once, then kept."""
    if "token" not in _kept:
        form = {"client_id": "shop", "client_secret": WORLD["secret"]}
        _kept["token"] = _post("/oauth/token", form)["access_token"]
    return str(_kept["token"])


@lru_cache
def rates() -> dict[str, float]:
    """A boundary below a cache."""
    return fetched("eur")


@replay.boundary
def fetched(currency: str) -> dict[str, float]:
    """Not HTTP."""
    return {"usd": 1.5, "eur": 1.0} if currency == "eur" else {"next_page_token": 1.0}


def scoped(scope: str) -> str:
    """Each scope has a token of its own, of the same endpoint."""
    if scope not in _kept:
        form = {"client_id": "shop", "client_secret": WORLD["secret"], "scope": scope}
        _kept[scope] = _post("/oauth/token", form)["access_token"]
    return str(_kept[scope])


@replay.capture
def reading(*scopes: str) -> list[str]:
    """With these tokens."""
    return [*map(scoped, scopes), str(_get("/orders/1")["total"])][-1:]


@replay.capture
def writing(*scopes: str) -> list[str]:
    """With these tokens, from elsewhere in the code."""
    return [*map(scoped, scopes), str(_get("/orders/2")["total"])][-1:]


@replay.capture
def order(number: int) -> Any:
    """Goes on with the token."""
    token()
    return _get(f"/orders/{number}")["total"]


@replay.capture
async def order_awaited(number: int) -> Any:
    """The same in an event loop."""
    return order.__wrapped__(number)


class Desk:
    """The same of an object."""

    @replay.capture
    def order(self, number: int) -> Any:
        """Goes on with the token."""
        token()
        return _get(f"/orders/{number}")["total"]


@replay.capture
def halved(number: int) -> float:
    """Fails for some."""
    token()
    return float(_get(f"/orders/{number}")["total"] / number)


@replay.capture
def converted(amount: int) -> float:
    """Goes on with the rates."""
    return amount / rates()["usd"]


class Client:
    """Keeps a token of its own."""

    def __init__(self) -> None:
        self.token: str | None = None

    def get(self, path: str) -> Any:
        """With the token."""
        if self.token is None:
            self.token = str(_post("/oauth/token", {"client_id": "shop"})["access_token"])
        return _get(path)


CLIENTS = [Client(), Client()]


@replay.capture
def through(*clients: int) -> list[Any]:
    """Asks through these."""
    return [CLIENTS[each].get(f"/orders/{each}")["total"] for each in clients]


@replay.capture
def briefed() -> bool:
    """With a briefing that is kept."""
    if "briefing" not in _kept:
        _kept["briefing"] = _post("/briefing", {"text": f"password: {WORLD['secret']} , then {WORLD['task']} all"})
    return bool(_kept["briefing"])


@replay.capture
def asking(*paths: str) -> list[Any]:
    """Asks for these."""
    return [_get(path) for path in paths]


@replay.capture
def direct() -> Any:
    """Asks for a token too, each time."""
    return _post("/oauth/token", {"client_id": "shop", "client_secret": WORLD["secret"]})["access_token"]


@replay.capture
def priced(currency: str) -> int:
    """Works on what it is given."""
    return len(fetched(currency))
