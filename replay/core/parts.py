"""The parts of a recording that edits reach: each opened when it is first needed, and written back.

See `replay.core.edits` for their names. A part is opened once for any number of mutations of the same recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from replay.core.bare import is_bare
from replay.core.codec import Value, encode
from replay.core.edits import parse
from replay.core.families.objects import is_whole
from replay.core.families.scalars import raw
from replay.core.faults import Fault, Raises, Slow, raised_by
from replay.core.messages import (
    Body,
    Packed,
    Pairs,
    Verbatim,
    cut_as,
    headers_of,
    put_header,
    write_headers,
    write_query,
)
from replay.core.nested import within
from replay.core.opened import Kept, Opened, Typed, Unfit
from replay.core.recording import Interaction, Recording
from replay.core.sound import LONGEST
from replay.core.streaming import Stream, Yielded
from replay.core.surroundings import Environ, Timing, Zone, paced
from replay.core.world import FILLED
from replay.core.written import json_text
from replay.errors import CodecError

FIRST, LAST = -62_135_596_800 * 10**9, 253_402_300_799 * 10**9
"""Nanoseconds since the epoch of the years 1 and 9999."""
Draft = dict[str, Any]
"""Fields of the recording that are replaced."""
_LARGE = 1 << 20
"""Characters of an answer, far below the limit of a value."""
_ANSWERING = frozenset({"http", "call", "model"})


class Part(Protocol):
    """One part, opened."""

    value: Any

    def write(self, draft: Draft, value: Any) -> None:
        """Put a changed value into the draft. Raises Unfit if the recording cannot hold it."""
        ...


class Parts:
    """The parts of one recording."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._places = {i.seq: place for place, i in enumerate(recording.interactions)}
        self._opened: dict[str, Part | None] = {}

    def names(self) -> Iterator[str]:
        """Of all parts that can be edited, in the order of the recording."""
        for name in self._all():
            if self.get(name) is not None:
                yield name

    def every(self) -> Iterator[str]:
        """`names`, and what a search for failures leaves alone: flags, variables, the zone, when answers came."""
        yield from self.names()
        for interaction in self.recording.interactions:
            if interaction.boundary == "environ":
                yield f"environ[{interaction.seq}]"
            yield f"timing[{interaction.seq}]"
        yield "environ"
        yield "zone"

    def get(self, name: str) -> Part | None:
        """The part of that name; None if there is none, or it cannot be edited."""
        if name not in self._opened:
            try:
                self._opened[name] = self._open(name)
            except (Unfit, CodecError, ValueError, TypeError, LookupError, AttributeError):  # untrusted: of any shape
                self._opened[name] = None
        return self._opened[name]

    def interaction(self, name: str) -> Interaction | None:
        """The interaction that a part's name means."""
        boundary, bracket, number = name.partition("[")
        place = self._places.get(int(number[:-1])) if bracket else None
        found = None if place is None else self.recording.interactions[place]
        return found if found is not None and found.boundary == boundary else None

    def _all(self) -> Iterator[str]:
        yield "input"
        for interaction in self.recording.interactions:
            if interaction.boundary in _ANSWERING:
                yield f"{interaction.boundary}[{interaction.seq}]"
        yield "clock"
        yield "draws"

    def _open(self, name: str) -> Part | None:
        recording = self.recording
        if name == "input":
            if not is_whole(recording.input):
                return None
            return Web(recording) if recording.kind in ("asgi", "wsgi") else Input(recording)
        if name == "clock":
            return Clock(recording)
        if name == "draws":
            return Draws(recording)
        if name == "environ":
            return Environ(recording)
        if name == "zone":
            return Zone(recording)
        if name.startswith("timing["):
            return Timing(recording, self._places[int(name[7:-1])])
        interaction = self.interaction(name)
        if interaction is None or interaction.answer.gaps:
            return None
        place = self._places[interaction.seq]
        if interaction.boundary == "http":
            return HttpAnswer(interaction, place)
        return Returned(interaction, place) if interaction.boundary in ("call", "model", "environ") else None


