"""Cookies of a client that is older than the unit of work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import replay
from tests.boundaries.http import jarred
from tests.boundaries.http.server import Server
from tests.recordings import record

pytestmark = pytest.mark.parametrize("name", ["requests", "httpx", "aiohttp"])


@pytest.fixture
def server() -> Iterator[Server]:
    """Stopped by the tests before they replay."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    jarred.restart()
    yield
    jarred.restart()


def test_a_warm_client_is_cold_at_replay(tmp_path: Path, server: Server, name: str) -> None:
    """Its cookies are of an answer before the recording: that they are not there is no change."""
    jarred.get(name, f"{server.url}/redirect")
    (recording,) = record(tmp_path, lambda: jarred.asks(name, server.url))
    server.stop()
    assert '"cookie": "a=1; b=2"' in str(recording.outcome.value)
    assert recording.interactions[0].request.decode()["jar"] is True
    jarred.restart()
    assert replay.run(recording).status == "reproduced"


def test_a_warm_client_that_threads_share(tmp_path: Path, server: Server, name: str) -> None:
    """What an answer sets is not missed by a request that was asked before it came."""
    if name == "aiohttp":
        pytest.skip("its sessions are no threads'")
    jarred.get(name, f"{server.url}/redirect")
    (recording,) = record(tmp_path, lambda: jarred.asks_at_once(name, server.url))
    server.stop()
    jarred.restart()
    assert replay.run(recording).status == "reproduced"


def test_a_cold_client_is_warm_at_replay(tmp_path: Path, server: Server, name: str) -> None:
    """Another replay in the same process has served it cookies."""
    (first,) = record(tmp_path, lambda: jarred.asks(name, server.url))
    (second,) = record(tmp_path, lambda: jarred.logs_in(name, server.url))
    server.stop()
    jarred.restart()
    assert [replay.run(each).status for each in (second, first, second)] == ["reproduced"] * 3


def test_cookies_that_the_recording_set_are_missed(tmp_path: Path, server: Server, name: str) -> None:
    """Code that forgets its session is told so."""
    (recording,) = record(tmp_path, lambda: jarred.logs_in(name, server.url))
    server.stop()
    jarred.restart()
    jarred.KEPT["forgets"] = True
    (found,) = replay.run(recording).divergences
    assert [each.path for each in found.differences] == ["headers.cookie"]
