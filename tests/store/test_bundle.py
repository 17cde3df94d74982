"""A bundle gives back what was written, or says what is wrong with the request."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec
import pytest
import sqlite_utils

from replay.core.codec import Gap, Value, encode
from replay.core.recording import Outcome, Recording
from replay.errors import BundleError, UsageError
from replay.store import tables
from replay.store.bundle import AHEAD, AHEAD_CAP, Bundle, open_bundle, serialize, write_bundle

Make = Callable[..., Recording]


def test_round_trip(make: Make, tmp_path: Path) -> None:
    """Recordings come back equal, in order, with equal digests."""
    written = [make("b"), make("a", interactions=(), edits=None, redacted=False, logs=())]
    bundle = open_bundle(write_bundle(written, tmp_path / "x.replay.db"))
    assert written == list(bundle)
    assert [recording.digest for recording in written] == [row["digest"] for row in bundle.rows()]
    assert bundle.ids() == ("b", "a")
    assert len(bundle) == 2


def test_raised_outcome(make: Make, tmp_path: Path) -> None:
    """A recording that ended in an error keeps it, and lists its type."""
    written = make(outcome=Outcome("raised", encode(ValueError("no such plan"))))
    bundle = open_bundle(write_bundle([written], tmp_path / "x.replay.db"))
    assert [written] == list(bundle)
    assert (bundle.rows()[0]["status"], bundle.rows()[0]["error_type"]) == ("error", "ValueError")


@pytest.mark.parametrize("length", [0, 4094, 4095, 5003, 3_000_000])
@pytest.mark.parametrize("letter", ["x", "é", "🙂"])
def test_text_of_any_length(make: Make, tmp_path: Path, length: int, letter: str) -> None:
    """Values come back whole on both sides of the length that moves them into a body, equal ones stored once."""
    text = json.dumps(letter * length, ensure_ascii=False)
    written = make(input=Value(text=text), context=Value(text=text))
    path = write_bundle([written], tmp_path / "x.replay.db")
    assert [written] == list(open_bundle(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        (cell, other), (bodies,) = (connection.execute(sql).fetchone() for sql in (
            "SELECT input, context FROM recording",
            f"SELECT count(*) FROM body WHERE size = {len(text.encode())}"))  # fmt: skip
    connection.close()
    assert (len(text) <= tables.INLINE) == (cell == text)
    assert cell == other
    assert bodies == (0 if cell == text else 1)


def test_lookalike_of_a_reference(make: Make, tmp_path: Path) -> None:
    """A short text that looks like a reference to a body comes back as itself."""
    sha = "ab" * 32
    written = make(input=Value(text='{"$body": "' + sha + '"}'), context=Value(text='{"$body":1}'))
    assert [written] == list(open_bundle(write_bundle([written], tmp_path / "x.replay.db")))


def test_gaps_of_every_value(make: Make, tmp_path: Path) -> None:
    """The gaps of each value come back with the value they belong to."""
    gap = (Gap(path="$", reason="truncated-size", type="bytes"),)
    base = make()
    interaction = msgspec.structs.replace(base.interactions[1], request=Value(text="1", gaps=gap))
    written = make(outcome=Outcome("returned", Value(text="1", gaps=gap)), context=Value(text="1", gaps=gap),
                   edits=Value(text="1", gaps=gap), interactions=(base.interactions[0], interaction))  # fmt: skip
    assert [written] == list(open_bundle(write_bundle([written], tmp_path / "x.replay.db")))


def test_by_id_and_prefix(path: Path, make: Make) -> None:
    """A recording is found by its id or a prefix that only it has; else the error lists what there is."""
    bundle = open_bundle(path)
    assert bundle["rec-1"].duration_ns == 1
    single = open_bundle(write_bundle([make("abc"), make("abcd"), make("xyz")], path.with_name("y.replay.db")))
    assert (single["abc"].id, single["x"].id) == ("abc", "xyz")
    with pytest.raises(UsageError, match=r"begins 3 recordings \(rec-0, rec-1, rec-2\)") as ambiguous:
        bundle["rec"]
    with pytest.raises(UsageError, match="no recording 'nope'; it has rec-0, rec-1, rec-2") as missing:
        bundle["nope"]
    with pytest.raises(UsageError):
        bundle[""]
    assert (ambiguous.value.slug, missing.value.slug) == ("recording-ambiguous", "recording-missing")


def test_rows_load_no_values(path: Path) -> None:
    """A list of recordings holds the light columns; asked for the whole, also the values, bodies in place."""
    light, whole = open_bundle(path).rows()[2], open_bundle(path).rows(whole=True)[2]
    assert tuple(light[k] for k in ("id", "status", "duration_ns", "entrypoint")) == (
        "rec-2",
        "ok",
        2,
        "shop.app:triage",
    )
    assert "input" not in light
    assert json.loads(whole["input"])["args"][0] == {"ticket": 7}
    with closing(sqlite3.connect(path)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(recording)")]
    connection.close()
    assert names == list(whole)


def test_same_input_same_bytes(make: Make) -> None:
    """The bytes of a bundle depend on nothing but its content and its time."""
    assert serialize([make()], created_ns=1) == serialize([make()], created_ns=1)


def test_header_marks(path: Path) -> None:
    """The file is marked as a bundle, is no write-ahead-log file, and only its owner reads it."""
    data = path.read_bytes()
    assert data[68:72] == b"RPLY"
    assert data[60:64] == b"\0\0\0\1"
    assert data[18:20] == b"\1\1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path] == list(path.parent.iterdir())


def test_small_content_has_small_pages(make: Make, tmp_path: Path) -> None:
    """An incident's file is not mostly empty pages; many recordings have large ones, as all bundles had once."""
    noise = "".join(map(chr, Random(1).choices(range(0x4E00, 0x9000), k=4000)))
    one, many = [make()], [make(f"rec-{number}", input=encode([number, noise])) for number in range(100)]
    sizes = {}
    for name, recordings in (("one", one), ("many", many)):
        path = write_bundle(recordings, tmp_path / f"{name}.replay.db")
        sizes[name] = int.from_bytes(path.read_bytes()[16:18], "big")
        assert list(open_bundle(path)) == recordings
    assert sizes == {"one": 512, "many": 4096}
    assert (tmp_path / "one.replay.db").stat().st_size < 20_000
    old = tmp_path / "old.replay.db"
    old.write_bytes((tmp_path / "one.replay.db").read_bytes())
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.executescript("PRAGMA page_size = 4096; VACUUM")
    assert old.stat().st_size > 50_000
    assert list(open_bundle(old)) == one


