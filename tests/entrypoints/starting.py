"""An application whose start-up needs the world, in one of several ways."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import replay

WORLD: dict[str, Any] = {"port": 0, "tries": 0, "at": ""}


def _connect() -> None:
    socket.create_connection(("127.0.0.1", WORLD["port"]), timeout=5).close()


async def _pool(app: Starlette) -> None:
    _connect()


async def _swallowed(app: Starlette) -> None:
    try:
        _connect()
    except OSError:
        pass


async def _consumer(app: Starlette) -> None:
    async def consume() -> None:
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(None, _connect)
            except OSError:
                pass
            await asyncio.sleep(0.001)

    app.state.consumer = asyncio.create_task(consume())


async def _asks(app: Starlette) -> None:
    app.state.instance = uuid4()
    await _price()


async def _needed(app: Starlette) -> None:
    _connect()
    app.state.rate = 2


class Pool:
    """Of connections."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    async def rate(self) -> int:
        """Asks the world."""
        async with self.lock:
            _connect()
            return 3

    async def __aenter__(self) -> Pool:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.rate()


@replay.boundary
def migrate() -> None:
    """What has to be done once."""
    _connect()


@replay.boundary
async def connect() -> Pool:
    """Opens the pool."""
    _connect()
    return Pool()


@replay.boundary
async def rate_of(pool: Pool) -> int:
    """Asks with it."""
    return await pool.rate()


async def _made(app: Starlette) -> None:
    migrate()
    app.state.pool = await connect()
    await app.state.pool.rate()
    async with app.state.pool as entered:
        assert entered is app.state.pool
    app.state.label = f"{type(entered).__name__[:0]}ready" if entered else "empty"


async def _direct(app: Starlette) -> None:
    app.state.pool = await connect()


async def _patient(app: Starlette) -> None:
    for _ in range(WORLD["tries"]):
        await asyncio.sleep(10)

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.003)
            app.state.beats += 1

    app.state.beats = 0
    app.state.consumer = asyncio.create_task(beat())
    await asyncio.sleep(0.004)


STARTS: dict[str, Callable[[Starlette], Awaitable[None]]] = {
    "pool": _pool,
    "swallowed": _swallowed,
    "consumer": _consumer,
    "asks": _asks,
    "needed": _needed,
    "patient": _patient,
    "made": _made,
    "direct": _direct,
}


async def _price() -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{WORLD['port']}/echo?price")
        return len(answer.text)


async def _total(request: Any) -> JSONResponse:
    await asyncio.sleep(0.01)
    rate = request.app.state.rate if request.url.path == "/needed" else 1
    if request.url.path == "/made":
        rate = await rate_of(request.app.state.pool)
    elif request.url.path == "/direct":
        rate = await request.app.state.pool.rate()
    total = await _price() * rate
    WORLD["at"] = datetime.now(UTC)
    return JSONResponse({"total": total, "id": str(uuid4())})


def make(how: str) -> Any:
    """An application that starts in this way."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await STARTS[how](app)
        yield
        if how in ("consumer", "patient"):
            app.state.consumer.cancel()

    return replay.ASGI(Starlette(lifespan=lifespan, routes=[Route(f"/{how}", _total)]), target=f"{__name__}:{how}")


def make_once() -> Any:
    """An application that cannot be started again: a second try fails and is counted."""
    tried: list[Any] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tried.append(app)
        TRIED[:] = tried
        if len(tried) > 1:
            raise RuntimeError("cannot finalize more than once")
        yield

    return replay.ASGI(Starlette(lifespan=lifespan, routes=[Route("/once", _total)]), target=f"{__name__}:once")


TRIED: list[Any] = []
"""Starts of the last application of `make_once`."""
pool, swallowed, consumer, asks, needed, patient, made, direct = (make(how) for how in STARTS)
once = make_once()
