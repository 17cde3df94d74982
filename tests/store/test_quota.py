"""A folder within its quota, and without what dead processes left."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay.store import durable
from replay.store.bundle import open_bundle
from replay.store.durable import remove_abandoned
from replay.store.spool import Spool
from tests.store.test_spool import Captured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "captures"


def spooling(folder: Path, **limits: int) -> Spool:
    return Spool(folder, service="shop", **limits)


@pytest.fixture
def close() -> Iterator[list[Spool]]:
    spools: list[Spool] = []
    yield spools
    for spool in spools:
        spool.close()


def put(spool: Spool, *ids: str) -> None:
    for id in ids:
        spool.put(Captured(id, urgent=True))
        assert spool.flush(60)


def ids(folder: Path) -> list[str]:
    return sorted(id for path in folder.glob("*.replay.db") for id in open_bundle(path).ids())


def test_the_oldest_make_room_by_number(folder: Path, close: list[Spool]) -> None:
    """Of many bundles the latest stay; what was removed is counted."""
    spool = spooling(folder, max_files=3)
    close.append(spool)
    put(spool, *(f"rec-{n}" for n in range(5)))
    assert ids(folder) == ["rec-2", "rec-3", "rec-4"]
    assert spool.stats()["evicted"] == 2
    assert spool.stats()["written"] == 5


def test_the_oldest_make_room_by_size(folder: Path, close: list[Spool]) -> None:
    """The folder holds no more bytes than allowed, also across processes."""
    first = spooling(folder)
    close.append(first)
    put(first, "rec-0")
    (path,) = folder.iterdir()
    size = path.stat().st_size
    second = spooling(folder, max_bytes=3 * size + size // 2)
    close.append(second)
    put(second, *(f"rec-{n}" for n in range(1, 6)))
    assert ids(folder) == ["rec-3", "rec-4", "rec-5"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3 * size + size // 2


def test_foreign_files_are_left_alone(folder: Path, close: list[Spool]) -> None:
    """What another service or a person put there is neither counted nor removed."""
    folder.mkdir()
    for name in ("promoted.replay.db", "other-20260910T002640-x.replay.db", "shop-notes.txt"):
        (folder / name).write_bytes(b"x" * 10)
        os.utime(folder / name, (0, 0))
    spool = spooling(folder, max_files=1)
    close.append(spool)
    put(spool, "rec-0", "rec-1")
    left = {path.name for path in folder.iterdir()}
    assert {"promoted.replay.db", "other-20260910T002640-x.replay.db", "shop-notes.txt"} < left
    assert len(left) == 4


def test_larger_than_the_quota(folder: Path, close: list[Spool]) -> None:
    """One that could never fit is dropped, counted, and removes nothing."""
    spool = spooling(folder, max_bytes=10)
    close.append(spool)
    put(spool, "rec-0")
    assert spool.stats()["dropped"] == {"quota": 1}
    assert ids(folder) == []


def temporary(folder: Path, number: int, age: float) -> Path:
    path = folder / f".replay-{number:016x}.tmp"
    path.write_bytes(b"half")
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


def test_what_dead_processes_left(folder: Path, close: list[Spool]) -> None:
    """An old temporary file that no process holds goes; one of a live process, a young one and a foreign one stay."""
    folder.mkdir()
    dead = temporary(folder, 1, 3600)
    held = temporary(folder, 2, 3600)
    young = temporary(folder, 3, 0)
    foreign = folder / ".replay-notes.tmp"
    foreign.write_text("mine")
    os.utime(foreign, (0, 0))
    with held.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        spool = spooling(folder)
        close.append(spool)
        put(spool, "rec-0")
        assert not dead.exists()
        assert held.exists()
        assert young.exists()
        assert foreign.exists()
    assert remove_abandoned(folder) == 1  # its process ended
    assert not held.exists()


def test_a_temporary_file_is_held_while_it_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that tidies up meanwhile, its clock a day ahead, leaves it alone."""
    folder.mkdir()
    real, removed = os.fsync, []

    def fsync(handle: int) -> None:
        monkeypatch.setattr(durable, "time", lambda: 10**10)
        child = os.fork()
        if child == 0:
            os.close(handle)  # a fork shares the lock; another process has none
            os._exit(remove_abandoned(folder))
        removed.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    durable.write_whole(b"whole", folder / "x", overwrite=False)
    assert removed[0] == 0
    assert (folder / "x").read_bytes() == b"whole"
    assert [path.name for path in folder.iterdir()] == ["x"]
    assert (folder / "x").stat().st_mode & 0o777 == 0o600
