"""Streams: a secret in one event, in several, and in the list of texts that an application made of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from random import Random
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


CUT = {
    "a mail address": "ann.smith@mail.example", "a card": "4012888888881881", "a key": "AKIAQ7ZT44XYABCDEFGH",
    "a token": "q7Zt44xyAb9dKq8L", "letters of many bytes": "pässwörd-Ωmega77", "a number": "+49 170 1234567",
}  # fmt: skip
NAMED = {"a token": "token", "letters of many bytes": "password", "a number": "phone"}
"""Names without which nobody tells that they are secrets."""


def _pieces(text: str, secret: str, random: Random) -> list[str]:
    """The text, cut at its spaces and at up to three places within the secret, as words of a model come."""
    at = text.index(secret)
    cuts = {at + random.randrange(1, len(secret)) for _ in range(random.choice((1, 1, 2, 3)))}
    cuts |= {found.end() for found in re.finditer(" ", text) if not at <= found.start() < at + len(secret)}
    ends = [0, *sorted(cuts), len(text)]
    return [text[one:two] for one, two in pairwise(ends)]


def _lacks(secret: str, text: str) -> bool:
    """Whether no part of five characters is left that says anything: the domain of an address, a card's bank stay."""
    secret = secret.partition("@")[0]
    parts = [secret[at : at + 5] for at in range(2 * secret.isdecimal(), len(secret) - 4)]
    return [part for part in parts if part in text and any(map(str.isalnum, part))] == []


@pytest.mark.parametrize(
    ("name", "known"), [(name, known) for name in CUT for known in (True, False) if known or name != "a number"]
)
def test_a_secret_that_is_cut_anywhere(name: str, known: bool) -> None:
    """Over pieces of a stream, of a tool's arguments, of the list of texts or bytes that the application makes, of the
    messages that it sends on: whatever its end or its beginning looks like, it is one, the same as elsewhere."""
    secret, random = CUT[name], Random(name)
    said = f"Dear {secret}, your code. " if known or name not in NAMED else f"Dear you, {NAMED[name]}={secret} is it "
    document = json.dumps({"to": "x", "body": said, "n": 1}, ensure_ascii=False)
    for _ in range(25):
        words, parts = _pieces(said, secret, random), _pieces(document, secret, random)
        events = [{"delta": word} for word in words] + [{"arguments": part} for part in parts]
        data, size = said.encode(), len(said.encode()) // 7
        result = {"words": words, "parts": parts, "sent": [{"type": "websocket.send", "text": word} for word in words],
                  "bytes": [data[at : at + size] for at in range(0, len(data), size)]}  # fmt: skip
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
        sent = answer(body, [("content-type", "text/event-stream")])
        given = {NAMED.get(name, "said"): secret} if known else {}
        after = REDACTOR.redact(recording(given, requests=[http()], answers=[sent], outcome=result))
        held = after.outcome.payload.decode()
        whole = "".join(held["words"])
        assert _lacks(secret, whole), (words, whole)
        assert len(whole) == len(said)
        assert (whole[:5], whole[-3:]) == (said[:5], said[-3:])
        assert [whole] * 3 == [
            json.loads("".join(held["parts"]))["body"],
            "".join(each["text"] for each in held["sent"]),
            b"".join(held["bytes"]).decode(),
        ]
        if known:
            assert whole == f"Dear {after.input.decode()[NAMED.get(name, 'said')]}, your code. "
        pieces = b"".join(piece for _, piece in after.interactions[0].answer.decode()["pieces"]).decode()
        seen = [json.loads(line[6:]) for line in pieces.splitlines() if line]
        assert seen == [{"delta": each} for each in held["words"]] + [{"arguments": each} for each in held["parts"]]
        assert REDACTOR.redact(after) == after, words
        assert REDACTOR.find(after) == [], words


def test_rows_are_not_read_on() -> None:
    """Values that only stand one after the other are no text: nothing that two of them would make is a secret."""
    rows = ["to", "ann@x.example", "bob@y.example", "4012", "888888881881"]
    after = REDACTOR.redact(recording({"rows": rows, "first": rows[1]}))
    held = after.input.decode()
    assert held["rows"][1] == held["first"]
    assert [held["rows"][at] for at in (0, 3, 4)] == [rows[at] for at in (0, 3, 4)]
    assert [each.partition("@")[2] for each in held["rows"][1:3]] == ["x.example", "y.example"]
