"""A bundle is opened as bytes that a stranger made.

`sqlite3.connect(path)` would obey a crafted `-journal` beside the file (which makes SQLite delete files), follow
symbolic links and block on a FIFO. So the bytes of a regular file are read, checked and deserialized into memory;
SQLite never sees the folder.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from time import monotonic

import zstandard

from replay.core.recording import Recording
from replay.errors import BundleError, CodecError
from replay.store import tables
from replay.store.looked import Looked
from replay.store.sealed import unsealed

SIZE_CAP = 512 << 20
"""Bytes of a bundle."""
SECONDS = 30.0
"""Longest time of one look into a bundle."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: tables.BODY_CAP + (1 << 20),
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 3,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 20,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_PRAGMAS = "".join(
    f"PRAGMA {pragma};"
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY", "query_only=ON")
)
_ABOUT = f"""SELECT format, created, producer,
{", ".join(f"EXISTS (SELECT 1 FROM {part.table})" for part in tables.PARTS)} FROM bundle"""
_OK = sqlite3.SQLITE_OK
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
_NEXT = {
    "bundle-damaged": "Copy it again from where it was captured; nothing of it was used.",
    "bundle-altered": "It was changed after it was written, so it is no evidence; copy it again from where it was "
    "captured.",
    "bundle-newer": "Upgrade: pip install -U replay-harness.",
}
_FAILURES = (sqlite3.Error, MemoryError, ValueError, OverflowError, RecursionError, zstandard.ZstdError, CodecError)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Whatever goes wrong while a bundle is read is a BundleError that names it and says what to do."""
    try:
        yield
    except BundleError as error:
        slug = error.slug
        raise BundleError(f"{path}: {error}. {_NEXT[slug]}" if slug in _NEXT else f"{path}: {error}",
                          slug=slug) from error.__cause__  # fmt: skip
    except _FAILURES as error:
        what = "it takes too long to read" if "interrupted" in str(error) else f"it cannot be read ({_brief(error)})"
        raise BundleError(f"{path}: {what}. {_NEXT['bundle-damaged']}", slug="bundle-damaged") from error


def _brief(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    return "".join(c if c.isprintable() else "?" for c in text[:200])


def read_bytes(path: Path, *, cap: int = SIZE_CAP) -> bytes:
    """The bytes of a regular file, not through a symbolic link. Raises BundleError without the path."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise BundleError("there is no such file. `replay list FOLDER` shows what a folder holds",
                          slug="bundle-missing") from error  # fmt: skip
    except OSError as error:
        link = error.errno in (errno.ELOOP, errno.EMLINK)
        reason = "it is a symbolic link; name the file itself" if link else f"it cannot be opened ({error.strerror})"
        raise BundleError(reason, slug="bundle-refused") from error
    try:
        return _read_regular(handle, cap)
    except OSError as error:
        raise BundleError(f"it cannot be read ({error.strerror})", slug="bundle-refused") from error
    finally:
        os.close(handle)


def _read_regular(handle: int, cap: int) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise BundleError(f"it is {kind}; a bundle is one file", slug="bundle-refused")
    if status.st_size > cap:
        raise BundleError(f"it has {status.st_size} bytes; at most {cap} are read", slug="bundle-refused")
    with open(handle, "rb", buffering=0, closefd=False) as file:
        pieces, left = [], cap + 1
        while left > 0 and (piece := file.read(min(left, max(status.st_size, 1 << 16)))):
            pieces.append(piece)
            left -= len(piece)
    data = b"".join(pieces)
    if len(data) != status.st_size:
        tables.damaged("it changed while it was read")
    return data


def check_header(data: bytes) -> None:
    """Is this a whole bundle of a format that we read? (https://www.sqlite.org/fileformat2.html#the_database_header)"""

    def number(offset: int, size: int = 4) -> int:
        return int.from_bytes(data[offset : offset + size], "big")

    magic = b"SQLite format 3\0"
    if not data:
        tables.damaged("it is empty")
    if data[:16] != magic[: len(data)]:
        raise BundleError("it is not a bundle (not even a database). Give a `*.replay.db` file that a capturing "
                          "service wrote", slug="bundle-not-a-bundle")  # fmt: skip
    if len(data) < 100:
        tables.damaged(f"it ends after {len(data)} bytes")
    if number(68) != tables.APPLICATION_ID:
        raise BundleError("it is a SQLite database, but not a bundle: its application_id is another one",
                          slug="bundle-not-a-bundle")  # fmt: skip
    if number(60) > tables.FORMAT:
        raise BundleError(f"it has format {number(60)}; this version reads up to {tables.FORMAT}", slug="bundle-newer")
    # A converter for an older format comes here with the first change of the format.
    if number(60) != tables.FORMAT:
        tables.damaged(f"it claims format {number(60)}, which never was")
    if data[18:20] != b"\1\1":
        tables.damaged("another program has switched it to write-ahead logging")
    page, count = number(16, 2), number(28)
    page = 65536 if page == 1 else page
    if page < 512 or page & (page - 1) or data[20] != 0 or number(56) != 1 or number(24) != number(92):
        tables.damaged("its header is damaged")
    if page * count != len(data):
        tables.damaged(f"it has {len(data)} bytes where its header tells of {page * count}")


