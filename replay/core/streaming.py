"""The body of an answer as it arrived: pieces that can be cut, lost, late, and the texts that they make together.

A stream of events (server-sent events, JSON lines) is edited event by event, any other body by the pieces in which it
was read. Edits of it are noted as acts and done last, on the body and the texts as other edits have made them; an act
that does not fit is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate, groupby, pairwise
from typing import Any, NamedTuple

from replay.core.deltas import Deltas, Texts
from replay.core.faults import described_cut
from replay.core.messages import Body, cut_as
from replay.core.opened import Typed, Unfit
from replay.core.surroundings import is_yielded

TAG = "stream"
MOST = 20_000
"""Pieces that a body is cut into."""
SLOWEST = 7 * 86400.0
"""Seconds that a piece is made to wait."""
_EVENT = re.compile(rb"(?:data|event|id|retry)?:")
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_BITES = (b"data:", b"\n\n", b'"', b"\\")
"""Places in the bytes of a stream behind whose first byte it is cut: a reader looks for them whole."""
Stored = dict[str, Any]


class Part(NamedTuple):
    """Bytes of one piece."""

    piece: int
    """Its number as it arrives: neighbours of one number arrive together."""
    offset: int
    """Nanoseconds from the asking."""
    data: bytes


class Wire:
    """The units of a body on their way, to be changed: events, or pieces."""

    def __init__(self, units: list[list[Part]], form: str) -> None:
        self.units = units
        self.form = form
        self.later = 0
        """Nanoseconds by which the last comes later."""
        self.is_broken = False
        """The connection ends without saying so."""

    @property
    def size(self) -> int:
        return sum(len(part.data) for unit in self.units for part in unit)

    def cut(self, at: int) -> None:
        """End after so many bytes."""
        if not 0 <= at < self.size:
            raise Unfit("it is no longer than that")
        kept, left = [], at
        for unit in self.units:
            own = []
            for part in unit:
                own.append(part._replace(data=part.data[:left]))
                left -= len(own[-1].data)
            kept.append(own)
        self.units = kept

    def split(self, at: int) -> None:
        """What comes after so many bytes is another piece."""
        if not 0 < at < self.size:
            raise Unfit("there is nothing to split")
        units: list[list[Part]] = []
        for unit in self.units:
            own = []
            for part in unit:
                before, after = part.data[: max(0, at)], part.data[max(0, at) :]
                own += [part._replace(data=before)] if before else []
                own += [Part(part.piece + 1, part.offset, after)] if after else []
                at -= len(part.data)
            units.append(own)
        self.units = units

    def pieces(self) -> list[list[Any]]:
        """As a bundle stores them."""
        parts = [part for unit in self.units for part in unit if part.data]
        joined = [list(each) for _, each in groupby(parts, key=lambda part: part.piece)]
        times = accumulate((each[-1].offset for each in joined), max)
        return [[at, b"".join(part.data for part in each)] for at, each in zip(times, joined, strict=True)]


Act = Callable[[Wire, Any], None]


def _chunks(wire: Wire, size: int) -> None:
    """In pieces of so many bytes."""
    if size < 1 or wire.size // size > MOST:
        raise Unfit("too many pieces")
    at = 0
    for unit in wire.units:
        own: list[Part] = []
        for part in unit:
            cuts = [0, *range(-at % size or size, len(part.data), size), len(part.data)]
            own += [Part((at + one) // size, part.offset, part.data[one:two]) for one, two in pairwise(cuts)]
            at += len(part.data)
        unit[:] = own


def _together(wire: Wire, _: Any) -> None:
    last = max((part.offset for unit in wire.units for part in unit), default=0)
    wire.units = [[Part(0, last, part.data) for part in unit] for unit in wire.units]


def _breaks(wire: Wire, at: int) -> None:
    if at != wire.size:
        wire.cut(at)
    wire.is_broken = True


def _without(wire: Wire, place: int) -> None:
    del wire.units[_place(wire, place)]


def _repeat(wire: Wire, place: int) -> None:
    wire.units.insert(_place(wire, place), list(wire.units[place]))


def _swap(wire: Wire, place: int) -> None:
    _place(wire, place + 1)
    one = _place(wire, place)
    wire.units[one], wire.units[one + 1] = wire.units[one + 1], wire.units[one]


def _late(wire: Wire, what: list[Any]) -> None:
    """A unit, and those after it, so many seconds later."""
    place, seconds = what
    if not 0 < seconds <= SLOWEST:
        raise Unfit("no such delay")
    wire.later = int(seconds * 1e9)
    for unit in wire.units[_place(wire, place) :]:
        unit[:] = [Part(part.piece + 1, part.offset + wire.later, part.data) for part in unit]


def _error_after(wire: Wire, count: int) -> None:
    """So many units, then an event that says that something failed, then the end."""
    if wire.form == "pieces" or not 0 <= count <= len(wire.units):
        raise Unfit("no events, or not so many")
    kept = wire.units[:count]
    whole = b"".join(part.data for unit in wire.units for part in unit)
    said = _failed(wire.form, whole)
    last = kept[-1][-1] if kept and kept[-1] else Part(0, 0, b"")
    wire.units = [*kept, [last._replace(data=said)]]


def _failed(form: str, whole: bytes) -> bytes:
    if form == "lines":
        return b'{"error":{"message":"overloaded"}}\n'
    if whole.startswith(b"event:") or b"\nevent:" in whole:
        return b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    return b'data: {"error":{"message":"The server had an error.","type":"server_error"}}\n\n'


def _place(wire: Wire, place: int) -> int:
    if type(place) is not int or not 0 <= place < len(wire.units):
        raise Unfit("no such piece")
    return place


ACTS: dict[str, Act] = {
    "split": lambda wire, at: wire.split(at),
    "chunks": _chunks,
    "together": _together,
    "ends_at": lambda wire, at: wire.cut(at),
    "breaks_at": _breaks,
    "unterminated": lambda wire, _: _breaks(wire, wire.size),
    "without_piece": _without,
    "repeat_piece": _repeat,
    "swap_pieces": _swap,
    "late_piece": _late,
    "error_after": _error_after,
}
"""What can be done to a body on its way; `at`: a byte, `piece`: an event, or a piece as it was read."""


class Stream:
    """One body: `value` is a record of its texts; what is done to its pieces is noted in its `rest["acts"]`."""

    def __init__(self, body: Body, stored: Stored) -> None:
        """Raises Unfit if it came at once and is no stream of events."""
        self._body = body
        self._form = _form(body)
        self._is_plain = body.encoding in ("", "identity")
        data = b"".join(piece for _, piece in stored["pieces"])
        several = sum(1 for _, piece in stored["pieces"] if piece) > 1
        if self._form == "pieces" and not (several and _is_chunked(stored["headers"])):
            raise Unfit("no stream")
        self._deltas = Deltas(body.value) if self._form != "pieces" else Deltas("")
        units = len(self._wire(stored["pieces"]).units)
        self.value = Typed(TAG, self._deltas.fields, {"bytes": len(data), "pieces": units, "form": self._form,
                                                      "bites": _bites(data), "acts": ()})  # fmt: skip

    def write(self, stored: Stored, value: Any, client: str) -> tuple[Stored, int]:
        """The stored answer with a changed stream, and the nanoseconds by which it ends later."""
        if type(value) is not Typed or value.tag != TAG:
            raise Unfit("a stream stays one")
        pieces = stored["pieces"]
        texts = self._deltas.changed(value.fields)
        if texts:
            try:
                pieces = self._with_texts(pieces, texts)
            except UnicodeDecodeError:  # another edit made it something else
                pass
        wire = self._wire(pieces)
        done = sum(_is_done(wire, name, argument) for name, argument in value.rest["acts"])
        if done:
            pieces = wire.pieces()
        changed = {**stored, "pieces": pieces, "end": "complete"}
        if wire.is_broken:
            changed.update(described_cut(client))
        return changed, wire.later

    def _with_texts(self, pieces: list[Any], texts: dict[str, Any]) -> list[Any]:
        """Each event grows or shrinks within the piece that it came in."""
        data = b"".join(piece for _, piece in pieces)
        before = self._plain(data)
        now = self._deltas if before == self._body.value else Deltas(before)
        after = now.write(texts)
        if not self._is_plain:
            return cut_as(pieces, self._body.write(after))
        lines = list(zip(_lines(data), _lines(after.encode("utf-8", "surrogatepass")), strict=True))
        ends = [0, *accumulate(len(old) for old, _ in lines)]
        new_ends = [0, *accumulate(len(new) for _, new in lines)]
        cuts, line = [0], 0
        for at in list(accumulate(len(piece) for _, piece in pieces))[:-1]:
            while ends[line + 1] <= at and line < len(lines) - 1:
                line += 1
            cuts.append(min(new_ends[line] + at - ends[line], new_ends[line + 1]))
        whole = b"".join(new for _, new in lines)
        spans = pairwise([*cuts, len(whole)])
        return [[offset, whole[one:two]] for (offset, _), (one, two) in zip(pieces, spans, strict=True)]

    def _plain(self, data: bytes) -> str:
        if self._is_plain:
            return data.decode()
        return str(Body(data, [["content-encoding", self._body.encoding], ["content-type", "text/plain"]]).value)

    def _wire(self, pieces: list[Any]) -> Wire:
        parts = [Part(number, offset, data) for number, (offset, data) in enumerate(pieces) if data]
        if self._form == "pieces" or not self._is_plain:
            return Wire([[part] for part in parts], "pieces")
        ends = _ends(b"".join(part.data for part in parts), self._form)
        units: list[list[Part]] = [[]]
        at = 0
        for part in parts:
            start = 0
            while ends and ends[0] <= at + len(part.data):
                end = ends.pop(0) - at
                units[-1].append(part._replace(data=part.data[start:end]))
                units.append([])
                start = end
            if start < len(part.data):
                units[-1].append(part._replace(data=part.data[start:]))
            at += len(part.data)
        return Wire([unit for unit in units if unit], self._form)


class Yielded:
    """What a generator yielded, as a bundle keeps it (`{"pieces": [[offset, value], ...], ...}`): its texts."""

    def __init__(self, form: Any) -> None:
        """Raises Unfit if it is no such form, or its pieces make no text."""
        if type(form) is not dict or not is_yielded(form) or type(form["pieces"]) is not list:
            raise Unfit("no generator's answer")
        self._texts = Texts([piece[1] for piece in form["pieces"]])
        if not self._texts.fields:
            raise Unfit("no texts")
        self._form = form
        rest = {"bytes": 0, "pieces": len(form["pieces"]), "form": "values", "bites": (), "acts": ()}
        self.value = {**form, TAG: Typed(TAG, self._texts.fields, rest)}

    def written(self, value: Any) -> Any:
        """The form with changed texts; what is no such form any more as it is."""
        if type(value) is not dict or TAG not in value:
            return value
        form = {name: item for name, item in value.items() if name != TAG}
        stream = value[TAG]
        if any(type(item) is Typed and item.tag == TAG for item in form.values()):
            raise Unfit("a stream stays in its place")
        if type(stream) is not Typed or form.get("pieces") is not self._form["pieces"]:
            return form
        pieces = list(form["pieces"])
        for number, piece in self._texts.edited(self._texts.changed(stream.fields)).items():
            pieces[number] = [pieces[number][0], piece, *pieces[number][2:]]
        return {**form, "pieces": pieces}


def _is_done(wire: Wire, name: str, argument: Any) -> bool:
    """Whether an act fits; one that does not leaves everything as it is."""
    before = [list(unit) for unit in wire.units]
    try:
        ACTS[name](wire, argument)
    except (Unfit, TypeError, ValueError, LookupError, OverflowError, AttributeError):  # untrusted: of any shape
        wire.units = before
        return False
    return True


def _lines(data: bytes) -> list[bytes]:
    *lines, last = data.split(b"\n")
    return [*(line + b"\n" for line in lines), last]


def _form(body: Body) -> str:
    """`events`, `lines`, or `pieces` of what is neither."""
    if type(body.value) is not str or body.form != "text" or len(body.value) > 1 << 20:
        return "pieces"
    head = body.value[:4096].lstrip("\ufeff \r\n")
    if _EVENT.match(head.encode("utf-8", "replace")):
        return "events"
    first, newline, _ = head.partition("\n")
    return "lines" if newline and first[:1] == "{" and first.rstrip()[-1:] == "}" else "pieces"


def _ends(data: bytes, form: str) -> list[int]:
    """Behind each event."""
    return [found.end() for found in (_EVENT_END if form == "events" else re.compile(rb"\n")).finditer(data)]


def _is_chunked(headers: list[Any]) -> bool:
    return any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)


def _bites(data: bytes) -> tuple[int, ...]:
    """Bytes after which a cut hurts: within a letter, a name, a line's end, an escape."""
    found = [place + 1 for bite in _BITES if (place := data.find(bite, len(data) // 3)) >= 0]
    letter = re.search(rb"[\xc2-\xf4][\x80-\xbf]", data)
    return tuple(([] if letter is None else [letter.start() + 1]) + found)
