"""A bundle that a stranger made is refused with a reason, or gives the right answer."""

from __future__ import annotations

import os
import random
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from replay.core.recording import Recording
from replay.errors import BundleError
from replay.store import tables, untrusted
from replay.store.bundle import open_bundle, serialize, write_bundle
from tests.store.conftest import make_recording

Make = Callable[..., Recording]


def refused(path: Path) -> BundleError:
    """The refusal of a bundle, by opening it or by reading all of it."""
    with pytest.raises(BundleError) as caught:
        list(open_bundle(path))
    assert caught.value.exit_code == 3
    assert str(path) in str(caught.value)
    return caught.value


def change(path: Path, *statements: str) -> None:
    """What an attacker writes into a bundle with plain SQLite."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_missing(tmp_path: Path) -> None:
    """A file that is not there is said to be missing."""
    assert refused(tmp_path / "x.replay.db").slug == "bundle-missing"


@pytest.mark.parametrize("content", [b"not a bundle\n", b"S", b"SQLite format 4\0" + bytes(9000), b"\0" * 8192])
def test_no_database(tmp_path: Path, content: bytes) -> None:
    """A text file and other bytes are said to be no bundle."""
    path = tmp_path / "x.replay.db"
    path.write_bytes(content)
    assert refused(path).slug in ("bundle-not-a-bundle", "bundle-damaged")
    assert content == b"S" or refused(path).slug == "bundle-not-a-bundle"


def test_another_database(tmp_path: Path) -> None:
    """A SQLite database with another application id is said to be no bundle."""
    path = tmp_path / "x.replay.db"
    change(path, "CREATE TABLE t (a)")
    assert refused(path).slug == "bundle-not-a-bundle"


@pytest.mark.parametrize("part", [0, 1, 60, 99, 100, 4096, 0.5, -1])
def test_cut(path: Path, part: float) -> None:
    """A bundle that lost its end, at any place, is damaged."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part) if isinstance(part, float) else part])
    assert refused(path).slug == "bundle-damaged"


def test_longer(path: Path) -> None:
    """A bundle with something behind its end is damaged."""
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert refused(path).slug == "bundle-damaged"


def test_newer_format(path: Path) -> None:
    """A bundle of a newer format asks for an upgrade."""
    change(path, f"PRAGMA user_version = {tables.FORMAT + 1}")
    error = refused(path)
    assert error.slug == "bundle-newer"
    assert "Upgrade" in str(error)


def test_format_that_never_was(path: Path) -> None:
    """A bundle of format 0 is damaged."""
    change(path, "PRAGMA user_version = 0")
    assert refused(path).slug == "bundle-damaged"


def test_write_ahead_log(path: Path) -> None:
    """A bundle that was switched to write-ahead logging is refused with that reason."""
    change(path, "PRAGMA journal_mode = WAL")
    assert "write-ahead" in str(refused(path))


def test_symbolic_link(path: Path, tmp_path: Path) -> None:
    """A symbolic link is not followed."""
    link = tmp_path / "link.replay.db"
    link.symlink_to(path)
    assert "symbolic link" in str(refused(link))


def test_folder_and_fifo(tmp_path: Path) -> None:
    """A folder is refused, and a FIFO does not block."""
    fifo = tmp_path / "fifo.replay.db"
    os.mkfifo(fifo)
    started = time.monotonic()
    assert (refused(tmp_path).slug, refused(fifo).slug) == ("bundle-refused", "bundle-refused")
    assert time.monotonic() - started < 30


def test_too_large(tmp_path: Path) -> None:
    """A file above the cap is refused before it is read."""
    path = tmp_path / "x.replay.db"
    with path.open("wb") as file:
        file.truncate(untrusted.SIZE_CAP + 1)
    assert refused(path).slug == "bundle-refused"