class _Deadline:
    """When a look into a bundle ends. Apart from `Guarded`, which would else be in a cycle with its connection."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._end = monotonic() + SECONDS

    def passed(self) -> int:
        return int(monotonic() > self._end)


class Guarded:
    """A database in memory that can only be read, within limits. Safe to use from any thread.

    It never changes, so what was found out about it is kept with it, for all who opened the same bytes.
    """

    def __init__(self, data: bytes) -> None:
        self.used: frozenset[str] = frozenset()
        """The tables of `PARTS` that have rows: most bundles need no look into most of them."""
        self.positions: dict[str, tuple[int, int]] | None = None
        """The row of each id and its number among all, once it was asked for."""
        self.last: Recording | None = None
        """The recording that was loaded last."""
        self.ahead: dict[str, Recording] = {}
        """Those that come next, read before they are asked for."""
        self._lock = RLock()
        self._deadline = _Deadline()
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._fill(data)
        except BaseException:
            self.connection.close()
            raise

    def _fill(self, data: bytes) -> None:
        connection = self.connection
        for limit, most in _LIMITS.items():
            connection.setlimit(limit, most)
        connection.set_progress_handler(self._deadline.passed, 10_000)
        connection.deserialize(data)
        connection.executescript(_PRAGMAS)
        connection.set_authorizer(_authorize)
        check_schema(connection)
        problems = connection.execute("PRAGMA quick_check(1)").fetchall()
        if problems != [("ok",)]:
            tables.damaged("its pages do not fit together")
        about = connection.execute(_ABOUT).fetchall()
        if [(row[0], *map(type, row[1:3])) for row in about] != [(tables.FORMAT, int, str)]:
            tables.damaged("its `bundle` table does not name its format")
        self.used = frozenset(part.table for part, there in zip(tables.PARTS, about[0][3:], strict=True) if there)
        for table in self.used:  # a recording's digest says nothing of rows that are nobody's
            owned = f"SELECT 1 FROM {table} WHERE recording_id NOT IN (SELECT id FROM recording) LIMIT 1"
            if connection.execute(owned).fetchall():
                tables.damaged(f"its `{table}` table has rows of no recording")

    def __del__(self) -> None:
        self.connection.close()  # Python 3.13 warns of a connection that is merely forgotten

    def query(self, sql: str, *parameters: tables.Cell) -> list[tuple[tables.Cell, ...]]:
        """All rows, within the time of one look."""
        with self._lock:
            self._deadline.renew()
            return self.connection.execute(sql, parameters).fetchall()

    def copy(self) -> bytes:
        """The bytes of the database."""
        with self._lock:
            self.connection.set_authorizer(None)  # serialize asks for a pragma
            try:
                return self.connection.serialize()
            finally:
                self.connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    if action in _READING or (action == sqlite3.SQLITE_PRAGMA and first == "quick_check"):
        return _OK
    return sqlite3.SQLITE_DENY


def check_schema(connection: sqlite3.Connection) -> None:
    """Refuse anything but our own tables and indexes: a view or a trigger is a program."""
    found, ours = _statements(connection), _expected()
    if found != ours and _normalized(found) != _normalized(ours):
        tables.damaged("its tables are not those of a bundle")


def _statements(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()


def _normalized(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted(((*names, _normal(sql)) for *names, sql in rows), key=repr)


def _normal(sql: object) -> object:
    """A statement without comments and white space. Ours have no quotes outside of comments, so a `--` that SQLite
    reads as something else leaves its quote behind and does not match."""
    if not isinstance(sql, str):
        return sql
    return re.sub(r"[ \t\n\f\r]+", " ", re.sub(r"--[^\n]*", " ", sql))


@cache
def _expected() -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(tables.schema())
        return _statements(connection)


_looked: Looked[Guarded] = Looked()


def open_guarded(path: Path) -> Guarded:
    """The checked database of a bundle. Raises BundleError."""
    with refusing(path):
        packed = read_bytes(path)
        data = unsealed(packed)  # also of one that was looked through: perhaps a signature is asked for meanwhile
        found = _looked.find(path, packed)
        if found is None:
            check_header(data)
            found = Guarded(data)
            if data is packed:  # a sealed one is opened with the reader's key each time
                _looked.keep(path, packed, found)
        return found


def forget(path: Path) -> None:
    """Give the memory of a bundle back as soon as nobody reads it."""
    _looked.forget(path)
