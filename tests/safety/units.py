"""Units of work of every shape, as an application has them: each run gives what can be compared."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import threading
import time
import uuid
from argparse import Namespace
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import flask
import httpx
from django.core.signals import got_request_exception

import replay


class Order:
    """An instance of a class: no plain data."""

    def __init__(self, number: int) -> None:
        self.number = number


@replay.boundary
def asked(n: Any) -> Any:
    return {"asked": n}


@replay.boundary
def asked_fails(n: Any) -> Any:
    raise LookupError(n)


@replay.boundary
async def asked_later(n: Any) -> Any:
    await asyncio.sleep(0)
    return [n]


@replay.boundary
def asked_stream(n: int) -> Iterator[int]:
    yield from range(n)


@replay.boundary
async def asked_stream_later(n: int) -> AsyncIterator[int]:
    for each in range(n):
        yield each


@replay.model("scorer", score=lambda out: out["score"], label=lambda out: out["label"])
def scored(n: int) -> Any:
    return {"score": n / 10, "label": "x"}


def inside(n: Any) -> Any:
    """What happens within each unit: every boundary that needs no network."""
    try:
        asked_fails(n)
    except LookupError as error:
        said = repr(error)
    replay.note(n=n)
    replay.flag("pricing", True)
    logging.getLogger("unit").warning("seen %s", n)
    drawn = random.random()
    time.sleep(0)
    return {
        "asked": [asked(n), asked(Order(n))["asked"].number, asked(n=n)],
        "stream": list(asked_stream(3)),
        "scored": scored(3),
        "said": said,
        "drawn": type(drawn),
        "uuid": type(uuid.uuid4()),
    }


@replay.capture
def function(n: Any) -> Any:
    return inside(n)


@replay.capture
def raising(n: Any) -> Any:
    inside(n)
    raise KeyError("wrong", n)


@replay.capture
async def coroutine(n: Any) -> Any:
    found = [await asked_later(n)]
    async for each in asked_stream_later(3):
        found.append(each)
    return [inside(n), found]


@replay.capture
async def coroutine_raising(n: Any) -> Any:
    await asked_later(n)
    raise OSError(5, "wrong")


@replay.capture
def generator(n: Any) -> Iterator[Any]:
    got = yield inside(n)
    yield got
    return [n]


@replay.capture
def generator_raising(n: Any) -> Iterator[Any]:
    yield n
    raise ArithmeticError(n)


@replay.capture
async def async_generator(n: Any) -> AsyncIterator[Any]:
    got = yield await asked_later(n)
    yield got


def block(n: Any) -> Any:
    with replay.recording("nightly", input=[n]) as work:
        value = inside(n)
        work.result(value)
    return value


def block_raising(n: Any) -> Any:
    with replay.recording("nightly", input=[n]):
        raise ValueError(n)


@replay.aws_lambda
def handler(event: Any, context: Any) -> Any:
    return inside(event["n"])


async def _app(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    body = repr(inside(len(message["body"]))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
    await send({"type": "http.response.body", "body": body})


def _wsgi(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("X", "y")])
    return [repr(inside(len(environ["wsgi.input"].read()))).encode()]


def _answers_for(environ: Any, start_response: Any) -> Any:
    """As frameworks do: it logs what was raised, or tells its listeners."""
    try:
        raise LookupError(len(environ["wsgi.input"].read()))
    except LookupError as error:
        how = environ["PATH_INFO"]
        if how == "/log":
            logging.getLogger("units").exception("no order")
        elif how == "/flask":
            flask.got_request_exception.send(how, exception=error)
        else:
            got_request_exception.send(how)
    start_response("500 Down", [("X", "y")])
    return [b"sorry"]


asgi = replay.ASGI(_app, target="tests.safety.units:asgi")
wsgi = replay.WSGI(_wsgi, target="tests.safety.units:wsgi")
answers_for = replay.WSGI(_answers_for, target="tests.safety.units:answers_for")


def _run(work: Any) -> Any:
    return asyncio.run(work)


def _drawn(n: Any) -> Any:
    found = generator(n)
    items = [next(found), found.send("sent")]
    try:
        next(found)
    except StopIteration as stop:
        items.append(stop.value)
    return items


def _closed(n: Any) -> Any:
    found = generator(n)
    next(found)
    return found.close()


async def _drawn_later(n: Any) -> Any:
    found: Any = async_generator(n)
    items = [await found.__anext__(), await found.asend("sent")]
    await found.aclose()
    return items


async def _served(n: Any) -> Any:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * n, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"a", b"b")], "http_version": "1.1",
             "query_string": b"", "server": ("h", 80), "client": ("c", 1), "scheme": "http"}  # fmt: skip
    await asgi(scope, receive, send)
    return sent


def _served_wsgi(n: Any, app: Any = wsgi, place: str = "/") -> Any:
    import io

    started: list[Any] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": place, "wsgi.input": io.BytesIO(b"x" * n),
               "CONTENT_LENGTH": str(n), "SERVER_NAME": "h", "SERVER_PORT": "80"}  # fmt: skip

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        started.append((status, headers))
        return lambda data: None

    answer = app(environ, start_response)
    pieces = list(answer)
    if hasattr(answer, "close"):
        answer.close()
    return [started, pieces]


address = ""
"""Of a server on loopback, set by the tests."""


@replay.capture
def with_urllib(n: Any) -> Any:
    import urllib.request

    with urllib.request.urlopen(f"{address}/{n}", data=b"asked") as answer:
        return [answer.status, answer.read()]


@replay.capture
def with_httpx(n: Any) -> Any:
    import httpx

    with httpx.Client(trust_env=False) as client, client.stream("POST", f"{address}/{n}", content=b"asked") as answer:
        return [answer.status_code, b"".join(answer.iter_bytes())]


@replay.capture
async def with_httpx_later(n: Any) -> Any:
    import httpx

    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{address}/{n}", content=b"asked")
        return [answer.status_code, answer.content]


@replay.capture
async def with_aiohttp(n: Any) -> Any:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.post(f"{address}/{n}", data=b"asked") as answer:
        return [answer.status, await answer.read()]


@replay.capture
def refused(n: Any) -> Any:
    import httpx

    try:
        httpx.get("http://127.0.0.1:1/", trust_env=False)
    except httpx.ConnectError as error:
        return type(error)


class Shop:
    """With methods that are units of work, and one that the world answers."""

    def __init__(self, name: str) -> None:
        self.name = name

    @replay.capture
    def order(self, n: Any) -> Any:
        return [self.name, self.price(n), inside(n)]

    @replay.boundary
    def price(self, n: Any) -> Any:
        return n * 2

    @classmethod
    @replay.capture
    def known(cls, n: Any) -> Any:
        return cls.__name__, n

    @staticmethod
    @replay.capture
    def free(n: Any) -> Any:
        return [n]


class Colour(Enum):
    """One of several."""

    RED = 1


class Pair(NamedTuple):
    """With names."""

    left: int
    right: Any


@dataclass
class Line:
    """With fields."""

    sku: str
    count: int


class Basket(dict[str, int]):
    """A kind of dict."""


@replay.capture
def with_values(n: Any) -> Any:
    """Values of many types, there and back."""
    given = (
        Line("x", n),
        Colour.RED,
        Pair(n, {1, 2}),
        deque([n]),
        Basket(a=n),
        Namespace(n=n),
        time.gmtime(n),
        httpx.Request("GET", f"http://crm/{n}"),
        datetime(2024, 5, 1),
        Decimal("1.5"),
        b"x",
    )
    return [asked(each)["asked"] for each in given] + [inside(n)]


@replay.capture
def with_threads(n: Any) -> Any:
    """Work in threads, and in a pool of them."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asked(n)))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        return [found, pool.submit(asked, n).result(), list(pool.map(asked, [n, n + 1])), inside(n)]


