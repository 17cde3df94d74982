"""Units of work over a client that lives as long as its process, and keeps what answers set."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import httpx
import requests

import replay

KEPT: dict[str, Any] = {}
"""The process' client, by its library."""


def restart() -> None:
    """As in a new process."""
    for held in KEPT.values():
        if hasattr(held, "close"):
            held.close()
    KEPT.clear()


def client(name: str) -> Any:
    """The one that the process has, made at its first use."""
    if name not in KEPT:
        KEPT[name] = requests.Session() if name == "requests" else httpx.Client(trust_env=False, timeout=10)
    return KEPT[name]


def get(name: str, url: str) -> str:
    """The answer's text, asked by the process' client."""
    if name != "aiohttp":
        return str(client(name).get(url, **({"follow_redirects": True} if name == "httpx" else {})).text)

    async def ask() -> str:
        jar = KEPT.setdefault("aiohttp", [])
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            session.cookie_jar.update_cookies(dict(jar))
            async with session.get(url) as response:
                text = await response.text()
            KEPT["aiohttp"] = [(each.key, each.value) for each in session.cookie_jar]
            return text

    return asyncio.run(ask())


@replay.capture
def asks(name: str, url: str) -> str:
    """One request."""
    return get(name, f"{url}/echo")


@replay.capture
def asks_at_once(name: str, url: str) -> list[str]:
    """Two threads share the client; one of the answers sets cookies, which the other request did not wait for."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda path: get(name, url + path), ["/redirect", "/echo?two"]))


@replay.capture
def logs_in(name: str, url: str) -> str:
    """An answer sets cookies, the next request has them."""
    get(name, f"{url}/redirect")
    if "forgets" in KEPT:
        restart()
    try:
        get(name, f"{url}/echo?mine")
    except BaseException:
        pass
    return "done"
