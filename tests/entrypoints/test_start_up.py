"""An application's start-up is no part of a recording: what it cannot do at replay is gone without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from tests.boundaries.http.server import Server
from tests.engine.test_explorer import stage
from tests.entrypoints import starting
from tests.recordings import record


@pytest.fixture
def server() -> Iterator[Server]:
    """Stopped before the replays."""
    running = Server()
    starting.WORLD["port"] = int(running.url.rpartition(":")[2])
    yield running
    running.stop()


def _recorded(tmp_path: Path, server: Server, how: str) -> Recording:
    """One request to the application that is started in this way."""
    (recording,) = record(tmp_path, lambda: asyncio.run(_served(getattr(starting, how), f"/{how}")))
    server.stop()
    return recording


async def _served(app: Any, path: str) -> None:
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    state: dict[str, Any] = {}
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": state},
                                   inbox.get, outbox.put))  # fmt: skip
    await inbox.put({"type": "lifespan.startup"})
    assert (await outbox.get())["type"] == "lifespan.startup.complete"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
             "scheme": "http", "root_path": "", "http_version": "1.1", "headers": [], "server": ("shop", 80),
             "client": ("127.0.0.1", 1), "state": state}  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, outbox.put)
    await inbox.put({"type": "lifespan.shutdown"})
    await task


@pytest.mark.parametrize("how", ["pool", "swallowed", "consumer", "asks"])
def test_a_start_up_that_needs_the_world(tmp_path: Path, server: Server, how: str) -> None:
    """It fails, hides that, leaves a task that tries for ever, or asks what the request asks too: nothing of that is
    the request's doing, and none of its answers and draws are used up."""
    verdict = replay.run(_recorded(tmp_path, server, how))
    assert (verdict.status, verdict.reason) == ("reproduced", None), verdict


def test_what_a_boundary_makes_at_start_up(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of connections: a stand-in is opened and closed, and handed to what asks with it."""
    recording = _recorded(tmp_path, server, "made")
    monkeypatch.setattr(starting, "made", starting.make("made"))  # as in a new process
    verdict = replay.run(recording)
    assert (verdict.status, verdict.reason, verdict.served) == ("reproduced", None, 2), verdict
    assert starting.made._replay_app.state.label == "ready"
    assert stage(recording).execute(()).stretched == 0  # nor does a search take it for another one


def test_a_stand_in_of_start_up_is_no_pool(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code of the request that uses it itself is refused, with its line and what to do."""
    recording = _recorded(tmp_path, server, "direct")
    monkeypatch.setattr(starting, "direct", starting.make("direct"))
    verdict = replay.run(recording)
    found = verdict.divergence
    assert found is not None
    assert (verdict.status, found.kind, found.boundary) == ("diverged", "refused", "call")
    assert found.target == "what tests.entrypoints.starting:connect made at start-up"
    assert found.where[-1].function == "_total"
    assert "Put @replay.boundary on the function that makes this call" in str(verdict.outcome)


def test_the_time_that_a_start_up_takes(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries for a minute, and leaves a task that beats: at the request it is when it was in production."""
    recording = _recorded(tmp_path, server, "patient")
    monkeypatch.setitem(starting.WORLD, "tries", 6)
    verdict = replay.run(recording)
    assert (verdict.status, verdict.reason) == ("reproduced", None), verdict
    ended = (recording.started_at + recording.duration_ns) / 1e9
    assert recording.started_at / 1e9 <= starting.WORLD["at"].timestamp() <= ended + 0.1
    assert starting.patient._replay_app.state.beats > 1


def test_what_start_up_would_have_made_is_missing(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason says what was refused, and where."""
    recording = _recorded(tmp_path, server, "needed")
    monkeypatch.setattr(starting, "needed", starting.make("needed"))  # as in a new process
    verdict = replay.run(recording)
    assert verdict.status == "diverged"  # its draw is left over
    assert verdict.reason is not None
    assert verdict.reason.startswith("start-up: it reached for the real world (connect 127.0.0.1:")
    assert "starting.py" in verdict.reason


def test_what_is_started_once_a_process(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second start fails (Sanic's routers are finalized): the request runs with what the first one made."""
    recording = _recorded(tmp_path, server, "once")
    monkeypatch.setattr(starting, "once", starting.make_once())  # as in a new process
    verdicts = [replay.run(recording) for _ in range(3)]
    assert [(each.status, each.reason) for each in verdicts] == [("reproduced", None)] * 3
    assert len(starting.TRIED) == 2
