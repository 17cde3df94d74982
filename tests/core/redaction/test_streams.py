"""Streams: a secret in one event, in several, and in the list of texts that an application made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from replay.core.codec import encode
from replay.core.redaction.marks import marks_of, places_of
from replay.core.redaction.streams import across
from tests.core.redaction.test_redactor import REDACTOR, answer, http, recording

KEY = "AKIAIOSFODNN7EXAMPLE"
DELTAS = ["Mail ", "bob@shop.example", " or ann", ".lee@", "y", ".org, key AKIA", "IOSFODNN7", "EXAMPLE ", "ok"]
ROWS = [{"id": 1, "email": "bob@x.org"}, {"id": 2, "email": "ann.lee@y.org"}, {"id": 3, "email": "cy@z.example"}]


@dataclass
class Delta:
    """One piece, as an application holds it."""

    text: str


SHAPES: dict[str, Any] = {
    "texts": lambda each: each,
    "bytes": str.encode,
    "lists": lambda each: ["text", each],
    "tuples": lambda each: (0, each),
    "bytes in tuples": lambda each: ("text", each.encode()),
    "events": lambda each: {"type": "delta", "choices": [{"index": 0, "delta": {"content": each}}]},
    "records": lambda each: Delta(each),
}
"""What an application makes of each text of a stream."""
EVENTS: dict[str, tuple[str, Any, Any]] = {
    "JSON": (
        "text/event-stream",
        lambda each: f"data: {json.dumps({'delta': each})}\n\n",
        lambda line: json.loads(line[6:])["delta"],
    ),
    "texts": ("text/event-stream", lambda each: f"data: {each}\n\n", lambda line: line[6:]),
    "texts, CRLF": ("text/event-stream", lambda each: f"data: {each}\r\n\r\n", lambda line: line[6:]),
    "JSON texts": (
        "text/event-stream",
        lambda each: f"data: {json.dumps(each)}\n\n",
        lambda line: json.loads(line[6:]),
    ),
    "lines": ("application/x-ndjson", lambda each: json.dumps(each) + "\n", json.loads),
    "data stream": ("text/plain", lambda each: f"0:{json.dumps(each)}\n", lambda line: json.loads(line[2:])),
}
"""How a stream has its texts: its type, how one is written, how it is read."""
STREAMS: dict[str, tuple[str, str, Any, Any]] = {
    "events": (
        "text/event-stream",
        "".join(f"data: {json.dumps({'delta': each})}\n\n" for each in DELTAS),
        lambda body: [json.loads(line[6:])["delta"] for line in body.splitlines() if line],
        [*DELTAS, None],
    ),
    "lines": (
        "application/x-ndjson",
        "".join(json.dumps(row) + "\n" for row in ROWS),
        lambda body: [json.loads(line) for line in body.splitlines()],
        ROWS,
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_the_application_reads_what_its_result_says(name: str) -> None:
    """The pseudonyms of a stream are those of the result, however the texts were cut."""
    kind, body, read, result = STREAMS[name]
    headers = [("Content-Type", kind)]
    found = REDACTOR.redact(recording(outcome=result, requests=[http()], answers=[answer(body.encode(), headers)]))
    pieces = found.interactions[0].answer.decode()["pieces"]
    seen = read(b"".join(data for _, data in pieces).decode())
    assert found.outcome.payload.decode() == ([*seen, None] if name == "events" else seen)
    text = json.dumps(seen) + "".join(seen if name == "events" else ())
    assert [secret for secret in (KEY, "bob@", "ann.lee@", "cy@") if secret in text] == []
    assert REDACTOR.redact(found) is found


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_made_of_each_text_says_the_same(shape: str) -> None:
    """A secret that only several items of a result show together is masked in them as in the stream."""
    make = SHAPES[shape]
    body = STREAMS["events"][1].encode()
    result = {"said": [make(each) for each in DELTAS]}
    sent = answer(body, [("Content-Type", "text/event-stream")])
    found = REDACTOR.redact(recording(outcome=result, requests=[http()], answers=[sent]))
    pieces = found.interactions[0].answer.decode()["pieces"]
    seen = STREAMS["events"][2](b"".join(data for _, data in pieces).decode())
    assert KEY not in "".join(seen)
    assert encode({"said": [make(each) for each in seen]}).text == found.outcome.payload.text
    places = {path[: len("$.said[6]")] for place, path, _ in places_of(marks_of(found)) if place == "outcome"}
    changed = [f"$.said[{at}]" for at, (old, new) in enumerate(zip(DELTAS, seen, strict=True)) if old != new]
    assert places - {"$.said.te"} >= set(changed[1:])  # of pairs some are named by what stands first
    assert REDACTOR.redact(found) is found


@pytest.mark.parametrize("events", EVENTS)
def test_events_that_are_texts_are_read_on(events: str) -> None:
    """A secret that is cut over several events is masked in each, however these are written."""
    kind, write, read = EVENTS[events]
    sent = answer("".join(map(write, DELTAS)).encode(), [("Content-Type", kind)])
    found = REDACTOR.redact(recording(outcome="".join(DELTAS), requests=[http()], answers=[sent]))
    pieces = found.interactions[0].answer.decode()["pieces"]
    lines = b"".join(data for _, data in pieces).decode().splitlines()
    seen = "".join(read(line) for line in lines if line)
    assert seen == found.outcome.payload.decode()
    assert [secret for secret in (KEY, "bob@", "ann.lee@") if secret in seen] == []
    assert REDACTOR.redact(found) is found


def test_only_what_reaches_over_pieces_is_taken_from_the_whole() -> None:
    """A piece that was masked alone stays so; one that is nothing but a secret ends what is read on."""
    before = ["bob@x.org", "ann@y.org", "a b", "c d"]
    pieces = ["kdn@x.org", "imd@y.org", "a b", "c d"]
    assert pieces == across(before, pieces, lambda whole: whole.replace("kdn", "xxx").replace("orgimd", "yyyyyy"))
    assert across(before, pieces, lambda whole: whole.replace("bc", "XY")) == ["kdn@x.org", "imd@y.org", "a X", "Y d"]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "pieces", [('{"password": "cAnA', "rY-7Qz8", 'Xw9v"}'), ('{"pass', 'word": "cAnArY-7Qz8', 'Xw9v", "n": 1}')]
)
def test_a_secret_that_begins_in_the_event_that_names_it(pieces: tuple[str, ...], known: bool) -> None:
    """A tool's arguments in pieces: it has the pseudonym that it has elsewhere, and the JSON stays JSON."""
    sent = "".join(f"data: {json.dumps({'delta': each})}\n\n" for each in pieces).encode()
    given = {"password": "cAnArY-7Qz8Xw9v"} if known else {"text": "token=cAnArY-7Qz8Xw9v"}
    before = recording(given, requests=[http()], answers=[answer(sent, [("Content-Type", "text/event-stream")])])
    found = REDACTOR.redact(before)
    body = b"".join(data for _, data in found.interactions[0].answer.decode()["pieces"]).decode()
    seen = "".join(json.loads(line[6:])["delta"] for line in body.splitlines() if line)
    held = found.input.decode()
    assert json.loads(seen)["password"] == (held["password"] if known else held["text"].removeprefix("token="))
    assert REDACTOR.redact(found) is found
