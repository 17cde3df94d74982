"""`replay.ASGI`: requests are recorded as they pass, and given to the application again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from replay.core.recording import Outcome
from replay.core.world import current
from replay.engine import recorder
from replay.engine.keep import always
from replay.entrypoints.asgi import ASGI
from replay.errors import Unanswerable
from tests.entrypoints.conftest import Recordings

Again = Callable[..., Outcome]
HERE = "tests.entrypoints.test_asgi"


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[dict[str, Any]]:
    EVENTS.append("up")
    application.state.rate = 3
    yield {"greeting": "hello"}
    EVENTS.append("down")


EVENTS: list[str] = []
api = FastAPI(lifespan=lifespan)
app = ASGI(api)


@app.post("/orders/{number}")
async def order(number: int, request: Request) -> dict[str, Any]:
    body = await request.json()
    return {"number": number, "total": body["price"] * request.app.state.rate, "for": request.headers["x-customer"]}


@app.get("/state")
async def state(request: Request) -> Any:
    return request.state.greeting


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield b"piece %d;" % number

    return StreamingResponse(pieces(), headers={"x-kind": "stream"})


@app.get("/crash")
async def crash() -> None:
    raise KeyError("plan")


@app.get("/refuse")
async def refuse() -> JSONResponse:
    return JSONResponse({"error": "swallowed"}, status_code=500)


@app.post("/ignores")
async def ignores() -> str:
    return "never read"


@app.post("/edited")
async def edited(request: Request) -> str:
    return (await request.body()).decode() if "reads" in EVENTS else "not read"


def send(method: str, path: str, application: Any = app, **options: Any) -> httpx.Response:
    """One request, through the application's own protocol."""

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            return await client.request(method, path, **options)

    api.state.rate = 3
    return asyncio.run(go())


def test_a_request_is_recorded_and_replayed(recordings: Recordings, again: Again) -> None:
    """Request, response, route, method and trace of a FastAPI call; the replay starts the lifespan itself."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = send("POST", "/orders/7?x=1", json={"price": 5}, headers={"X-Customer": "ann", "traceparent": trace})
    assert answer.json() == {"number": 7, "total": 15, "for": "ann"}
    recording = recordings.one
    assert (recording.kind, recording.entrypoint) == ("asgi", f"{HERE}:app")
    assert recording.http_request_method == "POST"
    assert recording.http_route == "/orders/{number}"
    assert recording.http_response_status_code == 200
    assert recording.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert recording.span_id == "b7ad6b7169203331"
    request = recording.input.decode()
    assert (request["method"], request["path"], request["query_string"]) == ("POST", "/orders/7", b"x=1")
    assert (request["body"], request["body_read"]) == ([b'{"price":5}'], "whole")
    assert ["x-customer", "ann"] in request["headers"]
    outcome = recording.outcome.value
    assert (outcome["status"], outcome["body"]) == (200, answer.content)
    api.state.rate = 0
    EVENTS.clear()
    assert again(recording, app) == recording.outcome
    assert EVENTS == ["up", "down"]
    assert again(recording, api) == recording.outcome


def test_the_lifespans_state_reaches_the_request(recordings: Recordings, again: Again) -> None:
    """What start-up hands over is there at replay (and was missing in production here)."""
    send("GET", "/state")
    assert recordings.one.error_type == "AttributeError"
    outcome = again(recordings.one, app)
    assert (outcome.state, outcome.value["body"]) == ("returned", b'"hello"')


def test_a_crash_is_raised_with_its_status(recordings: Recordings, again: Again) -> None:
    """The framework sends 500 and raises again: the error is the outcome, the status a fact."""
    assert send("GET", "/crash").status_code == 500
    recording = recordings.one
    assert (recording.outcome.state, recording.error_type) == ("raised", "KeyError")
    assert recording.http_response_status_code == 500
    replayed = again(recording, app)
    assert (replayed.state, replayed.payload.error_type) == ("raised", "KeyError")


def test_a_swallowed_error_is_an_answer(recordings: Recordings, again: Again) -> None:
    """A 500 that the application answers itself is a result, and the recording's status an error."""
    send("GET", "/refuse")
    recording = recordings.one
    assert (recording.outcome.state, recording.outcome.value["status"], recording.status) == ("returned", 500, "error")
    assert again(recording, app) == recording.outcome


