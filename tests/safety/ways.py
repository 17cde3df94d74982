"""Units that use what capture watches in its other ways: each way to send and to read, to draw, to answer, to store."""

from __future__ import annotations

import array
import asyncio
import http.client
import io
import ipaddress
import itertools
import json
import logging
import math
import operator
import os
import random
import re
import secrets
import sqlite3
import string
import threading
import uuid
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any
from wsgiref.util import FileWrapper
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import replay
from replay.boundaries.unrecorded import _tapped
from tests.safety import units

# Clients ------------------------------------------------------------------------------------------------------------


def _parts() -> Iterator[bytes]:
    yield b"as"
    yield b"ked"


async def _parts_later() -> AsyncIterator[bytes]:
    for part in _parts():
        yield part


def _connected() -> http.client.HTTPConnection:
    host, _, port = units.address.removeprefix("http://").partition(":")
    return http.client.HTTPConnection(host, int(port), timeout=20)


@replay.capture
def with_http_client(n: Any) -> Any:
    """Each kind of body, each way to read."""
    found: list[Any] = []
    into = bytearray(7)
    for body in (_parts(), io.BytesIO(b"asked"), io.StringIO("asked"), array.array("B", b"asked"), "asked"):
        connection = _connected()
        length = {} if type(body) is type(_parts()) else {"Content-Length": "5"}
        connection.request("POST", f"/{n}", body=body, headers=length)
        answer = connection.getresponse()
        found += [answer.peek(1)[:1], answer.readline(), answer.read1(10), answer.readinto(into), bytes(into)]
        found += [answer.readline(3), next(answer), answer.readlines(4), len(answer.read()), answer.read()]
        connection.close()
    return found


@replay.capture
def with_chunks(n: Any) -> Any:
    """An answer without a length, read in part."""
    connection = _connected()
    connection.request("GET", f"/chunked/{n}")
    answer = connection.getresponse()
    found = [answer.read(5), answer.readline()]
    answer.close()
    connection.close()
    return found


@replay.capture
def with_urllib3(n: Any) -> Any:
    import urllib3

    with urllib3.PoolManager(retries=urllib3.Retry(2, status_forcelist=[503])) as pool:
        first = pool.request("POST", f"{units.address}/{n}", body=_parts(), timeout=20)
        streamed = pool.request("GET", f"{units.address}/chunked/{n}", preload_content=False, timeout=20)
        pieces = b"".join(streamed.stream(50))
        streamed.release_conn()
        try:
            urllib3.HTTPConnectionPool("127.0.0.1", 1).request("GET", "/", retries=1)
        except urllib3.exceptions.MaxRetryError as error:
            said = type(error.reason)
        return [first.status, first.data, pieces, said]


@replay.capture
def with_proxy(n: Any) -> Any:
    """A forwarding proxy, and a tunnel that is refused."""
    import urllib3

    with urllib3.ProxyManager(units.address) as pool:
        answer = pool.request("POST", f"http://other.example/{n}", body=b"asked", timeout=20)
        try:
            pool.request("GET", "https://other.example/", retries=False, timeout=20)
        except urllib3.exceptions.ProxyError as error:
            said = type(error)
        return [answer.status, answer.data, said]


@replay.capture
def with_httplib2(n: Any) -> Any:
    import httplib2

    answer, body = httplib2.Http(proxy_info=None, timeout=20).request(f"{units.address}/{n}", "POST", body=b"asked")
    return [answer.status, body]


@replay.capture
def with_httpx_parts(n: Any) -> Any:
    import httpx

    with httpx.Client(trust_env=False) as client:
        answer = client.post(f"{units.address}/{n}", content=_parts())
        with client.stream("GET", f"{units.address}/chunked/{n}") as unread:
            first = next(unread.iter_raw())[:1]
        return [answer.content, first]


@replay.capture
async def with_httpx_parts_later(n: Any) -> Any:
    import httpx2

    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{units.address}/{n}", content=_parts_later())
        async with client.stream("GET", f"{units.address}/chunked/{n}") as unread:
            first = (await anext(unread.aiter_raw()))[:1]
        return [answer.content, first]


