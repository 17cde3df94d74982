"""Requests to an aiohttp.web application: recorded as they pass, replayed without a server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import replay
from replay.core.behind import error_behind, type_of
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.mutation import mutate
from replay.entrypoints.aiohttp_server import Writer
from replay.entrypoints.web import Response
from replay.errors import UsageError
from tests.entrypoints import aio_shop
from tests.recordings import record

Ask = Callable[[aiohttp.ClientSession, str], Coroutine[Any, Any, Any]]


def _asked(path: str, method: str = "get", **given: Any) -> Ask:
    async def ask(session: aiohttp.ClientSession, url: str) -> Any:
        try:
            async with session.request(method, url + path, headers={"X-User": "cy"}, **given) as answer:
                return answer.status, await answer.read(), answer.headers.get("X-Seen")
        except aiohttp.ClientError as error:
            return type(error).__name__

    return ask


def _served(*asks: Ask, app: Any = None) -> list[Any]:
    """What a client of a real server got."""

    async def serve() -> list[Any]:
        made = app if app is not None else aio_shop.app
        for each in (made, *made._subapps):
            each._loop, each._frozen = None, False
        server = TestServer(made)
        await server.start_server()
        try:
            async with aiohttp.ClientSession() as session:
                return [await ask(session, str(server.make_url("")).rstrip("/")) for ask in asks]
        finally:
            await server.close()

    return asyncio.run(serve())


def _recorded(tmp_path: Path, *asks: Ask, app: Any = None) -> tuple[list[Any], list[Recording]]:
    got: list[Any] = []
    return got, record(tmp_path, lambda: got.extend(_served(*asks, app=app)))


def test_an_answer_is_recorded_and_replayed(tmp_path: Path) -> None:
    """The client gets what it got without us; the start-up runs at replay, too."""
    got, (recording,) = _recorded(tmp_path, _asked("/quote/ann?deep=1"))
    assert got == [(200, b'{"discount": 20, "by": "cy"}', "cy")]
    assert (recording.entrypoint, recording.http_route) == (f"{aio_shop.__name__}:app", "/quote/{name}")
    assert recording.outcome.value["body"] == b'{"discount": 20, "by": "cy"}'
    aio_shop.STARTS.clear()
    assert [replay.run(recording).status for _ in range(2)] == ["reproduced"] * 2
    assert aio_shop.STARTS == ["up", "down"] * 2


@pytest.mark.parametrize(
    ("path", "named"),
    [("/quote/bob", "AttributeError"), ("/answers/bob", "AttributeError"),
     ("/raises/bob", "aiohttp.web_exceptions.HTTPInternalServerError"), ("/missing", None)],
)  # fmt: skip
def test_the_error_behind_an_answer(tmp_path: Path, path: str, named: str | None) -> None:
    """What a handler raised, or answered for; what is the client's is none."""
    got, (recording,) = _recorded(tmp_path, _asked(path))
    assert got[0][0] == (500 if named else 404)
    assert (recording.status, recording.error_type) == (("error", named) if named else ("ok", None))
    if path == "/raises/bob":
        cause = error_behind(recording.outcome)["$error"]["cause"]
        assert type_of(cause) == "AttributeError"
    assert replay.run(recording).status == "reproduced"


