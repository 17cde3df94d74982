"""Two recordings side by side: what was said, not when, nor in which pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

import replay
from replay.core.recording import Recording
from replay.surfaces.diff import compare
from tests.recordings import record

SAID: dict[str, Any] = {"body": b'{"plan": "free", "by": "ada@corp.example"}', "cut": 5}


class Crm(BaseHTTPRequestHandler):
    """Answers in two pieces, cut where the service says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body, cut = SAID["body"], SAID["cut"]
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (body[:cut], body[cut:], b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def crm() -> Iterator[str]:
    """Where it listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Crm)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@replay.capture
def plan(url: str) -> int:
    """Asks the CRM, and reads the answer as it comes."""
    with httpx.stream("GET", url, trust_env=False) as response:
        return sum(1 for _ in response.iter_raw()) and 1


@replay.boundary
def words() -> Iterator[str]:
    """A stream of no HTTP."""
    yield "one"
    yield "two"


@replay.capture
def says() -> list[str]:
    """What it says."""
    return list(words())


def recorded(folder: Path, work: Callable[[], Any], key: bytes = b"k" * 16) -> Recording:
    """The one recording that it made."""
    return record(folder, work, redaction_key=key)[0]


def test_the_same_asked_twice_is_no_difference(tmp_path: Path, crm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when its pieces came, nor how they were cut."""
    one = recorded(tmp_path / "one", lambda: plan(crm))
    monkeypatch.setitem(SAID, "cut", 17)
    two = recorded(tmp_path / "two", lambda: plan(crm))
    assert one.interactions[0].answer.text != two.interactions[0].answer.text
    assert compare(one, two).same
    assert compare(*(recorded(tmp_path / name, says) for name in ("three", "four"))).same


def test_a_field_of_an_answer_has_a_path(tmp_path: Path, crm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another answer said is told by its place in the body."""
    one = recorded(tmp_path / "one", lambda: plan(crm))
    monkeypatch.setitem(SAID, "body", SAID["body"].replace(b'"free"', b"null"))
    (step,) = compare(one, recorded(tmp_path / "two", lambda: plan(crm))).steps
    assert [(each.path, each.recorded, each.actual) for each in step.answer] == [("$.body.plan", "free", None)]


def test_what_redaction_notes_is_no_difference(tmp_path: Path, crm: str) -> None:
    """Two processes have two keys: only what stands in the answers differs."""
    one, two = (recorded(tmp_path / key.hex(), lambda: plan(crm), key) for key in (b"a" * 16, b"b" * 16))
    found = compare(one, two)
    assert one.redacted
    assert found.context == ()
    assert [each.path for step in found.steps for each in step.answer] == ["$.body.by"]