@replay.capture
async def with_aiohttp_parts(n: Any) -> Any:
    """Each kind of body, each way to read."""
    import aiohttp

    found: list[Any] = []
    async with aiohttp.ClientSession() as session:
        form = aiohttp.FormData({"n": str(n)})
        form.add_field("file", io.BytesIO(b"asked"), filename="f")
        for body in (_parts_later(), form, io.BytesIO(b"asked"), "asked"):
            async with session.post(f"{units.address}/{n}", data=body) as answer:
                content = answer.content
                found += [await content.readline(), await content.readexactly(5), await content.readuntil(b"\n"),
                          await content.read(7), bool(await content.readany())]  # fmt: skip
                found.append(len(await content.read()) >= 0)
        for read in (lambda c: c.iter_chunked(100), lambda c: c.iter_any(), lambda c: c.iter_chunks(), lambda c: c):
            async with session.get(f"{units.address}/{n}") as answer:
                found += [each if type(each) is bytes else each[0] async for each in read(answer.content)][:1]
        async with session.get(f"{units.address}/{n}") as answer:
            chunk, _ = await answer.content.readchunk()
            found.append(chunk[:1] + answer.content.read_nowait(0))
            try:
                await answer.content.readexactly(10**6)
            except asyncio.IncompleteReadError as error:
                found.append(type(error))
        try:
            await session.get("http://127.0.0.1:1/")
        except aiohttp.ClientConnectorError as error:
            found.append(type(error))
    return found


# Draws, threads and blocks ------------------------------------------------------------------------------------------


@replay.capture
def with_more_draws(n: Any) -> Any:
    """UUIDs of the moment, seeds that nobody gave, NumPy's generators."""
    import numpy
    import uuid_utils
    import uuid_utils.compat

    array_ = numpy.arange(4)
    numpy.random.shuffle(array_)
    random.seed()
    drawn = [uuid.uuid1(), uuid_utils.uuid4(), uuid_utils.uuid7(), uuid_utils.uuid1(), uuid_utils.compat.uuid7(),
             random.Random().random(), random.SystemRandom().random(), numpy.random.default_rng().random(),
             numpy.random.rand(2), numpy.random.RandomState().random_sample(), sorted(array_), random.gauss(0, 1),
             secrets.randbelow(1), os.urandom(0)]  # fmt: skip
    return [type(each) for each in drawn]


@replay.capture
async def with_anyio(n: Any) -> Any:
    import anyio.to_thread

    return await anyio.to_thread.run_sync(units.asked, n)


@replay.capture
def with_thread_that_cannot_start(n: Any) -> Any:
    thread = threading.Thread(target=units.asked, args=(n,))
    thread.start()
    thread.join()
    try:
        thread.start()
    except RuntimeError as error:
        return str(error)


async def _block(n: Any) -> Any:
    async with replay.recording("nightly", input={"n": n}):
        return await units.asked_later(n)


# Web applications ---------------------------------------------------------------------------------------------------


def _reads(environ: Any, start_response: Any) -> Any:
    """Every way to read the body and to answer."""
    given, into = environ["wsgi.input"], bytearray(3)
    found = [given.readline(), given.read1(3), given.readinto(into), bytes(into), given.readline(4), next(iter(given)),
             given.readlines(5), given.read(3), given.read(), given.closed]  # fmt: skip
    write = start_response("200 OK", [("X", "y")])
    write(repr(found).encode())
    return (piece for piece in (b"more", b""))


def _raises(environ: Any, start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/late":
        start_response("200 OK", [])
        return _raising()
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"a file"))
    try:
        raise LookupError("wrong")
    except LookupError as error:
        if environ["PATH_INFO"] == "/told":
            start_response("500 Wrong", [], (type(error), error, error.__traceback__))
            return [b"wrong"]
        raise


def _raising() -> Iterator[bytes]:
    yield b"some"
    raise OSError(5, "wrong")


wsgi_reads = replay.WSGI(_reads, target="tests.safety.ways:wsgi_reads")
wsgi_raises = replay.WSGI(_raises, target="tests.safety.ways:wsgi_raises")


