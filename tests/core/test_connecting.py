"""aiohttp's errors are told as `str` tells them, without running their code."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from replay.core.codec import encode

Ask = Callable[[aiohttp.ClientSession, int, int], Awaitable[Any]]


async def _json(session: aiohttp.ClientSession, port: int) -> Any:
    async with session.get(f"http://127.0.0.1:{port}/?a=1") as response:
        return await response.json()


ERRORS: dict[str, Ask] = {
    "refused": lambda session, port, tls: session.get("http://127.0.0.1:1/x"),
    "refused, ssl=False": lambda session, port, tls: session.get("https://127.0.0.1:1/x", ssl=False),
    "unknown": lambda session, port, tls: session.get("http://no-such-host.invalid/x"),
    "no TLS": lambda session, port, tls: session.get(f"https://127.0.0.1:{port}/x"),
    "untrusted": lambda session, port, tls: session.get(f"https://127.0.0.1:{tls}/x"),
    "status": lambda session, port, tls: session.get(f"http://127.0.0.1:{port}/gone?b=2", raise_for_status=True),
    "no JSON": lambda session, port, tls: _json(session, port),
}


async def failure(ask: Ask) -> BaseException:
    """What is raised, by a server of each kind."""

    async def text(request: web.Request) -> web.Response:
        return web.Response(text="text", status=404 if request.path == "/gone" else 200)

    service = web.Application()
    service.router.add_get("/{path:.*}", text)
    runner = web.AppRunner(service)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    for options in ({}, {"ssl_context": context}):
        await web.TCPSite(runner, "127.0.0.1", 0, **options).start()  # type: ignore[arg-type]
    (_, port), (_, tls) = runner.addresses
    try:
        async with aiohttp.ClientSession() as session:
            await ask(session, port, tls)
    except aiohttp.ClientError as error:
        return error
    finally:
        await runner.cleanup()
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("name", ERRORS)
def test_the_message_is_what_str_says(name: str) -> None:
    """Of connections that fail and of answers that are errors."""
    error = asyncio.run(failure(ERRORS[name]))
    assert encode(error).tree["$error"]["message"] == str(error)


def test_an_address_of_an_object_is_none_of_it() -> None:
    """A TLS context is named by its type: its address is another in each run."""
    context = ssl.create_default_context()
    error = asyncio.run(failure(lambda session, port, tls: session.get("https://127.0.0.1:1/x", ssl=context)))
    said = encode(error).tree["$error"]["message"]
    assert said == str(error).replace(repr(context), "<ssl.SSLContext>") != str(error)
