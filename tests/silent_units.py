"""Applications that hide what goes wrong: each ends in the same result whatever it is answered.

`CHANGE` is what a developer edited since the recording.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Generator
from copy import copy
from typing import Any

import httpx
import requests

import replay

CHANGE: set[str] = set()
COUNT = {"polled": 0}
_DATABASE = sqlite3.connect(":memory:")


@replay.boundary
def poll() -> int:
    """Another number each time."""
    COUNT["polled"] += 1
    return COUNT["polled"]


@replay.boundary
def slow() -> str:
    """Answers when nobody waits any more."""
    time.sleep(0.4)
    return "late"


def _client() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=10)


@replay.capture
def polls() -> str:
    """Asks the same three times; once more after the edit."""
    found = [poll() for _ in range(3)]
    if "once-more" in CHANGE:
        try:
            found.append(poll())
        except BaseException:
            pass
    return ",".join(map(str, found[:3]))


@replay.capture
def swallows(url: str) -> str:
    """Every error is fine."""
    try:
        with _client() as client:
            client.get(f"{url}/echo", params={"customer": "2" if "other" in CHANGE else "1"})
    except BaseException:
        pass
    return "done"


def _session(client: str) -> Any:
    return requests.Session() if client == "requests" else _client()


@replay.capture
def chooses(url: str, client: str) -> str:
    """The same URL, asked by a page of another site after the edit, or for another part."""
    headers = {"Origin": "https://shop.example"} if "origin" in CHANGE else {}
    try:
        with _session(client) as session:
            session.get(f"{url}/echo", headers={"Range": f"bytes={'9' if 'range' in CHANGE else '0'}-"} | headers)
    except BaseException:
        pass
    return "done"


HEADERS = {
    "tenant": ({"X-Tenant-Id": "acme"}, {"X-Tenant-Id": "globex"}),
    "version": ({"Stripe-Version": "2020-01-01"}, {"Stripe-Version": "2024-01-01"}),
    "accept": ({"Accept": "application/json"}, {"Accept": "text/csv"}),
    "language": ({"Accept-Language": "de"}, {"Accept-Language": "en"}),
    "type": ({"Content-Type": "application/json"}, {"Content-Type": "text/plain; charset=utf-8"}),
    "cookie": ({"Cookie": "session=1234"}, {}),
    "idempotency": ({"Idempotency-Key": "5b8e"}, {}),
}
"""Before an edit and after it."""
QUERIES = {"turned": ("a=1&a=2", "a=2&a=1"), "empty": ("a=1&b=", "a=1")}


@replay.capture
def asks_alike(url: str, client: str, case: str) -> str:
    """The same URL and method, and another answer of the server."""
    query, edited = QUERIES.get(case, ("a=1", "a=1"))
    headers, others = HEADERS.get(case, ({}, {}))
    if "edited" in CHANGE:
        query, headers = edited, others
    try:
        with _session(client) as session:
            session.post(f"{url}/echo?{query}", json={}, headers=headers)
    except BaseException:
        pass
    return "done"


@replay.boundary
def cursor(number: int) -> Any:
    """What no recording can hold."""
    return _DATABASE.execute(f"select {number}")


@replay.boundary
def cursors(number: int) -> list[Any]:
    """Holds such."""
    return [number, {"cursor": _DATABASE.execute(f"select {number}")}]


@replay.capture
def reads_a_held_cursor() -> str:
    """Copies and shows what holds it; after the edit it reads it."""
    number, held = copy(cursors(1))
    shown = f"{number} {len(str(held)) > 0} {bool(held['cursor'])}"
    if "reads" in CHANGE:
        try:
            shown += str(held["cursor"].fetchone())
        except BaseException:
            pass
    return shown


@replay.boundary
def close(held: Any) -> str:
    """Takes it."""
    held.close()
    return "closed"


@replay.capture
def reads_a_cursor() -> str:
    """Shows and passes on what it got; after the edit it reads it, and takes what comes."""
    found = cursor(1)
    if found is None or not found:
        return "nothing"
    text = f"{found} {[found]}"
    if "reads" in CHANGE:
        try:
            text = str(list(found))
        except BaseException:
            pass
    return close(found) + ("" if text else "?")


@replay.capture
def large(url: str, client: str) -> int:
    """A page that is shown without its picture where that cannot be had."""
    try:
        with _session(client) as session:
            session.get(f"{url}/binary").content
    except BaseException:
        pass
    return 76_800


@replay.capture
def posts(url: str) -> str:
    """The same URL, another body."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.post(f"{url}/echo", json={"filter": {"id": 20 if "other" in CHANGE else 1}}, timeout=10)
    except BaseException:
        pass
    return "done"


@replay.capture
def falls_back(url: str) -> str:
    """A lost connection is everyday business: there is a default."""
    path = "/chunked" if "other" in CHANGE else "/reset"
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url + path, timeout=10).text
    except Exception:
        return "default"


