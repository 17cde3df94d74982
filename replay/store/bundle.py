"""A bundle: one SQLite file of one or more recordings.

Written in memory, serialized, and made visible whole; read as untrusted input. The columns of both directions are in
`replay.store.tables`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any

from replay.core.pace import pauses
from replay.core.recording import Recording
from replay.core.sound import unsound
from replay.errors import BundleError, UsageError
from replay.store import tables
from replay.store.durable import write_whole
from replay.store.forking import Still
from replay.store.sealed import is_sealed
from replay.store.tables import PARTS, RECORDING, RECORDING_CAP, BodiesIn, BodiesOut, Cell, Columns, Source
from replay.store.untrusted import Guarded, forget, open_guarded, refusing

if TYPE_CHECKING:
    from sqlite_utils import Database

SUFFIX = ".replay.db"
_PAGES = ((128 << 10, 512), (1 << 20, 4096))
_PAGE = 8192
"""Bytes of content below which a bundle has pages of so many bytes; those of all others. Thirteen tables and indexes of
a page each are most of an incident's file. A database of many small pages takes longer to write and to check, and an
answer of 5 KB, packed, leaves half of a page of 4 KB empty."""
AHEAD, AHEAD_CAP = 15, 1 << 20
"""Recordings that are read ahead, and characters of their values."""
_ROW = f"SELECT {', '.join(column.name for column in RECORDING)} FROM recording WHERE rowid = ?"
_PARTS = {
    part.table: f"SELECT {', '.join(column.name for column in part.columns)} FROM {part.table} "
    "WHERE recording_id = ? ORDER BY rowid"
    for part in PARTS
}


@cache
def default_producer() -> str:
    """What a bundle names as its writer."""
    try:
        return f"replay-harness {version('replay-harness')}"
    except PackageNotFoundError:
        return "replay-harness"


def _length(recording: Recording) -> int:
    """About how many characters it has."""
    values = [recording.input, recording.outcome.payload, recording.context]
    values += (value for each in recording.interactions for value in (each.request, each.answer))
    return sum(len(value.text) + 100 for value in values)


def get_ready() -> None:
    """Import now what writing would import late. A child that is forked in the middle of another thread's import finds
    the module's lock held for ever, so a service's writer must import nothing."""
    default_producer()
    tables.schema()


def write_bundle(recordings: Iterable[Recording], path: str | os.PathLike[str], *, overwrite: bool = False,
                 created_ns: int | None = None, producer: str | None = None,
                 before: Callable[[int], None] | None = None,
                 seal: Callable[[bytes], bytes] | None = None) -> Path:  # fmt: skip
    """Write recordings, in their order, as one bundle and return its path.

    `seal` is given its bytes; `before` is called with its size in bytes when it is known, before anything is written.
    Their ids must differ. Raises BundleError (`bundle-exists`, `bundle-unwritable`, `bundle-unfit`, `bundle-too-large`,
    `bundle-sealed` where a sealed one would be replaced by one that is not): there is no file.
    """
    path = Path(path)
    try:
        recordings = list(recordings)
        for recording in recordings:
            if wrong := unsound(recording):
                raise ValueError(f"{recording.id}: {wrong}")
        data = serialize(recordings, created_ns=created_ns, producer=producer)
    except (sqlite3.Error, ValueError, OverflowError, MemoryError) as error:
        raise BundleError(f"{path} was not written: a recording does not fit into a bundle ({error}).",
                          slug="bundle-unfit") from error  # fmt: skip
    if seal is not None:
        data = seal(data)
    elif overwrite and holds_sealed(path):
        raise BundleError(f"{path} is sealed; it is not replaced by a bundle that anybody can read. Name another file.",
                          slug="bundle-sealed")  # fmt: skip
    if before is not None:
        before(len(data))
    write_whole(data, path, overwrite=overwrite)
    return path


def holds_sealed(path: Path) -> bool:
    """Whether there is a file, and it is a sealed bundle."""
    try:
        with path.open("rb") as file:
            return is_sealed(file.read(64))
    except OSError:
        return False  # there is none


def serialize(recordings: Iterable[Recording], *, created_ns: int | None = None, producer: str | None = None) -> bytes:
    """The bytes of a bundle of these recordings."""
    bodies = BodiesOut()
    pause = pauses()
    rows: dict[str, list[tuple[Cell, ...]]] = {"recording": [], **{part.table: [] for part in PARTS}}
    for recording in recordings:
        rows["recording"].append(tables.to_row(RECORDING, recording, bodies))
        for part in PARTS:
            owned = getattr(recording, part.field)
            rows[part.table] += [(recording.id, *tables.to_row(part.columns, item, bodies)) for item in owned]
        if pause is not None:
            pause()
    rows["body"] = list(bodies.rows.values())
    rows["bundle"] = [(tables.FORMAT, time_ns() if created_ns is None else created_ns, producer or default_producer())]
    content = _content(rows)
    page = next((size for below, size in _PAGES if content < below), _PAGE)
    with Still(), closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, tables.BODY_CAP + (1 << 20))  # as the reader has it
        connection.executescript(
            f"PRAGMA page_size = {page}; PRAGMA journal_mode = OFF; PRAGMA application_id = {tables.APPLICATION_ID};"
            f"PRAGMA user_version = {tables.FORMAT}; BEGIN; {tables.schema()}"
        )
        for table, cells in rows.items():
            if cells:
                marks = ", ".join("?" * len(cells[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", cells)
        connection.execute("COMMIT")
        return connection.serialize()


def _content(rows: Mapping[str, Iterable[tuple[Cell, ...]]]) -> int:
    """Characters of texts and bytes of bodies: about the size of what is stored."""
    return sum(len(cell) for cells in rows.values() for row in cells for cell in row if isinstance(cell, str | bytes))


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Open and check a bundle. Recordings are loaded, and their digests checked, when they are asked for.

    Raises BundleError: `bundle-missing`, `bundle-refused`, `bundle-not-a-bundle`, `bundle-damaged`, `bundle-newer`.
    """
    return Bundle(Path(path))


