"""One list of columns a table: it drives the writer and the reader, so the two cannot part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from operator import itemgetter
from threading import local
from typing import Any, NamedTuple, NoReturn, get_args

import msgspec
import zstandard

from replay.core.codec import Gap, Value
from replay.core.recording import Interaction, Kind, Log, ModelCall, Outcome, Prediction, Recording, State
from replay.core.written import json_text
from replay.errors import BundleError

APPLICATION_ID = 0x52504C59
"""'RPLY'."""
FORMAT = 1
INLINE = 4096
"""Characters of text that a column holds itself; longer text lies in `body`."""
BODY_CAP = 64 << 20
"""Bytes of one body. The writer refuses more, so the reader never needs to believe more."""
RECORDING_CAP = 512 << 20
"""Bytes of all bodies of one recording when read."""
_WINDOW_CAP = 8 << 20
_LEVEL = 3
_REFERENCE = '{"$body":'
_BODY = re.compile(r'\{"\$body": "([0-9a-f]{64})"\}')
_STATES: tuple[State, ...] = get_args(State)
_KINDS: tuple[Kind, ...] = get_args(Kind)
_own = local()
"""Of a thread: its decompressor, whose making costs more than its use and which no two threads may use at once."""

Cell = str | int | float | bytes | None


@cache
def schema() -> str:
    """The commented SQL that creates a bundle's tables."""
    return files("replay.store").joinpath("schema.sql").read_text("utf-8")


def damaged(what: str) -> NoReturn:
    """Refuse. The path is added where it is known (`untrusted.refusing`)."""
    raise BundleError(what, slug="bundle-damaged")


class BodiesOut:
    """Long texts on their way into a bundle, each kept once."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, int, bytes]] = {}

    @cached_property
    def _compressor(self) -> zstandard.ZstdCompressor:
        """Made when the first long text comes: it takes as long as reading a small recording."""
        return zstandard.ZstdCompressor(level=_LEVEL)

    def put(self, text: str) -> str:
        """The text itself, or a reference to its body."""
        if len(text) <= INLINE and not text.startswith(_REFERENCE):
            return text
        data = text.encode("utf-8")
        if len(data) > BODY_CAP:
            raise BundleError(f"A value of {len(data)} bytes is more than a bundle holds ({BODY_CAP}).",
                              slug="bundle-too-large")  # fmt: skip
        key = sha256(data).hexdigest()
        if key not in self.rows:
            self.rows[key] = (key, len(data), self._compressor.compress(data))
        return f'{_REFERENCE} "{key}"}}'


class BodiesIn:
    """Long texts of one recording, fetched and checked when a column refers to them.

    `checked_later`: the digest of the whole recording, which covers them, is compared after; their own is not. `room`:
    bytes of all of them.
    """

    def __init__(
        self, fetch: Callable[[str], tuple[Cell, ...] | None], *, checked_later: bool = False, room: int = RECORDING_CAP
    ) -> None:
        self._fetch = fetch
        self._checked_later = checked_later
        self._texts: dict[str, str] = {}
        self._room = self._most = room

    def get(self, cell: str) -> str:
        """The text of a [json] column."""
        found = _BODY.fullmatch(cell) if cell.startswith(_REFERENCE) else None
        if found is None:
            return cell
        key = found[1]
        if key not in self._texts:
            self._texts[key] = self._open(key)
        return self._texts[key]

    def _open(self, key: str) -> str:
        row = self._fetch(key)
        if row is None:
            damaged(f"body {key[:16]} is missing")
        size, packed = row
        if type(size) is not int or type(packed) is not bytes or not 0 <= size <= BODY_CAP:
            damaged(f"body {key[:16]} has no believable size")
        self._room -= size
        if self._room < 0:
            damaged(f"a recording has more than {self._most} bytes of bodies")
        data = _unpacked(packed, size)
        if len(data) != size or not (self._checked_later or sha256(data).hexdigest() == key):
            damaged(f"body {key[:16]} is not what was written")
        return data.decode("utf-8")


def _unpacked(packed: bytes, size: int) -> bytes | bytearray:
    """What is packed, or a little more than `size` bytes of it."""
    decompressor = getattr(_own, "decompressor", None)
    if decompressor is None:
        decompressor = _own.decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_CAP)
    parameters = zstandard.get_frame_parameters(packed)
    if parameters.content_size == size and parameters.window_size <= _WINDOW_CAP:
        return decompressor.decompress(packed)
    # zstandard ignores max_output_size where the frame declares a size: stream, and stop at what is believed.
    reader = decompressor.stream_reader(packed)
    data = bytearray()
    while chunk := reader.read(min(1 << 20, size + 1 - len(data))):
        data += chunk
        if len(data) > size:
            break
    return data


class Source:
    """What a row's cells are read with."""

    def __init__(self, bodies: BodiesIn, gaps: dict[str, tuple[Gap, ...]]) -> None:
        self.bodies = bodies
        self.gaps = gaps

    def value(self, cell: str, place: str) -> Value:
        text = self.bodies.get(cell) if cell.startswith(_REFERENCE) else cell
        return Value(text, self.gaps.get(place, ()) if self.gaps else ())