@replay.capture
async def with_threads_later(n: Any) -> Any:
    gathered = await asyncio.gather(asked_later(n), asked_later(n))
    completed = [await each for each in asyncio.as_completed([asked_later(n)])]
    given_up = asyncio.ensure_future(asked_later(n))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    return [await asyncio.to_thread(asked, n), gathered, completed, given_up.cancelled()]


@replay.capture
def with_draws(n: Any) -> Any:
    """Everything that draws: what is drawn is of these types and sizes."""
    own = random.Random(n)
    drawn = [random.randint(1, 9), random.sample(range(9), 2), random.gauss(0, 1), random.choice("abc"), own.random(),
             secrets.token_hex(8), secrets.randbelow(9), secrets.choice("abc"), os.urandom(4)]  # fmt: skip
    random.shuffle([1, 2, 3])
    return [(type(each), len(each) if isinstance(each, (str, bytes, list)) else 0) for each in drawn] + [inside(n)]


@replay.capture
def with_requests(n: Any) -> Any:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        first = session.post(f"{address}/{n}", json={"n": n}, timeout=20)
        again = session.post(f"{address}/{n}", data=iter([b"asked"]), headers={"Content-Length": "5"}, timeout=20)
        return [first.status_code, first.content, again.status_code]


UNITS: dict[str, Callable[[Any], Any]] = {
    "function": function,
    "raising": raising,
    "coroutine": lambda n: _run(coroutine(n)),
    "coroutine raising": lambda n: _run(coroutine_raising(n)),
    "generator": _drawn,
    "generator closed": _closed,
    "generator raising": lambda n: list(generator_raising(n)),
    "async generator": lambda n: _run(_drawn_later(n)),
    "block": block,
    "block raising": block_raising,
    "lambda": lambda n: handler({"n": n}, None),
    "asgi": lambda n: _run(_served(n)),
    "wsgi": _served_wsgi,
    "wsgi logging": lambda n: _served_wsgi(n, answers_for, "/log"),
    "wsgi of flask": lambda n: _served_wsgi(n, answers_for, "/flask"),
    "wsgi of django": lambda n: _served_wsgi(n, answers_for, "/django"),
    "urllib": with_urllib,
    "httpx": with_httpx,
    "httpx later": lambda n: _run(with_httpx_later(n)),
    "aiohttp": lambda n: _run(with_aiohttp(n)),
    "refused": refused,
    "method": lambda n: Shop("s").order(n),
    "class method": Shop.known,
    "static method": Shop.free,
    "values": with_values,
    "threads": with_threads,
    "threads later": lambda n: _run(with_threads_later(n)),
    "draws": with_draws,
    "requests": with_requests,
}


def outcome(unit: Callable[[Any], Any], n: Any) -> tuple[str, type, Any]:
    """How a run ended, by value and exact type."""
    try:
        value = unit(n)
    except BaseException as error:
        return ("raised", type(error), error.args)
    return ("returned", type(value), value)
