"""What httpx is spared at replay makes no difference that code could see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

import replay
from replay.core.recording import Recording
from tests.boundaries.http.server import Server
from tests.recordings import record


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def _told(response: Any) -> list[Any]:
    return [
        response.content.hex(), response.num_bytes_downloaded, response.is_closed, response.is_stream_consumed,
        response.elapsed is not None, type(response).__module__,
    ]  # fmt: skip


def _all_the_ways(module: Any, url: str) -> list[Any]:
    found: list[Any] = []
    with module.Client(trust_env=False) as client:
        found.append(_told(client.get(url)))
        with client.stream("GET", url) as response:
            first = next(response.iter_bytes(3), b"")
            found.append([first.hex(), response.num_bytes_downloaded > 0, response.is_closed])
            with pytest.raises(module.StreamConsumed):
                response.read()
        with client.stream("GET", url) as response:
            found.append([response.read().hex(), response.read().hex(), *_told(response)])
            found.append([part.hex() for part in response.iter_bytes(4)])
        with client.stream("GET", url) as response:
            response.close()
            with pytest.raises(module.StreamClosed):
                response.read()
    return found


async def _all_the_async_ways(module: Any, url: str) -> list[Any]:
    found: list[Any] = []
    async with module.AsyncClient(trust_env=False) as client:
        found.append(_told(await client.get(url)))
        async with client.stream("GET", url) as response:
            found.append([(await response.aread()).hex(), *_told(response)])
        async with client.stream("GET", url) as response:
            await response.aclose()
            with pytest.raises(module.StreamClosed):
                await response.aread()
    return found


@replay.capture
def read(name: str, url: str) -> list[Any]:
    """By the module of that name, in every way that httpx has."""
    module = {"httpx": httpx, "httpx2": httpx2}[name]
    return [*_all_the_ways(module, url), *asyncio.run(_all_the_async_ways(module, url))]


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
@pytest.mark.parametrize("path", ["echo?x=1", "gzip", "chunked", "empty", "sse"])
def test_bodies_are_read_alike(tmp_path: Path, server: Server, name: str, path: str) -> None:
    """Whole, in pieces, twice, after the end: at replay as in production, byte for byte and count for count."""
    (recording,) = record(tmp_path, lambda: read(name, f"{server.url}/{path}"))
    assert recording.status == "ok"
    server.stop()
    for _ in range(2):
        verdict = replay.run(recording)
        assert verdict.status == "reproduced", verdict


class Shouting(httpx.Response):
    """Reads in a way of its own."""

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return (part.upper() for part in super().iter_bytes(chunk_size))


class Transport(httpx.HTTPTransport):
    """Makes responses of its own class."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        plain = super().handle_request(request)
        return Shouting(plain.status_code, headers=plain.headers, stream=plain.stream, extensions=plain.extensions)


@replay.capture
def read_loudly(url: str) -> str:
    """By a class of the application."""
    with httpx.Client(transport=Transport()) as client:
        return client.get(url).text


def test_a_class_of_the_application_reads_its_own_way(tmp_path: Path, server: Server) -> None:
    """It says how it is read."""
    (recording,) = record(tmp_path, lambda: read_loudly(f"{server.url}/echo?x=abc"))
    server.stop()
    assert "ABC" in recording.outcome.payload.text
    assert replay.run(recording).status == "reproduced"


def _at_once(recording: Recording) -> bool:
    """Whether a replay of it went without httpx's own generators."""
    reads = httpx.Response.iter_raw
    used: list[bool] = []

    def iter_raw(self: httpx.Response, *given: Any) -> Iterator[bytes]:
        used.append(True)
        return reads(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Response, "iter_raw", iter_raw)
        assert replay.run(recording).green
    return not used


@replay.capture
def get(url: str) -> str:
    """One body."""
    return httpx.get(url, trust_env=False).text


def test_a_plain_body_is_read_at_once(tmp_path: Path, server: Server) -> None:
    """It saves a fifteenth of what a request takes at replay; one that is encoded goes through httpx's decoders."""
    plain, encoded = record(tmp_path, lambda: [get(f"{server.url}/{path}") for path in ("echo?x=1", "gzip")])
    server.stop()
    assert _at_once(plain)
    assert not _at_once(encoded)