Read = Callable[[Any, "Source", str], Any]


class Column(NamedTuple):
    """How one field of a struct lies in one column."""

    name: str
    types: tuple[type, ...]
    """Of the cell, exactly; anything else is damage."""
    write: Callable[[Any, BodiesOut], Cell]
    read: Read | None
    """From the cell, with the place of the row (for gaps). None: the struct derives it; it is compared."""
    json: bool = False
    """Holds JSON, or a reference to a body of it."""
    heavy: bool = False
    """Holds a captured value, so a list leaves it out."""


class Columns(tuple[Column, ...]):
    """The columns of one table, with what is found out about them once a process instead of once a row."""

    @cached_property
    def plain(self) -> tuple[tuple[str, ...], Callable[[tuple[Cell, ...]], tuple[Cell, ...]]]:
        """The names of columns whose cell is the field, and what picks these cells of a row."""
        at = [number for number, column in enumerate(self) if column.read is _as_it_is]
        return tuple(self[number].name for number in at), itemgetter(*at)

    @cached_property
    def read(self) -> tuple[tuple[int, str, Read], ...]:
        """Place, name and reader of the columns whose cell must be read."""
        return tuple((number, column.name, column.read) for number, column in enumerate(self)
                     if column.read is not None and column.read is not _as_it_is)  # fmt: skip

    @cached_property
    def derived(self) -> tuple[tuple[int, Column], ...]:
        """Place of the columns that the struct derives."""
        return tuple((number, column) for number, column in enumerate(self) if column.read is None)

    @cached_property
    def shapes(self) -> set[tuple[type, ...]]:
        """Types of the cells of rows that were found right: most rows of a table have the same."""
        return set()


_MOST_SHAPES = 1000
NONE = type(None)


def _as_it_is(cell: Any, source: Source, place: str) -> Any:
    return cell


def _plain(name: str, *types: type) -> Column:
    return Column(name, types, lambda owner, _: getattr(owner, name), _as_it_is)


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(_plain(name, str) for name in names)


def _texts_or_none(*names: str) -> tuple[Column, ...]:
    return tuple(_plain(name, str, NONE) for name in names)


def _derived(name: str, *types: type) -> Column:
    return Column(name, types, lambda owner, _: getattr(owner, name), None)


def _flag(name: str) -> Column:
    def read(cell: int, source: Source, place: str) -> bool:
        return bool(cell) if cell in (0, 1) else damaged(f"{name} is {cell}")

    return Column(name, (int,), lambda owner, _: int(getattr(owner, name)), read)


def _one_of(name: str, known: tuple[str, ...]) -> Column:
    def read(cell: str, source: Source, place: str) -> str:
        return cell if cell in known else damaged(f"{place}{name} is none of {', '.join(known)}")

    return Column(name, (str,), lambda owner, _: getattr(owner, name), read)


def _value(name: str) -> Column:
    return Column(name, (str,), lambda owner, bodies: bodies.put(getattr(owner, name).text),
                  lambda cell, source, place: source.value(cell, place + name), json=True, heavy=True)  # fmt: skip


def _value_or_none(name: str) -> Column:
    def write(owner: Any, bodies: BodiesOut) -> Cell:
        value: Value | None = getattr(owner, name)
        return None if value is None else bodies.put(value.text)

    def read(cell: str | None, source: Source, place: str) -> Value | None:
        return None if cell is None else source.value(cell, place + name)

    return Column(name, (str, NONE), write, read, json=True, heavy=True)


def _structured(name: str, form: Any) -> Column:
    """Our own data (no captured value) as JSON."""

    def write(owner: Any, bodies: BodiesOut) -> Cell:
        return bodies.put(json_text(getattr(owner, name)))

    decoder = msgspec.json.Decoder(form)

    def read(cell: str, source: Source, place: str) -> Any:
        return decoder.decode(source.bodies.get(cell))

    return Column(name, (str,), write, read, json=True)


def _outcome(owner: Recording, bodies: BodiesOut) -> Cell:
    return bodies.put(f'{{"state":"{owner.outcome.state}","payload":{owner.outcome.payload.text}}}')


def _read_outcome(cell: str, source: Source, place: str) -> Outcome:
    text = source.bodies.get(cell)
    for state in _STATES:
        head = f'{{"state":"{state}","payload":'
        if text.startswith(head) and text.endswith("}"):
            return Outcome(state, Value(text=text[len(head) : -1], gaps=source.gaps.get("outcome", ())))
    damaged("outcome has no state")