def test_journal_beside_a_bundle(path: Path, tmp_path: Path) -> None:
    """A crafted journal makes plain SQLite (3.40 does, 3.53 no more) delete the file it names; opening a bundle touches
    neither."""

    def plant(bundle: Path, victim: Path) -> Path:
        victim.write_text("precious")
        name, magic = str(victim).encode(), bytes.fromhex("d9d505f920a163d7")
        page = int.from_bytes(bundle.read_bytes()[16:18], "big")
        pages = bundle.stat().st_size // page
        header = (magic + struct.pack(">IIIII", 0, 0, pages, 512, page)).ljust(512, b"\0")
        tail = struct.pack(">I", 0x40000000 // page + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
        journal = bundle.with_name(bundle.name + "-journal")
        journal.write_bytes(header + tail)
        return journal

    journal = plant(path, tmp_path / "victim")
    assert len(list(open_bundle(path))) == 3
    assert (tmp_path / "victim").exists()
    assert journal.exists()
    with closing(sqlite3.connect(path)) as connection:  # the attack is real
        connection.execute("SELECT count(*) FROM recording").fetchone()
    assert not (tmp_path / "victim").exists() or sqlite3.sqlite_version_info > (3, 41)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW extra AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM body; END",
        "CREATE TABLE extra (a)",
        "CREATE INDEX extra ON log (level)",
        "CREATE INDEX extra ON log (hex(zeroblob(100000000)))",
        "CREATE VIRTUAL TABLE extra USING fts5(a)",
        "ALTER TABLE log ADD COLUMN extra AS (hex(zeroblob(400000000)))",
        "DROP INDEX log_recording",
        "ALTER TABLE log RENAME TO logs",
        "ANALYZE",
    ],
)
def test_other_schema(path: Path, statement: str) -> None:
    """A view, a trigger, another table, index or column is refused before any data is read."""
    change(path, *([] if "zeroblob(1" not in statement else ["DELETE FROM log"]), statement)
    assert "its tables are not those of a bundle" in str(refused(path))


def test_table_replaced_by_a_view(path: Path) -> None:
    """A view in the place of a table, which would run for hours, is refused at once."""
    endless = "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT i AS format FROM x"
    change(path, "DROP TABLE bundle", f"CREATE VIEW bundle AS {endless}")
    started = time.thread_time()
    refused(path)
    assert time.thread_time() - started < 2


def test_program_hidden_in_a_comment(path: Path) -> None:
    """A statement that equals ours only after its comments are dropped in another way than SQLite does is refused."""
    schema = tables.schema().partition("CREATE TABLE log (")[2].partition(")")[0]
    hidden = "CREATE TABLE log (" + schema.replace("message ", '"--x" DEFAULT 1, message ') + ")"
    change(path, "PRAGMA writable_schema = ON", f"UPDATE sqlite_master SET sql = '{hidden}' WHERE name = 'log'")
    refused(path)


def test_nothing_runs_but_reading(path: Path) -> None:
    """The opened database refuses everything but SELECT, whatever a later version of our own code asks."""
    database = untrusted.open_guarded(path)
    for statement in (
        "DELETE FROM log", "ATTACH 'other.db' AS other", "VACUUM INTO 'other.db'", "PRAGMA writable_schema = 1",
        "CREATE TEMP TABLE t (a)", "SELECT load_extension('x')", "SELECT hex(zeroblob(10))", "PRAGMA query_only = 0",
        "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT i FROM x",
    ):  # fmt: skip
        with pytest.raises(sqlite3.DatabaseError):
            database.query(statement)
    database.connection.close()