def value_at(parts: Parts, path: str, missing: Any) -> Any:
    """The opened value at a path of an edit, `[*]` for the first item; `missing` if there is none."""
    root, steps = parse(path.replace("[*]", "[0]"))
    part, interaction = parts.get(root), parts.interaction(root)
    if part is None and interaction is not None and not steps:
        return Kept(interaction.answer.tree)
    found = missing if part is None else part.value
    for step in steps:
        found = dict(within(found)).get(step, missing)
    return found


class Input:
    """Arguments of a function, or what a block was given."""

    def __init__(self, recording: Recording) -> None:
        self._opened = Opened(recording.input)
        self.value = self._opened.value

    def write(self, draft: Draft, value: Any) -> None:
        draft["input"] = self._opened.close(value)


class Web:
    """A request of a web application: `{"method", "path", "query", "headers", "body"}`."""

    def __init__(self, recording: Recording) -> None:
        stored = recording.input.decode()
        self._stored = stored
        self._kind = recording.kind
        self._query = _latin(stored.get("query_string"))
        self._body: Body | None
        try:
            self._body = Body(b"".join(stored["body"]), stored["headers"]) if stored["body_read"] == "whole" else None
        except Unfit:
            self._body = None
        query = Body(self._query.encode("latin-1"), [["content-type", "x-www-form-urlencoded"]]).value
        self.value: dict[str, Any] = {
            "method": stored.get("method"), "path": stored.get("path"), "query": query or {},
            "headers": headers_of(stored["headers"]),
        }  # fmt: skip
        if self._body is not None and self._body.form != "none":
            self.value["body"] = self._body.value

    def write(self, draft: Draft, value: Any) -> None:
        if type(value) is not dict or not {"method", "path", "query", "headers"} <= value.keys():
            raise Unfit("a request has all its parts")
        before, stored = self.value, dict(self._stored)
        for name in ("method", "path"):
            if value[name] is not before[name]:
                if type(value[name]) is not str or not value[name]:
                    raise Unfit(f"a request's {name} is text")
                stored[name] = value[name]
                stored.pop("raw_path" if name == "path" else name + "_", None)
        if value["query"] is not before["query"]:
            text = write_query(value["query"])
            stored["query_string"] = text.encode() if isinstance(stored.get("query_string"), bytes) else text
        if type(value["headers"]) is not dict:
            raise Unfit("headers have names")
        pairs: Pairs = [list(pair) for pair in stored["headers"]]
        if value["headers"] is not before["headers"]:
            pairs = write_headers(pairs, before["headers"], value["headers"])
        if self._body is not None and value.get("body") is not before.get("body"):
            data = self._body.write(value["body"]) if "body" in value else b""
            stored["body"] = [data] if data else []
            if value["headers"].get("content-length") is before["headers"].get("content-length"):
                pairs = put_header(pairs, "content-length", str(len(data)))
        stored["headers"] = pairs
        draft["input"] = encode(stored)


