"""`replay.WSGI`: requests are recorded as they pass, and given to the application again."""

from __future__ import annotations

import gc
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults

import flask
import pytest
from werkzeug.test import Client

from replay.core.recording import Outcome
from replay.core.world import current
from replay.engine import recorder
from replay.engine.targets import Targets
from replay.entrypoints.function import capture
from replay.entrypoints.wsgi import WSGI
from replay.errors import Unanswerable
from tests.entrypoints.conftest import Recordings

Again = Callable[..., Outcome]
HERE = "tests.entrypoints.test_wsgi"

site = flask.Flask(__name__)
app = WSGI(site)
EDITS: set[str] = set()


@app.post("/orders/<int:number>")
def order(number: int) -> Any:
    return {
        "number": number,
        "total": flask.request.get_json()["price"] * 3,
        "for": flask.request.headers["X-Customer"],
    }


@app.get("/crash")
def crash() -> Any:
    raise KeyError("plan")


@app.get("/stream")
def stream() -> Any:
    def pieces() -> Iterator[str]:
        for number in range(3):
            assert EDITS or current.get() is not None
            yield f"piece {number};"

    return flask.Response(pieces(), mimetype="text/plain")


@app.get("/file")
def file() -> Any:
    return flask.send_file(io.BytesIO(b"file content"), mimetype="text/plain")


@app.post("/lines")
def lines() -> Any:
    return flask.jsonify([line.decode() for line in flask.request.stream])


@app.post("/ignores")
def ignores() -> str:
    return flask.request.get_data().decode() if "reads" in EDITS else "not read"


def client() -> Client:
    return Client(app)


def test_a_request_is_recorded_and_replayed(recordings: Recordings, again: Again) -> None:
    """Request, response, route, method and trace of a Flask call."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Customer": "ann", "traceparent": trace}
    answer = client().post("/orders/7?x=1", json={"price": 5}, headers=headers, buffered=True)
    assert answer.json == {"number": 7, "total": 15, "for": "ann"}
    recording = recordings.one
    assert (recording.kind, recording.entrypoint) == ("wsgi", f"{HERE}:app")
    assert (recording.http_request_method, recording.http_response_status_code) == ("POST", 200)
    assert recording.http_route == "/orders/<int:number>"
    assert recording.trace_id == "0af7651916cd43dd8448eb211c80319c"
    request = recording.input.decode()
    assert (request["method"], request["path"], request["query_string"]) == ("POST", "/orders/7", "x=1")
    assert (b"".join(request["body"]), request["body_read"]) == (b'{"price": 5}', "whole")
    assert ["x-customer", "ann"] in request["headers"]
    assert recording.outcome.value["body"] == answer.data
    assert again(recording, app) == recording.outcome
    assert again(recording, site) == recording.outcome


def test_a_swallowed_crash_is_an_answer(recordings: Recordings, again: Again) -> None:
    """Flask answers 500 itself: a result whose recording is an error."""
    client().get("/crash", buffered=True)
    recording = recordings.one
    assert (recording.outcome.state, recording.http_response_status_code, recording.status) == (
        "returned",
        500,
        "error",
    )
    assert again(recording, app) == recording.outcome


def test_a_crash_that_passes_is_raised(recordings: Recordings, again: Again) -> None:
    """The server sees the same error as without the wrapper."""
    site.config["PROPAGATE_EXCEPTIONS"] = True
    try:
        with pytest.raises(KeyError, match="plan"):
            client().get("/crash")
        assert recordings.one.error_type == "KeyError"
        assert again(recordings.one, app).payload.error_type == "KeyError"
    finally:
        site.config["PROPAGATE_EXCEPTIONS"] = None


def test_a_stream_runs_in_the_recorders_world_only_inside(recordings: Recordings, again: Again) -> None:
    """Between two pieces the server is in its own world, and nothing is made ahead of it."""
    pieces, _, _ = client().run_wsgi_app(_environ(path="/stream"), buffered=False)
    for number in range(3):
        assert next(iter(pieces)) == b"piece %d;" % number
        assert current.get() is None
    assert list(pieces) == []
    assert recordings.captured == []
    pieces.close()
    recording = recordings.one
    assert recording.outcome.value["body"] == b"piece 0;piece 1;piece 2;"
    assert again(recording, app) == recording.outcome


def test_a_response_left_early_is_unfinished(recordings: Recordings, again: Again) -> None:
    """A server that closes before the end, as when the client left."""
    pieces, _, _ = client().run_wsgi_app(_environ(path="/stream"), buffered=False)
    next(iter(pieces))
    pieces.close()
    recording = recordings.one
    assert (recording.outcome.state, recording.outcome.value["body"]) == ("unfinished", b"piece 0;")
    assert again(recording, app) == recording.outcome


def test_a_response_that_nobody_reads_is_unfinished(recordings: Recordings, again: Again) -> None:
    """What its pieces would do is not done at replay either."""
    pieces: Any = app(_environ(path="/stream"), lambda status, headers: None)
    pieces.close()
    recording = recordings.one
    assert (recording.outcome.state, recording.outcome.value["body"]) == ("unfinished", b"")
    assert again(recording, app) == recording.outcome


@WSGI
def listed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-length", "9")])
    return [b"one", b"two", b"six"]


@pytest.mark.parametrize("read", [0, 1, 3, 4])
@pytest.mark.parametrize("closed", [False, True])
def test_a_list_is_a_whole_response(recordings: Recordings, again: Again, read: int, closed: bool) -> None:
    """Nothing of it is left to be done, whether or not a client takes all of it: none does of HEAD."""
    pieces: Any = listed(_environ(method="HEAD"), lambda status, headers: None)
    taken = [next(pieces) for _ in range(min(read, 3))]
    assert taken == [b"one", b"two", b"six"][:read]
    assert read < 4 or list(pieces) == []
    for _ in range(2 * closed):  # some servers close twice
        pieces.close()
    del pieces
    gc.collect()
    recording = recordings.one
    assert (recording.outcome.state, recording.outcome.value["body"]) == ("returned", b"onetwosix")
    assert again(recording, listed) == recording.outcome


def _environ(path: str = "/", method: str = "GET", body: bytes = b"") -> dict[str, Any]:
    environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": io.BytesIO(body)}
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    setup_testing_defaults(environ)
    return environ


def serve(application: Any, environ: dict[str, Any]) -> bytes:
    """The standard library's server side of WSGI, with its checks."""
    out = io.BytesIO()
    handler = SimpleHandler(environ["wsgi.input"], out, io.StringIO(), environ)
    handler.run(application)
    return out.getvalue()


