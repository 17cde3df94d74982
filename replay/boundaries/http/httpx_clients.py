"""The seam of httpx, equally of httpx2, which the openai SDK and the anthropic SDK use: the network transports.

Custom transports derived from them take part; `MockTransport`, `ASGITransport` and `WSGITransport` are no network.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache, partial, wraps
from types import ModuleType
from typing import Any

from replay.boundaries.http.exchange import Exchange, HttpRequest, open_exchange, safely
from replay.boundaries.http.jars import latest
from replay.boundaries.http.recorded import Recorded
from replay.core.raising import throw
from replay.core.world import LIVE, World, current, here

Headers = list[tuple[bytes, bytes]]

patched: dict[str, str] = {}
"""Name and version of what was patched."""


def patch(module: ModuleType) -> None:
    """Patch the two transport classes of `module`. A second call does nothing."""
    name = module.__name__
    if name in patched:
        return
    _patch(module)
    patched[name] = str(module.__version__)


def _patch(module: ModuleType) -> None:
    sync, async_ = module.HTTPTransport, module.AsyncHTTPTransport
    if not hasattr(sync.handle_request, "__replay_seam__"):
        sync.handle_request = _Seam(module).sync(sync.handle_request)
        sync.handle_request.__replay_seam__ = True
    if not hasattr(async_.handle_async_request, "__replay_seam__"):
        async_.handle_async_request = _Seam(module).asynchronous(async_.handle_async_request)
        async_.handle_async_request.__replay_seam__ = True


def patch_again() -> None:
    """Who patches for a while (vcrpy, a mock) sets back what was there before, and with it takes ours away where that
    came meanwhile."""
    for name in patched:
        _patch(sys.modules[name])


def _put_back(token: Any, request: Any, stream: Any) -> None:
    """As it was before. By itself, so that what stands around the request is short: see
    `replay.core.encoder.Encoder._written`."""
    current.reset(token)
    request.stream = stream


def _failed(exchange: Exchange, error: BaseException, token: Any, request: Any, stream: Any) -> None:
    safely(exchange.fail, error)
    _put_back(token, request, stream)


class _Seam:
    """What both edges share, for one of the two modules."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.name = module.__name__
        self.stream, self.upload, self.played = streams(module)

    def sync(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def handle_request(transport: Any, request: Any) -> Any:
            exchange = self.begun(request)
            if exchange is None:
                return original(transport, request)
            if isinstance(exchange, Recorded):
                exchange.pass_to()
                return self.play(exchange)
            stream = request.stream
            safely(self.tee_upload, request, exchange)
            token = current.set(LIVE)
            try:
                response = original(transport, request)
            except BaseException as error:
                _failed(exchange, error, token, request, stream)
                raise
            _put_back(token, request, stream)
            safely(self.answered, exchange, response)
            return response

        return handle_request

    def asynchronous(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        async def handle_async_request(transport: Any, request: Any) -> Any:
            exchange = await self.begun_async(request)
            if not isinstance(exchange, Exchange):
                return await (original(transport, request) if exchange is None else self.arrived(exchange))
            stream = request.stream
            safely(self.tee_upload, request, exchange)
            token = current.set(LIVE)
            try:
                response = await original(transport, request)
            except BaseException as error:
                _failed(exchange, error, token, request, stream)
                raise
            _put_back(token, request, stream)
            safely(self.answered, exchange, response)
            return response

        return handle_async_request

    def begun(self, request: Any) -> Exchange | Recorded | None:
        """What is made of a request; None: nobody is interested."""
        world = here()
        headers = None if world is None else safely(_headers, request)
        if world is None or headers is None:
            return None
        return self.open(world, request, headers, None if world.live else b"".join(request.stream))

    async def begun_async(self, request: Any) -> Exchange | Recorded | None:
        """The same of one whose body is waited for."""
        world = here()
        headers = None if world is None else safely(_headers, request)
        if world is None or headers is None:
            return None
        body = None if world.live else b"".join([part async for part in request.stream])
        return self.open(world, request, headers, body, awaits=True)

    def open(
        self, world: World, request: Any, headers: Headers, body: bytes | None, *, awaits: bool = False
    ) -> Exchange | Recorded | None:
        """Ask the world. `body` is None while live: it is noted as it is sent."""
        if body is None:
            return safely(self.ask, world, request, headers, b"", awaits)
        return self.ask(world, request, headers, body, awaits)

    def ask(
        self, world: World, request: Any, headers: Headers, body: bytes, awaits: bool
    ) -> Exchange | Recorded | None:
        limits = request.extensions.get("timeout")
        asked = HttpRequest(self.name, request.method, str(request.url), headers, body, jar=latest(), limits=limits)
        exchange = open_exchange(world, asked, awaits=awaits)
        if type(exchange) is Recorded and exchange.bound is not None:
            exchange.bound.timed_out = partial(self.module.ReadTimeout, "timed out", request=request)
        return exchange

    def tee_upload(self, request: Any, exchange: Exchange) -> None:
        """Note the body as it is sent."""
        stream = request.stream
        if isinstance(stream, self.module.ByteStream):
            exchange.asked.piece(b"".join(stream))
        else:
            request.stream = self.upload(stream, exchange.asked)

    def answered(self, exchange: Exchange, response: Any) -> None:
        """The head is here: note it, tee the body."""
        extensions = response.extensions
        exchange.head(
            response.status_code,
            extensions.get("reason_phrase", b"").decode("latin-1"),
            response.headers.raw,
            extensions.get("http_version", b"HTTP/1.1").decode("latin-1"),
        )
        response.stream = self.stream(response.stream, exchange)

    async def arrived(self, recorded: Recorded) -> Any:
        """What `play` gives, when it has come."""
        await recorded.arrive()
        if recorded.status is None:
            await recorded.wait_for_cancel()
        return self.play(recorded)

    def play(self, recorded: Recorded) -> Any:
        """The recorded response, or raise what was raised instead of it."""
        if recorded.status is None:
            error = recorded.head_error()
            assert error is not None
            throw(error)
        head = recorded.heads.get(self.name)
        if head is None:
            head = recorded.heads[self.name] = self.head(recorded)
        headers, extensions = head  # the response makes its own of both
        response = self.module.Response(
            recorded.status, headers=headers, stream=self.played(recorded), extensions=dict(extensions)
        )
        response.headers.encoding = headers.encoding  # known: looked for once
        return response

    def head(self, recorded: Recorded) -> tuple[Any, dict[str, bytes]]:
        """Headers and extensions of the response. Only HTTP/1 has reason phrases, empty ones too: else httpx takes the
        usual phrase of the status."""
        extensions = {"http_version": recorded.http_version.encode("latin-1")}
        if recorded.reason or recorded.http_version.startswith("HTTP/1"):
            extensions["reason_phrase"] = recorded.reason.encode("latin-1")
        return (
            self.module.Headers([(name.encode("latin-1"), text.encode("latin-1")) for name, text in recorded.headers]),
            extensions,
        )


def _headers(request: Any) -> Headers | None:
    """Listed once, as httpx makes a list of them each time. None: it asks for a websocket; what follows is no answer to
    keep, and at replay its connection is refused."""
    headers: Headers = request.headers.raw
    for name, value in headers:  # no generator: each request pays for this, in production too
        if len(name) == 7 and name.lower() == b"upgrade" and b"websocket" in value.lower():
            return None
    return headers


@cache  # they are classes
def streams(module: ModuleType) -> tuple[type, type, type]:
    """The response's tee, the upload's tee, the played body. Each serves both edges, as the module's streams do."""
    return _tee(module), _upload(module), _played(module)


def _tee(module: ModuleType) -> type:

    class Tee(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, stream: Any, exchange: Exchange) -> None:
            self._stream = stream
            self._exchange = exchange

        def __iter__(self) -> Iterator[bytes]:
            exchange = self._exchange
            try:
                for part in self._stream:
                    safely(exchange.piece, part)
                    yield part
            except GeneratorExit:  # the application stopped reading; `close` tells
                raise
            except BaseException as error:
                safely(exchange.fail, error)
                raise
            safely(exchange.finish)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            exchange = self._exchange
            try:
                async for part in self._stream:
                    safely(exchange.piece, part)
                    yield part
            except GeneratorExit:
                raise
            except BaseException as error:
                safely(exchange.fail, error)
                raise
            safely(exchange.finish)

        def close(self) -> None:
            try:
                self._stream.close()
            finally:
                safely(self._exchange.close)

        async def aclose(self) -> None:
            try:
                await self._stream.aclose()
            finally:
                safely(self._exchange.close)

    return Tee


def _upload(module: ModuleType) -> type:
    class Upload(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, stream: Any, asked: HttpRequest) -> None:
            self._stream = stream
            self._asked = asked

        def __iter__(self) -> Iterator[bytes]:
            for part in self._stream:
                safely(self._asked.piece, part)
                yield part

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for part in self._stream:
                safely(self._asked.piece, part)
                yield part

        def close(self) -> None:
            self._stream.close()

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Upload


def _played(module: ModuleType) -> type:
    class Played(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, recorded: Recorded) -> None:
            self._recorded: Recorded | None = recorded

        @property
        def is_easy(self) -> bool:
            """Nobody has read of it, and it ends well and within the client's time limit."""
            recorded = self._recorded
            return recorded is not None and recorded.clean and recorded.bound is None

        def _take(self) -> Recorded:
            """Read once. The response and its stream hold each other: what was read need not wait for the collector."""
            recorded, self._recorded = self._recorded, None
            if recorded is None:
                raise module.StreamConsumed
            return recorded

        def __iter__(self) -> Iterator[bytes]:
            recorded = self._take()
            for number, part in enumerate(recorded.pieces):
                recorded.pass_to(number)
                yield part
            recorded.pass_to(len(recorded.pieces))
            if not recorded.clean and (error := recorded.body_error()) is not None:
                throw(error)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            recorded = self._take()
            for number, part in enumerate(recorded.pieces):
                await recorded.arrive(number)
                yield part
            await recorded.arrive(len(recorded.pieces))
            await recorded.wait_for_cancel()
            error = recorded.body_error()
            if error is not None:
                throw(error)

    return Played
