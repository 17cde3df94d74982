"""`replay run --jobs N`: several replays at a time, told as if they came one after the other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Event

import pytest

from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.errors import ReplayError
from replay.store.bundle import open_bundle
from replay.surfaces import fresh
from replay.surfaces.abreast import replayed
from tests.surfaces import projects
from tests.surfaces.test_cli import document, replay

pytestmark = pytest.mark.skipif(not fresh.AVAILABLE, reason="no descriptors can be handed to a new process")


@pytest.fixture
def recording(project: Path) -> Recording:
    return next(iter(open_bundle(project / "captures" / "good.replay.db")))


def verdict_of(recording: Recording) -> Verdict:
    return Verdict(id=recording.id, status="reproduced", recorded=recording.outcome)


def test_the_verdicts_are_the_same_in_the_same_order(project: Path) -> None:
    """With fewer and with more than there are recordings, and one a core."""
    one, *others = (document("run", "captures", "--jobs", jobs) for jobs in ("1", "2", "20", "0"))
    for row in (*one, *(row for rows in others for row in rows)):
        del row["seconds"]
    assert len(one) == 6
    assert others == [one] * 3


def test_so_many_run_at_a_time_and_are_told_in_order(recording: Recording) -> None:
    """Each waits for another one; the second ends first. No recording is read before it is needed."""
    meet = Barrier(2)
    second = Event()
    read = []
    told: list[str] = []

    def recordings() -> Iterator[tuple[str, Recording]]:
        for number in range(6):
            read.append(number)
            yield f"{number}", recording

    turns = iter(range(6))

    def run(recording: Recording) -> Verdict:
        number = next(turns)
        meet.wait(20)
        if number % 2:
            second.set()
        else:
            assert second.wait(20)
        return verdict_of(recording)

    paths = []
    for path, _, _ in replayed(recordings(), run, 2, told.append):
        paths.append(path)
        assert len(read) <= len(paths) + 2
    assert paths == [f"{number}" for number in range(6)]
    assert told == [f"{number}::{recording.id}" for number in range(6)]


def test_what_cannot_be_replayed_is_raised_in_its_turn(recording: Recording) -> None:
    """As one after the other: the verdicts before it are there, and none begins that waits."""
    calls = []

    def run(recording: Recording) -> Verdict:
        calls.append(1)
        if len(calls) == 3:
            raise ReplayError("no")
        return verdict_of(recording)

    found = replayed((("x", recording) for _ in range(50)), run, 2, lambda name: None)
    assert [next(found)[0], next(found)[0]] == ["x", "x"]
    with pytest.raises(ReplayError, match="no"):
        list(found)
    assert len(calls) < 10


@pytest.mark.parametrize("jobs", ["2", "3"])
def test_an_interrupt_ends_all_that_run(project: Path, jobs: str) -> None:
    """Ctrl-C while two hang: exit 130 at once, what was found is told, and no process is left."""
    projects.edit(project, "    print(", "    if ticket['from'] != 'ann':\n        import os\n"
                                         "        open(f'at-{os.getpid()}', 'w').close()\n"
                                         "        while True: pass\n    print(")  # fmt: skip
    done = projects.interrupted(
        ["run", "captures/mixed.replay.db", "--json", "--jobs", jobs], lambda: len(list(project.glob("at-*"))) == 2
    )
    assert done.returncode == 130, done.stderr
    assert [row["status"] for row in json.loads(done.stdout)] in ([], ["reproduced"])
    left = {int(place.name[3:]) for place in project.glob("at-*")}
    for _ in range(100):
        if not (left := {number for number in left if _runs(number)}):
            break
        time.sleep(0.05)
    assert not left


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_excludes_each_other_is_a_usage_error(project: Path) -> None:
    """One after the other in this process; a check has its own way."""
    for other in ("--in-process", "--check"):
        done = replay("run", "captures", "--jobs", "2", other)
        assert (done.returncode, done.stdout) == (2, "")
        assert "leave it, or --jobs, out" in done.stderr
