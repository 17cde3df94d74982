"""Damaged and forged copies of a bundle, each made from a seed.

Three layers. Bytes: what a broken disk or a careless editor leaves. SQL and zstd: valid databases whose cells are not
what was written. Forged: recordings changed at any place and sealed again with a digest that fits, as a stranger with
our source code would make them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import zstandard

from replay.core.codec import Gap, Value
from replay.core.recording import Interaction, Log, Outcome, Recording
from replay.errors import ReplayError
from replay.store import tables
from replay.store.bundle import open_bundle, serialize

HOSTILE_TEXTS = (
    "", "\x1b[31m\x1b]0;owned\x07", "\r::error::owned", "\n::error file=a::owned\n", "\u202egnp.exe", "\u2066x\u2069",
    "\u200b\ufeff", "\0", "../../etc/passwd", "/etc/passwd", "os:system", "app:os.system", "%s%n{0.__class__}",
    "<script>alert(1)</script>", "'; DROP TABLE recording; --", "x" * 5000, "\U0010ffff", "9" * 400, "$error", "=1+1",
    "0", "0.1", "00", "-1", "é" * 50, "\x85\u2028\u2029", "]]>", "&#27;",
)  # fmt: skip
HOSTILE_INTS = (0, 1, -1, 7, 255, 599, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 10**18, -(10**18), 1_700_000_000 * 10**9)
HOSTILE_JSON = (
    "null", "true", "0", "-1", "1e999", "-0.0", "NaN", "1" * 500, '""', "[]", "{}", "[[]]", '"\\ud800"',
    '{"a":1,"a":2}',
    "[" * 300 + "]" * 300, "[" * 5000 + "]" * 5000, '{"$id":[0,{"$ref":0}]}', '{"$id":[0,[{"$ref":0}]]}', '{"$ref":9}',
    '{"$set":[[1],[2]]}', '{"$set":[{"$set":[]}]}', '{"$tuple":null}', '{"$tuple":"abc"}', '{"$dict":[[[1],2]]}',
    '{"$int":"0x' + "f" * 3000 + '"}', '{"$int":"' + "9" * 4500 + '"}', '{"$int":"_1"}', '{"$float":"nan"}',
    '{"$float":"inf"}', '{"$decimal":"1e999999"}', '{"$decimal":"sNaN"}', '{"$fraction":[1,0]}',
    '{"$range":[0,1000000000000000000,1]}', '{"$timedelta":[999999999999,0,0]}', '{"$datetime":"9999-12-31T23:59:59"}',
    '{"$datetime":{"at":"2024-01-01T00:00:00","zone":{"$zoneinfo":"../../etc/passwd"}}}', '{"$zoneinfo":"Mars/X"}',
    '{"$zoneinfo":"/etc/passwd"}', '{"$uuid":"zz"}', '{"$path":{"kind":"PosixPath","path":"/etc/passwd"}}',
    '{"$str":"7aCA"}', '{"$base64":"!"}', '{"$bytes":5}', '{"$bytearray":1000000000000}',
    '{"$ndarray":{"dtype":"O","shape":[1],"data":"AAAAAAAAAAA="}}',
    '{"$ndarray":{"dtype":"V0","shape":[1000000000000],"data":""}}',
    '{"$ndarray":{"dtype":"<f8","shape":[1000000000000,0],"data":""}}',
    '{"$npscalar":{"dtype":"S2000000000","value":"x"}}', '{"$npscalar":{"dtype":"V2000000000","value":5}}',
    '{"$dataclass":{"type":"subprocess:Popen","fields":{"args":"id"}}}', '{"$enum":{"type":"os:system","fields":{}}}',
    '{"$pydantic":{"type":"os:PathLike","fields":{"__class__":1}}}', '{"$subclass":{"type":"os:system","base":"str",'
    '"items":"id","fields":{"__class__":{"$opaque":{"type":"x","size":null}}}}}',
    '{"$namedtuple":{"type":"a:b","fields":{"class":1,"a b":2}}}', '{"$opaque":{"type":"x","size":-1}}',
    '{"$error":{"type":"subprocess.Popen","message":"m","args":[],"frames":[]}}', '{"$error":{}}',
    '{"$error":{"type":"SystemExit","message":"m","args":[0],"frames":[]}}',
    '{"$error":{"type":"KeyboardInterrupt","message":"m","args":[],"frames":[["\\u001b[31m",-5,"f"]]}}',
    '{"$error":{"type":"asyncio.exceptions.CancelledError","message":"","args":[],"frames":[]}}',
    '{"$error":{"type":"UnicodeDecodeError","message":"m","args":["x"],"frames":[[1,2,3]]}}',
    '{"$error":{"type":"ValueError","message":{"$opaque":{"type":"x"}},"args":["x"],"frames":"abc","cause":5}}',
    '{"$error":{"type":"OSError","message":"m","args":[],"native":{"__class__":1,"errno":[]},"frames":[]}}',
    '{"$truncated":{"type":"str","reason":"truncated-size","size":1}}', '{"$unknown":1}', '{"$":1,"b":2}',
    '{"$deque":{"maxlen":-1,"items":[1]}}', '{"$defaultdict":{"factory":"exec","items":[]}}', '{"$single":"quit"}',
    '{"$namespace":[["__class__",1],[5,6]]}', '{"$complex":[{"$float":"nan"},"x"]}',
    '{"$series":{"index":1,"name":2,"values":{"items":[],"dtype":"O"}}}', '{"$timestamp":{"value":1,"unit":"x"}}',
    '{"$index":{"range":[0,1000000000000,1],"names":[null]}}', '{"status":99999,"headers":[["\\r\\n","\\u0000"]]}',
    '{"status":"200","headers":{"a":"b"},"pieces":"abc"}', '{"args":{"a":1},"kwargs":[1]}',
    '{"args":[],"kwargs":{"a b":1}}',
)  # fmt: skip
_BOMB = zstandard.ZstdCompressor(level=1).compress(bytes(100 << 20))


def bytes_flipped(data: bytes, chance: Random) -> bytes:
    """A few bytes overwritten, rather where something is."""
    mutant = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 60))):
        at = chance.randrange(len(mutant))
        for _ in range(8):
            if mutant[at]:
                break
            at = chance.randrange(len(mutant))
        mutant[at] = chance.choice(
            (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256), mutant[at] ^ (1 << chance.randrange(8)))
        )
    return bytes(mutant)


def header_changed(data: bytes, chance: Random) -> bytes:
    """The first hundred bytes, or the first page's own header."""
    mutant = bytearray(data)
    for _ in range(chance.choice((1, 1, 3))):
        mutant[chance.randrange(120)] = chance.randrange(256)
    return bytes(mutant)


