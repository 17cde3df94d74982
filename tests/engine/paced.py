"""Units of work that read a slow answer piece by piece, as the tests of pace record and replay them.

Each tells after how many seconds what came, first the head: `[[seconds, what], ...]`; with a `limit` it stops reading
once so many seconds have gone by since then.
"""

from __future__ import annotations

import http.client
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import anthropic
import httpx
import httpx2
import openai
import requests
import urllib3

import replay

PAUSE = 0.06
"""Seconds between what the server sends: head, pieces, end."""
TOKENS = ("one ", "two ", "three ")
NEVER = 60.0

Told = list[list[Any]]


def told(pieces: Iterator[Any], limit: float) -> Told:
    """What came when."""
    started = time.monotonic()
    found = []
    for piece in pieces:
        found.append([time.monotonic() - started, piece])
        if found[-1][0] - found[0][0] > limit:
            break
    return [*found, [time.monotonic() - started, "end"]]


def by_httpx(module: Any) -> Callable[[str], Iterator[Any]]:
    def pieces(url: str) -> Iterator[Any]:
        with module.Client(trust_env=False) as client, client.stream("GET", url) as response:
            yield response.status_code
            yield from response.iter_bytes()

    return pieces


def by_requests(url: str) -> Iterator[Any]:
    with requests.Session() as session:
        session.trust_env = False
        with session.get(url, stream=True) as response:
            yield response.status_code
            yield from response.iter_content(None)


def by_urllib3(url: str) -> Iterator[Any]:
    response = urllib3.PoolManager().request("GET", url, preload_content=False)
    yield response.status
    yield from response.stream(5)
    response.close()


def by_http_client(url: str) -> Iterator[Any]:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host)
    connection.request("GET", f"/{path}")
    response = connection.getresponse()
    yield response.status
    while piece := response.read1():
        yield piece
    connection.close()


def by_urllib(url: str) -> Iterator[Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url) as response:
        yield response.status
        while piece := response.read(4):
            yield piece


def by_openai(url: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0) as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=True)
        yield "head"
        yield from (part.choices[0].delta.content for part in stream if part.choices)
        stream.close()


def by_anthropic(url: str) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        stream = client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hello"}], stream=True
        )
        yield "head"
        yield from (part.type for part in stream)
        stream.close()


CLIENTS: dict[str, tuple[Callable[[str], Iterator[Any]], str]] = {
    "httpx": (by_httpx(httpx), "/paced"),
    "httpx of a length": (by_httpx(httpx), "/of_a_length"),
    "httpx2": (by_httpx(httpx2), "/paced"),
    "requests": (by_requests, "/paced"),
    "requests of a length": (by_requests, "/of_a_length"),
    "requests until the end": (by_requests, "/until_the_end"),
    "urllib3": (by_urllib3, "/paced"),
    "http.client": (by_http_client, "/paced"),
    "urllib of a length": (by_urllib, "/of_a_length"),
    "openai": (by_openai, ""),
    "anthropic": (by_anthropic, ""),
}
"""Who reads, and what of."""
URL = {"base": ""}


@replay.capture
def reads(client: str, limit: float = NEVER) -> Told:
    """A stream of one of the clients."""
    read, path = CLIENTS[client]
    pieces = read(URL["base"] + path)
    found = told(pieces, limit)
    pieces.close()  # type: ignore[attr-defined]  # they are generators
    return [[seconds, piece.decode() if type(piece) is bytes else piece] for seconds, piece in found]


@replay.boundary
def tokens() -> Iterator[str]:
    """A model of one's own."""
    for token in TOKENS:
        time.sleep(PAUSE)
        yield token
    time.sleep(PAUSE)


@replay.capture
def generates(limit: float = NEVER) -> Told:
    """A stream of a named function."""
    return told(iter(tokens()), limit)


@replay.capture
def gives_up(client: str, limit: float) -> str:
    """Takes what came within the limit."""
    found = reads.__wrapped__(client, limit)[:-1]  # type: ignore[attr-defined]
    return f"{len(found)} of them: {[what for _, what in found]}"


@replay.capture
def reads_two() -> list[list[Any]]:
    """Two threads read a stream each, the second begins half a pause later."""
    order: list[list[Any]] = []

    def read(name: str) -> None:
        for piece in by_requests(URL["base"] + "/paced"):
            order.append([name, piece if type(piece) is int else piece.decode()])

    threads = [threading.Thread(target=read, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
        time.sleep(PAUSE / 2)
    for thread in threads:
        thread.join()
    return order


@replay.capture
async def awaits(client: str) -> Told:
    """The head and the first piece of a stream that a task reads."""
    url = URL["base"] + "/paced"
    if client == "httpx":
        async with httpx.AsyncClient(trust_env=False) as session, session.stream("GET", url) as response:
            return await _awaited(response.status_code, response.aiter_bytes())
    async with aiohttp.ClientSession() as other, other.get(url) as answer:
        return await _awaited(answer.status, answer.content.iter_any())


async def _awaited(status: int, pieces: AsyncIterator[bytes]) -> Told:
    started = time.monotonic()
    return [[0.0, status], *[[time.monotonic() - started, piece.decode()] async for piece in pieces]]
