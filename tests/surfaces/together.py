"""Units of work that run all at once over shared clients."""

from __future__ import annotations

import asyncio
from _thread import allocate_lock
from threading import Thread
from typing import Any

import httpx
import requests

import replay

shared: dict[str, Any] = {}


def pause(seconds: float) -> None:
    """In real time, which no replay stands still: what the scheduler of another machine does."""
    lock = allocate_lock()
    lock.acquire()
    lock.acquire(timeout=seconds)


@replay.capture
async def in_task(url: str, name: str) -> list[str]:
    """Two requests over one client for all tasks; at replay a client of its own, since the loop is another."""
    own = None if "client" in shared else httpx.AsyncClient(trust_env=False)
    client = own or shared["client"]
    try:
        found = [(await client.get(f"{url}/echo?{name}={step}")).text for step in range(2)]
    finally:
        if own is not None:
            await own.aclose()
    return found


@replay.capture
def in_thread(url: str, name: str) -> list[str]:
    """Two requests over one session for all threads."""
    with requests.Session() as session:
        session.trust_env = False
        return [session.get(f"{url}/echo?{name}={step}", timeout=20).text for step in range(2)]


@replay.boundary
def turn() -> int:
    """Whose turn it is: another answer for each who asks, and nothing in the request says who."""
    shared["turns"] = shared.get("turns", 0) + 1
    return int(shared["turns"])


@replay.boundary
def served(name: str, number: int) -> str:
    """What the counter does for a customer with a number."""
    return f"{name} has {number}"


async def _one(client: httpx.AsyncClient, url: str, name: str) -> str:
    first = (await client.get(f"{url}/echo?{name}=0")).json()["query"]
    return str((await client.get(f"{url}/echo?{name}=1&after={first}")).json()["query"])


@replay.capture
async def many_tasks(url: str, number: int) -> list[str]:
    """One unit of work: all its tasks over one client."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return list(await asyncio.gather(*(_one(client, url, f"task{n}") for n in range(number))))


@replay.capture
def many_threads(url: str, number: int) -> list[str]:
    """One unit of work: all its threads over one session, two requests each."""
    found: dict[int, str] = {}
    with requests.Session() as session:
        session.trust_env = False

        def one(n: int) -> None:
            first = session.get(f"{url}/echo?thread{n}=0", timeout=20).json()["query"]
            found[n] = session.get(f"{url}/echo?thread{n}=1&after={first}", timeout=20).json()["query"]

        threads = [Thread(target=one, args=(n,)) for n in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [found[n] for n in range(number)]


@replay.capture
def race(number: int) -> list[str]:
    """Threads that take turns: which gets which number is for the scheduler to say."""
    found: dict[int, str] = {}
    pauses = shared.get("pauses", [0.0] * number)

    def one(n: int) -> None:
        pause(pauses[n])
        found[n] = served(f"customer{n}", turn())

    threads = [Thread(target=one, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[n] for n in range(number)]
