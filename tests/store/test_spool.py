"""The background writer keeps what it can, counts what it cannot, and never troubles the service."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest

from replay.core.recording import Recording
from replay.store import ending
from replay.store.bundle import open_bundle
from replay.store.limiter import Limits
from replay.store.spool import Spool
from replay.store.writer import Writer
from tests.safety.faults import with_fault
from tests.store.conftest import make_recording

ROOT = Path(__file__).parents[2]


class Captured:
    """What a recorder hands over, with a recording at hand."""

    def __init__(self, id: str = "rec", *, size: int = 100, urgent: bool = False, kind: str = "",
                 settle: Callable[[], Recording] | None = None, **fields: object) -> None:  # fmt: skip
        self.size = size
        self.urgent = urgent
        self.fingerprint = kind or id
        self.notes: dict[str, object] = {}
        self.settle = settle or (lambda: make_recording(id, **fields))

    def note(self, name: str, value: object) -> None:
        self.notes[name] = value


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "captures", service="shop")
    yield spool
    spool.close()


def written(spool: Spool) -> list[list[str]]:
    """The ids in each bundle."""
    return [list(open_bundle(path).ids()) for path in sorted(spool.folder.glob("*.replay.db"))]


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def test_incident_is_written_at_once(spool: Spool) -> None:
    """An incident becomes a bundle of its own without a flush, in a private folder, with a telling name."""
    spool.put(Captured("rec-7", urgent=True))
    wait_for(lambda: spool.stats()["written"] == 1)
    (path,) = spool.folder.iterdir()
    assert path.name == "shop-20260910T002640-rec-7.replay.db"
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert open_bundle(path)["rec-7"] == make_recording("rec-7")


def test_samples_share_a_bundle(spool: Spool) -> None:
    """Samples wait for company: a flush writes them as one bundle, in order."""
    for n in range(50):
        spool.put(Captured(f"rec-{n}"))
    assert spool.flush(60)
    assert written(spool) == [[f"rec-{n}" for n in range(50)]]
    assert spool.stats() == {
        "captured": 50, "kept": 50, "written": 50, "files": 1, "evicted": 0, "dropped": {}, "queued": 0,
        "queue_bytes": 0,
    }  # fmt: skip


def test_full_segment_needs_no_flush(spool: Spool) -> None:
    """Two hundred samples are written without waiting."""
    for n in range(200):
        spool.put(Captured(f"rec-{n}"))
    wait_for(lambda: spool.stats()["written"] == 200)
    assert spool.stats()["files"] == 1


def test_equal_ids(spool: Spool) -> None:
    """Recordings of the same id are all kept, in bundles of their own."""
    for urgent in (True, True, True, False, False):
        spool.put(Captured("same", urgent=urgent))
    assert spool.flush(60)
    assert written(spool) == [["same"]] * 5


def test_full_queue_is_counted(tmp_path: Path) -> None:
    """What does not fit into the queue's bytes is dropped and counted; what is written makes room."""
    gate = threading.Event()
    spool = Spool(tmp_path, service="shop", max_queue_bytes=1000)

    def slow() -> Recording:
        gate.wait(10)
        return make_recording("slow")

    spool.put(Captured(size=400, settle=slow))
    for n in range(5):
        spool.put(Captured(f"rec-{n}", size=300))
    assert spool.stats()["queue_bytes"] == 1000
    assert spool.stats()["dropped"] == {"queue-full": 3}
    gate.set()
    assert spool.flush(60)
    assert spool.stats()["queue_bytes"] == 0
    spool.put(Captured("later", size=900))
    assert spool.close(60)
    assert spool.stats()["written"] == 4