def _served(app: Any, place: str) -> Any:
    """What a server makes of it."""
    started: list[Any] = []
    body = b"line\nanother\n" * 9
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": place, "CONTENT_LENGTH": str(len(body)), "SERVER_NAME": "h",
               "wsgi.input": io.BufferedReader(io.BytesIO(body)), "wsgi.file_wrapper": FileWrapper,
               "HTTP_TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01", "SERVER_PORT": "80"}  # fmt: skip

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        started.append((status, headers))
        return started.append

    pieces: list[bytes] = []
    try:
        answer = app(environ, start_response)
        pieces += answer
    except (OSError, LookupError) as error:
        return [started, pieces, repr(error)]
    finally:
        if "answer" in locals() and hasattr(answer, "close"):
            answer.close()
    return [started, pieces]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    got = [await receive(), await receive()]
    await send({"type": "http.response.start", "status": 500, "headers": [(b"x", b"y")], "trailers": True})
    await send({"type": "http.response.body", "body": repr(got).encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    await send({"type": "http.response.trailers", "headers": [(b"t", b"u")]})
    await send({"type": "http.response.pathsend", "path": "/tmp/x"})
    if scope["path"] == "/raise":
        raise LookupError("wrong")


asgi = replay.ASGI(_app, target="tests.safety.ways:asgi")


async def _fails(request: Any) -> Any:
    raise LookupError(units.asked(1))


class _AnswersForIt:
    """A middleware of the service."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except LookupError:
            await PlainTextResponse("sorry", 500)(scope, receive, send)


starlette = replay.ASGI(
    Starlette(routes=[Route("/", _fails, methods=["POST"])], middleware=[Middleware(_AnswersForIt)]),
    target="tests.safety.ways:starlette",
)


async def _asked(place: str, app: Any = None) -> Any:
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": b"x"}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "method": "POST", "path": place, "http_version": "1.1", "query_string": b"",
             "headers": [(b"traceparent", f"00-{'a' * 32}-{'b' * 16}-01".encode())], "scheme": "http",
             "server": ("h", 80), "client": ("c", 1), "route": SimpleNamespace(path="/{n}")}  # fmt: skip
    try:
        await (app or asgi)(scope, receive, send)
    except LookupError as error:
        sent.append(repr(error))
    return sent


# Values -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Slotted:
    """With slots."""

    n: int
    more: Any = None


class Held:
    """An object with what is made anew at replay."""

    def __init__(self) -> None:
        self.log = logging.getLogger("held")
        self.lock = threading.Lock()
        self.line = Slotted(1, Slotted(2))
        self.handle = io.StringIO("a file")

    @replay.capture
    def used(self, n: Any) -> Any:
        with self.lock:
            return [self.line.n, units.asked(n)]


class Text(str):
    """A kind of text."""


class Wrong(Exception):
    """With more than a message."""

    def __init__(self, n: Any) -> None:
        super().__init__("wrong", n)
        self.n = n
        self.add_note("a note")


@replay.capture
def with_more_values(n: Any) -> Any:
    """Values of the other types."""
    given: list[Any] = [
        {1, "a"}, frozenset({2}), uuid.UUID(int=5), Path("a/b"), date(2024, 5, 1), time_of_day(5, tzinfo=UTC),
        timedelta(days=1), Fraction(1, 3), 1 + 2j, range(3), bytearray(b"x"), memoryview(b"x"), OrderedDict(a=n),
        Counter("aab"), defaultdict(list, a=[n]), SimpleNamespace(a=n), ZoneInfo("UTC"), UTC, float("inf"), 2**200,
        {(1, 2): 3, None: 4}, Text("t"), [Wrong(n), ExceptionGroup("g", [Wrong(n), KeyError(n)])], b"\xff\x00",
        "\ud800", int, len, Ellipsis, NotImplemented, Slotted(n, [n]), object(), lambda: n, "x" * 70_000,
    ]  # fmt: skip
    return [type(units.asked(each)["asked"]) for each in given]


class Day(date):
    """A kind of date."""


class Moment(datetime):
    """A kind of time stamp."""


class Hour(time_of_day):
    """A kind of time of day."""


class Span(timedelta):
    """A kind of duration."""


class Sum(Decimal):
    """A kind of number."""


class Key(uuid.UUID):
    """A kind of UUID."""


class Cart:
    """An object of the application, which computes once, and holds what is private."""

    def __init__(self, n: Any) -> None:
        self.n = n
        self._cache = {"n": n}

    @cached_property
    def total(self) -> Any:
        return self.n


class Counts(dict):  # type: ignore[type-arg]
    """With attributes beside its items."""


@replay.capture
def with_values_that_nothing_stands_for(n: Any) -> Any:
    """Of which is kept what tells them from others."""
    row = sqlite3.connect(":memory:")
    row.row_factory = sqlite3.Row
    cart, counts = Cart(n), Counts(a=n)
    assert cart.total == n
    counts.more = n  # type: ignore[attr-defined]
    given: list[Any] = [
        cart, [cart, cart], counts, Cart, cart.__init__, string, MappingProxyType({"a": n}),
        re.match("a(b)", "ab"), re.compile("a", re.I), operator.itemgetter(0), operator.attrgetter("a"),
        {"a": n}.keys(), row.execute("select 1 as a").fetchone(), UserDict(a=n), UserList([n]), string.Template("$a"),
        ipaddress.ip_address("10.0.0.1"), Day(2024, 5, 1), Moment(2024, 5, 1, tzinfo=UTC), Hour(5), Span(1),
        Sum("1.5"), Key(int=5), partial(int, "5"), io.BytesIO(b"a"), array.array("B", b"a"), slice(1, 2),
        lambda: cart, with_chunks, math.sqrt, itertools.count(), iter([1]),
    ]  # fmt: skip
    row.close()
    try:
        units.asked_fails(cart)
    except LookupError as error:
        given.append(error)
    return [type(units.asked(each)["asked"]).__name__ for each in given]


@replay.capture
def with_answers_of_a_database(n: Any) -> Any:
    """Mapped instances and rows of SQLAlchemy."""
    import sqlalchemy
    from sqlalchemy.orm import Session

    from tests.core import orders

    orders.Base.metadata.create_all(orders.engine)
    try:
        with Session(orders.engine) as session:
            order = orders.Order(id=7, customer="ada", total=Decimal(n), lines=[orders.Line(sku="a")])
            session.add(order)
            session.flush()
            query = sqlalchemy.select(orders.Order.id, orders.Order.customer)
            given = [order, order.lines, session.execute(query).all(), session.execute(query).mappings().all()]
            return [type(units.asked(each)["asked"]).__name__ for each in given]
    finally:
        orders.Base.metadata.drop_all(orders.engine)
        orders.engine.dispose()


@replay.capture
def with_cookies(n: Any) -> Any:
    """A client that has some from before."""
    import httpx

    with httpx.Client(trust_env=False, cookies={"seen": "before"}) as client:
        return [client.post(f"{units.address}/{n}", content=b"asked").status_code for _ in range(2)]


@replay.capture
def with_an_answer_to_its_end(n: Any) -> Any:
    """One without a length, by each way to read its lines, and a stream of a function that nobody reads to its end."""
    found: list[Any] = []
    for read in (lambda a: a.readlines(), list, lambda a: a.fp.readlines(9), lambda a: list(a.fp), lambda a: a.read(),
                 lambda a: [a.fp.readinto1(bytearray(9)), a.fp.peek(), a.fp.read1(0)]):  # fmt: skip
        connection = _connected()
        connection.request("GET", f"/close/{n}")
        answer = connection.getresponse()
        found.append(len(read(answer)))
        connection.close()
    stream = units.asked_stream(3)
    found.append(next(stream))
    stream.close()  # type: ignore[attr-defined]
    return found


@replay.boundary
def fails_late(n: Any) -> Iterator[Any]:
    yield n
    raise LookupError(n)


@replay.capture
def with_parts_sent_by_hand(n: Any) -> Any:
    """Files and iterators that are sent, a model's answer, a stream that fails."""
    found: list[Any] = []
    for body in (io.BytesIO(b"asked"), io.StringIO("asked"), _parts(), array.array("B", b"asked")):
        connection = _connected()
        connection.putrequest("POST", f"/{n}")
        connection.putheader("Content-Length", "5")
        connection.endheaders()
        connection.send(body)
        found.append(len(connection.getresponse().read()))
        connection.close()
    connection = _connected()
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": "m", "messages": [{"content": "ok?"}]}))
    found.append(json.loads(connection.getresponse().read())["model"])
    connection.close()
    try:
        found += fails_late(n)
    except LookupError as error:
        found.append(str(error))
    return found


@replay.capture
def with_values_of_libraries(n: Any) -> Any:
    import attrs
    import msgspec
    import numpy
    import pandas
    import pydantic

    made = attrs.make_class("Made", ["a"])
    struct = msgspec.defstruct("Struct", [("a", int)])
    model = pydantic.create_model("Model", a=(int, 1))
    try:
        model(a="x")
    except pydantic.ValidationError as error:
        wrong = error
    objects = numpy.array(["a", None], dtype=object)
    given = [made(n), struct(n), model(a=n), numpy.arange(3), numpy.float32(1.5), objects, wrong,
             numpy.ma.masked_array([1, 2], mask=[True, False]), pandas.DataFrame({"a": [1, 2], "b": ["x", None]}),
             pandas.Series([1.5], index=["i"]), pandas.Timestamp("2024-05-01"), pandas.Timedelta(1), pandas.NaT,
             pandas.Index([1, 2]), pandas.Period("2024-05"), pandas.Interval(1, 2)]  # fmt: skip
    return [type(units.asked(each)["asked"]).__name__ for each in given]


@replay.boundary
def _fills_and_raises(into: dict[str, Any]) -> None:
    into["raised"] = 1
    raise ValueError("filled, but")


@replay.capture
def with_arguments_that_are_filled(n: Any) -> Any:
    """By a boundary, whose answer they are, and here."""
    from tests.engine import filled

    given = [make() for make in filled.KINDS.values()]
    for each in given:
        filled.fill(each)
    units.asked(given)
    with suppress(ValueError):
        _fills_and_raises(given[0])
    n = [*n] if isinstance(n, list) else [n]
    n.append(len(given))
    return [n, type(given[0]["lines"]).__name__, given[0]["price"]]


def _run(work: Any) -> Any:
    return asyncio.run(work)


def with_tasks(n: Any) -> Any:
    """Of Celery."""
    from tests.safety import tasks

    return tasks.run(n)


class _Callable:
    """As a channel of gRPC makes some."""

    _method = b"/shop.Orders/Get"

    def _call(self, n: Any) -> Any:
        return n

    __call__ = _tapped("grpc", "", _call)


@replay.capture
def with_a_call_of_grpc(n: Any) -> Any:
    """No boundary takes it."""
    return [_Callable()(n), units.asked(n)]


@replay.boundary
def _answers_with_a_status(n: Any) -> None:
    import grpc.aio

    metadata = grpc.aio.Metadata(("key", str(n)))
    raise grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, metadata, metadata, details="nobody")


@replay.capture
def with_arguments_that_are_filled_before_the_end(n: Any) -> Any:
    """By a boundary that raises, or yields; and an error of gRPC."""
    import grpc

    from tests.engine import filled_ways

    seen = list[Any]()
    for kind, (make, _) in filled_ways.KINDS.items():
        into = make()
        try:
            filled_ways.fail(kind, into)
        except LookupError:
            seen.append(type(into).__name__)
    pages = list[Any]()
    seen += filled_ways.pages(pages, "end")
    try:
        _answers_with_a_status(n)
    except grpc.RpcError as error:
        seen.append(error.details())
    return [seen, len(pages)]


WAYS: dict[str, Callable[[Any], Any]] = {
    "tasks": with_tasks,
    "http.client": with_http_client,
    "chunks": with_chunks,
    "urllib3": with_urllib3,
    "proxy": with_proxy,
    "httplib2": with_httplib2,
    "httpx parts": with_httpx_parts,
    "httpx2 parts later": lambda n: _run(with_httpx_parts_later(n)),
    "aiohttp parts": lambda n: _run(with_aiohttp_parts(n)),
    "more draws": with_more_draws,
    "anyio": lambda n: _run(with_anyio(n)),
    "thread that cannot start": with_thread_that_cannot_start,
    "async block": lambda n: _run(_block(n)),
    "wsgi reads": lambda n: _served(wsgi_reads, "/"),
    "wsgi raising": lambda n: _served(wsgi_raises, "/"),
    "wsgi raising late": lambda n: _served(wsgi_raises, "/late"),
    "wsgi told": lambda n: _served(wsgi_raises, "/told"),
    "wsgi file": lambda n: _served(wsgi_raises, "/file"),
    "asgi more": lambda n: _run(_asked("/")),
    "asgi raising": lambda n: _run(_asked("/raise")),
    "asgi of starlette": lambda n: _run(_asked("/", starlette)),
    "held": lambda n: Held().used(n),
    "more values": with_more_values,
    "values of libraries": with_values_of_libraries,
    "values seen": with_values_that_nothing_stands_for,
    "database": with_answers_of_a_database,
    "cookies": with_cookies,
    "filled": with_arguments_that_are_filled,
    "filled before": with_arguments_that_are_filled_before_the_end,
    "to its end": with_an_answer_to_its_end,
    "by hand": with_parts_sent_by_hand,
    "grpc": with_a_call_of_grpc,
}
