"""WebSockets are not recorded: services and clients work as without us, and a replay that opens one is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient

import replay
from tests.recordings import record

api = FastAPI()
app = replay.ASGI(api, target=f"{__name__}:app")
HEADERS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "a2V5" * 5 + "aw==",
}


@replay.capture
def answered(text: str) -> str:
    """What the service says to one message."""
    return text.upper()


@api.websocket("/talk")
async def talk(socket: WebSocket) -> None:
    """Answers each message."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(answered(text))


@api.get("/health")
async def health() -> str:
    """Beside it."""
    return "well"


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that echoes WebSockets."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(str(message.data))
        return socket

    async def serve() -> web.AppRunner:
        service = web.Application()
        service.router.add_get("/echo", echo)
        runner = web.AppRunner(service)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(serve(), loop).result(5)
    yield int(runner.addresses[0][1])
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@replay.capture
async def by_aiohttp(port: int) -> str:
    """One message and its echo."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/echo") as socket:
        await socket.send_str("hello")
        return await socket.receive_str()


@replay.capture
def by_httpx(port: int) -> int:
    """The handshake, as httpx-ws makes it."""
    with httpx.stream("GET", f"http://127.0.0.1:{port}/echo", headers=HEADERS) as response:
        assert response.extensions["network_stream"] is not None
        return response.status_code


async def _by_aiohttp(port: int) -> str:
    return await by_aiohttp(port)


CLIENTS: dict[str, Any] = {
    "aiohttp": (lambda port: asyncio.run(_by_aiohttp(port)), "hello"),
    "httpx": (by_httpx, 101),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_works_and_its_replay_is_refused(tmp_path: Path, port: int, client: str) -> None:
    """No interaction is recorded; the verdict names what was to be connected to."""
    work, expected = CLIENTS[client]
    results: list[Any] = []
    (found,) = record(tmp_path, lambda: results.append(work(port)))
    assert (results, found.interactions) == ([expected], ())
    verdict = replay.run(found)
    assert verdict.divergence is not None
    assert (verdict.status, verdict.divergence.kind, verdict.divergence.target) == (
        "diverged", "refused", f"connect 127.0.0.1:{port}",
    )  # fmt: skip


def test_a_service_with_a_websocket(tmp_path: Path) -> None:
    """Messages go through; what is captured while one is handled is a recording of its own, as are plain requests."""

    def talking() -> None:
        with TestClient(app) as client, client.websocket_connect("/talk") as socket:
            for text in ("one", "two"):
                socket.send_text(text)
                assert socket.receive_text() == text.upper()
            assert client.get("/health").json() == "well"

    found = record(tmp_path, talking)
    assert sorted((each.entrypoint.partition(":")[2], replay.run(each).status) for each in found) == [
        ("answered", "reproduced"), ("answered", "reproduced"), ("app", "reproduced"),
    ]  # fmt: skip