def test_another_error_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the code answers the same page for it."""
    _, (recording,) = _recorded(tmp_path, _asked("/answers/bob"))

    async def quote(request: web.Request) -> web.Response:
        await aio_shop.customer(request.match_info["name"])
        raise LookupError("no plan")

    monkeypatch.setattr(aio_shop, "_quote", quote)
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert all(each.path.startswith("$.error") for each in verdict.difference)


def test_an_edited_path_is_the_one_that_is_routed(tmp_path: Path) -> None:
    """Also with characters that are escaped on the way; no other page is answered."""
    _, (recording,) = _recorded(tmp_path, _asked("/quote/bob"))
    for name in ("ann", "é b", "100%"):
        verdict = replay.run(mutate(recording, [Edit("input.path", "set", f"/quote/{name}")]))
        assert verdict.divergence is not None
        assert name in str(verdict.divergence.asked and verdict.divergence.asked.decode())


@pytest.mark.parametrize(
    ("path", "given", "body"),
    [("/order", {"json": {"id": 1}}, b'{"id": 1}'), ("/upload", {"data": b"0123456789abc"}, b"0123456789abc"),
     ("/parts", {"data": {"a": "b"}}, b"a=b"), ("/order", {}, b"")],
)  # fmt: skip
def test_a_body_is_what_was_read(tmp_path: Path, path: str, given: Any, body: bytes) -> None:
    """At once, in pieces, as a form, or not at all."""
    _, (recording,) = _recorded(tmp_path, _asked(path, "post", **given))
    request = recording.input.decode()
    assert (b"".join(request["body"]), request["body_read"]) == (body, "whole")
    assert recording.status == "error"
    assert replay.run(recording).status == "reproduced"


def test_a_body_in_parts(tmp_path: Path) -> None:
    """Multipart is read by pieces that are given back, each of which is noted once."""
    form = aiohttp.FormData()
    form.add_field("a", "1" * 5000)
    form.add_field("b", b"2" * 70_000, filename="b.bin")
    _, (recording,) = _recorded(tmp_path, _asked("/parts", "post", data=form))
    body = b"".join(recording.input.decode()["body"])
    assert (body.count(b"1" * 5000), len(body) < 76_000) == (1, True)
    assert replay.run(recording).status == "reproduced"


def test_what_was_read_in_part(tmp_path: Path) -> None:
    """Reading on is told."""
    _, (recording,) = _recorded(tmp_path, _asked("/upload?part", "post", data=b"x" * 300_000))
    assert replay.run(recording).status == "reproduced"


def test_a_stream(tmp_path: Path) -> None:
    """Its pieces, in order; one that breaks off ends in what was raised."""
    got, found = _recorded(tmp_path, _asked("/stream/ann?long"), _asked("/stream/bob"))
    whole, broken = sorted(found, key=lambda each: each.started_at)
    assert got[0] == (200, b"one team end", None)
    assert got[1] == "ClientPayloadError"
    assert whole.outcome.value["body"] == b"one team end"
    assert (broken.outcome.state, broken.error_type) == ("raised", "AttributeError")
    assert [replay.run(each).status for each in (whole, broken)] == ["reproduced"] * 2


def test_what_aiohttp_tells_its_writer_reaches_it(tmp_path: Path) -> None:
    """The length of an answer: what is more is cut."""
    writer = SimpleNamespace(length=None)
    noted = Writer(writer, Response())
    noted.length = 3
    assert (writer.length, noted.length) == (3, 3)


def test_a_factory_is_what_is_replayed(tmp_path: Path) -> None:
    """`@replay.AIOHTTP` on the function that makes the application: each replay has one of its own."""
    app = asyncio.run(aio_shop.made())
    got, (recording,) = _recorded(tmp_path, _asked("/quote/bob"), app=app)
    assert got[0][0] == 500
    assert recording.entrypoint == f"{aio_shop.__name__}:made"
    assert [replay.run(recording).status for _ in range(2)] == ["reproduced"] * 2


def test_websockets_pass_by(tmp_path: Path) -> None:
    """They are in no recording, and work."""

    async def talk(session: aiohttp.ClientSession, url: str) -> Any:
        async with session.ws_connect(url + "/socket") as socket:
            await socket.send_str("hello")
            return await socket.receive_json()

    got, recordings = _recorded(tmp_path, talk)
    assert (got, recordings) == ([{"said": "hello"}], [])


def test_without_a_recorder_nothing_is_in_the_way() -> None:
    """The answer is the same."""
    assert _served(_asked("/quote/ann"))[0][:2] == (200, b'{"discount": 20, "by": "cy"}')


def test_it_goes_around_an_application() -> None:
    """Anything else is refused at once; twice is once."""
    with pytest.raises(UsageError):
        replay.AIOHTTP(3)
    app = web.Application()
    assert replay.AIOHTTP(replay.AIOHTTP(app)) is app
    assert len(app.middlewares) == 1
    assert inspect.iscoroutinefunction(aio_shop.made)  # gunicorn's worker asks
    assert not inspect.iscoroutinefunction(replay.AIOHTTP(aio_shop.make))
