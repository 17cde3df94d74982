"""`replay.WSGI(app)`: one recording for each request of a WSGI application."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from replay.core.codec import Value, encode
from replay.core.recording import State
from replay.core.snapshot import snapshot_error
from replay.core.world import Settles, current, is_free
from replay.engine import recorder as engine
from replay.entrypoints.turn import as_it_is, leave
from replay.entrypoints.web import Body, Name, Response, Wrapper, tell, trace, with_gaps

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class WSGI(Wrapper):
    """Wraps an application; everything else about it is reached through the wrapper. `target`: as of `replay.ASGI`.

    A recording ends when the server closes the response (PEP 3333), or lets go of it.
    """

    __slots__ = ()
    __replay_entry__ = "wsgi"
    __replay_kind__ = "wsgi"

    _replay_app: App
    _replay_name: Name

    def __init__(self, app: App, *, target: str | None = None) -> None:
        super().__init__(app, Name(target, None if target else sys._getframe(1)))

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        exchange = None
        if engine.active is not None and is_free():
            exchange = self._begun(environ, start_response)
        if exchange is None:
            return self._replay_app(environ, start_response)
        token = current.set(exchange.recorder)
        try:
            pieces = self._replay_app(environ, exchange.start)
        except BaseException as error:
            leave(token)
            exchange.raised(error)
            raise
        leave(token)
        return self._answered(environ, exchange, pieces)

    def _begun(self, environ: Environ, start_response: Callable[..., Any]) -> Exchange | None:
        """A request with its recorder, if there is to be one. By itself, so that `__call__` is short: see
        `replay.core.encoder.Encoder._written`."""
        try:
            exchange = Exchange(environ, start_response)
            recorder = engine.begin("wsgi", self._replay_name.of(self), exchange)
            noted = Input(environ["wsgi.input"], exchange.body)
        except Exception:
            engine.dropped["begin-failed"] += 1
            return None
        if recorder is None:
            return None
        exchange.recorder = recorder
        environ["wsgi.input"] = noted
        return exchange

    def _answered(self, environ: Environ, exchange: Exchange, pieces: Iterable[bytes]) -> Iterable[bytes]:
        """What the server is given."""
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and type(pieces) is wrapper:
            exchange.response.extra["file"] = True  # left to the server, which may use sendfile
            exchange.end("returned")
            return pieces
        try:
            kind = type(pieces)
            return (SizedAnswer if kind is list or kind is tuple else Answer)(pieces, exchange)
        except Exception:
            exchange.end("unfinished")
            engine.dropped["wsgi-answer"] += 1
        return pieces


class Exchange:
    """One request and its response as they pass by. Settles to the recorded input."""

    def __init__(self, environ: Environ, start_response: Callable[..., Any]) -> None:
        self._environ = environ
        self._came = {name: value for name, value in environ.items() if type(value) is str and _kept(name)}
        self._start = start_response
        self._route: str | None = None
        self.recorder: Any = None
        self.body = Body()
        self.response = Response()

    @property
    def size(self) -> int:
        return self.body.size + 128 * len(self._came)

    def start(self, status: str, headers: list[tuple[str, str]], *exc_info: Any, **named: Any) -> Callable[..., Any]:
        """The server's `start_response`, noted on its way."""
        write: Callable[[bytes], Any] = self._start(status, headers, *exc_info, **named)
        try:
            self.response.status = int(status[:3])
            self.response.headers = list(headers)
            given = exc_info[0] if exc_info else named.get("exc_info")
            tell(self.response.status, given[1] if given else sys.exception())
            # now: Flask takes its request out of the environ before the response is closed
            rule = getattr(getattr(self._environ.get("werkzeug.request"), "url_rule", None), "rule", None)
            self._route = rule if type(rule) is str else self._route
        except Exception:
            engine.dropped["wsgi-status"] += 1

        def written(piece: bytes) -> Any:
            self.note(piece)
            return write(piece)

        return written

    def note(self, piece: Any) -> None:
        """A piece of the response."""
        try:
            self.response.body.add(piece)
        except Exception:  # no bytes: the server will say so
            engine.dropped["wsgi-piece"] += 1

    def end(self, state: State) -> None:
        self._end(state, as_it_is, self.response)

    def raised(self, error: BaseException) -> None:
        self._end("raised", snapshot_error, error)

    def _end(self, state: State, take: Callable[[Any], Settles], given: object) -> None:
        try:
            self.recorder.facts.update(self._facts())
            self.response.behind = self.recorder.behind
            self.recorder.end(state, take, given)
        except Exception:
            engine.dropped["end-failed"] += 1

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = trace(self._came.get("HTTP_TRACEPARENT"))
        if "REQUEST_METHOD" in self._came:
            facts["http_request_method"] = self._came["REQUEST_METHOD"]
        if self.response.status is not None:
            facts["http_response_status_code"] = self.response.status
        if self._route is not None:
            facts["http_route"] = self._route
        return facts

    def settle(self) -> Value:
        came = dict(self._came)
        length = came.get("CONTENT_LENGTH", "")
        # A request without a body has nothing to read; one with a length is whole when that many bytes were read.
        whole = self.body.whole or (length.isdecimal() and self.body.size + self.body.left_out >= int(length))
        if not length and "chunked" not in came.get("HTTP_TRANSFER_ENCODING", "").lower():
            whole = True
        self.body.whole = whole
        headers = [[name[5:].replace("_", "-").lower(), came.pop(name)] for name in list(came) if name[:5] == "HTTP_"]
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if name in came:
                headers.append([name.replace("_", "-").lower(), came.pop(name)])
        request: dict[str, Any] = {key: came.pop(name, None) for key, name in NAMES.items()}
        request |= {
            "server": _address(came.pop("SERVER_NAME", None), came.pop("SERVER_PORT", None)),
            "client": _address(came.pop("REMOTE_ADDR", None), came.pop("REMOTE_PORT", None)),
            "headers": headers,
            "environ": came,
            "body": self.body.pieces,
            "body_read": self.body.read,
        }
        return with_gaps(encode(request), self.body.gaps())