class Bundle:
    """The recordings of a bundle, in their order. Nothing of it is executed, imported or unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: Guarded | None = open_guarded(path)

    def __repr__(self) -> str:
        return f"Bundle({str(self.path)!r})"

    def __len__(self) -> int:
        return len(self.ids())

    def __iter__(self) -> Iterator[Recording]:
        return (self._load(id) for id in self.ids())

    def __contains__(self, id: object) -> bool:
        return id in self._positions

    def __getitem__(self, id: str) -> Recording:
        """The recording of that id, or of the only id that begins so. Raises UsageError, BundleError."""
        return self._load(self.resolve(id))

    def resolve(self, id: str) -> str:
        """The whole id. Raises UsageError (`recording-missing`, `recording-ambiguous`)."""
        if id in self._positions:
            return id
        found = [known for known in self.ids() if id and known.startswith(id)]
        if len(found) == 1:
            return found[0]
        listed = ", ".join((found or self.ids())[:10]) + (", ..." if len(found or self.ids()) > 10 else "")
        if found:
            raise UsageError(f"{self.path}: {id!r} begins {len(found)} recordings ({listed}). Give more of the id.",
                             slug="recording-ambiguous")  # fmt: skip
        raise UsageError(f"{self.path} has no recording {id!r}; it has {listed or 'none'}.", slug="recording-missing")

    def ids(self) -> tuple[str, ...]:
        """All ids, in order."""
        return tuple(self._positions)

    @property
    def _database(self) -> Guarded:
        if self._opened is None:
            raise BundleError(f"{self.path}: it was closed. Open it again.", slug="bundle-refused")
        return self._opened

    @property
    def _positions(self) -> dict[str, tuple[int, int]]:
        """The row of each id and its number among all."""
        database = self._database
        if database.positions is None:
            with refusing(self.path):
                rows = self._query("SELECT id, rowid FROM recording ORDER BY rowid")
                if not all(type(id) is str for id, _ in rows) or len({id for id, _ in rows}) != len(rows):
                    tables.damaged("ids are not unique texts")
                database.positions = {str(id): (row, at) for at, (id, row) in enumerate(rows) if type(row) is int}
        return database.positions

    @property
    def created(self) -> int:
        """When it was written, nanoseconds since the epoch."""
        return int(self._about[0])

    @property
    def producer(self) -> str:
        """Name and version of what wrote it."""
        return str(self._about[1])

    @cached_property
    def _about(self) -> tuple[Any, ...]:
        with refusing(self.path):
            row = self._query("SELECT created, producer FROM bundle")[0]
            if type(row[0]) is not int or type(row[1]) is not str:
                tables.damaged("its `bundle` table is damaged")
            return row

    def rows(self, *, whole: bool = False) -> list[dict[str, Any]]:
        """The `recording` table, a dict a row, without loading values: for lists of many recordings.

        With `whole`, also the columns that hold captured values, as JSON text. Digests are not checked here.
        """
        columns = Columns(column for column in RECORDING if whole or not column.heavy)
        with refusing(self.path):
            found = self._query(f"SELECT {', '.join(c.name for c in columns)} FROM recording ORDER BY rowid")
            bodies = self._bodies()
            for row in found:
                tables.check_types(columns, row, "recording")
            return [{column.name: bodies.get(cell) if column.json and isinstance(cell, str) else cell
                     for column, cell in zip(columns, row, strict=True)} for row in found]  # fmt: skip

    def _query(self, sql: str, *parameters: Cell) -> list[tuple[Cell, ...]]:
        return self._database.query(sql, *parameters)

    def _bodies(self, *, checked_later: bool = False, room: int = RECORDING_CAP) -> BodiesIn:
        def fetch(key: str) -> tuple[Cell, ...] | None:
            return next(iter(self._query("SELECT size, zstd FROM body WHERE sha256 = ?", key)), None)

        return BodiesIn(fetch, checked_later=checked_later, room=room)

    def _load(self, id: str) -> Recording:
        database = self._database
        last = database.last
        if last is not None and last.id == id:
            return last
        found = database.ahead.pop(id, None)
        if found is None:
            found = self._read(id)
            if last is not None and self._positions[id][1] == self._positions[last.id][1] + 1:
                database.ahead = dict(self._following(id))
        database.last = found
        return found

    def _following(self, id: str) -> Iterator[tuple[str, Recording]]:
        """Those behind `id`, since they are asked for in their order: together they are read in three quarters of the
        time. They have to be small, and one that cannot be read is damaged only for who asks for it."""
        at = self._positions[id][1] + 1
        room = AHEAD_CAP
        for following in islice(self._positions, at, at + AHEAD):
            try:
                found = self._read(following, room)
            except BundleError:
                return
            yield following, found
            room -= _length(found)
            if room < 0:
                return

    def _read(self, id: str, room: int = RECORDING_CAP) -> Recording:
        """`room`: bytes that its bodies may have."""
        with refusing(self.path):
            row = self._query(_ROW, self._positions[id][0])[0]
            tables.check_types(RECORDING, row, "recording")
            bodies = self._bodies(checked_later=True, room=room)
            source = Source(bodies, tables.read_value_gaps(row, bodies))
            fields = tables.from_row(RECORDING, row, source, "")
            recording = Recording(**fields | self._parts(id, source))
            tables.check_derived(RECORDING, row, recording)
            if wrong := unsound(recording):
                tables.damaged(f"recording {id}: {wrong}")
            return recording

    def _parts(self, id: str, source: Source) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in PARTS:
            rows = self._query(_PARTS[part.table], id) if part.table in self._database.used else ()
            items = []
            for row in rows:
                tables.check_types(part.columns, row, part.table)
                place = f"{part.table}[{row[0]!r}]."
                items.append(part.struct(**tables.from_row(part.columns, row, source, place)))
            found[part.field] = tuple(items)
        return found

    def database(self) -> Database:
        """A sqlite-utils database over a copy in memory, to query and change freely; the bundle stays as it is."""
        from sqlite_utils import Database  # read-time only: a capturing service does not load it

        connection = sqlite3.connect(":memory:")
        connection.deserialize(self._database.copy())
        connection.execute("PRAGMA trusted_schema=OFF")
        return Database(connection)

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write a plain SQLite database with all texts in place (no `body` table), for Datasette and SQL.

        It is no bundle any more. Raises BundleError (`bundle-exists`).
        """
        path = Path(path)
        with closing(self.database()) as database:
            with refusing(self.path):
                bodies = self._bodies()
                _inline(database, bodies)
            connection: sqlite3.Connection = database.conn
            connection.execute("PRAGMA application_id = 0")
            connection.commit()
            write_whole(connection.serialize(), path, overwrite=False)
        return path

    def close(self) -> None:
        """Give the memory back. Not needed otherwise."""
        self._opened = None
        forget(self.path)


def _inline(database: Database, bodies: BodiesIn) -> None:
    """Put each body in the place of its references, then drop the bodies; add readable times."""
    for table, columns in (("recording", RECORDING), *((part.table, part.columns) for part in PARTS)):
        for column in columns:
            if not column.json:
                continue
            seen = database.query(f"SELECT DISTINCT {column.name} AS cell FROM {table} WHERE {column.name} LIKE ?",
                                  ['{"$body": "%'])  # fmt: skip
            for row in list(seen):
                database.execute(f"UPDATE {table} SET {column.name} = ? WHERE {column.name} = ?",
                                 [bodies.get(row["cell"]), row["cell"]])  # fmt: skip
    database["body"].drop()
    database.execute("ALTER TABLE recording ADD COLUMN started TEXT")
    database.execute("UPDATE recording SET started = "
                     "strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000000000.0, 'unixepoch')")  # fmt: skip
    database.conn.commit()
    database.vacuum()
