"""The error behind a 500: frameworks catch it, and the answer says nothing of it."""

from __future__ import annotations

import gc
import io
import logging
import re
import sys
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults

import django
import flask
import msgspec
import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.http.response import HttpResponseBase
from django.urls import path
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import replay
from replay.core.behind import error_behind, type_of, with_error
from replay.core.codec import Value, encode
from replay.core.recording import Outcome, Recording
from replay.core.world import here
from replay.engine import behind, recorder
from replay.engine.runs import said
from replay.entrypoints.asgi import ASGI
from replay.entrypoints.wsgi import WSGI
from replay.surfaces.documents import run_row
from replay.surfaces.grouping import fingerprint
from replay.surfaces.init import install
from replay.surfaces.literals import raised_by
from replay.surfaces.text import headline
from tests.entrypoints.conftest import Recordings

QUART = ModuleType("quart.signals")
QUART.got_request_exception = type(flask.got_request_exception)("quart")  # type: ignore[attr-defined]
"""Of a framework that is not installed for tests."""
sys.modules.setdefault("quart.signals", QUART)


class _Falcon:
    """As Falcon does: it gives what it catches to a handler, which makes the answer."""

    def __call__(self, environ: Any, start: Any) -> list[bytes]:
        status, body = "200 OK", b"ok"
        try:
            _total(environ["PATH_INFO"].rpartition("/")[2])
        except Exception as error:
            status, body = self._handle_exception(environ, error)
        start(status, [])
        return [body]

    def _handle_exception(self, environ: Any, error: Exception) -> tuple[str, bytes]:
        return "500 Sorry", b"sorry"


