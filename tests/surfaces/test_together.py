"""Many recordings at once, with real clients and a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest

import replay
from replay.engine import recorder
from tests.boundaries.http.server import Server
from tests.surfaces import together

TASKS, THREADS = 200, 50


@pytest.fixture
def server() -> Iterator[Server]:
    """Stopped before the replays."""
    running = Server()
    yield running
    running.stop()


async def _tasks(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        together.shared["client"] = client
        try:
            await asyncio.gather(*(together.in_task(url, f"task{number}") for number in range(TASKS)))
        finally:
            del together.shared["client"]


def test_tasks_and_threads_at_once_keep_apart_and_reproduce(server: Server, tmp_path: Path) -> None:
    """200 tasks and 50 threads, each its own recording: no interaction lost or foreign, and each is reproduced."""
    replay.init(service="together", spool=tmp_path, keep=replay.always())
    threads = [Thread(target=together.in_thread, args=(server.url, f"thread{n}")) for n in range(THREADS)]
    try:
        for thread in threads:
            thread.start()
        asyncio.run(_tasks(server.url))
        for thread in threads:
            thread.join()
        assert replay.flush(30)
    finally:
        recorder.configure(None)
    server.stop()
    recordings = [recording for path in tmp_path.glob("*.replay.db") for recording in replay.open(path)]
    names = {recording.input.decode()["args"][1] for recording in recordings}
    assert names == {f"task{n}" for n in range(TASKS)} | {f"thread{n}" for n in range(THREADS)}
    for recording in recordings:
        name = recording.input.decode()["args"][1]
        urls = [interaction.request.decode()["url"].partition("?")[2] for interaction in recording.interactions]
        assert urls == [f"{name}=0", f"{name}=1"]
    assert {replay.run(recording).status for recording in recordings} == {"reproduced"}
