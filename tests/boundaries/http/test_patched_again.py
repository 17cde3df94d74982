"""Who patches a client for a while sets back what was there before, and may take our patch away."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import replay
from tests.boundaries.http.server import Server
from tests.recordings import record


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@replay.capture
def ask(url: str) -> int:
    """A client of its own for each request."""
    return httpx.get(url, trust_env=False).status_code


def test_a_replay_patches_again(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a test with a vcrpy cassette that imported the service: its requests went to the real world."""
    (recording,) = record(tmp_path, lambda: ask(f"{server.url}/echo?x=1"))
    server.stop()
    ours = httpx.HTTPTransport.handle_request
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", ours.__wrapped__)  # type: ignore[attr-defined]
    for _ in range(2):
        assert replay.run(recording).status == "reproduced"
    again = httpx.HTTPTransport.handle_request
    assert again is not ours
    assert not hasattr(again.__wrapped__, "__wrapped__")  # type: ignore[attr-defined]


@replay.capture
def ask_plainly(port: int) -> bytes:
    """By the standard library."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/echo?x=1")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_replay_patches_the_standard_library_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood for its classes as they were patched is gone."""
    port = int(server.url.rpartition(":")[2])
    (recording,) = record(tmp_path, lambda: ask_plainly(port))
    server.stop()
    for name in ("putrequest", "getresponse", "send", "request", "connect"):
        ours = getattr(http.client.HTTPConnection, name)
        monkeypatch.setattr(http.client.HTTPConnection, name, ours.__wrapped__)
    for _ in range(2):
        assert replay.run(recording).status == "reproduced"
    assert not hasattr(http.client.HTTPConnection.getresponse.__wrapped__, "__wrapped__")  # type: ignore[attr-defined]