def test_a_stream_is_kept_and_not_delayed(recordings: Recordings, again: Again) -> None:
    """Each piece is sent on before the application makes the next one."""
    log: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"a", b"b"):
            log.append(f"made {piece.decode()}")
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async def server(message: Any) -> None:
        log.append(f"sent {message.get('body', b'').decode()}")

    asyncio.run(ASGI(application)(_scope(), _never, server))
    assert log == ["sent ", "made a", "sent a", "made b", "sent b", "sent "]
    assert recordings.one.outcome.value["body"] == b"ab"
    assert again(recordings.one, application) == recordings.one.outcome


def test_a_streaming_response_of_a_framework(recordings: Recordings, again: Again) -> None:
    """Starlette's StreamingResponse replays to the same bytes."""
    assert send("GET", "/stream").content == b"piece 0;piece 1;piece 2;"
    assert again(recordings.one, app) == recordings.one.outcome


async def _never() -> Any:
    await asyncio.sleep(60)


def _scope(**fields: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        **fields,
    }


def test_a_body_nobody_reads_is_not_read_ahead(recordings: Recordings, again: Again) -> None:
    """It is recorded as unread; a replay that reads it is unanswerable, even if the application hides that."""
    send("POST", "/ignores", content=b"secret body")
    request = recordings.one.input.decode()
    assert (request["body"], request["body_read"]) == ([], "unread")
    assert again(recordings.one, app) == recordings.one.outcome
    recordings.captured.clear()
    EVENTS.clear()
    recorder.configure(recorder.Settings(service="t", keep=lambda end: True, sink=recordings.captured.append))
    send("POST", "/edited", content=b"secret body")
    EVENTS.append("reads")
    with pytest.raises(Unanswerable, match="more of the request's body"):
        again(recordings.one, app)


def test_a_client_that_leaves(recordings: Recordings, again: Again) -> None:
    """The disconnect comes to the application after as many messages as in production."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    messages = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def server(message: Any) -> None:
        pass

    asyncio.run(ASGI(application)(_scope(), receive, server))
    recording = recordings.one
    assert recording.input.decode()["disconnected_after"] == 2
    assert recording.outcome.value["complete"] is False
    assert again(recording, application) == recording.outcome


def test_chunks_come_as_recorded(recordings: Recordings, again: Again) -> None:
    """The pieces of a request body keep their borders."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        sizes = []
        while True:
            message = await receive()
            sizes.append(len(message["body"]))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": repr(sizes).encode()})

    pieces = [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.request", "body": bytearray(b"de"), "more_body": False},
    ]

    async def receive() -> Any:
        return pieces.pop(0)

    async def server(message: Any) -> None:
        pass

    headers = [(b"transfer-encoding", b"chunked")]
    asyncio.run(ASGI(application)(_scope(method="POST", headers=headers), receive, server))
    assert recordings.one.outcome.value["body"] == b"[3, 2]"
    assert again(recordings.one, application) == recordings.one.outcome


