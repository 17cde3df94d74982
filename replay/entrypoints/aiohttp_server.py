"""`replay.AIOHTTP(app)`: one recording for each HTTP request of an aiohttp.web application.

A request and its answer are recorded as those of an ASGI application are, and replayed by that runner: what is marked
here is such an application, too (see `replay.entrypoints.aiohttp_replay`).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from replay.core.behind import FAILED
from replay.core.snapshot import snapshot_error
from replay.core.world import current, is_free
from replay.engine import recorder as engine
from replay.entrypoints.asgi import Exchange
from replay.entrypoints.naming import function_name
from replay.entrypoints.turn import as_it_is
from replay.entrypoints.web import Body, Name, Response
from replay.errors import UsageError

Handler = Callable[[Any], Awaitable[Any]]
_MARKS = {"__replay_entry__": "asgi", "__replay_kind__": "asgi", "__replay_aiohttp__": True}


def AIOHTTP(app: Any, *, target: str | None = None) -> Any:
    """Have an application, or what a function that makes one returns (a decorator then), record its requests. Gives
    the application, or the function. `target`: as of `replay.ASGI`; call it before the application is started."""
    if hasattr(app, "middlewares") and hasattr(app, "router"):
        return _installed(app, Name(target, None if target else sys._getframe(1)))
    if not callable(app):
        raise UsageError(f"replay.AIOHTTP takes an aiohttp.web.Application, not {type(app).__qualname__}.")
    name = Name(target or function_name(app) or "?:?", None)

    made = _later(app, name) if inspect.iscoroutinefunction(app) else _at_once(app, name)
    vars(made).update(_MARKS)
    return made


def _at_once(make: Callable[..., Any], name: Name) -> Callable[..., Any]:
    @wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        return _installed(make(*args, **kwargs), name)

    return made


def _later(make: Callable[..., Any], name: Name) -> Callable[..., Any]:
    """A coroutine function: servers ask which it is (gunicorn's worker of aiohttp)."""

    @wraps(make)
    async def made(*args: Any, **kwargs: Any) -> Any:
        return _installed(await make(*args, **kwargs), name)

    return made


def _installed(app: Any, name: Name) -> Any:
    """The application, its first middleware ours."""
    if "__replay_aiohttp__" not in vars(app):
        vars(app).update(_MARKS)  # aiohttp warns of attributes that are set
        app.middlewares.insert(0, _middleware(app, name))
    return app


def _middleware(app: Any, name: Name) -> Any:
    """Short: see `replay.core.encoder.Encoder._written`."""

    async def replay_middleware(request: Any, handler: Handler) -> Any:
        exchange = _begun(request, app, name)
        if exchange is None:
            return await handler(request)
        token = current.set(exchange.recorder)
        try:
            response = await handler(request)
        except BaseException as error:
            exchange.raised(token, request, error)
            raise
        exchange.answered(token, request, response, None)
        return response

    replay_middleware.__middleware_version__ = 1  # type: ignore[attr-defined]
    return replay_middleware


class _Exchange(Exchange):
    """One whose answer is known at its end."""

    def raised(self, token: Any, request: Any, error: BaseException) -> None:
        """The handler raised: aiohttp answers, or breaks the answer off."""
        if isinstance(error, Exception) and not request._payload_writer.began:
            self.answered(token, request, answer_of(error), error)
        else:
            self.end(token, "raised", snapshot_error, error)

    def answered(self, token: Any, request: Any, answer: Any, error: Exception | None) -> None:
        """It is over."""
        try:
            note(self.response, answer)
            self._complete = True
            request._payload_writer.close()
            if error is not None and (self.response.status or 0) >= FAILED:
                self.recorder.handled(error, is_sure=True)
            if request._read_bytes is not None:
                self.body.whole = True
        except Exception:
            engine.dropped["asgi-message"] += 1
        self.end(token, "returned", as_it_is, self.response)


def _begun(request: Any, app: Any, name: Name) -> _Exchange | None:
    """A request with its recorder, if there is to be one."""
    try:
        if engine.active is None or not is_free() or request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        exchange = _Exchange(_scope(request), _nothing, _nothing)
        exchange.recorder = engine.begin("asgi", name.of(app), exchange)
        if exchange.recorder is None:
            return None
        if request.body_exists:
            request._payload = _Content(request._payload, exchange.body)
        request._payload_writer = Writer(request._payload_writer, exchange.response)
    except Exception:
        engine.dropped["begin-failed"] += 1
        return None
    return exchange


async def _nothing(*message: Any) -> Any:
    return {}


def _scope(request: Any) -> dict[str, Any]:
    path, _, query = request.raw_path.partition("?")
    sockname = request.transport.get_extra_info("sockname") if request.transport is not None else None
    peername = request._transport_peername
    return {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "scheme": request.scheme,
        "server": list(sockname[:2]) if isinstance(sockname, tuple) else None,
        "client": list(peername[:2]) if isinstance(peername, tuple) else None,
        "root_path": "",
        "http_version": f"{request.version.major}.{request.version.minor}",
        "headers": [(bytes(name), bytes(value)) for name, value in request.raw_headers],
        "endpoint": _Route(request),
    }


class _Route:
    """What the request was resolved to, named as the router names it."""

    def __init__(self, request: Any) -> None:
        resource = getattr(getattr(request.match_info, "route", None), "resource", None)
        canonical = getattr(resource, "canonical", None)
        self.__qualname__ = canonical if type(canonical) is str else None


def answer_of(error: Exception) -> Any:
    """What aiohttp answers to an error: itself, if it is one of HTTP; else a status alone."""
    if hasattr(error, "status") and hasattr(error, "headers") and hasattr(error, "body"):
        return error
    return 504 if isinstance(error, TimeoutError) else 500


def note(response: Response, answer: Any) -> None:
    """Status, headers and body of an answer, before aiohttp adds its own (`Date`, `Server`)."""
    if type(answer) is int:
        response.status = answer
        return
    response.status = answer.status
    response.headers = [[str(name), str(value)] for name, value in answer.headers.items()]
    body = None if getattr(answer, "prepared", False) else getattr(answer, "body", None)  # else it is written
    held = getattr(body, "_value", body)  # of a payload
    if isinstance(held, bytes | bytearray | str):
        response.body.add(held.encode() if isinstance(held, str) else held)
    elif hasattr(answer, "_path"):
        response.extra["path"] = str(answer._path)


class Writer:
    """What writes an answer; what a handler streams is noted on its way."""

    __slots__ = ("_response", "_writer", "began")
    _response: Response | None
    _writer: Any
    began: bool
    """Whether the client has the head of the answer."""

    def __init__(self, writer: Any, response: Response) -> None:
        self._writer, self._response, self.began = writer, response, False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Writer.__slots__:
            object.__setattr__(self, name, value)
        else:  # aiohttp says how long the answer is
            setattr(self._writer, name, value)

    def close(self) -> None:
        """What aiohttp writes after the handler is in the answer already."""
        self._response = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    async def write_headers(self, *args: Any) -> None:
        """The head."""
        self.began = True
        await self._writer.write_headers(*args)

    async def write(self, chunk: Any, *args: Any, **kwargs: Any) -> None:
        """A piece of a stream."""
        self._note(chunk)
        await self._writer.write(chunk, *args, **kwargs)

    async def write_eof(self, chunk: Any = b"") -> None:
        """The last one."""
        self._note(chunk)
        await self._writer.write_eof(chunk)

    def _note(self, chunk: Any) -> None:
        try:
            if self._response is not None:
                self._response.body.add(chunk)
        except Exception:
            engine.dropped["asgi-message"] += 1


_READS = ("read", "readany", "readline", "readexactly", "readuntil")


class _Content:
    """The body of a request as it is read; what the application reads is noted on its way."""

    def __init__(self, stream: Any, body: Body) -> None:
        self._stream = stream
        self._body = body
        self._known = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        if name not in _READS:
            return found

        async def read(*args: Any, **kwargs: Any) -> Any:
            return self._noted(await found(*args, **kwargs))

        return read

    def read_nowait(self, *args: Any) -> Any:
        """What is there."""
        return self._noted(self._stream.read_nowait(*args))

    async def readchunk(self) -> Any:
        """A piece, and whether a chunk of HTTP ends there."""
        found = await self._stream.readchunk()
        self._noted(found[0])
        return found

    def unread_data(self, data: bytes) -> None:
        """Given back: it is read once more."""
        self._known += len(data)
        self._stream.unread_data(data)

    def iter_any(self) -> Any:
        return self._each(self.readany)

    def iter_chunked(self, n: int) -> Any:
        return self._each(lambda: self.read(n))

    def iter_chunks(self) -> Any:
        return self._each(self.readchunk, (b"", False))

    def __aiter__(self) -> Any:
        return self._each(self.readline)

    async def _each(self, read: Callable[[], Awaitable[Any]], end: Any = b"") -> Any:
        while (piece := await read()) != end:
            yield piece

    def _noted(self, data: Any) -> Any:
        try:
            new = data[self._known :]
            self._known = max(0, self._known - len(data))
            self._body.add(new)
            self._body.whole |= self._stream.at_eof()
        except Exception:
            engine.dropped["asgi-message"] += 1
        return data