NAMES = {
    "method": "REQUEST_METHOD",
    "path": "PATH_INFO",
    "query_string": "QUERY_STRING",
    "scheme": "wsgi.url_scheme",
    "root_path": "SCRIPT_NAME",
    "http_version": "SERVER_PROTOCOL",
}
"""Name in the recorded request -> name in the environ."""

_OTHER = {"CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_USER",
          "REQUEST_URI", "RAW_URI", "AUTH_TYPE", *NAMES.values()}  # fmt: skip


def _kept(name: str) -> bool:
    """Of the request. Servers mix the process's environment into the environ: it stays out."""
    return type(name) is str and (name in _OTHER or name.startswith("HTTP_"))


def _address(host: str | None, port: str | None) -> list[str | None] | None:
    return None if host is None and port is None else [host, port]


class Input:
    """The server's `wsgi.input`; what the application reads is noted on its way."""

    def __init__(self, stream: Any, body: Body) -> None:
        self._stream = stream
        self._body = body

    def _noted(self, data: Any, asked: int | None) -> Any:
        """A guard around what is noted."""
        try:
            if data:
                self._body.add(data)
            if (not data and asked != 0) or asked is None or asked < 0:
                self._body.whole = True
        except Exception:
            engine.dropped["wsgi-input"] += 1
        return data

    def read(self, *size: Any) -> Any:
        return self._noted(self._stream.read(*size), *(size or (None,)))

    def read1(self, *size: Any) -> Any:
        return self._noted(self._stream.read1(*size), 1)

    def readline(self, *size: Any) -> Any:
        return self._noted(self._stream.readline(*size), 1)

    def readlines(self, *hint: Any) -> Any:
        lines = self._stream.readlines(*hint)
        for line in lines:
            self._noted(line, 1)
        return lines

    def readinto(self, buffer: Any) -> Any:
        count = self._stream.readinto(buffer)
        try:
            room = memoryview(buffer).cast("B")
            self._noted(bytes(room[: count or 0]), len(room))
        except Exception:
            engine.dropped["wsgi-input"] += 1
        return count

    def __iter__(self) -> Iterator[Any]:
        for line in self._stream:
            yield self._noted(line, 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Answer:
    """The application's pieces; its code runs in the recorder's world, the server's between them does not."""

    def __init__(self, pieces: Iterable[bytes], exchange: Exchange) -> None:
        self._pieces = pieces
        self._exchange = exchange
        self._iterator: Iterator[bytes] | None = None
        self._exhausted = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = current.set(self._exchange.recorder)
        try:
            if self._iterator is None:
                self._iterator = iter(self._pieces)
            piece = next(self._iterator)
        except BaseException as error:
            self._ended(error)
            raise
        finally:
            leave(token)
        self._exchange.note(piece)
        return piece

    def _ended(self, error: BaseException) -> None:
        """By itself, so that `__next__` is short: see `replay.core.encoder.Encoder._written`."""
        if not isinstance(error, StopIteration):
            self._exchange.raised(error)
            return
        self._exhausted = True
        if not hasattr(self._pieces, "close"):
            self._exchange.end("returned")

    def close(self) -> None:
        """The server is done with it."""
        exchange = self._exchange
        token = current.set(exchange.recorder)
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            exchange.raised(error)
            raise
        finally:
            leave(token)
        exchange.end(self._state())

    def _state(self) -> State:
        """How it ended for the application, whose code runs as far as somebody reads."""
        return "returned" if self._exhausted else "unfinished"

    def __del__(self) -> None:
        """Nobody closed it: Flask's test client does not."""
        if not self._exchange.recorder.closed:
            self._exchange.end(self._state())


class SizedAnswer(Answer):
    """Of a list: servers ask its length to set Content-Length. It is all there, whatever a server reads of it: nothing
    of HEAD, no more than a client takes."""

    _pieces: Any
    _taken = 0

    def __next__(self) -> bytes:
        piece = super().__next__()
        self._taken += 1
        return piece

    def _state(self) -> State:
        try:
            rest, self._taken = self._pieces[self._taken :], len(self._pieces)
        except Exception:  # no memory
            engine.dropped["wsgi-answer"] += 1
            return super()._state()
        for piece in rest:
            self._exchange.note(piece)
        return "returned"

    def __len__(self) -> int:
        return len(self._pieces)