def test_failures_are_counted_and_said_once(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    """A recording that fails to settle, or fits into no bundle, costs only itself; one warning, without its text."""

    def fails() -> Recording:
        raise RuntimeError("secret text")

    def unfit() -> Recording:
        return make_recording("unfit", trace_id="\ud800")

    with caplog.at_level(logging.WARNING, logger="replay"):
        for settle in (fails, None, unfit, fails):
            spool.put(Captured("good", settle=settle))
        assert spool.flush(60)
    assert written(spool) == [["good"]]
    assert spool.stats()["dropped"] == {"settle-failed": 2, "write-failed": 1}
    (record,) = caplog.records
    assert "settle-failed (RuntimeError)" in record.getMessage()
    assert "secret text" not in caplog.text


def test_unwritable_folder_fails_open(tmp_path: Path) -> None:
    """A folder that cannot be made loses recordings, counted, and raises nothing."""
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file" / "captures", service="shop")
    for n in range(3):
        spool.put(Captured(f"rec-{n}", urgent=n == 0))
    assert spool.flush(60)
    assert spool.stats()["dropped"] == {"write-failed": 3}
    assert spool.stats()["queue_bytes"] == 0
    spool.close()


@pytest.mark.parametrize("patient", [False, True])
def test_what_becomes_of_the_folder_is_said(
    patient: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is, why, and that it is well again: one warning for each change, and not two in one minute."""
    monkeypatch.setattr("replay.store.spool._AGAIN_SECONDS", 60.0 if patient else 0.0)
    folder = tmp_path / "captures"
    folder.write_text("in the way")
    spool = Spool(folder, service="shop")
    with caplog.at_level(logging.WARNING, logger="replay"):
        for n in range(6):
            if n in (2, 4):
                folder.unlink() if n == 2 else (shutil.rmtree(folder), folder.write_text("in the way"))
            spool.put(Captured(f"rec-{n}", urgent=True))
            assert spool.flush(60)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (1 if patient else 3)
    assert [str(folder) in each for each in said] == [True] * len(said)
    assert "File exists" in said[0]
    assert "replay.stats()" in said[0]
    assert [each.endswith(" again.") for each in said] == [False, True, False][: len(said)]
    assert spool.stats()["dropped"] == {"write-failed": 4}
    spool.close()


def test_hostile_capture_never_raises(spool: Spool) -> None:
    """A captured object that fails everywhere raises nothing into the request."""

    class Broken:
        @property
        def size(self) -> int:
            raise RuntimeError

    spool.put(Broken())  # type: ignore[arg-type]
    assert spool.stats()["dropped"] == {"spool-failed": 1}


def test_service_name_is_made_safe(tmp_path: Path) -> None:
    """A service's name cannot lead out of the folder."""
    spool = Spool(tmp_path / "in", service="../../etc/pass wd\n")
    spool.put(Captured("../x/..", urgent=True))
    assert spool.close(60)
    assert [path.name for path in tmp_path.rglob("*.db")] == ["etc-pass-wd-20260910T002640-x.replay.db"]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_writer_sees_no_context(spool: Spool) -> None:
    """The writer's thread runs in an empty context: it belongs to no recording."""
    variable: ContextVar[str] = ContextVar("variable", default="empty")
    variable.set("the request's")
    seen: list[str] = []

    def settle() -> Recording:
        seen.append(variable.get())
        return make_recording()

    spool.put(Captured(settle=settle))
    assert spool.flush(60)
    assert seen == ["empty"]


def test_capture_inside_capture(spool: Spool) -> None:
    """A put while the same thread is in a put (a signal handler, a finalizer) goes on; one of another waits 50 ms."""

    class Nested(Captured):
        nested = False

        def __del__(self) -> None:
            spool.put(Captured("inner"))

    with spool._lock:
        spool.put(Captured("reentrant"))
        other = threading.Thread(target=spool.put, args=(Captured("blocked"),))
        other.start()
        other.join(10)
        assert not other.is_alive()
    spool.put(Nested("outer"))
    assert spool.flush(60)
    assert spool.stats()["dropped"] == {"spool-busy": 1}


def test_many_threads(spool: Spool) -> None:
    """Puts of many threads are all written, each once."""
    threads = [
        threading.Thread(target=lambda t=t: [spool.put(Captured(f"rec-{t}-{n}", interactions=())) for n in range(25)])
        for t in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.flush(20)
    assert {id for ids in written(spool) for id in ids} == {f"rec-{t}-{n}" for t in range(8) for n in range(25)}
    assert spool.stats()["written"] == 200


def test_closed(spool: Spool) -> None:
    """A closed spool has written all, ended its thread, and drops what comes later."""
    spool.put(Captured("rec"))
    assert spool.close(60)
    wait_for(lambda: spool._thread is None)
    spool.put(Captured("late"))
    assert written(spool) == [["rec"]]
    assert spool.stats()["dropped"] == {"closed": 1}


def test_flush_gives_up(spool: Spool) -> None:
    """A flush that is too short says so, and one for nothing is done at once."""
    gate = threading.Event()
    assert spool.flush(0)

    def slow() -> Recording:
        gate.wait(10)
        return make_recording()

    spool.put(Captured(settle=slow))
    assert not spool.flush(0.05)
    gate.set()
    assert spool.flush(60)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own, with a spool into `folder`."""
    begin = f"""
        import os, sys, threading, time
        from tests.store.test_spool import Captured
        from replay.store.spool import Spool
        spool = Spool({str(folder)!r}, service="shop")
        """
    source = textwrap.dedent(begin) + textwrap.dedent(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    warnings = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]  # of a fork beside threads
    return subprocess.run([sys.executable, *warnings, "-c", source], env=environment, cwd=ROOT, text=True,
                          capture_output=True, timeout=60, check=False)  # fmt: skip


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise KeyError('x')"])
def test_exit_writes_samples(tmp_path: Path, end: str) -> None:
    """The end of the process writes what waits."""
    done = run(f"[spool.put(Captured(f'rec-{{n}}')) for n in range(3)]\n{end}", tmp_path)
    assert done.returncode == {"pass": 0, "sys.exit(3)": 3}.get(end, 1)
    assert "replay" not in done.stderr
    assert [open_bundle(path).ids() for path in tmp_path.iterdir()] == [("rec-0", "rec-1", "rec-2")]


def test_first_capture_at_exit(tmp_path: Path) -> None:
    """A capture in an exit handler, where no thread can be started any more, is still written."""
    done = run("import atexit\natexit.register(lambda: spool.put(Captured('late', urgent=True)))", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    # Handlers run last in, first out: this one comes before the spool's own.
    assert [open_bundle(path).ids() for path in tmp_path.iterdir()] == [("late",)]


def test_exit_is_not_held_up(tmp_path: Path) -> None:
    """A value that takes for ever to settle delays the end by the budget only."""
    started = time.monotonic()
    done = run("import replay.store.ending as s; s.EXIT_SECONDS = 0.3\n"
               "spool.put(Captured(settle=lambda: time.sleep(60)))\ntime.sleep(0.1)", tmp_path)  # fmt: skip
    assert time.monotonic() - started < 20
    assert done.returncode == 0
    assert "before all recordings were written" in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork(tmp_path: Path) -> None:
    """Parent and child each write their own: what the parent queued is written once, the child gets a new thread."""
    done = run(
        """
        gate = threading.Event()
        spool.put(Captured("incident", urgent=True))
        spool.flush()
        for n in range(5):
            spool.put(Captured(f"parent-{n}"))
        spool._lock.acquire()  # another thread may hold any lock at a fork
        child = os.fork()
        if child == 0:
            assert spool.stats()["captured"] == 0
            spool.put(Captured("child"))
            assert spool.flush(60)
            assert spool.stats()["written"] == 1, spool.stats()
            os._exit(0)
        spool._lock.release()
        assert os.waitpid(child, 0)[1] == 0
        assert spool.flush(60)
        assert spool.stats()["written"] == 6, spool.stats()
        """,
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = sorted(open_bundle(path).ids() for path in tmp_path.iterdir())
    assert found == [("child",), ("incident",), tuple(f"parent-{n}" for n in range(5))]


def test_a_child_of_multiprocessing_writes_what_it_kept(tmp_path: Path) -> None:
    """Such a child ends without exit handlers; what it captured is on disk all the same."""
    done = run(
        """
        import multiprocessing

        def work():
            spool.put(Captured("child-1"))
            spool.put(Captured("child-2"))

        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join(20)
        assert child.exitcode == 0
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = [open_bundle(path).ids() for path in (tmp_path).rglob("*.replay.db")]
    assert [list(ids) for ids in found] == [["child-1", "child-2"]]


def held(spool: Spool) -> threading.Event:
    """Keep the writer busy until the event is set."""
    gate, busy = threading.Event(), threading.Event()

    def slow() -> Recording:
        busy.set()
        gate.wait(10)
        return make_recording("slow")

    spool.put(Captured("slow", settle=slow))
    assert busy.wait(10)
    return gate


def test_incidents_first(spool: Spool) -> None:
    """An incident is not kept waiting by the samples that came before it."""
    order: list[str] = []

    def settling(id: str) -> Callable[[], Recording]:
        return lambda: order.append(id) or make_recording(id)  # type: ignore[func-returns-value]

    gate = held(spool)
    for n in range(3):
        spool.put(Captured(settle=settling(f"sample-{n}")))
    spool.put(Captured(urgent=True, settle=settling("incident")))
    gate.set()
    assert spool.flush(60)
    assert order == ["incident", "sample-0", "sample-1", "sample-2"]


def test_a_backlog_of_incidents_shares_bundles(spool: Spool) -> None:
    """Few incidents have a bundle each; many that wait are written together, all of them, before any sample."""
    gate = held(spool)
    for n in range(60):
        spool.put(Captured(f"rec-{n:02}", urgent=True))
    gate.set()
    assert spool.flush(60)
    found = written(spool)
    assert sorted(id for ids in found for id in ids) == [f"rec-{n:02}" for n in range(60)] + ["slow"]
    assert len(found) < 20


def test_samples_make_room_for_an_incident(tmp_path: Path) -> None:
    """In a full queue the latest samples are given up for an incident, counted; never the other way round."""
    spool = Spool(tmp_path, service="shop", max_queue_bytes=1000)
    gate = held(spool)
    for n in range(3):
        spool.put(Captured(f"rec-{n}", size=300))
    spool.put(Captured("incident", size=500, urgent=True))
    spool.put(Captured("late", size=300))
    spool.put(Captured("huge", size=1001, urgent=True))
    assert spool.stats()["dropped"] == {"queue-full": 5}  # two samples, late, and for huge the last sample and itself
    gate.set()
    assert spool.close(60)
    stats = spool.stats()
    assert stats["captured"] == 7 == stats["written"] + sum(stats["dropped"].values())
    assert sorted(id for ids in written(spool) for id in ids) == ["incident", "slow"]


def test_a_storm_is_counted_and_noted(tmp_path: Path) -> None:
    """The first few of a failure are whole; the rest is counted, and the next recording says what was lost."""
    spool = Spool(tmp_path, service="shop", limits=Limits(same_first=3, same_per_minute=0.0))
    storm = [Captured(f"rec-{n}", urgent=True, kind="the same") for n in range(100)]
    for captured in storm:
        spool.put(captured)
    assert spool.flush(60)
    assert spool.stats()["dropped"] == {"storm": 97}
    assert len(written(spool)) == 3
    after = [Captured("other", urgent=True), Captured("last", urgent=True)]
    for captured in after:
        spool.put(captured)
        assert spool.flush(60)
    notes = [captured.notes["replay.dropped"] for captured in storm + after if captured.notes]
    assert sum(note["storm"] for note in notes) == 97  # type: ignore[index]
    assert after[1].notes == {}
    assert spool.close()


def test_it_recovers_when_the_folder_can_be_written_again(tmp_path: Path) -> None:
    """A folder that was in the way, deleted, or made again: what comes after is written."""
    folder = tmp_path / "captures"
    folder.write_text("in the way")
    spool = Spool(folder, service="shop")
    for n, repair in enumerate((lambda: None, folder.unlink, lambda: shutil.rmtree(folder))):
        repair()
        spool.put(Captured(f"rec-{n}", urgent=True))
        assert spool.flush(60)
    assert written(spool) == [["rec-2"]]
    assert spool.stats()["dropped"] == {"write-failed": 1}
    assert spool.stats()["written"] == 2
    assert spool.close()


def test_a_value_that_exits(spool: Spool) -> None:
    """A SystemExit from a settling value costs one recording, and the thread goes on."""
    spool.put(Captured(settle=sys.exit))
    spool.put(Captured("good", urgent=True))
    assert spool.flush(60)
    assert spool.stats()["dropped"] == {"settle-failed": 1}
    assert spool.stats()["queue_bytes"] == 0
    assert written(spool) == [["good"]]


def test_threads_together_lose_no_count(tmp_path: Path) -> None:
    """Everything offered is written or counted by reason, whatever the threads do at once."""
    spool = Spool(tmp_path, service="shop", max_queue_bytes=3000, limits=Limits(same_first=5, same_per_minute=0.0))
    recording = make_recording()

    def offer(thread: int) -> None:
        for n in range(500):
            urgent = n % 3 == 0
            spool.put(Captured(f"rec-{thread}-{n}", urgent=urgent, kind="same", settle=lambda: recording))

    threads = [threading.Thread(target=offer, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.close(30)
    stats = spool.stats()
    assert stats["captured"] == 4000 == stats["written"] + sum(stats["dropped"].values())
    assert (stats["queued"], stats["queue_bytes"]) == (0, 0)
    assert stats["dropped"]["storm"] + stats["dropped"].get("spool-busy", 0) >= 8 * 167 - 5 - stats["written"]


class StillBorn(Spool):
    """Its thread ends before it has done anything, as where memory is exhausted."""

    def _begin(self, *held: object) -> None:
        raise SystemExit


def test_a_thread_that_died_before_it_began(tmp_path: Path) -> None:
    """A flush does its work at once, and the next recording is given another thread."""
    spool = StillBorn(tmp_path, service="shop")
    for name in ("one", "two"):
        spool.put(Captured(name))
        wait_for(lambda: spool._life() is None)
        began = time.monotonic()
        assert spool.flush(30)
        assert time.monotonic() - began < 5
    assert sorted(written(spool)) == [["one"], ["two"]]


def test_no_memory_as_the_thread_is_started(spool: Spool) -> None:
    """What was taken is written by the flush, and counted once."""
    _, hits = with_fault(lambda: spool.put(Captured("one")), ending.at_the_first_of_a_child.__code__, MemoryError)
    assert hits == 1
    assert spool._thread is None
    assert spool.flush(30)
    assert written(spool) == [["one"]]
    stats = spool.stats()
    assert (stats["captured"], stats["written"], stats["dropped"]) == (1, 1, {})


def test_memory_that_runs_out_in_a_flush(tmp_path: Path) -> None:
    """A flush that does the work itself counts what it lost, raises nothing, and writes what is left."""
    spool = StillBorn(tmp_path, service="shop")
    for name in ("one", "two", "three"):
        spool.put(Captured(name))
    wait_for(lambda: spool._life() is None)
    flushed, hits = with_fault(lambda: spool.flush(30), Writer._note_losses.__code__, MemoryError, at=2)
    assert (flushed, hits) == (True, 1)
    stats = spool.stats()
    assert (stats["captured"], stats["written"], stats["dropped"]) == (3, 2, {"spool-failed": 1})


def test_a_service_that_changes_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool named from where the process began stays there."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    spool = Spool("captures", service="shop")
    monkeypatch.chdir(tmp_path / "elsewhere")
    spool.put(Captured("one"))
    assert spool.close(30)
    assert spool.stats()["written"] == 1
    assert len(list((tmp_path / "captures").glob("*.replay.db"))) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_bundles_are_their_owners_only(tmp_path: Path) -> None:
    """Whatever the service lets others read of what it writes."""
    done = run(
        """
        import os

        os.umask(0)
        spool.put(Captured("one"))
        spool.flush(5)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in found if path.name.endswith(".replay.db")] == [0o600]
    assert {path.stat().st_mode & 0o077 for path in found} == {0}
