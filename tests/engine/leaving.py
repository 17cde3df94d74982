"""Code that ends, or fails, while tasks of its own still read what they asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import replay

ADDRESS = {"of": ""}
NOW: set[str] = set()
"""What the code does now and did not do in production."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(int(self.path[1:]) / 1000)
        body = b'{"after": %s}' % self.path[1:].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[None]:
    """One that answers after as many milliseconds as the path says."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        ADDRESS["of"] = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


async def _ask(client: httpx.AsyncClient, milliseconds: int) -> int:
    found: dict[str, int] = (await client.get(f"{ADDRESS['of']}/{milliseconds}")).json()
    return found["after"]


async def _fail(client: httpx.AsyncClient) -> None:
    raise ValueError(await _ask(client, 1))


async def _compute(until: asyncio.Task[Any]) -> None:
    """In production for as long as it takes; the loop gets on in between."""
    while not until.done():
        sum(range(10_000))
        await asyncio.sleep(0)


@replay.capture
async def fails() -> None:
    """One of many does; what is under way goes on while the rest is tidied up."""
    async with httpx.AsyncClient(trust_env=False) as client:
        other = asyncio.create_task(_ask(client, 40))
        try:
            await asyncio.gather(_fail(client), other)
        finally:
            if "computes" not in NOW:
                await _compute(other)


async def _audit(client: httpx.AsyncClient, milliseconds: int) -> None:
    await _ask(client, milliseconds)
    noted()


@replay.boundary
def noted() -> None:
    """What the audit does when it has been answered."""


@replay.capture
async def leaves(milliseconds: int) -> int:
    """A task, which production waited for as long as it computed."""
    async with httpx.AsyncClient(trust_env=False) as client:
        task = asyncio.create_task(_audit(client, milliseconds))
        found = await _ask(client, 1)
        if "computes" not in NOW:
            await _compute(task)
        return found


@replay.capture
async def tells(milliseconds: int) -> int:
    """Somebody, and waits until that is done."""
    async with httpx.AsyncClient(trust_env=False) as client:
        found = await _ask(client, 1)
        telling = asyncio.create_task(_ask(client, milliseconds))
        if "forgets" not in NOW:
            await telling
        return found


@replay.capture
async def first_of(one: int, two: int) -> int:
    """The first answer of two; production read both."""
    async with httpx.AsyncClient(trust_env=False) as client:
        tasks = [asyncio.create_task(_ask(client, each)) for each in (one, two)]
        when = asyncio.FIRST_COMPLETED if "cancels" in NOW else asyncio.ALL_COMPLETED
        await asyncio.wait(tasks, return_when=when)
        tasks[1].cancel()
        return tasks[0].result()


@replay.capture
def gives_up() -> list[bool]:
    """Of two jobs for one thread, once the first is done: what is not begun."""
    with ThreadPoolExecutor(1) as pool:
        jobs = [pool.submit(noted) for _ in range(2)]
        jobs[0].result()
        time.sleep(0.001)
        return [job.cancel() for job in jobs]


LEFT: list[asyncio.Task[int]] = []


@asynccontextmanager
async def _lifespan(web: Starlette) -> AsyncIterator[None]:
    async with httpx.AsyncClient(trust_env=False) as client:
        web.state.client = client
        try:
            yield
        finally:
            for task in LEFT:
                task.cancel()
            LEFT.clear()


async def _leaving(request: Request) -> JSONResponse:
    LEFT.append(asyncio.create_task(_ask(request.app.state.client, 40)))
    found = await _ask(request.app.state.client, 1)
    if "computes" not in NOW:
        await _compute(LEFT[-1])
    return JSONResponse(found)


web = Starlette(lifespan=_lifespan, routes=[Route("/", _leaving)])
app = replay.ASGI(web, target="tests.engine.leaving:app")


async def served() -> None:
    """One request of the application, which cancels at its end what still runs."""
    async with (
        web.router.lifespan_context(web),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client,
    ):
        assert (await client.get("/")).json() == 1