def test_columns_match_schema() -> None:
    """The lists of columns are those of schema.sql, in its order."""
    with closing(sqlite3.connect(":memory:")) as connection, connection:
        connection.executescript(tables.schema())
        for table, columns in [("recording", tables.RECORDING), *((p.table, p.columns) for p in tables.PARTS)]:
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            assert [n for n in names if n != "recording_id"] == [column.name for column in columns]
    connection.close()


def test_schema_has_no_quotes() -> None:
    """The statements hold no quotes outside of comments: the comparison of schemas relies on it."""
    code = "".join(line.partition("--")[0] for line in tables.schema().splitlines())
    assert not set(code) & set("'\"`[]")


def test_existing_file_is_kept(path: Path, make: Make) -> None:
    """A bundle is not overwritten unless that is asked for."""
    before = path.read_bytes()
    with pytest.raises(BundleError) as refused:
        write_bundle([make()], path)
    assert refused.value.slug == "bundle-exists"
    assert before == path.read_bytes()
    write_bundle([make("other")], path, overwrite=True)
    assert open_bundle(path).ids() == ("other",)
    assert [path] == list(path.parent.iterdir())


def test_failed_write_leaves_nothing(make: Make, tmp_path: Path) -> None:
    """What cannot be written leaves no file, not even a temporary one, and is a clear error."""

    def dies() -> object:
        yield make()
        raise OverflowError("in the middle")

    with pytest.raises(BundleError) as unfit:
        write_bundle([make("same"), make("same")], tmp_path / "x.replay.db")
    with pytest.raises(BundleError):
        write_bundle(dies(), tmp_path / "x.replay.db")  # type: ignore[arg-type]
    with pytest.raises(BundleError):
        write_bundle([make(trace_id="\ud800")], tmp_path / "x.replay.db")
    with pytest.raises(BundleError) as unwritable:
        write_bundle([make()], tmp_path / "missing" / "x.replay.db")
    assert (unfit.value.slug, unwritable.value.slug) == ("bundle-unfit", "bundle-unwritable")
    assert list(tmp_path.iterdir()) == []


def test_rename_fails(make: Make, tmp_path: Path) -> None:
    """A failure after the temporary file was written removes it: here the target is a folder."""
    target = tmp_path / "x.replay.db"
    target.mkdir()
    with pytest.raises(BundleError):
        write_bundle([make()], target, overwrite=True)
    assert [target] == list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_writer_leaves_no_visible_bundle(make: Make, tmp_path: Path) -> None:
    """A process killed by its file size limit in the middle of a write leaves no file of the bundle's name."""
    import resource
    import signal

    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        write_bundle([make()], tmp_path / "x.replay.db")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert not (tmp_path / "x.replay.db").exists()
    assert all(entry.name.startswith(".") for entry in tmp_path.iterdir())