@replay.capture
def forgets(url: str) -> str:
    """Asks; after the edit no more."""
    with _client() as client:
        if "less" not in CHANGE:
            client.get(f"{url}/echo?a=1")
        if "nothing" not in CHANGE:
            client.get(f"{url}/echo?a=2")
    return "done"


@replay.capture
def reads(url: str) -> int:
    """Reads the beginning of a stream; after the edit all of it."""
    read = b""
    try:
        with _client() as client, client.stream("GET", f"{url}/sse") as response:
            for piece in response.iter_raw():
                read += piece
                if "on" not in CHANGE:
                    break
    except BaseException:
        pass
    return min(1, len(read))


@replay.capture
def downloads(url: str) -> str:
    """A reset inside the body: part of a file is no file."""
    try:
        with _client() as client:
            return f"{len(client.get(f'{url}/reset_in_body').content)} bytes"
    except httpx.TransportError as error:
        return type(error).__name__


@replay.capture
def leaves_behind() -> str:
    """Does not wait for the answer; after the edit it does, and takes what comes."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(slow())
        except BaseException:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    if "waits" in CHANGE:
        thread.join()
    else:
        time.sleep(0.1)
    return "done"


@replay.capture
def in_background(url: str) -> str:
    """A thread whose errors nobody sees."""

    def ask() -> None:
        try:
            with _client() as client:
                client.get(f"{url}/echo?from={'other' if 'other' in CHANGE else 'thread'}")
        except BaseException:
            pass

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return "done"


@replay.capture
async def gathers(url: str) -> str:
    """Tasks whose errors nobody reads, or that are dropped."""
    async with httpx.AsyncClient(trust_env=False) as client:

        async def ask(name: str) -> None:
            await client.get(f"{url}/echo?task={name}")

        tasks = [asyncio.create_task(ask("other" if "other" in CHANGE and n == 2 else str(n))) for n in range(4)]
        if "drops" in CHANGE:
            tasks.pop().cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return "done"


@replay.capture
def asks_twice() -> str:
    """After the edit two threads ask what production asked once."""

    def ask() -> None:
        try:
            poll()
        except BaseException:
            pass

    threads = [threading.Thread(target=ask) for _ in range(2 if "twice" in CHANGE else 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "done"


@replay.capture
def frames(url: str, client: str, framing: str) -> str:
    """Three requests over one connection."""
    found = []
    with requests.Session() if client == "requests" else _client() as session:
        for path in (framing, framing, "echo"):
            try:
                found.append(len(session.get(f"{url}/{path}", timeout=10).content) > 4)
            except BaseException:
                found.append(True)
    return str(found)


@replay.boundary
def rows() -> Generator[int, Any, str]:
    """Three, and an end."""
    for number in range(3):
        _ = yield number
    return "end"


@replay.boundary
async def rows_async() -> AsyncGenerator[int, None]:
    """Three."""
    for number in range(3):
        yield number


@replay.capture
def leaves_rows(how: str) -> str:
    """Reads all; after the edit not to the end, or not even so far, or says something else on its way."""
    found = rows()
    if how == "sends":
        next(found)
        found.send("other" if "other" in CHANGE else "one")
    elif how == "throws":
        next(found)
        try:
            found.throw(ValueError("other" if "other" in CHANGE else "one"))
        except ValueError:
            pass
    else:
        for number in found:
            if number == {"early": 0, "late": 2}[how] and "other" in CHANGE:
                break
    return "done"


@replay.capture
async def leaves_rows_async() -> str:
    """The same of an asynchronous one, that nobody reads to its end."""
    async for number in rows_async():
        if number == (0 if "other" in CHANGE else 2):
            break
    return "done"


@replay.boundary
async def ticks() -> AsyncGenerator[int, None]:
    """Three, each of which is waited for."""
    for number in range(3):
        await asyncio.sleep(0.001)
        yield number


@replay.capture
async def leaves_ticks() -> str:
    """Reads all; after the edit not, and ends at once: the loop cancels what was to close the rest."""
    async for number in ticks():
        if number == 1 and "other" in CHANGE:
            break
    return "done"


@replay.capture
def leaves_a_body(url: str, client: str) -> str:
    """Reads what it is answered; after the edit only the head of it."""
    reads = "other" not in CHANGE
    if client == "requests":
        with requests.Session() as session, session.get(f"{url}/echo", stream=True) as answer:
            body = answer.content if reads else b""
    elif client == "httpx":
        with _client() as asked, asked.stream("GET", f"{url}/echo") as streamed:
            body = streamed.read() if reads else b""
    else:
        body = asyncio.run(_leaves_a_body(url, reads))
    return "done" if body or not reads else "nothing"


async def _leaves_a_body(url: str, reads: bool) -> bytes:
    async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", f"{url}/echo") as answer:
        return await answer.aread() if reads else b""
