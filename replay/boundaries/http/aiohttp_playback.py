"""A real aiohttp response whose body is served from a recording. Imported only at replay."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import HttpVersion, hdrs
from aiohttp.http_parser import HttpResponseParser, HttpResponseParserPy
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy, istr

from replay.boundaries.http.recorded import Recorded
from replay.core.raising import throw

_NAMES = {
    name.lower().encode(): name for name in vars(hdrs).values()
    if isinstance(name, istr) and HttpResponseParser is not HttpResponseParserPy
}  # fmt: skip
"""Headers that aiohttp's parser in C knows: it names them so, however they were written."""


class _Connection:
    """The protocol behind a played body: always connected, nothing to pause."""

    connected = True

    def pause_reading(self) -> None:
        """Pieces come only when they are asked for."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Pieces come only when they are asked for."""


class _Held:
    """The connection of a played response until its body is read: for so long the session's time limit holds."""

    protocol = transport = None

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add_callback(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def release(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    close = release


class _Writer:
    """The sent request behind a played response."""

    output_size = 0


class PlayedContent(StreamReader):
    """A `StreamReader` that gets its next recorded piece when the application waits for one."""

    __slots__ = ("_chunked", "_pieces", "_recorded")

    def __init__(self, recorded: Recorded, chunked: bool, loop: asyncio.AbstractEventLoop, timer: Any) -> None:
        super().__init__(_Connection(), 1 << 30, timer=timer, loop=loop)  # type: ignore[arg-type]
        self._recorded = recorded
        self._pieces = deque(recorded.pieces)
        self._chunked = chunked
        if chunked:
            self.begin_http_chunk_receiving()
        self._end_if_clean()

    async def _wait(self, func_name: str) -> None:
        await asyncio.sleep(0)
        with self._timer:
            await self._recorded.arrive(len(self._recorded.pieces) - len(self._pieces))
        if self._pieces:
            self.feed_data(self._pieces.popleft())
            if self._chunked:
                self.end_http_chunk_receiving()
            self._end_if_clean()
            return
        with self._timer:
            await self._recorded.wait_for_cancel()
        error = self._recorded.body_error()
        assert error is not None
        self.set_exception(error)
        throw(error)

    def _end_if_clean(self) -> None:
        if not self._pieces and self._recorded.clean:
            self.feed_eof()


async def played_response(request: Any, recorded: Recorded) -> Any:
    """The response to `request` (aiohttp's `ClientRequest`), as `ClientRequest.send` and `start` would make it."""
    loop = asyncio.get_running_loop()
    response = request.response_class(
        request.method,
        request.original_url,
        writer=None,
        continue100=None,
        timer=request._timer,
        request_info=request.request_info,
        traces=request._traces,
        loop=loop,
        session=request._session,
        stream_writer=_Writer(),
    )
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in recorded.headers)
    headers = CIMultiDict((_NAMES.get(name.lower()) or _text(name), _text(value)) for name, value in raw)
    chunked = "chunked" in headers.get(hdrs.TRANSFER_ENCODING, "").lower()
    major, _, minor = recorded.http_version.removeprefix("HTTP/").partition(".")
    response.version = HttpVersion(int(major), int(minor or 0))
    response.status = recorded.status
    response.reason = recorded.reason
    response._headers = CIMultiDictProxy(headers)
    response._raw_headers = raw
    response._closed = False
    response._connection = _Held()
    response.content = PlayedContent(recorded, chunked, loop, request._timer)
    response.content.on_eof(response._response_eof)
    cookies = response.headers.getall(hdrs.SET_COOKIE, ())
    if cookies:
        response._raw_cookie_headers = tuple(cookies)
    request.response = response
    return response


def _text(part: bytes) -> str:
    """As aiohttp's parser reads header bytes."""
    return part.decode("utf-8", "surrogateescape")
