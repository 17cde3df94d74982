"""The Nth write, sync, link or rename fails, for every N, once and for good; or the process dies there.

Every bundle that can be seen is whole, and every recording that was acknowledged is there.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from replay.core.codec import Value, encode
from replay.store.bundle import open_bundle
from replay.store.spool import Spool
from tests.store.conftest import make_recording
from tests.store.test_spool import Captured

ROOT = Path(__file__).parents[2]
NEEDED = {"open", "write", "fsync", "link", "unlink", "close", "mkdir", "scandir"}
"""What the store asks of the system each time."""
SEAMS = (*NEEDED, "replace", "fdatasync", "rename", "fstat", "fchmod", "chmod", "ftruncate", "truncate", "utime")
"""And what it asks, or may ask later, at times."""

Action = Callable[[str, tuple[Any, ...]], Any]
"""Of a call's name and arguments: raises, or answers in its place, or lets it go on (None)."""


class Faults:
    """Counts the calls that touch the folder, and fails from the Nth on."""

    def __init__(self, folder: Path, at: int, action: Action, *, once: bool) -> None:
        self.folder = str(folder)
        self.at = at
        self.once = once
        self.action = action
        self.calls = 0
        self.seen: set[str] = set()
        self.real = {name: getattr(os, name) for name in SEAMS}

    def touches(self, args: tuple[Any, ...]) -> bool:
        try:
            place = os.readlink(f"/proc/self/fd/{args[0]}") if isinstance(args[0], int) else os.fspath(args[0])
        except (OSError, TypeError):
            return False
        return place.startswith(self.folder)

    def install(self) -> None:
        for name in SEAMS:
            setattr(os, name, self.wrapped(name))

    def remove(self) -> None:
        for name, function in self.real.items():
            setattr(os, name, function)

    def wrapped(self, name: str) -> Callable[..., Any]:
        real = self.real[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.touches(args):
                self.calls += 1
                self.seen.add(name)
                if self.calls == self.at or (self.calls > self.at and not self.once):
                    if name == "close":  # POSIX: the descriptor is gone, whatever it answers
                        real(*args)
                    made = self.action(name, args)
                    if made is not None or name == "close":
                        return made
            return real(*args, **kwargs)

        return call


def failing(number: int) -> Action:
    def fail(name: str, args: tuple[Any, ...]) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def torn(faults: list[Faults]) -> Action:
    """Half of it is written, then there is no room."""

    def fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "write":
            faults[0].real["write"](args[0], bytes(args[1][: len(args[1]) // 2]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return fail


def short(faults: list[Faults]) -> Action:
    """Half of it is written, as the system may do: no error."""

    def fail(name: str, args: tuple[Any, ...]) -> Any:
        if name == "write" and len(args[1]) > 1:
            return faults[0].real["write"](args[0], bytes(args[1][: len(args[1]) // 2]))
        return None

    return fail


def nothing_written(name: str, args: tuple[Any, ...]) -> Any:
    """A write that says that it wrote nothing."""
    return 0 if name == "write" else None


def without_links(faults: list[Faults]) -> Action:
    """A file system that has no hard links, and then no room."""

    def fail(name: str, args: tuple[Any, ...]) -> Any:
        number = errno.EPERM if name == "link" else errno.ENOSPC
        raise OSError(number, os.strerror(number))

    return fail


def action_of(how: str, faults: list[Faults]) -> Action:
    made = {"torn": torn, "short": short, "no links": without_links}
    if how in made:
        return made[how](faults)
    return nothing_written if how == "nothing" else failing(getattr(errno, how))


def store(folder: Path, **quota: int) -> list[str]:
    """Store three incidents and two samples; the ids that were acknowledged."""
    spool = Spool(folder, service="shop", **quota)
    acknowledged = []
    for id, urgent in (("a", True), ("b", True), ("s", False), ("t", False), ("c", True)):
        before = spool.stats()["written"]
        spool.put(Captured(id, urgent=urgent))
        assert spool.flush(20)
        if spool.stats()["written"] > before:
            acknowledged.append(id)
            print(id, flush=True)
    stats = spool.stats()
    assert stats["captured"] == 5 == stats["written"] + sum(stats["dropped"].values()), stats
    assert stats["queue_bytes"] == 0
    assert spool.close(20)
    return acknowledged


def check(folder: Path, acknowledged: list[str]) -> None:
    found = {}
    for path in folder.glob("*.replay.db"):
        for recording in open_bundle(path):  # raises for anything that is not whole
            found[recording.id] = recording
    assert set(acknowledged) <= set(found)
    for id, recording in found.items():
        assert recording == make_recording(id)


def campaign(tmp_path: Path, how: str, once: bool, **quota: int) -> Iterator[tuple[Path, list[str], Faults]]:
    """For N from 1 on, until no call is left that could fail: where it was stored, and what was acknowledged."""
    for at in range(1, 500):
        folder = tmp_path / f"n{at}"
        made: list[Faults] = []
        faults = Faults(folder, at, action_of(how, made), once=once)
        made.append(faults)
        faults.install()
        try:
            acknowledged = store(folder, **quota)
        finally:
            faults.remove()
        yield folder, acknowledged, faults
        if faults.calls < at:
            assert acknowledged == ["a", "b", "s", "t", "c"]
            assert faults.seen >= NEEDED
            assert at > 30
            return
    pytest.fail("it never ran without a fault")


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize(
    "how",
    ["ENOSPC", "EIO", "torn", "no links",
     *(pytest.param(how, marks=pytest.mark.slow)
       for how in ("EDQUOT", "EINTR", "EROFS", "EMFILE", "ESTALE", "EACCES", "nothing"))],
)  # fmt: skip
def test_the_nth_call_fails(tmp_path: Path, how: str, once: bool) -> None:
    """Nothing is raised, nothing half is seen, and what was acknowledged is there; what was lost is counted."""
    lost = 0
    for folder, acknowledged, _ in campaign(tmp_path, how, once):
        check(folder, acknowledged)
        lost += 5 - len(acknowledged)
    assert lost > (10 if how != "nothing" else 2)


@pytest.mark.parametrize("once", [True, False])
def test_the_nth_write_is_short(tmp_path: Path, once: bool) -> None:
    """The rest is written with the next call: nothing is lost."""
    for folder, acknowledged, _ in campaign(tmp_path, "short", once):
        check(folder, acknowledged)
        assert acknowledged == ["a", "b", "s", "t", "c"]


@pytest.mark.parametrize("once", [True, False])
def test_the_nth_call_fails_where_the_oldest_make_room(tmp_path: Path, once: bool) -> None:
    """A full folder, whose bundles are removed for new ones: what was acknowledged last is there."""
    for folder, acknowledged, faults in campaign(tmp_path, "EIO", once, max_files=2):
        check(folder, acknowledged[-1:])
        if faults.calls < faults.at:
            assert len(list(folder.glob("*.replay.db"))) == 2


def test_what_is_acknowledged_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle's bytes are synced before it has its name, the folder after it."""
    calls: list[str] = []

    def logged(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: (calls.append(name), real(*args, **kwargs))[1]

    spool = Spool(tmp_path, service="shop")
    for name in ("write", "fsync", "link"):
        monkeypatch.setattr(os, name, logged(name, getattr(os, name)))
    spool.put(Captured("a", urgent=True))
    assert spool.flush(20)
    monkeypatch.undo()
    assert calls == ["write", "fsync", "link", "fsync"]
    assert spool.close(20)


@pytest.mark.parametrize("half", [False, True])
def test_killed_at_the_nth_call(tmp_path: Path, half: bool) -> None:
    """A process that dies at any of its calls, a half of what it was writing on disk, leaves whole bundles."""
    code = f"""
import os, signal, sys
from pathlib import Path
from tests.safety.test_durability import Faults, store
real = os.write
def die(name, args):
    if {half} and name == "write":
        real(args[0], bytes(args[1][: len(args[1]) // 2]))
    os.kill(os.getpid(), signal.SIGKILL)
for at in range(1, 500):
    child = os.fork()
    if child == 0:
        folder = Path({str(tmp_path)!r}) / str(at)
        os.dup2(os.open({str(tmp_path)!r} + f"/{{at}}.said", os.O_CREAT | os.O_WRONLY, 0o600), 1)
        Faults(folder, at, die, once=True).install()
        store(folder)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        break
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=120, check=True)
    said = sorted(int(path.stem) for path in tmp_path.glob("*.said"))
    assert len(said) > 30
    partial = 0
    for at in said:
        acknowledged = (tmp_path / f"{at}.said").read_text().split()
        partial += 0 < len(acknowledged) < 5
        check(tmp_path / str(at), acknowledged)
    assert partial > 10
    assert (tmp_path / f"{said[-1]}.said").read_text().split() == ["a", "b", "s", "t", "c"]


@contextmanager
def small_file_system(mount: Path, *, kilobytes: int) -> Iterator[Path]:
    """A file system in memory of that size; the test is skipped where none can be mounted."""
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(mount)], capture_output=True
    )
    if done.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_small_file_system(tmp_path: Path) -> None:
    """A file system of 256 KB fills up: the bundles on it are whole, the rest is counted; it goes on with new room."""
    with small_file_system(tmp_path / "small", kilobytes=256) as mount:
        spool = Spool(mount / "captures", service="shop")
        for n in range(40):
            spool.put(Captured(f"rec-{n}", urgent=True))
            assert spool.flush(20)
        assert spool.flush(20)
        stats = spool.stats()
        assert 0 < stats["written"] < 40
        assert stats["dropped"] == {"write-failed": 40 - stats["written"]}
        bundles = list((mount / "captures").iterdir())
        assert sum(len(open_bundle(path)) for path in bundles) == stats["written"]
        for path in bundles[:5]:
            path.unlink()
        spool.put(Captured("later", urgent=True))
        assert spool.close(20)
        assert spool.stats()["written"] == stats["written"] + 1


def test_what_fits_of_many(tmp_path: Path) -> None:
    """Incidents that came at once share a bundle; where it finds no room, as many as fit are written."""
    with small_file_system(tmp_path / "small", kilobytes=256) as mount:
        writer = Spool(mount / "captures", service="shop")._writer
        for n in range(40):
            held = Captured(f"rec-{n}", urgent=True, settle=lambda n=n: make_recording(f"rec-{n}", input=noise()))  # type: ignore[misc]
            writer.take(held, 100, 39 - n)
        written = writer.counts["written"]
        assert 10 < written < 40
        assert writer.dropped == {"write-failed": 40 - written}
        assert writer.released == 4000
        assert sum(len(open_bundle(path)) for path in (mount / "captures").iterdir()) == written


def noise() -> Value:
    """What no compression makes smaller."""
    return encode(os.urandom(9_000))


def test_quota_keeps_a_small_file_system_going(tmp_path: Path) -> None:
    """With a quota below its size nothing is dropped: the oldest make room."""
    with small_file_system(tmp_path / "small", kilobytes=512) as mount:
        spool = Spool(mount / "captures", service="shop", max_bytes=384 << 10)
        for n in range(40):
            spool.put(Captured(f"rec-{n}", urgent=True))
            assert spool.flush(20)
        assert spool.close(20)
        stats = spool.stats()
        assert (stats["written"], stats["dropped"]) == (40, {})
        assert stats["evicted"] == 40 - len(list((mount / "captures").iterdir())) > 0


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """A read-only file system costs recordings, counted, and nothing else."""
    folder = tmp_path / "captures"
    folder.mkdir()
    bind = ["mount", "-t", "tmpfs", "-o", "size=256k,ro", "tmpfs", str(folder)]
    if subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        spool = Spool(folder, service="shop")
        for n in range(3):
            spool.put(Captured(f"rec-{n}", urgent=True))
        assert spool.flush(20)
        assert spool.stats()["dropped"] == {"write-failed": 3}
        assert subprocess.run(["mount", "-o", "remount,rw", str(folder)], capture_output=True).returncode == 0
        spool.put(Captured("later", urgent=True))
        assert spool.close(20)
        assert spool.stats()["written"] == 1
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_clock_that_is_set_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock set back and forth by a day moves no duration below nothing, nor holds up the writer."""
    import replay
    from replay.engine import recorder

    real = time.time_ns
    day = 86_400_000_000_000
    shifts = iter([0, -day, day, -2 * day, 2 * day, 0, -day])
    monkeypatch.setattr(recorder, "time_ns", lambda: real() + next(shifts, 0))

    @replay.boundary
    def ask() -> int:
        return 1

    @replay.capture
    def unit() -> int:
        return ask() + ask()

    replay.init(service="clock", spool=tmp_path, keep=replay.always(), on_sigterm=False)
    try:
        for _ in range(7):
            unit()
        assert replay.flush(20)
    finally:
        recorder.configure(None)
    recordings = [recording for path in tmp_path.glob("*.replay.db") for recording in replay.open(path)]
    assert len(recordings) == 7
    for recording in recordings:
        assert recording.duration_ns >= 0
        assert all(each.duration_ns >= 0 and each.offset_ns >= 0 for each in recording.interactions)
    assert max(r.started_at for r in recordings) - min(r.started_at for r in recordings) > 3 * day