FALCON = ModuleType("falcon.app")
FALCON.App = _Falcon  # type: ignore[attr-defined]
sys.modules.setdefault("falcon.app", FALCON)
install()
if not settings.configured:
    settings.configure(SECRET_KEY="k", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
    django.setup()

LOG = logging.getLogger("shop")
PRICES: dict[str, Any] = {"tea": 3, "odd": None}
FAULTS: set[str] = set()


def _total(sku: str) -> int:
    if "other" in FAULTS:
        raise RuntimeError(f"no total of {sku}")
    return int(PRICES[sku] * 2)


site = flask.Flask(__name__)


@site.get("/total/<sku>")
def _total_of(sku: str) -> Any:
    return {"total": _total(sku)}


@site.get("/down")
def _down() -> Any:
    return {"status": "down"}, 503


def _django_total(request: HttpRequest, sku: str) -> HttpResponse:
    return HttpResponse(str(_total(sku)))


async def _logs(request: Request) -> PlainTextResponse:
    try:
        return PlainTextResponse(str(_total(request.path_params["sku"])))
    except Exception:
        LOG.exception("no total")
        return PlainTextResponse("sorry", 200 if "forgives" in FAULTS else 500)


async def _raises(request: Request) -> PlainTextResponse:
    try:
        return PlainTextResponse(str(_total(request.path_params["sku"])))
    except Exception as error:
        raise HTTPException(500, "sorry") from error


async def _answers(request: Request) -> PlainTextResponse:
    try:
        return PlainTextResponse(str(_total(request.path_params["sku"])))
    except Exception:
        return PlainTextResponse("sorry", 500)


class _Caught:
    """A middleware that answers for what it catches, as `@app.middleware("http")` of FastAPI does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
            return
        except Exception:
            answer = StreamingResponse(iter(["sorry"]), 500)
        await answer(scope, receive, send)


class _CaughtLater(_Caught):
    """One that answers when the error is handled."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
            return
        except Exception:
            pass
        await PlainTextResponse("sorry", 500)(scope, receive, send)


async def _simple(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(_total(request.path_params["sku"])))


class _Quart:
    """As Quart does: it tells a signal of the error, and answers when that has been handled."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status, body = 200, b"ok"
        try:
            _total(scope["path"].rpartition("/")[2])
        except Exception as error:
            await QUART.got_request_exception.send_async(self, _sync_wrapper=_in_thread, exception=error)
            status, body = 500, b"sorry"
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def _in_thread(listener: Any) -> Any:
    """What Quart does with a listener that is no coroutine: it hears nothing of the world there."""
    raise AssertionError(listener)


def _django_answers(request: HttpRequest, sku: str) -> HttpResponse:
    try:
        return HttpResponse(str(_total(sku)))
    except Exception:
        return HttpResponseServerError("sorry")


def _passes(environ: Any, start: Any) -> list[bytes]:
    """PEP 3333: the error goes with the answer."""
    try:
        return [str(_total(environ["PATH_INFO"].rpartition("/")[2])).encode()]
    except Exception:
        info = sys.exc_info()
    start("500 Sorry", [], info)
    return [b"sorry"]


urlpatterns = [path("total/<str:sku>", _django_total), path("caught/total/<str:sku>", _django_answers)]

flask_app = WSGI(site, target=f"{__name__}:flask_app")
django_app = WSGI(WSGIHandler(), target=f"{__name__}:django_app")
raising_app = ASGI(Starlette(routes=[Route("/total/{sku}", _raises)]), target=f"{__name__}:raising_app")
passing_app = WSGI(_passes, target=f"{__name__}:passing_app")
logging_app = ASGI(Starlette(routes=[Route("/total/{sku}", _logs)]), target=f"{__name__}:logging_app")


answering_app = ASGI(Starlette(routes=[Route("/total/{sku}", _answers)]), target=f"{__name__}:answering_app")
caught_app = ASGI(
    Starlette(routes=[Route("/total/{sku}", _simple)], middleware=[Middleware(_Caught)]),
    target=f"{__name__}:caught_app",
)
later_app = ASGI(
    Starlette(routes=[Route("/total/{sku}", _simple)], middleware=[Middleware(_CaughtLater)]),
    target=f"{__name__}:later_app",
)
falcon_app = WSGI(_Falcon(), target=f"{__name__}:falcon_app")
quart_app = ASGI(_Quart(), target=f"{__name__}:quart_app")


def get(app: Any, place: str) -> None:
    """Ask the application."""
    if isinstance(app, ASGI):
        TestClient(app).get(place)
        return
    environ: dict[str, Any] = {"PATH_INFO": place, "wsgi.errors": io.StringIO()}
    setup_testing_defaults(environ)
    answer: Iterable[bytes] = app(environ, lambda status, headers, error=None: lambda data: None)
    list(answer)
    answer.close()  # type: ignore[attr-defined]


APPS = [flask_app, django_app, logging_app, passing_app, answering_app, caught_app, later_app, quart_app, falcon_app]
IDS = ["flask", "django", "logged", "passed on", "answered", "caught", "caught before", "quart", "falcon"]


@pytest.fixture(autouse=True)
def _no_faults() -> Any:
    yield
    FAULTS.clear()


@pytest.mark.parametrize("app", APPS, ids=IDS)
def test_the_error_is_recorded(recordings: Recordings, app: Any) -> None:
    """Its type, message and frames; two errors of one route are two failures, for groups and in a storm."""
    get(app, "/total/odd")
    get(app, "/total/none")
    one, other = recordings.all
    assert (one.error_type, other.error_type) == ("TypeError", "KeyError")
    assert (one.http_response_status_code, one.outcome.state) == (500, "returned")
    assert "_total" in [frame[2] for frame in error_behind(one.outcome)["$error"]["frames"]]
    assert fingerprint(one).failure == "TypeError"
    assert fingerprint(one).digest != fingerprint(other).digest
    assert recordings.captured[0].fingerprint != recordings.captured[1].fingerprint


@pytest.mark.parametrize("app", APPS, ids=IDS)
def test_another_error_behind_the_same_answer_is_a_change(recordings: Recordings, app: Any) -> None:
    """The page is the same; the failure is not."""
    get(app, "/total/odd")
    recording = recordings.one
    recorder.configure(None)
    assert replay.run(recording).status == "reproduced"
    FAULTS.add("other")
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert {each.path for each in verdict.difference} >= {"$.error.type", "$.error.message"}


@pytest.mark.parametrize("app", APPS[:2], ids=IDS[:2])
def test_an_older_recording_says_nothing_of_it(recordings: Recordings, app: Any) -> None:
    """Nothing is missed where nothing was noted."""
    get(app, "/total/odd")
    recording = recordings.one
    recorder.configure(None)
    text, _, _ = recording.outcome.payload.text.partition(',"error":')
    older = msgspec.structs.replace(
        recording, outcome=msgspec.structs.replace(recording.outcome, payload=Value(text + "}"))
    )
    assert older.error_type is None
    verdict = replay.run(older)
    assert (verdict.status, verdict.difference) == ("reproduced", ())


def test_an_answer_made_of_an_error_has_what_it_comes_of(recordings: Recordings) -> None:
    """`raise HTTPException(500) from error`: the framework answers while it handles that."""
    get(raising_app, "/total/odd")
    recording = recordings.one
    assert recording.error_type == "starlette.exceptions.HTTPException"
    cause = error_behind(recording.outcome)["$error"]["cause"]
    assert cause["$error"]["type"] == "TypeError"
    recorder.configure(None)
    assert replay.run(recording).status == "reproduced"
    FAULTS.add("other")
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert any(each.path.startswith("$.error.cause") for each in verdict.difference)


def test_an_answer_of_500_without_an_error_has_none(recordings: Recordings, again: Callable[..., Any]) -> None:
    """It says so; where an error is behind it at replay, that is a change."""
    get(flask_app, "/down")
    recording = recordings.one
    assert recording.error_type is None
    assert recording.outcome.payload.decode()["error"] is None
    assert again(recording, flask_app) == recording.outcome


def test_an_error_that_was_forgiven_is_none(recordings: Recordings) -> None:
    """The answer is well."""
    FAULTS.add("forgives")
    get(logging_app, "/total/odd")
    assert recordings.one.error_type is None
    assert "error" not in recordings.one.outcome.payload.decode()
    assert recordings.one.status == "ok"


def test_no_error_is_kept_alive(recordings: Recordings) -> None:
    """What the frames hold is let go of when the application lets go of it."""

    class Held:
        pass

    seen: list[weakref.ref[Held]] = []

    def fails(environ: Any, start: Any) -> Any:
        held = Held()
        seen.append(weakref.ref(held))
        try:
            raise KeyError("x")
        except KeyError as error:
            world = here()
            assert world is not None
            world.handled(error, is_sure=True)  # a log line would be kept by pytest
        start("500 Down", [])
        return []

    wrapped = WSGI(fails, target="tests:none")
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    answer = wrapped(environ, lambda *given: None)
    gc.collect()
    assert seen[0]() is None
    list(answer)
    answer.close()  # type: ignore[attr-defined]
    assert recordings.one.error_type == "KeyError"


def test_many_logged_errors_cost_little(recordings: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first of them are looked at."""
    looked = []
    real = behind.snapshot_error
    monkeypatch.setattr(behind, "snapshot_error", lambda error: looked.append(error) or real(error))

    def fails(environ: Any, start: Any) -> Any:
        for _ in range(100):
            try:
                raise KeyError("x")
            except KeyError:
                LOG.exception("x")
        start("500 Down", [])
        return [b""]

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    answer = WSGI(fails, target="tests:none")(environ, lambda *given: None)
    list(answer)
    answer.close()  # type: ignore[attr-defined]
    assert len(looked) == behind.MOST
    found: Recording = recordings.one
    assert type_of(error_behind(found.outcome)) == "KeyError"


def test_what_the_error_says_is_redacted(tmp_path: Path) -> None:
    """As that of an error that leaves the application."""
    PRICES["secret"] = Spoken("ann.smith@example.com with password=hunter2hunter2")
    replay.init(service="behind", spool=tmp_path, keep=replay.always())
    try:
        get(flask_app, "/total/secret")
        assert replay.flush(20)
    finally:
        recorder.configure(None)
        del PRICES["secret"]
    (bundle,) = tmp_path.glob("*.replay.db")
    (recording,) = replay.open(bundle)
    said = error_behind(recording.outcome)["$error"]["message"]
    assert recording.error_type == "ValueError"
    assert "@example.com with password=" in said
    assert "ann.smith" not in said
    assert "hunter2" not in said
    assert replay.run(recording).status in ("reproduced", "changed")


class Spoken:
    """A price that speaks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __mul__(self, other: int) -> int:
        raise ValueError(self._text)


@pytest.mark.parametrize(
    "text",
    [
        '{"status":500,"headers":[],"held":{"error":{"code":1}}}',
        '{"status":500,"headers":[],"error":{"$id":[1]}}',
        '{"status":500,"headers":[],"error":{"$error":3}}',
        '{"status":500,"headers":[],"error":{',
        '[{"error":{}}]',
    ],
)
def test_what_only_looks_like_one_is_none(text: str) -> None:
    """A function's result may have such fields, a stranger's bundle anything."""
    outcome = Outcome("returned", Value(text))
    assert error_behind(outcome) is None
    assert raised_by(outcome) is None


def test_lines_of_the_error_are_no_other_end(recordings: Recordings) -> None:
    """Another version of the code has it on another line: it ends in the same way; another error does not."""
    get(flask_app, "/total/odd")
    get(flask_app, "/total/none")
    one, other = (each.outcome for each in recordings.all)
    text = one.payload.text
    moved = Outcome("returned", Value(re.sub(r',\d+,"_total"', ',999,"_total"', text)))
    assert moved != one
    assert said(moved) == said(one) != said(other)


def test_an_answer_that_cannot_be_encoded_stays_a_value() -> None:
    """The error behind it is not put into what only says that there is more."""
    lost = Value('{"$opaque":{"type":"dict","size":184}}')
    assert with_error(lost, encode(LookupError("tea"))) == lost == with_error(lost, None)
    assert with_error(encode({"status": 500}), None).decode() == {"status": 500, "error": None}


def test_a_view_of_django_that_answers_itself(recordings: Recordings) -> None:
    """What it caught is behind its answer."""
    get(django_app, "/caught/total/odd")
    (one,) = recordings.all
    assert type_of(error_behind(one.outcome)) == "TypeError"


def test_what_makes_answers_is_watched_once() -> None:
    """Each replay installs: a wrapper around a wrapper of hundreds ended in a RecursionError."""
    install()
    install()
    made: Any
    for made in (Response.init_headers, HttpResponseBase.__init__, ExceptionMiddleware.__call__,
                 _Falcon._handle_exception):  # fmt: skip
        assert not hasattr(made.__wrapped__, "__wrapped__")


@site.get("/caught/<sku>")
def _caught(sku: str) -> Any:
    try:
        return {"total": _total(sku)}
    except Exception:
        return {"error": "internal"}, 500


def test_an_answer_that_is_returned_in_an_except(recordings: Recordings) -> None:
    """Nothing tells of it in production; its replay is watched, and says what the code handled."""
    get(flask_app, "/caught/odd")
    get(flask_app, "/down")
    recording, down = recordings.all
    assert recording.error_type is None
    recorder.configure(None)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    assert verdict.handled is not None
    assert (verdict.handled.source, verdict.handled.function) == ("TypeError", "_total")
    assert "; it handled TypeError at " in headline(verdict)
    assert run_row(verdict)["handled"]["file"] == "tests/entrypoints/test_behind.py"
    assert replay.run(down).handled is None
    assert sys.gettrace() is None
