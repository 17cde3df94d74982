"""A recorded HTTP request, given to a WSGI application again."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

from replay.core.codec import Resolve
from replay.core.recording import Outcome, Recording
from replay.core.snapshot import snapshot_error
from replay.entrypoints.turn import whole_input
from replay.entrypoints.web import Pieces, Response, tell
from replay.entrypoints.wsgi import NAMES, App, Environ
from replay.errors import Unanswerable

_BY_THE_SERVER = re.compile(r'"file":true(,"error":.*)?}\Z', re.DOTALL)
"""How an outcome ends whose file production's server sent. Some servers have no `wsgi.file_wrapper`, and what came out
of those that have one is recorded wherever it was not left to them."""


def run_wsgi(recording: Recording, target: App, resolve: Resolve | None) -> Outcome:
    """Give the application the request, read its response as far as production's server did."""
    request = whole_input(recording, resolve)
    pieces = Pieces(recording, request)
    response = Response()
    try:
        environ = environ_of(request, pieces)
        if _BY_THE_SERVER.search(recording.outcome.payload.text):
            environ["wsgi.file_wrapper"] = _File
        finished = _serve(target, environ, response, recording)
    except (KeyboardInterrupt, Unanswerable):
        raise
    except BaseException as error:
        pieces.check()
        return Outcome("raised", snapshot_error(error).settle())
    pieces.check()
    return Outcome("returned" if finished else "unfinished", response.replayed(recording))


def _serve(app: App, environ: Environ, response: Response, recording: Recording) -> bool:
    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info and response.body.pieces:
            raise exc_info[1].with_traceback(exc_info[2])
        response.status, response.headers = int(status[:3]), list(headers)
        tell(response.status, exc_info[1] if exc_info else sys.exception())
        return response.body.add

    answer: Any = app(environ, start_response)
    if type(answer) is _File:
        response.extra["file"] = True
        return True
    limit = _bytes_read(recording)
    try:
        for piece in answer if limit != 0 else ():
            response.body.add(piece)
            if limit is not None and response.body.size >= limit:
                return False
        return limit is None
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()


def _bytes_read(recording: Recording) -> int | None:
    """Of a response that production's server left: how many bytes it had taken."""
    if recording.outcome.state != "unfinished":
        return None
    body: bytes = recording.outcome.payload.decode()["body"]
    return len(body)


def environ_of(request: dict[str, Any], pieces: Pieces) -> Environ:
    """The environ of a recorded request."""
    environ: Environ = {
        "wsgi.version": (1, 0),
        "wsgi.input": _Input(pieces),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **request["environ"],
    }
    for key, name in NAMES.items():
        if request[key] is not None:
            environ[name] = request[key]
    for key, host, port in (("server", "SERVER_NAME", "SERVER_PORT"), ("client", "REMOTE_ADDR", "REMOTE_PORT")):
        for name, value in zip((host, port), request[key] or (), strict=False):
            if value is not None:
                environ[name] = value
    for name, value in request["headers"]:
        variable = name.upper().replace("-", "_")
        environ[variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"] = value
    return environ


class _Input(io.BytesIO):
    """What production read of the body."""

    def __init__(self, pieces: Pieces) -> None:
        super().__init__(b"".join(pieces.pieces))
        self._replayed = pieces

    def _given(self, data: bytes, size: int | None) -> bytes:
        everything = size is None or size < 0
        if (everything or (not data and size)) and not self._replayed.whole:
            raise self._replayed.beyond()
        return data

    def read(self, size: int | None = -1, /) -> bytes:
        return self._given(super().read(size), size)

    def read1(self, size: int | None = -1, /) -> bytes:
        return self._given(super().read1(size), 1)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._given(super().readline(size), 1)

    def readinto(self, buffer: Any, /) -> int:
        data = self._given(super().read(len(buffer)), len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return list(self)

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class _File:
    """`wsgi.file_wrapper`: its content is not looked at, as in production."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file = file