def page_size(data: bytes) -> int:
    """Bytes of a page, as the header says."""
    return int.from_bytes(data[16:18], "big")


def cut(data: bytes, chance: Random) -> bytes:
    """The end is missing, also at whole pages with a header that agrees."""
    page = page_size(data)
    if chance.random() < 0.5:
        return data[: chance.randrange(len(data))]
    pages = chance.randrange(1, len(data) // page + 1)
    return data[:28] + pages.to_bytes(4, "big") + data[32 : pages * page]


def spliced(data: bytes, chance: Random) -> bytes:
    """A run of bytes copied over another place, or cut out of it."""
    mutant = bytearray(data)
    start, to, size = chance.randrange(len(data)), chance.randrange(100, len(data)), chance.choice((4, 40, 400, 4096))
    if chance.random() < 0.2:
        del mutant[to : to + size]
    else:
        piece = data[start : start + size]
        mutant[to : to + len(piece)] = piece
    return bytes(mutant[: len(data)])


def pages_swapped(data: bytes, chance: Random) -> bytes:
    """Whole pages in each other's place, or one twice."""
    page = page_size(data)
    pages = [data[at : at + page] for at in range(0, len(data), page)]
    one, other = chance.randrange(len(pages)), chance.randrange(len(pages))
    pages[one], pages[other] = (pages[other], pages[one]) if chance.random() < 0.5 else (pages[other], pages[other])
    return b"".join(pages)


def cells_changed(data: bytes, chance: Random) -> bytes:
    """A valid database with other cells, rows twice, rows gone, rows of other recordings."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            try:
                _change_cell(connection, chance)
            except sqlite3.Error:
                continue  # a constraint said no: another change may pass
        return bytes(connection.serialize())


def _change_cell(connection: sqlite3.Connection, chance: Random) -> None:
    table = chance.choice(
        ("recording", "recording", "interaction", "interaction", "body", "bundle", "log", "model_call")
    )
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    rows = [row[0] for row in connection.execute(f"SELECT rowid FROM {table}")]
    if not rows:
        return
    row, column = chance.choice(rows), chance.choice(columns)
    verb = chance.randrange(10)
    if verb == 0:
        connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
    elif verb == 1:
        connection.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE rowid = ?", (row,))
    elif verb == 2:
        connection.execute(f"UPDATE {table} SET rowid = ? WHERE rowid = ?", (chance.choice(HOSTILE_INTS), row))
    elif verb == 3:
        other = chance.choice(rows)
        connection.execute(
            f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE rowid = ?) WHERE rowid = ?",
            (other, row),
        )
    else:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_cell(chance), row))


def _cell(chance: Random) -> Any:
    kind = chance.randrange(6)
    if kind == 0:
        return chance.choice(HOSTILE_TEXTS)
    if kind == 1:
        return chance.choice(HOSTILE_INTS)
    if kind == 2:
        return chance.choice(HOSTILE_JSON)
    return chance.choice((None, 1.5, float("inf"), b"", b"\x80\x04cos\nsystem\n", '{"$body": "' + "0" * 64 + '"}',
                          '{"$body": 5}', "returned", "raised", "unfinished", "block", "asgi", "wsgi"))  # fmt: skip


def bodies_changed(data: bytes, chance: Random) -> bytes:
    """Compressed texts: bombs, false sizes, cut and changed frames, other frames."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(data)
        rows = connection.execute("SELECT rowid, size, zstd FROM body").fetchall()
        if not rows:  # move some text out first, as if it had been long
            (text,) = connection.execute("SELECT input FROM recording").fetchone()
            bodies = tables.BodiesOut()
            reference = bodies.put(text + " " * 5000)
            connection.execute("INSERT INTO body VALUES (?, ?, ?)", next(iter(bodies.rows.values())))
            connection.execute("UPDATE recording SET input = ?", (reference,))
            rows = connection.execute("SELECT rowid, size, zstd FROM body").fetchall()
        row, size, packed = chance.choice(rows)
        kind = chance.randrange(6)
        if kind == 0:
            packed = _BOMB
        elif kind == 1:
            packed = bytes_flipped(packed, chance)
        elif kind == 2:
            packed = packed[: chance.randrange(len(packed))]
        elif kind == 3:
            packed = packed + packed
        elif kind == 4:
            packed = zstandard.ZstdCompressor(write_content_size=False).compress(b'"' + b"x" * (size - 2) + b'"')
        size = chance.choice((size, size, 0, -1, 1, size + 1, 1 << 20, 64 << 20, 1 << 62))
        connection.execute("UPDATE body SET size = ?, zstd = ? WHERE rowid = ?", (size, packed, row))
        return bytes(connection.serialize())


def forged(data: bytes, chance: Random, load: Callable[[bytes], list[Recording]]) -> bytes:
    """Recordings changed at any place, with digests that fit."""
    recordings = list(load(data))
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(recordings))
        recordings[at] = _forged(recordings[at], chance)
    try:
        return serialize(recordings, created_ns=1)
    except (sqlite3.Error, ValueError, OverflowError, TypeError, ReplayError):
        return data  # not even a database holds it


