"""Code that gives its clients a time limit. `LIMIT` stands for the constant that a change of the code makes another."""

from __future__ import annotations

import asyncio
import http.client
import time
import urllib.request
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import anthropic
import httplib2
import httpx
import httpx2
import openai
import requests
import urllib3

import replay

URL = {"base": ""}
LIMIT: dict[str, float | None] = {"seconds": None}


def _httpx(url: str) -> Any:
    with httpx.Client(trust_env=False, timeout=LIMIT["seconds"]) as client:
        return client.get(url).text


def _httpx_stream(url: str) -> Any:
    client = httpx.Client(trust_env=False, timeout=30)
    with client, client.stream("GET", url, timeout=LIMIT["seconds"]) as answer:
        return list(answer.iter_text())


async def _httpx_async(url: str) -> Any:
    limits = httpx.Timeout(30, read=LIMIT["seconds"])
    async with httpx.AsyncClient(trust_env=False, timeout=limits) as client:
        return (await client.get(url)).text


def _httpx2(url: str) -> Any:
    with httpx2.Client(trust_env=False, timeout=LIMIT["seconds"]) as client:
        return client.get(url).text


async def _aiohttp(url: str) -> Any:
    limits = aiohttp.ClientTimeout(sock_read=LIMIT["seconds"])
    async with aiohttp.ClientSession() as session, session.get(url, timeout=limits) as answer:
        return await answer.text()


async def _aiohttp_session(url: str) -> Any:
    limits = aiohttp.ClientTimeout(total=LIMIT["seconds"])
    async with aiohttp.ClientSession(timeout=limits) as session, session.get(url) as answer:
        return await answer.text()


def _requests(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        seconds = LIMIT["seconds"]
        return session.get(url, timeout=None if seconds is None else (30, seconds)).text


def _urllib3(url: str) -> Any:
    seconds = LIMIT["seconds"]
    timeout = urllib3.Timeout(connect=30, read=seconds)
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        return pool.request("GET", url).data


def _http_client(url: str) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=LIMIT["seconds"])
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _urllib(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=LIMIT["seconds"]) as answer:
        return answer.read()


def _httplib2(url: str) -> Any:
    client = httplib2.Http(timeout=LIMIT["seconds"], proxy_info=None)
    try:
        return client.request(url)[1]
    finally:
        client.close()


def _openai(url: str) -> Any:
    client = openai.OpenAI(api_key="k", base_url=url, max_retries=0, timeout=LIMIT["seconds"])
    return client.models.list().data


def _anthropic(url: str) -> Any:
    client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0, timeout=LIMIT["seconds"])
    return client.models.list().data


BLOCKING: dict[str, Callable[[str], Any]] = {
    "httpx": _httpx, "httpx stream": _httpx_stream, "httpx2": _httpx2, "requests": _requests, "urllib3": _urllib3,
    "http.client": _http_client, "urllib": _urllib, "httplib2": _httplib2, "openai": _openai, "anthropic": _anthropic,
}  # fmt: skip
AWAITED: dict[str, Callable[[str], Coroutine[Any, Any, Any]]] = {
    "httpx async": _httpx_async, "aiohttp": _aiohttp, "aiohttp total": _aiohttp_session,
}  # fmt: skip


def _asks(client: str, path: str) -> Any:
    url = f"{URL['base']}/{path}"
    return BLOCKING[client](url) if client in BLOCKING else asyncio.run(AWAITED[client](url))


@replay.capture
def asks(client: str, path: str) -> str:
    """Falls back where its limit is over; what the answer is, it does not say."""
    try:
        _asks(client, path)
    except Exception as error:
        names = type(error).__name__, type(error.__cause__).__name__
        return "fell back" if "Time" in "".join(names) or "time" in str(error) else repr(error)
    return "asked"


@replay.capture
def tells_nothing(client: str) -> str:
    """Whether it was answered makes no difference."""
    try:
        _asks(client, "late")
    except Exception:
        pass
    return "done"


@replay.capture
def has_until(seconds: float) -> str:
    """What it has left after its work is the limit of its request."""
    until = time.monotonic() + seconds
    worked = time.perf_counter_ns()
    while time.perf_counter_ns() - worked < COMPUTES["seconds"] * 1e9:
        pass
    try:
        return httpx.get(f"{URL['base']}/late", timeout=max(0.01, until - time.monotonic()), trust_env=False).text
    except httpx.TimeoutException:
        return "fell back"


COMPUTES = {"seconds": 0.0}