def test_a_body_over_the_limit_is_a_gap(recordings: Recordings, again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, the client gets every byte, and what was left out is named."""
    monkeypatch.setattr("replay.entrypoints.web.MOST_BYTES", 16)
    answer = send("POST", "/orders/1", json={"price": 5, "pad": "x" * 99}, headers={"x-customer": "a"})
    assert answer.json()["total"] == 15
    recording = recordings.one
    assert {(gap.path, gap.reason) for gap in recording.gaps} == {
        ("input.body", "truncated-size"),
        ("outcome.body", "truncated-size"),
    }
    with pytest.raises(Unanswerable, match=r"\$\.body is truncated-size"):
        again(recording, app)


def test_other_scopes_pass_untouched(recordings: Recordings) -> None:
    """A websocket gets the server's own scope, receive and send; a lifespan all but the send, which flushes."""
    seen: list[Any] = []

    async def application(*call: Any) -> str:
        seen.append(call)
        return "value"

    wrapped = ASGI(application)
    for kind in ("lifespan", "websocket"):
        call = ({"type": kind}, _never, _never)
        assert asyncio.run(wrapped(*call)) == "value"
        untouched = [given is got for given, got in zip(call, seen.pop(), strict=True)]
        assert untouched == [True, True, kind == "websocket"]
    assert recordings.captured == []


def test_off_means_untouched() -> None:
    """Without settings the application gets the server's own receive and send."""
    seen: list[Any] = []

    async def application(*call: Any) -> None:
        seen.extend(call)

    call = (_scope(), _never, _never)
    asyncio.run(ASGI(application)(*call))
    assert all(given is got for given, got in zip(call, seen, strict=True))


def test_the_application_is_reached_through_the_wrapper() -> None:
    """Attributes are read from it and set on it; its class is still the wrapper's."""
    wrapped = ASGI(FastAPI(title="shop"))
    wrapped.state.x = 1
    wrapped.title = "other"
    assert (wrapped.title, wrapped.state.x, len(wrapped.routes) > 0) == ("other", 1, True)
    assert "title" not in ASGI.__slots__
    with pytest.raises(AttributeError, match="nothing_like_it"):
        wrapped.nothing_like_it


def test_a_mounted_path_is_recorded_as_it_came(recordings: Recordings, again: Again) -> None:
    """Routers change the scope while the request runs; the recording has what the server gave."""

    async def leaf(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.url.path)

    application = Starlette(routes=[Mount("/v1", routes=[Route("/leaf", leaf)])])
    assert send("GET", "/v1/leaf", ASGI(application)).text == "/v1/leaf"
    request = recordings.one.input.decode()
    assert (request["path"], request["root_path"]) == ("/v1/leaf", "")
    assert again(recordings.one, application) == recordings.one.outcome


def test_names(recordings: Recordings) -> None:
    """A target is taken as it is said; an application that no module names is `module:?`."""
    send("GET", "/refuse", ASGI(api, target="shop.main:app"))
    send("GET", "/refuse", ASGI(api))
    assert [each.entrypoint for each in recordings.all] == ["shop.main:app", f"{HERE}:?"]


def test_requests_at_once_have_their_own_recordings(recordings: Recordings) -> None:
    """Fifty concurrent requests, fifty recordings, and no world afterwards."""

    async def go() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            calls: list[Awaitable[httpx.Response]] = [
                client.post(f"/orders/{n}", json={"price": n}, headers={"x-customer": "a"}) for n in range(50)
            ]
            found = await asyncio.gather(*calls)
            assert current.get() is None
            return found

    api.state.rate = 3
    answers = asyncio.run(go())
    assert [answer.json()["total"] for answer in answers] == [n * 3 for n in range(50)]
    found = {each.input.decode()["path"]: each.outcome.value["body"] for each in recordings.all}
    assert found == {f"/orders/{n}": answer.content for n, answer in enumerate(answers)}


def test_a_start_up_that_fails_is_unanswerable(recordings: Recordings, again: Again) -> None:
    """The reason says so; the application itself was never asked."""
    send("GET", "/refuse")

    @asynccontextmanager
    async def broken(application: Any) -> AsyncIterator[None]:
        raise RuntimeError("no database here")
        yield

    with pytest.raises(Unanswerable, match="no database here"):
        again(recordings.one, Starlette(lifespan=broken))


def test_an_application_without_lifespan(recordings: Recordings, again: Again) -> None:
    """One that knows only http raises on a lifespan scope, and is run without."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    assert send("GET", "/", ASGI(application)).status_code == 204
    assert again(recordings.one, application) == recordings.one.outcome


def test_lifespan_shutdown_waits_for_what_was_kept() -> None:
    """A server that ends by a signal afterwards, as uvicorn does, loses nothing."""
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def serve() -> None:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            order.append(message["type"])

        await ASGI(app, target="m:app")({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    def flush(timeout: float) -> bool:
        order.append("flushed")
        return True

    recorder.configure(recorder.Settings(service="s", keep=always(), sink=lambda captured: None, flush=flush))
    try:
        asyncio.run(serve())
    finally:
        recorder.configure(None)
    assert order == ["lifespan.startup.complete", "flushed", "lifespan.shutdown.complete"]