def test_opens_in_sqlite_utils(path: Path) -> None:
    """sqlite-utils reads a bundle as it stands: tables, keys, rows."""
    database = sqlite_utils.Database(path)
    try:
        assert {"bundle", "body", "recording", "interaction", "model_call", "prediction", "log"} == set(
            database.table_names()
        )
        assert [row["id"] for row in database["recording"].rows] == ["rec-0", "rec-1", "rec-2"]
        assert [key.other_table for key in database["interaction"].foreign_keys] == ["recording"]
        assert json.loads(next(database["recording"].rows)["input"])["args"][0] == {"ticket": 7}
    finally:
        database.close()


def test_database_is_a_copy(path: Path) -> None:
    """The database that a bundle hands out may be changed; the bundle stays as it is."""
    bundle = open_bundle(path)
    database = bundle.database()
    database["recording"].delete_where()
    assert database["recording"].count == 0
    assert len(list(bundle)) == 3
    database.close()


def test_export(path: Path) -> None:
    """An export is a plain database with every text in place and a readable time."""
    bundle = open_bundle(path)
    target = bundle.export(path.with_name("plain.db"))
    database = sqlite_utils.Database(target)
    try:
        row = next(database["recording"].rows)
        answers = [json.loads(found["answer"]) for found in database["interaction"].rows_where("seq = 1")]
        assert row["started"] == "2026-09-10T00:26:40.123Z"
        assert answers == ["long " * 2000] * 3
        assert "body" not in database.table_names()
    finally:
        database.close()
    with pytest.raises(BundleError):
        bundle.export(target)


def _reads(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that are read from now on, as they are."""
    read = Bundle._read
    found: list[str] = []

    def noting(self: Bundle, id: str, *given: int) -> Recording:
        found.append(id)
        return read(self, id, *given)

    monkeypatch.setattr(Bundle, "_read", noting)
    return found


def test_recordings_asked_for_in_order_are_read_ahead(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read once, whole, and what is asked for in another order is read when it is asked for."""
    written = [make(f"r{number:02}") for number in range(40)]
    bundle = open_bundle(write_bundle(written, tmp_path / "x.replay.db"))
    found = _reads(bundle, monkeypatch)
    assert bundle["r30"] == written[30]
    assert bundle["r10"] == written[10]
    assert found == ["r30", "r10"]
    assert bundle["r11"] == written[11]
    assert found[2:] == [f"r{number}" for number in range(11, 12 + AHEAD)]
    assert [bundle[f"r{number}"] for number in range(12, 12 + AHEAD)] == written[12 : 12 + AHEAD]
    assert len(found) == 3 + AHEAD
    del found[:]
    assert list(bundle) == written
    assert sorted(found) == list(bundle.ids())


def test_a_damaged_one_is_damaged_for_who_asks_for_it(make: Make, tmp_path: Path) -> None:
    """Reading ahead meets it, and says nothing."""
    path = write_bundle([make(f"r{number}") for number in range(6)], tmp_path / "x.replay.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE recording SET input = '[]' WHERE id = 'r3'")
    bundle = open_bundle(path)
    assert [bundle[id].id for id in ("r0", "r1", "r2")] == ["r0", "r1", "r2"]
    with pytest.raises(BundleError, match="r3"):
        bundle["r3"]
    assert [bundle[id].id for id in ("r4", "r5")] == ["r4", "r5"]


def test_large_ones_are_not_read_ahead(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory holds one of them at a time, however well it is packed."""
    large = Value(text='"' + "x" * AHEAD_CAP + '"')
    written = [make(f"r{number}", input=large if number == 3 else Value(text="[]")) for number in range(6)]
    bundle = open_bundle(write_bundle(written, tmp_path / "x.replay.db"))
    assert (bundle["r0"], bundle["r1"]) == (written[0], written[1])
    assert list(bundle._database.ahead) == ["r2"]
    assert list(bundle) == written
    half = Value(text='"' + "x" * (AHEAD_CAP * 2 // 3) + '"')
    written = [make(f"r{number}", context=half) for number in range(8)]
    bundle = open_bundle(write_bundle(written, tmp_path / "y.replay.db"))
    assert (bundle["r0"], bundle["r1"]) == (written[0], written[1])
    assert len(bundle._database.ahead) == 1


@pytest.mark.parametrize(("characters", "page"), [(0, 512), (600_000, 4096), (4_000_000, 8192)])
def test_pages_are_as_large_as_the_bundle_needs(make: Make, tmp_path: Path, characters: int, page: int) -> None:
    """A small incident takes a few of them, a segment of many is opened fast; both are read alike."""
    letters = "".join(Random(1).choices("abcdefghijklmnop", k=characters))
    written = make(input=Value(text=f'"{letters}"'))
    path = write_bundle([written], tmp_path / "x.replay.db")
    assert int.from_bytes(path.read_bytes()[16:18], "big") == page
    assert list(open_bundle(path)) == [written]