class HttpAnswer:
    """`{"status", "headers", "body"}`, and `stream` if it came in pieces: the body once more, as it arrived. A Fault in
    its place: no such answer came; Slow: it came later."""

    def __init__(self, interaction: Interaction, place: int) -> None:
        stored = interaction.answer.decode()
        if interaction.state != "returned" or stored.get("error") or stored.get("dropped") or "malformed" in stored:
            raise Unfit("no whole answer")
        if stored["end"] not in ("complete", "truncated", "closed_early"):
            raise Unfit("no whole answer")
        self._stored, self._place = stored, place
        self._is_bare = is_bare(_besides_pieces(stored))
        self._client = str(interaction.request.decode().get("client"))
        data = b"".join(piece for _, piece in stored["pieces"])
        self.body = Body(data, [] if stored["decoded"] else stored["headers"])
        if stored["decoded"]:
            typed = [pair for pair in stored["headers"] if pair[0].lower() == "content-type"]
            self.body = Body(data, typed)
        self.value: dict[str, Any] = {"status": stored["status"], "headers": headers_of(stored["headers"])}
        if self.body.form != "none":
            self.value["body"] = self.body.value
        try:
            self._stream = Stream(self.body, stored)
            self.value["stream"] = self._stream.value
        except Unfit:  # it came at once and is no stream of events
            pass

    def write(self, draft: Draft, value: Any) -> None:
        if isinstance(value, Fault):
            stored, state = raised_by(value, self._client, self._stored)
            return _put(draft, self._place, encode(stored), state)
        if isinstance(value, Slow):
            return _delay(draft, self._place, value.nanoseconds, whole=True)
        if type(value) is not dict or not {"status", "headers"} <= value.keys() or type(value["headers"]) is not dict:
            raise Unfit("an answer has a status and headers")
        before, stored = self.value, dict(self._stored)
        status = value["status"]
        if status is not before["status"]:
            if type(status) is not int or not 200 <= status <= 599:
                raise Unfit("no status that a server sends")
            stored["status"], stored["reason"] = status, _reason(status)
        pairs: Pairs = [list(pair) for pair in stored["headers"]]
        if value["headers"] is not before["headers"]:
            pairs = write_headers(pairs, before["headers"], value["headers"])
        if value.get("body") is not before.get("body"):
            data = self._data(value)
            stored["pieces"] = cut_as(stored["pieces"], data)
            if value["headers"].get("content-length") is before["headers"].get("content-length"):
                pairs = put_header(pairs, "content-length", str(len(data)))
            stored["end"] = "complete"
        stored["headers"] = pairs
        is_known = self._is_bare and value["headers"] is before["headers"]  # a status, a length make no difference
        delay = 0
        if "stream" in value and value["stream"] is not before.get("stream"):
            stored, delay = self._with_stream(stored, value)
            is_known = False
        _put(draft, self._place, encode_answer(stored, is_known=is_known), "returned")
        if delay:
            _delay(draft, self._place, delay)
        return None

    def _with_stream(self, stored: dict[str, Any], value: dict[str, Any]) -> tuple[dict[str, Any], int]:
        stored, delay = self._stream.write(stored, value["stream"], self._client)
        if stored["end"] == "complete" and (
            value["headers"].get("content-length") is self.value["headers"].get("content-length")
        ):
            size = sum(len(piece) for _, piece in stored["pieces"])
            stored["headers"] = put_header(stored["headers"], "content-length", str(size))
        return stored, delay

    def _data(self, value: dict[str, Any]) -> bytes:
        if "body" not in value:
            return b""
        body = value["body"]
        if type(body) is Packed:
            if self._stored["decoded"]:
                raise Unfit("the client undid the compression before it was recorded")
            held = body.value
            return body.wire(bytes(held) if type(held) is Verbatim else self.body.plain(held))
        if type(body) is Verbatim and value["headers"].get("content-encoding") is None:
            return bytes(body)
        return self.body.write(body)


class Returned:
    """What a call or model answered; a Fault or Raises in its place: it raised; Slow: it came later."""

    def __init__(self, interaction: Interaction, place: int) -> None:
        if interaction.state != "returned":
            raise Unfit("it did not answer")
        self._opened = Opened(interaction.answer)
        self._place = place
        self.value = self._opened.value
        self._yielded: Yielded | None = None
        try:
            self._yielded = Yielded(self.value)
            self.value = self._yielded.value
        except (Unfit, LookupError, TypeError):  # it is not what a generator yielded
            pass

    def write(self, draft: Draft, value: Any) -> None:
        if isinstance(value, Fault):
            _put(draft, self._place, encode(value.error()), "raised")
        elif isinstance(value, Raises):
            _put(draft, self._place, encode(value.error), "raised")
        elif isinstance(value, Slow):
            _delay(draft, self._place, value.nanoseconds, whole=True)
        elif type(self.value) is Typed and self.value.rest.get("type") == FILLED and not _fills(self.value, value):
            raise Unfit("a call fills the arguments that it is given, and puts no others in their place")
        else:
            plain = value if self._yielded is None else self._yielded.written(value)
            _put(draft, self._place, self._opened.close(plain), "returned")