def bare(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"bare"]


def writes(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written;")
    return [b"returned"]


def changes_its_mind(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    import sys

    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise ValueError("late")
    except ValueError:
        start_response("503 Busy", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"busy"]


def sends_a_file(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"file content"))


@pytest.mark.parametrize("application", [bare, writes, changes_its_mind, sends_a_file])
def test_the_server_sees_no_difference(recordings: Recordings, again: Again, application: Any) -> None:
    """Byte for byte the same through a real WSGI server: length, write(), exc_info, file wrapper."""
    environ = _environ()
    assert serve(WSGI(application), dict(environ)) == serve(application, dict(environ))
    assert again(recordings.one, application) == recordings.one.outcome


def test_what_was_recorded_of_these(recordings: Recordings) -> None:
    """Status and body of the protocol's less used ways."""
    for application in (writes, changes_its_mind, sends_a_file):
        serve(WSGI(application), _environ())
    found = [(each.outcome.value["status"], each.outcome.value["body"]) for each in recordings.all]
    assert found == [(200, b"written;returned"), (503, b"busy"), (200, b"")]
    assert recordings.all[2].outcome.value["file"] is True


def test_a_file_wrapper_is_handed_through(recordings: Recordings) -> None:
    """The server recognises its own class, and may use sendfile."""
    environ = _environ()
    environ["wsgi.file_wrapper"] = FileWrapper
    assert type(WSGI(sends_a_file)(environ, lambda *_: None)) is FileWrapper


@pytest.mark.parametrize("wrapper", [None, FileWrapper])
def test_a_file_of_flask_is_replayed_as_it_was_sent(recordings: Recordings, again: Again, wrapper: Any) -> None:
    """Of a server without a wrapper of its own the application reads the file itself, at replay too."""
    environ = _environ("/file")
    if wrapper is not None:
        environ["wsgi.file_wrapper"] = wrapper
    answer = app(environ, lambda *_: lambda _: None)
    assert b"".join(answer) == b"file content"
    getattr(answer, "close", lambda: None)()
    assert ("file" in recordings.one.outcome.value) == (wrapper is not None)
    assert again(recordings.one, app) == recordings.one.outcome


def test_the_process_environment_stays_out(recordings: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers mix os.environ into the environ; secrets of the process are not of the request."""
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    serve(WSGI(bare), {**os.environ, **_environ()})
    assert "hunter2" not in recordings.one.input.text


def test_lines_of_a_body(recordings: Recordings, again: Again) -> None:
    """An application that reads line by line is recorded and replayed the same."""
    answer = client().post("/lines", data=b"one\ntwo\nthree", buffered=True)
    assert answer.json == ["one\n", "two\n", "three"]
    assert again(recordings.one, app) == recordings.one.outcome


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read(),
        lambda stream: stream.read(4) + stream.read(3),
        lambda stream: stream.readline() + stream.readline(2),
        lambda stream: b"".join(stream.readlines()),
        lambda stream: b"".join(stream),
        lambda stream: b"%d" % stream.readinto(bytearray(3)),
    ],
)
def test_every_way_to_read(recordings: Recordings, again: Again, read: Callable[[Any], bytes]) -> None:
    """Each method of `wsgi.input` gives the server's bytes, and the recorded ones at replay."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [read(environ["wsgi.input"])]

    body = b"ab\ncdef"
    expected = read(io.BytesIO(body))
    answer = WSGI(application)(_environ(method="POST", body=body), lambda *_: None)
    assert list(answer) == [expected]
    assert recordings.one.outcome.value["body"] == expected
    assert again(recordings.one, application) == recordings.one.outcome


def test_a_body_nobody_reads_is_not_read_ahead(recordings: Recordings, again: Again) -> None:
    """It is recorded as unread; a replay that reads it is unanswerable."""
    EDITS.clear()
    client().post("/ignores", data=b"body", buffered=True)
    request = recordings.one.input.decode()
    assert (request["body"], request["body_read"]) == ([], "unread")
    assert again(recordings.one, app) == recordings.one.outcome
    EDITS.add("reads")
    try:
        with pytest.raises(Unanswerable, match="more of the request's body"):
            again(recordings.one, app)
    finally:
        EDITS.clear()


def test_an_error_while_streaming(recordings: Recordings, again: Again) -> None:
    """It passes to the server, is the outcome, and close() is still called."""
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            raise OSError("lost")

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return Pieces()

    answer = WSGI(application)(_environ(), lambda *_: None)
    with pytest.raises(OSError, match="lost"):
        list(answer)
    answer.close()  # type: ignore[attr-defined]
    assert closed == [True]
    assert recordings.one.error_type == "OSError"
    assert again(recordings.one, application).payload.error_type == "OSError"


def test_off_means_untouched() -> None:
    """Without settings the application gets the server's own environ and start_response."""
    assert recorder.active is None
    seen: list[Any] = []

    def application(*call: Any) -> Any:
        seen.extend(call)
        return seen

    environ, start = _environ(), (lambda *_: None)
    stream = environ["wsgi.input"]
    assert WSGI(application)(environ, start) is seen
    assert (seen[0] is environ, seen[1] is start, environ["wsgi.input"] is stream) == (True, True, True)


def test_the_application_is_reached_through_the_wrapper() -> None:
    """Attributes are read from it and set on it."""
    wrapped = WSGI(flask.Flask("shop"))
    wrapped.secret_key = "k"
    assert (wrapped.name, wrapped.secret_key, wrapped.test_client().get("/none").status_code) == ("shop", "k", 404)


inner = flask.Flask("inner")
inner.wsgi_app = WSGI(inner.wsgi_app)  # type: ignore[method-assign]


@inner.get("/orders")
def orders() -> Any:
    return {"orders": []}


def test_an_application_within_flask_is_found_again(recordings: Recordings, again: Again) -> None:
    """`app.wsgi_app = replay.WSGI(app.wsgi_app)`, as Flask takes middleware: named by what holds it, and loaded."""
    assert inner.test_client().get("/orders", buffered=True).status_code == 200
    recording = recordings.one
    assert recording.entrypoint == f"{HERE}:inner.wsgi_app"
    found = Targets(Path(__file__).parents[2]).load(recording.entrypoint)
    assert found is inner.wsgi_app
    assert again(recording, found) == recording.outcome


@pytest.mark.parametrize("path", ["inner.wsgi_app.nothing", "inner.nothing", "inner.name", "inner.logger"])
def test_what_an_object_does_not_hold_is_no_entry_point(path: str) -> None:
    """None of its properties is read, and what it holds has to have declared itself."""
    with pytest.raises(Unanswerable):
        Targets(Path(__file__).parents[2]).load(f"{HERE}:{path}")


@pytest.mark.parametrize(("path", "state"), [("/orders", "returned"), ("/stream", "unfinished")])
def test_a_response_that_nobody_closes_ends_where_it_is_let_go_of(
    recordings: Recordings, path: str, state: str
) -> None:
    """Flask's test client closes none."""
    answer = Client(inner if state == "returned" else app).get(path)
    if state == "returned":
        assert answer.data
    assert recordings.captured == []
    del answer
    gc.collect()
    assert recordings.one.outcome.state == state


class Builder:
    """As the decorators of Azure Functions return one: it keeps an object that keeps the function."""

    def __init__(self, function: Any) -> None:
        self._function = SimpleNamespace(_func=function, _name=function.__name__)


@Builder
@capture
def on_message(body: str) -> str:
    return body.upper()


def test_a_function_that_a_builder_keeps_is_found(recordings: Recordings) -> None:
    """Under the name of the function stands what the library made of it."""
    assert on_message._function._func("a") == "A"  # type: ignore[attr-defined]
    found = Targets(Path(__file__).parents[2]).load(recordings.one.entrypoint)
    assert found is on_message._function._func  # type: ignore[attr-defined]


def test_what_a_notebook_defined_has_to_be_put_into_a_module() -> None:
    """To allow `__main__` would not help: that is another program now."""
    with pytest.raises(Unanswerable, match=re.escape("replay run --target __main__:quote=module:quote")):
        Targets(Path(__file__).parents[2], allow=["__main__"]).load("__main__:quote")
