"""The seam of aiohttp: the innermost client middleware of each request, so that each redirect is an exchange.

Middlewares are aiohttp's public interface (3.12 and newer); ours is added in `ClientSession._request`. Below it are
aiohttp's connection and its decompression; above it redirects, cookies, retries and `raise_for_status` run as live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any

from replay.boundaries.http.exchange import Exchange, HttpRequest, open_exchange, safely
from replay.boundaries.http.recorded import Recorded
from replay.core.raising import throw
from replay.core.world import LIVE, World, current, failed, here

patched: dict[str, str] = {}
"""Name and version of what was patched."""
_streams: Any = None
"""`aiohttp.streams`."""


def patch(module: ModuleType) -> None:
    """Patch `ClientSession._request` of `module` (aiohttp). A second call does nothing."""
    global _streams
    if module.__name__ in patched:
        return
    _streams = module.streams
    session_class = module.ClientSession
    original = session_class._request
    not_given: Any = module.helpers.sentinel

    @wraps(original)
    async def _request(self: Any, method: Any, str_or_url: Any, **options: Any) -> Any:
        if here() is not None:
            given = options.get("middlewares")
            decompresses = options.get("auto_decompress")
            if decompresses is None:
                decompresses = self._auto_decompress
            limits = options.get("timeout", not_given)
            limits = self._timeout if limits is not_given else limits
            seam = partial(_middleware, decompresses=decompresses, jar=self._cookie_jar, limits=limits)
            options["middlewares"] = (*(self._middlewares if given is None else given), seam)
        return await original(self, method, str_or_url, **options)

    session_class._request = _request
    patched[module.__name__] = str(module.__version__)


async def _middleware(
    request: Any, handler: Callable[[Any], Awaitable[Any]], *, decompresses: bool, jar: Any, limits: Any
) -> Any:
    exchange = await _begun(request, jar, limits)
    if exchange is None:
        return await handler(request)
    if isinstance(exchange, Recorded):
        return await _played(exchange, request)
    payload = safely(_tee_upload, request, exchange.asked)
    token = current.set(LIVE)
    try:
        response = await handler(request)
    except BaseException as error:
        safely(exchange.fail, error)
        _put_back(token, payload)
        raise
    _put_back(token, payload)
    safely(_answered, exchange, response, decompresses)
    return response


async def _begun(request: Any, jar: Any, limits: Any) -> Any:
    """What is made of a request; None: nobody is interested."""
    world = here()
    if world is None or "Upgrade" in request.headers:  # a WebSocket has no answer to keep: at replay it is refused
        return None
    try:
        return await _open(world, request, jar, limits)
    except Exception:
        failed("ask-failed", world)
        return None


def _put_back(token: Any, payload: Any) -> None:
    """As it was before. By itself, so that what stands around the request is short: see
    `replay.core.encoder.Encoder._written`."""
    current.reset(token)
    if payload is not None:
        safely(payload.restore)


async def _played(exchange: Recorded, request: Any) -> Any:
    """What was recorded, when it comes."""
    if exchange.bound is not None:
        exchange.bound.timed_out = _silent
    await exchange.arrive()
    if exchange.status is None:
        await exchange.wait_for_cancel()
        error = exchange.head_error()
        assert error is not None
        _of_request(error, request)
        throw(error)
    from replay.boundaries.http.aiohttp_playback import played_response

    return await played_response(request, exchange)


def _silent() -> BaseException:
    """What aiohttp raises where its `sock_read` is over."""
    from aiohttp import SocketTimeoutError

    return SocketTimeoutError("Timeout on reading data from socket")


def _of_request(error: BaseException, request: Any) -> None:
    """An `aiohttp.ClientResponseError` names the request that is made now, with its headers; a connector's error what
    it was to connect to, with the TLS context."""
    if "request_info" in error.__dict__:
        error.__dict__["request_info"] = request.request_info
        error.args = (request.request_info, *error.args[1:])
    if "_conn_key" in error.__dict__:
        error.__dict__["_conn_key"] = request.connection_key
        error.args = (request.connection_key, *error.args[1:])


async def _open(world: World, request: Any, jar: Any, limits: Any) -> Exchange | Recorded | None:
    """Ask the world. While live the body is noted as it is sent; a player gets it whole."""
    if not world.live:
        body = await _drained(request._body)
        return open_exchange(world, _asked(request, body, jar, limits), awaits=True)
    return safely(lambda: open_exchange(world, _asked(request, b"", jar, limits), awaits=True))


def _asked(request: Any, body: bytes, jar: Any, limits: Any) -> HttpRequest:
    """aiohttp puts the cookies of its jar beside those that the code gave."""
    headers = list(request.headers.items())
    held = _holds(jar) and request.headers.get("Cookie")
    return HttpRequest("aiohttp", request.method, str(request.url), headers, body, jar=held or None, limits=limits)


def _holds(jar: Any) -> bool:
    """Whether aiohttp's own kind of jar has any cookie; another one's code is not run."""
    return type(jar).__module__ == "aiohttp.cookiejar" and any(getattr(jar, "_cookies", {}).values())


class _Sink:
    """A writer that only keeps what a payload writes; stands in for aiohttp's `StreamWriter`."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    async def write(self, chunk: Any, *args: Any, **options: Any) -> None:
        self.parts.append(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.parts.append(chunk)

    async def drain(self) -> None:
        """Nothing waits."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **options: None


async def _drained(payload: Any) -> bytes:
    """The whole body of `payload`, read as aiohttp would read it to send it."""
    if payload is None:
        return b""
    if isinstance(payload, bytes | bytearray):
        return bytes(payload)
    sink = _Sink()
    await payload.write_with_length(sink, None)
    return b"".join(sink.parts)


class _TeeWriter:
    """aiohttp's writer, noting what a payload writes to it."""

    def __init__(self, writer: Any, asked: HttpRequest) -> None:
        self._writer = writer
        self._asked = asked

    async def write(self, chunk: Any, *args: Any, **options: Any) -> None:
        safely(self._note, chunk)
        await self._writer.write(chunk, *args, **options)

    async def write_eof(self, chunk: bytes = b"") -> None:
        safely(self._note, chunk)
        await self._writer.write_eof(chunk)

    def _note(self, chunk: Any) -> None:
        self._asked.piece(bytes(chunk))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


def _tee_writer(writer: Any, asked: HttpRequest) -> Any:
    """`writer`, tee'd once: a multipart's `write_with_length` calls the payload's `write`, which is patched too."""
    made = writer if type(writer) is _TeeWriter else safely(_TeeWriter, writer, asked)
    return writer if made is None else made


class _TeeUpload:
    """For one sending: the payload's write methods hand a tee'd writer on."""

    def __init__(self, payload: Any, asked: HttpRequest) -> None:
        self._payload = payload
        self._originals = (payload.write, payload.write_with_length)

        async def write(writer: Any) -> None:
            await self._originals[0](_tee_writer(writer, asked))

        async def write_with_length(writer: Any, content_length: int | None) -> None:
            await self._originals[1](_tee_writer(writer, asked), content_length)

        payload.write, payload.write_with_length = write, write_with_length

    def restore(self) -> None:
        """The payload's own methods again (it may be sent once more, after a redirect)."""
        for name in ("write", "write_with_length"):
            self._payload.__dict__.pop(name, None)


def _tee_upload(request: Any, asked: HttpRequest) -> _TeeUpload | None:
    payload = request._body
    if payload is None:
        return None
    value = getattr(payload, "_value", None)
    if type(value) is bytes and type(payload).__name__ in ("BytesPayload", "JsonPayload", "StringPayload",
                                                           "JsonBytesPayload"):  # fmt: skip
        asked.piece(value)
        return None
    return _TeeUpload(payload, asked)


def _answered(exchange: Exchange, response: Any, decompresses: bool) -> None:
    """The head is here: note it, tee the body."""
    version = response.version
    headers = [(bytes(name), bytes(value)) for name, value in response.raw_headers]
    exchange.head(response.status, response.reason or "", headers, f"HTTP/{version.major}.{version.minor}")
    exchange.decoded = decompresses and bool(response.headers.get("Content-Encoding"))
    if response.content.at_eof():
        safely(exchange.finish)
    else:
        response.content = TeeContent(response.content, exchange)


class TeeContent:
    """Stands for a response's `StreamReader`: notes each piece as the application reads it."""

    __slots__ = ("_exchange", "_reader")

    def __init__(self, reader: Any, exchange: Exchange) -> None:
        self._reader = reader
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def _noted(self, reading: Awaitable[bytes]) -> bytes:
        try:
            part = await reading
        except BaseException as error:
            self._failed(error)
            raise
        safely(self._note, part)
        return part

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, asyncio.IncompleteReadError):  # `readexactly` at a clean end
            safely(self._note, error.partial)
        else:
            safely(self._exchange.fail, error)

    def _note(self, part: bytes) -> None:
        safely(self._exchange.piece, part)
        if self._reader.at_eof():
            safely(self._exchange.finish)

    async def read(self, n: int = -1) -> bytes:
        if n >= 0:
            return await self._noted(self._reader.read(n))
        safely(self._reader.set_read_chunk_size, 1 << 60)  # as `StreamReader.read` does to read all
        parts = []
        while part := await self._noted(self._reader.readany()):
            parts.append(part)
        return b"".join(parts)

    async def readany(self) -> bytes:
        return await self._noted(self._reader.readany())

    async def readline(self, **options: Any) -> bytes:
        return await self._noted(self._reader.readline(**options))

    async def readuntil(self, *args: Any, **options: Any) -> bytes:
        return await self._noted(self._reader.readuntil(*args, **options))

    async def readexactly(self, n: int) -> bytes:
        return await self._noted(self._reader.readexactly(n))

    async def readchunk(self) -> tuple[bytes, bool]:
        try:
            part, ended = await self._reader.readchunk()
        except BaseException as error:
            self._failed(error)
            raise
        safely(self._note, part)
        return part, ended

    def read_nowait(self, n: int = -1) -> bytes:
        part: bytes = self._reader.read_nowait(n)
        safely(self._note, part)
        return part

    def set_exception(self, *args: Any) -> None:
        """aiohttp says so when the application closes or releases a response."""
        safely(self._exchange.finish, "closed_early")
        self._reader.set_exception(*args)

    def __aiter__(self) -> Any:
        return _streams.AsyncStreamIterator(self.readline)

    def iter_chunked(self, n: int) -> Any:
        self._reader.set_read_chunk_size(n)
        return _streams.AsyncStreamIterator(lambda: self.read(n))

    def iter_any(self) -> Any:
        return _streams.AsyncStreamIterator(self.readany)

    def iter_chunks(self) -> Any:
        return _streams.ChunkTupleAsyncStreamIterator(self)