def _value_gaps(owner: Recording, bodies: BodiesOut) -> Cell:
    places = {"input": owner.input, "outcome": owner.outcome.payload, "context": owner.context, "edits": owner.edits}
    for interaction in owner.interactions:
        places[f"interaction[{interaction.seq}].request"] = interaction.request
        places[f"interaction[{interaction.seq}].answer"] = interaction.answer
    found = {place: value.gaps for place, value in places.items() if value is not None and value.gaps}
    if not found:
        return "{}"
    return bodies.put(json_text(found))


RECORDING = Columns((
    *_texts("id"), _derived("digest", str), _one_of("kind", _KINDS), *_texts("entrypoint"),
    _plain("started_at", int), _plain("duration_ns", int), _derived("status", str),
    *_texts_or_none("trace_id", "span_id", "sentry_event_id", "service_name", "service_version",
                    "deployment_environment_name", "http_request_method", "http_route"),
    _plain("http_response_status_code", int, NONE), _derived("error_type", str, NONE),
    _value("input"), Column("outcome", (str,), _outcome, _read_outcome, json=True, heavy=True), _value("context"),
    *_texts_or_none("parent_digest"), _value_or_none("edits"), _flag("redacted"),
    _structured("gaps", tuple[Gap, ...]), Column("value_gaps", (str,), _value_gaps, None, json=True, heavy=True),
))  # fmt: skip


_gaps_by_place = msgspec.json.Decoder(dict[str, tuple[Gap, ...]])
_VALUE_GAPS = [column.name for column in RECORDING].index("value_gaps")


class Part(NamedTuple):
    """A table of rows that belong to a recording, in the order of the recording's field."""

    table: str
    field: str
    struct: type
    columns: Columns


PARTS = (
    Part("interaction", "interactions", Interaction, Columns((
        _plain("seq", int), *_texts("lane", "boundary", "target"), _value("request"), _value("answer"),
        _one_of("state", _STATES), _plain("offset_ns", int), _plain("duration_ns", int),
    ))),
    Part("model_call", "model_calls", ModelCall, Columns((
        _plain("seq", int), *_texts("operation_name", "provider_name"),
        *_texts_or_none("request_model", "response_model", "response_id"),
        _plain("input_tokens", int, NONE), _plain("output_tokens", int, NONE),
        _structured("finish_reasons", tuple[str, ...]), *_texts("semconv_version"),
    ))),
    Part("prediction", "predictions", Prediction, Columns((
        _plain("seq", int), *_texts("name"), *_texts_or_none("label"),
        _plain("score", float, int, NONE), _plain("threshold", float, int, NONE),
        *_texts_or_none("decision", "policy", "owner", "escalation"),
    ))),
    Part("log", "logs", Log, Columns((_plain("offset_ns", int), *_texts("level", "logger", "message")))),
)  # fmt: skip


def to_row(columns: Iterable[Column], owner: Any, bodies: BodiesOut) -> tuple[Cell, ...]:
    """The cells of one struct."""
    return tuple(column.write(owner, bodies) for column in columns)


def check_types(columns: Columns, row: tuple[Cell, ...], table: str) -> None:
    """Refuse a cell of a type that the writer never writes."""
    shape = tuple(map(type, row))
    if shape in columns.shapes:
        return
    for column, kind in zip(columns, shape, strict=True):
        if kind not in column.types:
            damaged(f"{table}.{column.name} holds {kind.__name__}")
    if len(columns.shapes) < _MOST_SHAPES:
        columns.shapes.add(shape)


def from_row(columns: Columns, row: tuple[Cell, ...], source: Source, place: str) -> dict[str, Any]:
    """The fields of one struct."""
    names, pick = columns.plain
    fields: dict[str, Any] = dict(zip(names, pick(row), strict=True))
    for at, name, read in columns.read:
        fields[name] = read(row[at], source, place)
    return fields


def read_value_gaps(row: tuple[Cell, ...], bodies: BodiesIn) -> dict[str, tuple[Gap, ...]]:
    """Of a row of `recording`: the gaps of each value, by its place."""
    cell = row[_VALUE_GAPS]
    assert isinstance(cell, str)  # `check_types` came first
    return _gaps_by_place.decode(bodies.get(cell))


def check_derived(columns: Columns, row: tuple[Cell, ...], owner: Any) -> None:
    """Refuse a row whose digest, status, ... is not that of its content."""
    bodies = BodiesOut()
    for at, column in columns.derived:
        if column.write(owner, bodies) != row[at]:
            raise BundleError(f"{column.name} of {owner.id} is not that of the content", slug="bundle-altered")
