"""Streams: a secret in one event, in several, and in the list of texts that an application made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replay.core.redaction.streams import across
from tests.core.redaction.test_redactor import REDACTOR, answer, http, recording

KEY = "AKIAIOSFODNN7EXAMPLE"
DELTAS = ["Mail ", "bob@shop.example", " or ann", ".lee@", "y", ".org, key AKIA", "IOSFODNN7", "EXAMPLE ", "ok"]
ROWS = [{"id": 1, "email": "bob@x.org"}, {"id": 2, "email": "ann.lee@y.org"}, {"id": 3, "email": "cy@z.example"}]

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


def test_only_what_reaches_over_pieces_is_taken_from_the_whole() -> None:
    """A piece that was masked alone stays so; one that is nothing but a secret ends what is read on."""
    before = ["bob@x.org", "ann@y.org", "a b", "c d"]
    pieces = ["kdn@x.org", "imd@y.org", "a b", "c d"]
    assert pieces == across(before, pieces, lambda whole: whole.replace("kdn", "xxx").replace("orgimd", "yyyyyy"))
    assert across(before, pieces, lambda whole: whole.replace("bc", "XY")) == ["kdn@x.org", "imd@y.org", "a X", "Y d"]
