"""What passes between an application and its socket, noted in passing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BufferedIOBase, TextIOBase
from typing import Any

from replay.boundaries.http.exchange import safely
from replay.boundaries.http.wire_form import WireExchange, WireRequest


class TeeFP:
    """Stands in for `HTTPResponse.fp`: urllib3 reads chunked bodies there itself, so the tee is below it."""

    __slots__ = ("_ahead", "_exchange", "_fp")

    def __init__(self, fp: Any, exchange: WireExchange) -> None:
        self._fp = fp
        self._exchange = exchange
        self._ahead = 0
        """Bytes that were looked at, and so noted, before they are read."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fp, name)

    def _ended(self) -> None:
        self._exchange.eof = True
        self._exchange.finish()

    def read(self, size: int | None = -1) -> Any:
        data = self._passed(self._fp.read, size)
        if size is None or size < 0 or len(data) < size:
            safely(self._ended)
        return data

    def read1(self, size: int = -1) -> Any:
        data = self._passed(self._fp.read1, size)
        if not data and size:
            safely(self._ended)
        return data

    def readline(self, limit: int = -1) -> Any:
        data = self._passed(self._fp.readline, limit)
        if not data.endswith(b"\n") and len(data) != limit:
            safely(self._ended)
        return data

    def readinto(self, buffer: Any) -> Any:
        size = self._into(self._fp.readinto, buffer)
        if size is not None and size < len(buffer):
            safely(self._ended)
        return size

    def readinto1(self, buffer: Any) -> Any:
        size = self._into(self._fp.readinto1, buffer)
        if not size and len(buffer):
            safely(self._ended)
        return size

    def peek(self, size: int = 0) -> Any:
        try:
            data = self._fp.peek(size)
        except BaseException as error:
            safely(self._exchange.fail, error)
            raise
        if len(data) > self._ahead:
            safely(self._exchange.piece, data[self._ahead :])
            self._ahead = len(data)
        if not data:
            safely(self._ended)
        return data

    def __iter__(self) -> TeeFP:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def readlines(self, hint: int | None = -1) -> list[Any]:
        lines, size = [], 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def close(self) -> None:
        safely(self._exchange.finish, "closed_early")  # or whole: found when it is settled
        self._fp.close()

    def _passed(self, read: Any, size: int | None) -> Any:
        try:
            data = read(size)
        except BaseException as error:
            safely(self._exchange.fail, error)
            raise
        safely(self._note, data)
        return data

    def _into(self, read: Any, buffer: Any) -> Any:
        try:
            size = read(buffer)
        except BaseException as error:
            safely(self._exchange.fail, error)
            raise
        if size:
            safely(self._note, memoryview(buffer)[:size])
        return size

    def _note(self, data: Any) -> None:
        if not data:
            return
        known = min(self._ahead, len(data))
        self._ahead -= known
        if known < len(data):
            self._exchange.piece(bytes(data)[known:])


BufferedIOBase.register(TeeFP)


class _TeeReader:
    """A file that is uploaded. Text is encoded here as `http.client` would, which asks for the file's type."""

    def __init__(self, file: Any, request: WireRequest) -> None:
        self._file = file
        self._request = request
        self._text = isinstance(file, TextIOBase)

    def read(self, size: int) -> Any:
        data = self._file.read(size)
        if self._text:
            data = data.encode("iso-8859-1")
        safely(self._request.piece, data)
        return data


def noted(request: WireRequest, data: Any) -> Any:
    """What to send in place of `data`, so that `request` learns it as it is read."""
    if type(data) is bytes:
        request.piece(data)
    elif hasattr(data, "read"):
        return _TeeReader(data, request)
    elif type(data) is not str:
        try:
            request.piece(bytes(memoryview(data)))
        except TypeError:
            if hasattr(data, "__iter__"):
                return _tee(data, request)
    return data


def _tee(parts: Iterable[Any], request: WireRequest) -> Iterator[Any]:
    for part in parts:
        safely(_piece, request, part)
        yield part


def _piece(request: WireRequest, part: Any) -> None:
    request.piece(bytes(part))


def collect(request: WireRequest, data: Any, blocksize: int) -> None:
    """Take `data` as `http.client` would send it; raises what it would raise of it."""
    if type(data) is str:
        raise TypeError(f"data should be a bytes-like object or an iterable, got {type(data)!r}")
    sent = noted(request, data)
    if type(sent) is _TeeReader:
        while sent.read(blocksize):
            pass
    elif sent is not data:
        for _ in sent:
            pass
