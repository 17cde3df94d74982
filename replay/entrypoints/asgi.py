"""`replay.ASGI(app)`: one recording for each HTTP request of an ASGI application."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from replay.core.codec import Value, encode
from replay.core.recording import State
from replay.core.snapshot import snapshot_error
from replay.core.world import current, is_free
from replay.engine import recorder as engine
from replay.entrypoints.turn import as_it_is, end
from replay.entrypoints.web import Body, Name, Response, Wrapper, tell, text, trace, with_gaps

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[Any]]


class ASGI(Wrapper):
    """Wraps an application; everything else about it is reached through the wrapper.

    `target` is the `module:attribute` under which a replay finds this object; without it the modules that are
    running now are searched for it at the first request.
    """

    __slots__ = ()
    __replay_entry__ = "asgi"
    __replay_kind__ = "asgi"

    _replay_app: App
    _replay_name: Name

    def __init__(self, app: App, *, target: str | None = None) -> None:
        super().__init__(app, Name(target, None if target else sys._getframe(1)))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> Any:
        exchange = None
        if engine.active is not None and is_free():
            exchange, send = self._begun(scope, receive, send)
        if exchange is None:
            return await self._replay_app(scope, receive, send)
        token = current.set(exchange.recorder)
        try:
            value = await self._replay_app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.end(token, "raised", snapshot_error, error)
            raise
        exchange.end(token, "returned", as_it_is, exchange.response)
        return value

    def _begun(self, scope: Message, receive: Receive, send: Send) -> tuple[Exchange | None, Send]:
        """A request with its recorder, if there is to be one. By itself, so that `__call__` is short: see
        `replay.core.encoder.Encoder._written`."""
        if scope["type"] == "lifespan":
            return None, partial(_flushed, send)
        if scope["type"] != "http":
            return None, send
        try:
            exchange = Exchange(scope, receive, send)
            exchange.recorder = engine.begin("asgi", self._replay_name.of(self), exchange)
        except Exception:
            engine.dropped["begin-failed"] += 1
            return None, send
        return (None if exchange.recorder is None else exchange), send


class Exchange:
    """One request and its response as they pass by. Settles to the recorded input."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._scope = scope
        # Routers and mounts change the scope while the request runs: what came is read now.
        self._came = {name: scope.get(name) for name in _KEPT}
        self._headers = list(scope.get("headers", ()))
        self._receive = receive
        self._send = send
        self.recorder: Any = None
        self.body = Body()
        self._left: int | None = None
        self._sent = 0
        self._complete = False
        self.response = Response()

    @property
    def size(self) -> int:
        return self.body.size + 256 + 128 * len(self._headers)

    async def receive(self) -> Message:
        """The server's message, noted on its way."""
        message = await self._receive()
        try:
            if message["type"] == "http.request":
                self.body.add(message.get("body", b""))
                self.body.whole = not message.get("more_body", False)
            elif message["type"] == "http.disconnect" and not self._complete and self._left is None:
                self._left = self._sent
        except Exception:  # what is no ASGI message is the server's and the application's business
            engine.dropped["asgi-message"] += 1
        return message

    async def send(self, message: Message) -> None:
        """The application's message, noted on its way."""
        try:
            self._note(message)
        except Exception:
            engine.dropped["asgi-message"] += 1
        await self._send(message)

    def _note(self, message: Message) -> None:
        self._sent += 1
        if message["type"] == "http.response.start":
            self.response.status = message["status"]
            self.response.headers = list(message.get("headers", ()))
            tell(self.response.status, sys.exception())
        elif message["type"] == "http.response.body":
            self.response.body.add(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        elif message["type"] == "http.response.trailers":
            trailers = self.response.extra.setdefault("trailers", [])
            trailers += [[text(name), text(value)] for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.pathsend":
            self.response.extra["path"] = str(message["path"])
            self._complete = True

    def end(self, token: Any, state: State, settles: Callable[[Any], Any], value: object) -> None:
        """How it ended; the recorder has the facts then."""
        recorder, self.recorder = self.recorder, None  # it holds this: no cycle is left for the garbage collector
        try:
            recorder.facts.update(self.facts())
            self.response.behind = recorder.behind
        except Exception:
            engine.dropped["asgi-facts"] += 1
        end(recorder, token, state, settles, value)

    def facts(self) -> dict[str, Any]:
        """What the recording's columns tell; nothing here can fail, and no property of the application is trusted."""
        if not self._complete:
            self.response.extra["complete"] = False
        facts: dict[str, Any] = {}
        if type(self._came["method"]) is str:
            facts["http_request_method"] = self._came["method"]
        if type(self.response.status) is int:
            facts["http_response_status_code"] = self.response.status
        self._note_route(facts)
        return facts

    def _note_route(self, facts: dict[str, Any]) -> None:
        """Which the framework noted by now, and where the request came from."""
        try:
            route = getattr(self._scope.get("route"), "path", None)
            if route is None:
                route = getattr(self._scope.get("endpoint"), "__qualname__", None)
            if isinstance(route, str):
                facts["http_route"] = str(route)
            for name, value in self._headers:
                if name == b"traceparent":
                    facts.update(trace(text(value)))
        except Exception:
            engine.dropped["asgi-facts"] += 1

    def settle(self) -> Value:
        came: dict[str, Any] = dict(self._came)
        for name in ("server", "client"):
            came[name] = None if came[name] is None else list(came[name])
        if not self.body.pieces and self._came["http_version"] in ("1.0", "1.1"):
            # HTTP/1: neither of these headers, no body (RFC 9112, section 6.3)
            names = {bytes(name).lower() for name, _ in self._headers}
            self.body.whole |= not names & {b"content-length", b"transfer-encoding"}
        request = {
            **came,
            "headers": [[text(name), text(value)] for name, value in self._headers],
            "body": self.body.pieces,
            "body_read": self.body.read,
            "disconnected_after": self._left,
        }
        return with_gaps(encode(request), self.body.gaps())


_KEPT = (
    "method",
    "path",
    "raw_path",
    "query_string",
    "scheme",
    "server",
    "client",
    "root_path",
    "http_version",
    "asgi",
)


async def _flushed(send: Send, message: Message) -> None:
    """What was kept is on disk before the server hears that the application is down: it may then end by a signal,
    as uvicorn does, and run nothing that was registered for the exit."""
    if message["type"].startswith("lifespan.shutdown"):
        engine.flush(5.0)
    await send(message)