_TEXTS = ("id", "trace_id", "span_id", "sentry_event_id", "service_name", "service_version",
          "deployment_environment_name", "http_request_method", "http_route", "parent_digest")  # fmt: skip
_INTERACTION_TEXTS = ("lane", "boundary", "target")
_BOUNDARIES = ("http", "model", "db", "redis", "call", "clock", "random", "environ", "")


def _forged(recording: Recording, chance: Random) -> Recording:
    def put(**fields: Any) -> Recording:
        return msgspec.structs.replace(recording, **fields)

    kind = chance.randrange(14)
    if kind == 0:
        return put(**{chance.choice(_TEXTS): chance.choice(HOSTILE_TEXTS)})
    if kind == 1:
        return put(**{chance.choice(("started_at", "duration_ns")): chance.choice(HOSTILE_INTS)})
    if kind == 2:
        return put(entrypoint=chance.choice((*HOSTILE_TEXTS, "captures.recorded:json.loads", "captures.recorded:random",
                                             "captures.recorded:with_httpx.__globals__", "captures:x",
                                             "..:x")))  # fmt: skip
    if kind == 3:
        return put(kind=chance.choice(("function", "asgi", "wsgi", "block", "other")))
    if kind == 4:
        state = chance.choice(("returned", "raised", "unfinished"))
        return put(outcome=Outcome(state, _value(recording.outcome.payload, chance)))
    if kind == 5:
        return put(http_response_status_code=chance.choice(HOSTILE_INTS))
    if kind == 6:
        return put(gaps=(Gap(*(chance.choice(HOSTILE_TEXTS) for _ in range(3))),),
                   logs=(Log(offset_ns=chance.choice(HOSTILE_INTS), level=chance.choice(HOSTILE_TEXTS),
                             logger=chance.choice(HOSTILE_TEXTS), message=chance.choice(HOSTILE_TEXTS)),))  # fmt: skip
    if kind == 7:
        return put(input=_value(recording.input, chance))
    if kind == 8:
        return put(context=_value(recording.context, chance))
    if kind == 9:
        return put(edits=Value(chance.choice(HOSTILE_JSON)))
    return put(interactions=_interactions(recording.interactions, chance))