class Clock:
    """When the unit of work started: `{"started_at": nanoseconds since the epoch}`."""

    def __init__(self, recording: Recording) -> None:
        self.value = {"started_at": recording.started_at}

    def write(self, draft: Draft, value: Any) -> None:
        started = value.get("started_at") if type(value) is dict else None
        if type(started) is not int or not FIRST <= started <= LAST - LONGEST:
            raise Unfit("no time that a clock shows")
        draft["started_at"] = started


class Draws:
    """Random draws: `{lane: {kind: [values]}}`."""

    def __init__(self, recording: Recording) -> None:
        tree = recording.context.tree
        found = tree.get("draws") if type(tree) is dict else None
        text = json_text(found)
        if not found or recording.context.gaps or '"$ref"' in text or '"$id"' in text:
            raise Unfit("nothing was drawn")
        self._context = tree
        self._opened = Opened(Value(text))
        self.value = self._opened.value

    def write(self, draft: Draft, value: Any) -> None:
        if type(value) is not dict or not all(type(kinds) is dict for kinds in value.values()):
            raise Unfit("draws belong to a lane and a kind")
        for lane, kinds in value.items():
            for kind, drawn in kinds.items():
                before = self.value.get(lane, {}).get(kind, ())
                if type(drawn) is not list or {type(each) for each in drawn} - {type(each) for each in before}:
                    raise Unfit("what is drawn has the type of its kind")
        before = draft["context"].tree if "context" in draft else self._context
        context = {**before, "draws": self._opened.tree(value)}
        draft["context"] = Value(msgspec.json.encode(context).decode())


def encode_answer(stored: dict[str, Any], *, is_known: bool = False) -> Value:
    """What `encode` makes of a stored answer; without its walk of one whose pieces are the only bytes (which `is_known`
    says), as a search writes one for each of its runs."""
    if not (is_known or is_bare(_besides_pieces(stored))) or not all(map(_is_piece, stored["pieces"])):
        return encode(stored)
    text = json_text({**stored, "pieces": [[offset, raw(data)] for offset, data in stored["pieces"]]})
    return Value(text) if len(text) <= _LARGE else encode(stored)


def _besides_pieces(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name != "pieces"}


def _is_piece(piece: object) -> bool:
    if type(piece) is not list or len(piece) != 2:
        return False
    offset, data = piece
    return type(offset) is int and 0 <= offset <= LONGEST and type(data) is bytes


def _fills(before: Typed, value: Any) -> bool:
    """Whether a call that was given arguments of the kinds in `before` can have left them as in `value`."""
    if type(value) is not Typed or value.rest != before.rest or value.fields.keys() != before.fields.keys():
        return False
    args, kwargs = (value.fields[name] for name in ("args", "kwargs"))
    had, named = before.fields["args"], before.fields["kwargs"]
    if type(args) is not list or type(kwargs) is not dict or len(args) != len(had) or kwargs.keys() != named.keys():
        return False
    pairs = [*zip(args, had, strict=True), *((kwargs[name], named[name]) for name in named)]
    return all(type(now) is type(was) and (type(now) is not Typed or now.rest == was.rest) for now, was in pairs)


def _put(draft: Draft, place: int, answer: Value, state: str) -> None:
    draft["interactions"][place] = msgspec.structs.replace(draft["interactions"][place], answer=answer, state=state)


def _delay(draft: Draft, place: int, nanoseconds: int, *, whole: bool = False) -> None:
    """It ended so much later; `whole`: what it consists of came later, too."""
    before = draft["interactions"][place]
    lasted = before.duration_ns + nanoseconds
    if not 0 <= before.offset_ns + lasted <= LONGEST:
        raise Unfit("longer than a recording lasts")
    answer = paced(before, lambda offset: offset + nanoseconds) if whole else before.answer
    draft["interactions"][place] = msgspec.structs.replace(before, answer=answer, duration_ns=lasted)


def _latin(text: Any) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text or ""


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
