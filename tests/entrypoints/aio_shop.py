"""A shop of aiohttp.web."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

import replay

PLANS = {"free": 0, "team": 10}
STARTS: list[str] = []
RATE = web.AppKey("RATE", int)


@replay.boundary
async def customer(name: str) -> Any:
    """What the world knows of one."""
    return {"ann": {"plan": "team"}, "bob": {"plan": None}}[name]


async def _quote(request: web.Request) -> web.Response:
    found = await customer(request.match_info["name"])
    return web.json_response(
        {"discount": PLANS[found["plan"].lower()] * request.app[RATE], "by": request.headers["X-User"]}
    )


async def _answers(request: web.Request) -> web.Response:
    try:
        return await _quote(request)
    except Exception:
        return web.json_response({"error": "internal"}, status=500)


async def _raises(request: web.Request) -> web.Response:
    try:
        return await _quote(request)
    except Exception as error:
        raise web.HTTPInternalServerError(text="sorry") from error


async def _missing(request: web.Request) -> web.Response:
    raise web.HTTPNotFound(text="nobody")


async def _order(request: web.Request) -> web.Response:
    order = await request.json()
    return web.json_response({"sku": order["sku"]})


async def _upload(request: web.Request) -> web.Response:
    size = 0
    async for piece in request.content.iter_chunked(5):
        size += len(piece)
        if size > 10 and "part" in request.query:
            break
    raise ValueError(size)


async def _parts(request: web.Request) -> web.Response:
    form = await request.post()
    sizes = {}
    for name, value in form.items():
        if isinstance(value, web.FileField):
            with value.file as file:
                sizes[name] = len(file.read())
        else:
            sizes[name] = len(str(value))
    return web.json_response(sizes, status=500)


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"X-Kind": "stream"})
    if "long" in request.query:
        response.content_length = 12
    await response.prepare(request)
    await response.write(b"one ")
    found = await customer(request.match_info["name"])
    await response.write(found["plan"].encode())
    await response.write_eof(b" end")
    return response


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(json.dumps({"said": message.data}))
        break
    return socket


@web.middleware
async def _seen(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    if not response.prepared:
        response.headers["X-Seen"] = request.headers["X-User"]
    return response


async def _rate(app: web.Application) -> AsyncIterator[None]:
    STARTS.append("up")
    app[RATE] = 2
    yield
    STARTS.append("down")


def make() -> web.Application:
    """An application."""
    app = web.Application(middlewares=[_seen])
    app.cleanup_ctx.append(_rate)
    for path, handler in (("quote", _quote), ("answers", _answers), ("raises", _raises), ("stream", _stream)):
        app.router.add_get(f"/{path}/{{name}}", handler)
    app.router.add_get("/missing", _missing)
    app.router.add_get("/socket", _socket)
    for path, handler in (("order", _order), ("upload", _upload), ("parts", _parts)):
        app.router.add_post(f"/{path}", handler)
    return app


app = replay.AIOHTTP(make())


@replay.AIOHTTP
async def made() -> web.Application:
    """One that is made for each server."""
    return make()
