"""A recorded HTTP request, given to an ASGI application again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any
from urllib.parse import quote

from replay.boundaries.clock import begin
from replay.core.codec import Resolve
from replay.core.decoder import items_of
from replay.core.recording import Outcome, Recording
from replay.core.snapshot import snapshot_error
from replay.core.world import current
from replay.engine.player import Player
from replay.engine.preparing import StartUp
from replay.entrypoints.asgi import App, Message
from replay.entrypoints.turn import drive, others_go_on, whole_input
from replay.entrypoints.web import Pieces, Response, tell
from replay.errors import Unanswerable

_IN_PATHS = "/:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986, 3.3)."""
_VERSION = {"version": "3.0", "spec_version": "2.4"}
_started: dict[int, App] = {}
"""By id, applications whose start-up went well in this process."""
_start_once: dict[int, App] = {}
"""Of these the ones that cannot be started again (Sanic): a server starts each once a process."""


def run_asgi(recording: Recording, target: App, resolve: Resolve | None) -> Outcome:
    """Start the application's lifespan up, give it the request, shut it down."""
    request = whole_input(recording, resolve)
    return drive(lambda: _run(recording, _adapted(target), request))


def _adapted(target: Any) -> App:
    """The application; of aiohttp.web what runs it as one of ASGI."""
    if "__replay_aiohttp__" not in getattr(target, "__dict__", ()):
        return target  # type: ignore[no-any-return]
    from replay.entrypoints.aiohttp_replay import Adapter

    return Adapter(target)


async def _run(recording: Recording, app: App, request: dict[str, Any]) -> Outcome:
    async with _lifespan(app, recording) as state:
        begin()
        server = _Server(recording, request)
        scope = server.scope(state)
        try:
            return await _answer(app, scope, server)
        finally:
            await others_go_on()


async def _answer(app: App, scope: Message, server: _Server) -> Outcome:
    try:
        await app(scope, server.receive, server.send)
    except (KeyboardInterrupt, Unanswerable):
        raise
    except BaseException as error:
        server.pieces.check()
        return Outcome("raised", snapshot_error(error).settle())
    server.pieces.check()
    return Outcome("returned", server.settle())


class _Server:
    """The other end of the application: receives and sends what production did."""

    def __init__(self, recording: Recording, request: dict[str, Any]) -> None:
        self._recording, self._request = recording, request
        self._left = request.get("disconnected_after")
        self._sent = 0
        self._moved = asyncio.Event()
        self._complete = False
        self._next = 0
        self._response = Response()
        self.pieces = Pieces(recording, request)

    def scope(self, state: dict[str, Any] | None) -> Message:
        request = self._request
        scope: dict[str, Any] = {"type": "http", "asgi": request.get("asgi") or dict(_VERSION), "extensions": {}}
        for name in ("method", "path", "raw_path", "query_string", "scheme", "root_path", "http_version"):
            if request.get(name) is not None:
                scope[name] = request[name]
        if "raw_path" not in request and type(request["path"]) is str:  # the path was edited
            scope["raw_path"] = quote(request["path"], safe=_IN_PATHS, errors="surrogatepass").encode()
        for name in ("server", "client"):
            scope[name] = None if request.get(name) is None else tuple(items_of(request[name]))
        scope["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request["headers"]]
        if state is not None:
            scope["state"] = dict(state)
        return scope

    async def receive(self) -> Message:
        pieces = self.pieces.pieces
        if self._next < len(pieces) or (self._next == 0 and self.pieces.whole):
            piece = pieces[self._next] if pieces else b""
            self._next += 1
            more = self._next < len(pieces) or not self.pieces.whole
            return {"type": "http.request", "body": piece, "more_body": more}
        while not self._complete and (self._left is None or self._sent < self._left):
            if not self.pieces.whole and self._left is None:
                raise self.pieces.beyond()
            self._moved.clear()
            await self._moved.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind, response = message["type"], self._response
        self._sent += 1
        if kind == "http.response.start":
            response.status, response.headers = message["status"], list(message.get("headers", ()))
            tell(response.status, sys.exception())
        elif kind == "http.response.body":
            response.body.add(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        elif kind == "http.response.trailers":
            trailers = response.extra.setdefault("trailers", [])
            trailers += [[k.decode("latin-1"), v.decode("latin-1")] for k, v in message.get("headers", ())]
        elif kind == "http.response.pathsend":
            response.extra["path"], self._complete = str(message["path"]), True
        self._moved.set()

    def settle(self) -> Any:
        if not self._complete:
            self._response.extra["complete"] = False
        return self._response.replayed(self._recording)


@asynccontextmanager
async def _lifespan(app: App, recording: Recording) -> AsyncIterator[dict[str, Any] | None]:
    """The application's start-up and shut-down, outside the recording; its state, None if it has no lifespan. One that
    fails since it is refused the real world (a pool of connections), or since the application was started before, is
    gone without."""
    if id(app) in _start_once:
        yield {}
        return
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message | None] = asyncio.Queue()
    state: dict[str, Any] = {}
    scope = {"type": "lifespan", "asgi": dict(_VERSION), "state": state}

    async def live() -> None:
        try:
            await app(scope, inbox.get, outbox.put)
        except Exception:  # ASGI: an application that raises here has no lifespan
            pass
        finally:
            outbox.put_nowait(None)

    world, context = current.get(), copy_context()
    start_up = StartUp(world) if isinstance(world, Player) else None
    context.run(current.set, start_up)
    inbox.put_nowait({"type": "lifespan.startup"})
    task = asyncio.get_running_loop().create_task(live(), context=context)
    answer = await outbox.get()
    kind = None if answer is None else answer["type"]
    if answer is not None and kind == "lifespan.startup.failed":
        await _end(task)
        if id(app) in _started:
            _start_once[id(app)] = app
        elif start_up is None or not start_up.was_refused:
            raise Unanswerable(f"{recording.entrypoint}: its start-up failed: {_error(answer.get('message', ''))}")
        yield state
        return
    if kind != "lifespan.startup.complete":  # it does not know of lifespans
        await _end(task)
        yield None
        return
    _started[id(app)] = app
    try:
        yield state
    finally:
        inbox.put_nowait({"type": "lifespan.shutdown"})
        await outbox.get()
        await _end(task)


def _error(message: str) -> str:
    """Of a traceback, which is what frameworks tell, only the error at its end."""
    lines = message.rstrip().splitlines()
    last = max((at for at, line in enumerate(lines) if line.startswith("  ")), default=-1)
    return "\n".join(lines[last + 1 :] or lines)


async def _end(task: asyncio.Task[None]) -> None:
    """Wait for what is about to end; stop what is not."""
    await asyncio.wait([task], timeout=0.5)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # looked at: nobody is told that it was not
