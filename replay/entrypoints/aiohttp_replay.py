"""A recorded request, given to an aiohttp.web application again: it is run as an ASGI application."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from aiohttp import HttpVersion
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.test_utils import make_mocked_request

from replay.entrypoints.aiohttp_server import answer_of, note
from replay.entrypoints.asgi import Message, Receive, Send
from replay.entrypoints.web import Response, tell


class Adapter:
    """Runs an application of aiohttp.web, or what a function makes, as a server of ASGI asks it to."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._app: Any = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One of the protocols: the lifespan, or a request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self._app.cleanup()
        finally:
            await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        """As aiohttp's runner does, also where the application was started before, in another loop."""
        app = self._made()
        self._app = await app if inspect.isawaitable(app) else app
        for each in _with_those_below(self._app):
            each._loop, each._frozen = None, False
        self._app._set_loop(None)
        self._app.on_startup.freeze()
        await self._app.startup()
        self._app.freeze()

    def _made(self) -> Any:
        return self._target() if inspect.isfunction(self._target) else self._target

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._app is None:  # its start-up failed of what it was refused
            app = self._made()
            self._app = await app if inspect.isawaitable(app) else app
            self._app.freeze()
        response = Response()
        writer = _Writer(response)
        request = _request(self._app, scope, receive, writer)
        error: Exception | None = None
        try:
            answer = await self._app._handle(request)
        except Exception as raised:
            if writer.began:
                raise
            answer, error = answer_of(raised), raised
        note(response, answer)
        tell(response.status, error)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if "path" in response.extra:
            await send({"type": "http.response.pathsend", "path": response.extra["path"]})
            return
        for piece in response.body.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _with_those_below(app: Any) -> list[Any]:
    return [app, *(each for below in app._subapps for each in _with_those_below(below))]


def _request(app: Any, scope: Message, receive: Receive, writer: _Writer) -> Any:
    address = (scope.get("raw_path") or b"/").decode("latin-1")
    if scope.get("query_string"):
        address += "?" + scope["query_string"].decode("latin-1")
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    names = {name.lower() for name, _ in headers}
    major, _, minor = str(scope.get("http_version", "1.1")).partition(".")
    sockets = {"peername": scope.get("client"), "sockname": scope.get("server")}
    request = make_mocked_request(
        scope["method"], address, headers, version=HttpVersion(int(major), int(minor or 0)), app=app,
        transport=_Transport(sockets), writer=writer, payload=EMPTY_PAYLOAD,
        client_max_size=app._client_max_size,
    )  # fmt: skip
    if names & {"content-length", "transfer-encoding"}:
        request._payload = _Body(request._protocol, receive)
    return request


class _Transport:
    """Knows who asked, and of whom."""

    def __init__(self, sockets: dict[str, Any]) -> None:
        self._sockets = sockets

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._sockets.get(name, default)

    def is_closing(self) -> bool:
        return False


class _Writer:
    """What a handler streams by itself."""

    length: int | None = None
    buffer_size = output_size = 0

    def __init__(self, response: Response) -> None:
        self._response = response
        self.began = False

    async def write(self, chunk: Any, *args: Any, **kwargs: Any) -> None:
        self._response.body.add(chunk)

    async def write_eof(self, chunk: Any = b"") -> None:
        self._response.body.add(chunk)

    async def write_headers(self, status_line: str, headers: Any) -> None:
        """They are read off the answer."""
        self.began = True

    async def drain(self) -> None:
        """Nothing waits."""

    def send_headers(self) -> None:
        """They are read off the answer."""

    def enable_chunking(self) -> None:
        """The pieces are those of the handler."""

    def enable_compression(self, *args: Any, **kwargs: Any) -> None:
        """What is compared is what the handler wrote."""

    def set_eof(self) -> None:
        """It is over."""


class _Body(StreamReader):
    """Asks the server of the replay for more, so that it is told where production did not read."""

    def __init__(self, protocol: Any, receive: Receive) -> None:
        super().__init__(protocol, 2**20, loop=asyncio.get_running_loop())
        self._receive = receive

    async def _wait(self, name: str) -> None:
        message = await self._receive()
        if message.get("body"):
            self.feed_data(message["body"])
        if not message.get("more_body", False):
            self.feed_eof()
