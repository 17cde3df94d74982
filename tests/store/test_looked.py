"""The same bytes are looked through once; other bytes always."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from replay.errors import BundleError
from replay.store.bundle import Bundle, open_bundle, write_bundle
from replay.store.looked import LARGEST, MOST, Looked
from tests.store.conftest import make_recording


def _database(bundle: Bundle) -> object:
    return bundle._database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bundle of one recording."""
    return write_bundle([make_recording()], tmp_path / "x.replay.db")


def test_the_same_bytes_are_looked_through_once(path: Path) -> None:
    """A bundle that is opened again is the checked one, and gives the same recordings."""
    first, second = open_bundle(path), open_bundle(path)
    assert _database(first) is _database(second)
    assert list(first) == list(second)


def test_a_changed_file_is_looked_through(path: Path) -> None:
    """Also where name, size and times are as they were: the bytes decide."""
    before = list(open_bundle(path))
    status = path.stat()
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE recording SET duration_ns = duration_ns + 1")
        connection.commit()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(BundleError, match=r"digest of .* is not that of the content"):
        list(open_bundle(path))
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BundleError):
        list(open_bundle(path))
    path.write_bytes(data)
    assert list(open_bundle(path)) == before


def test_a_closed_bundle_is_refused_and_others_go_on(path: Path) -> None:
    """Who opened the same bytes is not closed with it."""
    first, second = open_bundle(path), open_bundle(path)
    first.close()
    with pytest.raises(BundleError, match="it was closed"):
        list(first)
    assert len(list(second)) == 1
    assert _database(open_bundle(path)) is not _database(second)


def test_few_are_kept() -> None:
    """The latest ones, none of many bytes."""
    looked: Looked[int] = Looked()
    for number in range(MOST + 1):
        looked.keep(Path(str(number)), b"x", number)
        assert looked.find(Path("1"), b"x") == (1 if number else None)
    assert looked.find(Path("0"), b"x") is None
    assert looked.find(Path("2"), b"x") == 2
    assert looked.find(Path("2"), b"y") is None
    looked.keep(Path("large"), bytes(LARGEST + 1), 1)
    assert looked.find(Path("large"), bytes(LARGEST + 1)) is None
