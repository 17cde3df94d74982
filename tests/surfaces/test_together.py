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
from tests.recordings import answering, record
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


def test_one_unit_of_many_tasks_is_reproduced(server: Server, tmp_path: Path) -> None:
    """200 tasks over one client in one recording, each request made of the answer before it."""
    (recording,) = record(tmp_path, lambda: asyncio.run(together.many_tasks(server.url, TASKS)))
    server.stop()
    assert len(recording.interactions) == 2 * TASKS
    assert {replay.run(recording).status for _ in range(3)} == {"reproduced"}


def test_one_unit_of_many_threads_is_reproduced(server: Server, tmp_path: Path) -> None:
    """50 threads over one session in one recording."""
    (recording,) = record(tmp_path, lambda: together.many_threads(server.url, THREADS))
    server.stop()
    assert len(recording.interactions) == 2 * THREADS
    assert {replay.run(recording).status for _ in range(3)} == {"reproduced"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # refusals end threads
@pytest.mark.parametrize("backwards", [False, True])
def test_a_race_is_reproduced_or_called_nondeterministic(tmp_path: Path, backwards: bool) -> None:
    """Threads that ask the same thing and get different answers: however they are scheduled at replay, the verdict is
    `reproduced` with the recorded outcome, or says that it is nondeterministic, and of which interactions."""
    number = 4
    forth = [0.05 * n for n in range(number)]
    together.shared.update(turns=0, pauses=forth)
    try:
        (recording,) = record(tmp_path, lambda: together.race(number))
        together.shared["pauses"] = forth[::-1] if backwards else forth
        verdict = replay.run(recording)
    finally:
        together.shared.clear()
    if verdict.green:
        assert verdict.outcome is not None
        assert verdict.outcome.value == recording.outcome.value
        assert verdict.reason is None
    else:
        assert (verdict.reason or "").startswith("nondeterministic: ")
        assert "tests.surfaces.together:turn" in (verdict.reason or "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # refusals end threads
def test_a_race_that_went_the_other_way_is_no_silent_pass(tmp_path: Path) -> None:
    """Two of the answers change places in the recording: the outcome is another one, and the reason names the two."""
    together.shared.update(turns=0, pauses=[0.0, 0.05])
    try:
        (recording,) = record(tmp_path, lambda: together.race(2))
        one, two = [i.seq for i in recording.interactions if i.target.endswith(":turn")]
        swapped = answering(answering(recording, one, "1", "7"), two, "2", "1")
        verdict = replay.run(answering(swapped, one, "7", "2"))
    finally:
        together.shared.clear()
    assert not verdict.green
    assert f"#{one} and #{two}" in (verdict.reason or "")
