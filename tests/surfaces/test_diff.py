"""Two recordings side by side: what was said, not when, nor in which pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest

import replay
from replay.core.recording import Recording
from replay.surfaces.diff import compare
from tests.recordings import record

SAID: dict[str, Any] = {"body": b'{"plan": "free", "by": "ada@corp.example"}', "cut": 5, "type": "application/json"}


class Crm(BaseHTTPRequestHandler):
    """Answers in two pieces, cut where the service says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body, cut = SAID["body"], SAID["cut"]
        self.send_response_only(200)
        self.send_header("Content-Type", SAID["type"])
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (body[:cut], body[cut:], b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

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


def shop(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """A WSGI application that sends on what it was sent."""
    sent = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    httpx.post(environ["HTTP_X_CRM"], json={"order": sent, "of": "shop"}, trust_env=False)
    start("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]


def order(crm: str, body: str, app: Callable[..., Any] = shop) -> None:
    """One request of it."""
    environ: dict[str, Any] = {"wsgi.input": BytesIO(body.encode()), "CONTENT_LENGTH": str(len(body)),
                               "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json", "HTTP_X_CRM": crm,
                               "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(len(body))}  # fmt: skip
    setup_testing_defaults(environ)
    response = replay.WSGI(app, target=f"{__name__}:shop")(environ, lambda *_: None)
    assert b"".join(response) == b"{}"
    getattr(response, "close", lambda: None)()


def test_a_field_of_a_request_has_a_path(tmp_path: Path, crm: str) -> None:
    """Of what a web application was sent, and of what it sent on."""
    one = recorded(tmp_path / "one", lambda: order(crm, '{"seats": 2, "plan": "free"}'))
    two = recorded(tmp_path / "two", lambda: order(crm, '{"seats": "2", "plan": "free"}'))
    found = compare(one, two)
    assert ("$.body.seats", 2, "2") in [(each.path, each.recorded, each.actual) for each in found.input]
    assert {each.path.partition("[")[0] for each in found.input} == {"$.body.seats", "$.headers"}
    (step,) = found.steps
    paths = {each.path: (each.recorded, each.actual) for each in step.request}
    assert paths == {"$.body.order.seats": (2, "2"), "$.headers['content-length']": ("47", "49")}


def test_the_same_written_otherwise_is_told_as_it_is_written(tmp_path: Path, crm: str) -> None:
    """Bodies that say the same in other bytes are not the same."""
    one = recorded(tmp_path / "one", lambda: order(crm, '{"seats": 2, "plan": 1}'))
    two = recorded(tmp_path / "two", lambda: order(crm, '{"seats": 2,"plan": 1 }'))
    (found,) = compare(one, two).input
    assert (found.path, found.recorded) == ("$.body", 'b\'{"seats": 2, "plan": 1}\'')


def test_a_body_that_was_not_read_whole_is_compared(tmp_path: Path) -> None:
    """It has no fields: what was read of it is told."""

    def shy(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        environ["wsgi.input"].read(12)
        start("200 OK", [])
        return [b"{}"]

    one, two = (recorded(tmp_path / each, lambda each=each: order("", f'{{"plan": "{each}", "seats": 2}}', shy))
                for each in ("a", "b"))  # fmt: skip
    (found,) = compare(one, two).input
    assert (found.path, found.recorded, found.actual) == ("$.body", 'b\'{"plan": "a"\'', 'b\'{"plan": "b"\'')


def test_interactions_are_put_side_by_side_by_what_they_ask(tmp_path: Path, crm: str) -> None:
    """Another address of the same kind is one that differs, not two that are alone."""
    one = recorded(tmp_path / "one", lambda: plan(f"{crm}/customers/1"))
    two = recorded(tmp_path / "two", lambda: plan(f"{crm}/customers/22"))
    (step,) = compare(one, two).steps
    assert [each.path for each in step.request] == ["$.url"]


def test_of_streams_the_texts_are_compared(tmp_path: Path, crm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the deltas make together has a place; where they make the same, the first other event is told."""

    def events(id: str, *texts: str) -> bytes:
        chunks = [{"id": id, "choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
        return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks).encode() + b"data: [DONE]\n\n"

    monkeypatch.setitem(SAID, "type", "text/event-stream")
    told = []
    for number, body in enumerate((events("a", "Hi ", "Ada"), events("a", "Hi ", "Bob"), events("b", "H", "i Ada"))):
        monkeypatch.setitem(SAID, "body", body)
        told += [recorded(tmp_path / str(number), lambda: plan(crm))]
    (step,) = compare(told[0], told[1]).steps
    assert [(each.path, each.recorded, each.actual) for each in step.answer] == [("$.stream.text", "Hi Ada", "Hi Bob")]
    (step,) = compare(told[0], told[2]).steps
    (found,) = step.answer
    assert (found.path, found.recorded[:12], found.actual[:12]) == ("$.stream", 'data: {"id":', 'data: {"id":')


def test_what_redaction_notes_is_no_difference(tmp_path: Path, crm: str) -> None:
    """Two processes have two keys: only what stands in the answers differs."""
    one, two = (recorded(tmp_path / key.hex(), lambda: plan(crm), key) for key in (b"a" * 16, b"b" * 16))
    found = compare(one, two)
    assert one.redacted
    assert found.context == ()
    assert [each.path for step in found.steps for each in step.answer] == ["$.body.by"]
