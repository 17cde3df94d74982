"""Requests and answers in one line each: readable, and safe for a terminal whatever a stranger sent."""

from __future__ import annotations

import unicodedata

import pytest

from replay.core.codec import Value, encode
from replay.core.recording import Interaction
from replay.surfaces.asking import got_line, request_line

HOSTILE = "\x1b]0;owned\x07\x1b[31m\u202egnp\r\x9b2J"


def _http(body: bytes, url: str = "https://crm/a?n=1") -> Value:
    return encode({"client": "httpx", "method": "POST", "url": url, "headers": [], "body": body})


def _interaction(answer: Value, boundary: str = "http", state: str = "returned") -> Interaction:
    return Interaction(
        seq=0, lane="0", boundary=boundary, target="POST https://crm/a", request=_http(b""), answer=answer,
        state=state, offset_ns=0, duration_ns=0,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("boundary", "request_", "shown"),
    [
        ("http", _http(b""), "POST https://crm/a?n=1"),
        ("http", _http(b'{"plan": 1}'), "POST https://crm/a?n=1, body '{\"plan\": 1}'"),
        ("http", _http(b"an old caf\xe9 and more"), "POST https://crm/a?n=1, body 'an old caf\ufffd and more'"),
        ("http", _http(b"\x1f\x8b\x08\x00\xc5\xb3\xc0\xff" * 4), "POST https://crm/a?n=1, body of 32 bytes"),
        ("call", encode({"args": ["ada", 3], "kwargs": {"plan": None}}), "target('ada', 3, plan=None)"),
        ("environ", encode({"name": "flag"}), "target {'name': 'flag'}"),
    ],
)
def test_what_was_asked(boundary: str, request_: Value, shown: str) -> None:
    """As one would write it."""
    assert request_line(boundary, "target", request_) == shown


def test_what_production_got() -> None:
    """Status, size and the beginning of the body; of an error its type and message; of the unfinished just that."""
    whole = encode({"status": 200, "pieces": [[1, b'{"plan"'], [2, b": null}"]], "end": "complete", "error": None})
    assert got_line(_interaction(whole)) == "200, 14 bytes: '{\"plan\": null}'"
    abroad = encode({"status": 200, "pieces": [[1, "Zürich → Łódź".encode()]], "end": "complete", "error": None})
    assert got_line(_interaction(abroad)) == "200, 19 bytes: 'Zürich → Łódź'"
    assert got_line(_interaction(encode(ValueError("no")), "call", "raised")) == "ValueError: no"
    assert got_line(_interaction(encode(None), "call", "unfinished")) == "unfinished"
    assert got_line(_interaction(encode({"plan": None}), "call")) == "{'plan': None}"


def test_nothing_drives_the_terminal() -> None:
    """Control and bidirectional characters are escaped, and odd forms are shown, not trusted."""
    hostile = {"status": HOSTILE, "pieces": [[1, HOSTILE.encode()]], "end": HOSTILE, "error": {"type": HOSTILE}}
    odd = Value('{"status":200,"pieces":[[1,{"$base64":"!"}],3,[4]],"end":"complete"}')
    answers = [encode(hostile), odd, Value("{!"), Value('{"status":200,"pieces":7,"end":"complete"}')]
    texts = [got_line(_interaction(answer)) for answer in answers]
    texts += [
        request_line("http", HOSTILE, _http(HOSTILE.encode(), HOSTILE)),
        request_line("call", HOSTILE, Value("[")),
    ]
    texts.append(request_line("call", HOSTILE, encode({"args": [HOSTILE], "kwargs": {HOSTILE: HOSTILE}})))
    assert [char for text in texts for char in text if unicodedata.category(char) in ("Cc", "Cf")] == []
