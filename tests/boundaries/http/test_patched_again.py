"""Who patches a client for a while sets back what was there before, and may take our patch away."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

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


def test_what_is_patched_already_is_left_alone(tmp_path: Path, server: Server) -> None:
    """Classes were made anew for each replay: a tenth of the time of one that asks three things."""
    (recording,) = record(tmp_path, lambda: ask(f"{server.url}/echo?x=1"))
    before = (httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request)
    profiled: list[str] = []

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_name in ("Tee", "Upload", "Played"):
            profiled.append(frame.f_code.co_name)

    assert replay.run(recording).green
    sys.setprofile(profile)
    try:
        assert replay.run(recording).green
    finally:
        sys.setprofile(None)
    assert (httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request) == before
    assert not profiled


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