def _interactions(found: tuple[Interaction, ...], chance: Random) -> tuple[Interaction, ...]:
    if not found:
        return (Interaction(seq=0, lane="0", boundary=chance.choice(_BOUNDARIES), target=chance.choice(HOSTILE_TEXTS),
                            request=Value(chance.choice(HOSTILE_JSON)), answer=Value(chance.choice(HOSTILE_JSON)),
                            state="returned", offset_ns=0, duration_ns=0),)  # fmt: skip
    kind, at = chance.randrange(7), chance.randrange(len(found))
    one = found[at]
    if kind == 0:
        return found[:at] + found[at + 1 :]
    if kind == 1:
        return (*found, msgspec.structs.replace(one, seq=chance.choice(HOSTILE_INTS)))
    if kind == 2:
        one = msgspec.structs.replace(one, **{chance.choice(_INTERACTION_TEXTS): chance.choice(HOSTILE_TEXTS)})
    elif kind == 3:
        name = chance.choice(("seq", "offset_ns", "duration_ns"))
        one = msgspec.structs.replace(one, **{name: chance.choice(HOSTILE_INTS)})
    elif kind == 4:
        one = msgspec.structs.replace(one, boundary=chance.choice(_BOUNDARIES),
                                      state=chance.choice(("returned", "raised", "unfinished")))  # fmt: skip
    elif kind == 5:
        one = msgspec.structs.replace(one, request=_value(one.request, chance))
    else:
        one = msgspec.structs.replace(one, answer=_value(one.answer, chance))
    return (*found[:at], one, *found[at + 1 :])


def _value(value: Value, chance: Random) -> Value:
    """The text with one node replaced by a hostile one, moved, or gone; or another text altogether."""
    if chance.random() < 0.15:
        return Value(chance.choice(HOSTILE_JSON), value.gaps)
    try:
        tree = json.loads(value.text)
    except (ValueError, RecursionError):
        return Value(chance.choice(HOSTILE_JSON))
    places = list(_places(tree))
    if not places:
        return Value(chance.choice(HOSTILE_JSON))
    holder, key = chance.choice(places)
    mark = "\ue000hostile\ue000"
    verb = chance.randrange(6)
    if verb == 0:
        del holder[key]
    elif verb == 1:
        holder[key] = chance.choice(HOSTILE_TEXTS)
    elif verb == 2:
        other, name = chance.choice(places)
        holder[key] = json.loads(json.dumps(other[name]))
    elif verb == 3:
        holder[key] = chance.choice(HOSTILE_INTS)
    else:
        holder[key] = mark
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    return Value(text.replace(f'"{mark}"', chance.choice(HOSTILE_JSON)), value.gaps)


def _places(tree: Any) -> Any:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in list(items):
        yield tree, key
        yield from _places(item)


class Mutator:
    """Mutant number `n` of a seed, always the same one."""

    def __init__(self, sources: list[Path], seed: str) -> None:
        self.sources = sorted(sources)
        self.seed = seed
        self._data = {path: path.read_bytes() for path in self.sources}
        self._recordings: dict[bytes, list[Recording]] = {}
        for path, data in self._data.items():
            self._recordings[data] = list(open_bundle(path))

    def mutant(self, number: int) -> tuple[str, Path, bytes]:
        """What was done, to which bundle, and its bytes."""
        chance = Random(f"{self.seed}:{number}")
        path = chance.choice(self.sources)
        data = self._data[path]
        name = chance.choice(("bytes", "header", "cut", "splice", "pages", "cells", "cells", "bodies", *["forged"] * 6))
        if name == "forged":
            return name, path, forged(data, chance, self._recordings.__getitem__)
        change = {"bytes": bytes_flipped, "header": header_changed, "cut": cut, "splice": spliced,
                  "pages": pages_swapped, "cells": cells_changed, "bodies": bodies_changed}[name]  # fmt: skip
        return name, path, change(data, chance)