def test_time_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that takes longer than its budget is a refusal, not a hang."""
    monkeypatch.setattr(untrusted, "SECONDS", -1.0)
    write_bundle([make_recording(f"r{n}") for n in range(300)], path, overwrite=True)
    assert "too long" in str(refused(path))


def put_body(path: Path, size: int, packed: bytes) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE body SET size = ?, zstd = ?", (size, packed))


@pytest.mark.parametrize("declared", [10, 10_002, 1 << 40, -1])
def test_compression_bomb(path: Path, declared: int) -> None:
    """A body of 1 GB of zeros in a few KB is refused without unpacking it, whatever size the row claims."""
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    packed = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(1024)) + compressor.flush()
    put_body(path, declared, packed)
    started = time.thread_time()
    assert refused(path).slug == "bundle-damaged"
    assert time.thread_time() - started < 2


def test_false_sizes(path: Path) -> None:
    """A body whose frame declares another size than it has, or is cut, or is no frame, is refused."""
    text = ('"' + "long " * 2000 + '"').encode()
    whole = zstandard.ZstdCompressor(level=1).compress(text)
    for packed in (whole[:-3], b"junk", b"", zstandard.ZstdCompressor().compress(text[:-1])):
        put_body(path, len(text), packed)
        assert refused(path).slug == "bundle-damaged"
    put_body(path, len(text), whole)
    assert len(list(open_bundle(path))) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recording SET duration_ns = 'soon'",
        "UPDATE recording SET duration_ns = 1.5",
        "UPDATE recording SET input = x'00'",
        "UPDATE recording SET entrypoint = CAST(x'ff' AS TEXT)",
        "UPDATE recording SET kind = 'other'",
        "UPDATE recording SET redacted = 7",
        "UPDATE recording SET gaps = '['",
        "UPDATE recording SET gaps = '[1]'",
        "UPDATE recording SET value_gaps = '[]'",
        "UPDATE recording SET outcome = '{}'",
        "UPDATE interaction SET state = 'perhaps'",
        "UPDATE interaction SET lane = 3.5, seq = 'x' || seq",
        "UPDATE prediction SET score = 'high'",
        "UPDATE model_call SET finish_reasons = '{}'",
        "DELETE FROM body",
        "DELETE FROM bundle",
        "UPDATE bundle SET format = 2",
    ],
)
def test_cells_of_other_types(path: Path, statement: str) -> None:
    """A cell that the writer never writes is damage."""
    change(path, statement)
    assert refused(path).slug in ("bundle-damaged", "bundle-altered")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recording SET digest = 'x'",
        "UPDATE recording SET status = 'error'",
        "UPDATE recording SET error_type = 'ValueError'",
        "UPDATE recording SET input = '1'",
        "UPDATE recording SET value_gaps = '{}'",
        "UPDATE interaction SET offset_ns = 0",
        "UPDATE interaction SET answer = '1' WHERE seq = 0",
        "DELETE FROM interaction WHERE seq = 1",
        "DELETE FROM log",
        "UPDATE prediction SET score = 0.0",
    ],
)
def test_altered(path: Path, statement: str) -> None:
    """A recording whose content was changed by hand is found out when it is loaded."""
    change(path, statement)
    assert refused(path).slug == "bundle-altered"


def test_flipped_bytes(tmp_path: Path, make: Make) -> None:
    """Of hundreds of damaged copies each is refused with a BundleError, or reads exactly as written."""
    written = [make("rec-1"), make("rec-2", duration_ns=5)]
    data = serialize(written, created_ns=1)
    digests = sorted(recording.digest for recording in written)
    chance, path = random.Random(7), tmp_path / "x.replay.db"
    places = [n for n, byte in enumerate(data) if byte] + list(range(120))  # empty space teaches little
    answers = 0
    for _ in range(600):
        mutant = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 4, 40))):
            mutant[chance.choice(places)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        path.write_bytes(mutant)
        try:
            bundle = open_bundle(path)
            bundle.rows(whole=True)
            assert sorted(recording.digest for recording in bundle) == digests
            answers += 1
        except BundleError as error:
            assert error.slug in ("bundle-damaged", "bundle-altered", "bundle-newer", "bundle-not-a-bundle")  # noqa: PT017
    assert 0 < answers < 500


def test_read_by_many_threads(path: Path) -> None:
    """One bundle is read by many threads at once."""
    bundle, expected, found = open_bundle(path), list(open_bundle(path)), []
    threads = [threading.Thread(target=lambda: found.append(list(bundle))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_file_is_not_kept_open(path: Path) -> None:
    """A bundle may be deleted or overwritten while it is in use."""
    bundle = open_bundle(path)
    path.unlink()
    assert len(list(bundle)) == 3


def test_forgotten_bundle_closes_itself(path: Path) -> None:
    """A bundle that goes out of use gives its memory back at once, without a collection or a warning, if it is not
    one of the few that are kept for the next who opens them."""
    bundle = open_bundle(path)
    connection = bundle._database.connection
    untrusted.forget(path)
    del bundle
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_body_of_other_content(path: Path) -> None:
    """A body of the right size but another content is refused wherever it is read, a list of whole rows included."""
    text = ('"' + "song " * 2000 + '"').encode()
    put_body(path, len(text), zstandard.ZstdCompressor().compress(text))
    change(path, "UPDATE recording SET input = '{\"$body\": \"' || (SELECT sha256 FROM body) || '\"}'")
    with pytest.raises(BundleError, match="is not what was written"):
        open_bundle(path).rows(whole=True)
