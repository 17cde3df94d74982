"""A service that asks others by gRPC, and one that it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio

import replay

ADDRESS = {"of": "127.0.0.1:1"}


def _get(request: bytes, context: Any) -> bytes:
    if request == b"nobody":
        context.set_trailing_metadata((("retry", "never"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "no such customer")
    return b"customer " + request


def _list(request: bytes, context: Any) -> Iterator[bytes]:
    yield b"one"
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more")


class _Handler(grpc.GenericRpcHandler):
    def service(self, details: Any) -> Any:
        if details.method == "/crm.Crm/List":
            return grpc.unary_stream_rpc_method_handler(_list)
        return grpc.unary_unary_rpc_method_handler(_get)


@contextmanager
def server() -> Iterator[None]:
    """It answers as long as this holds."""
    served = grpc.server(ThreadPoolExecutor(2))
    served.add_generic_rpc_handlers((_Handler(),))
    ADDRESS["of"] = f"127.0.0.1:{served.add_insecure_port('127.0.0.1:0')}"
    served.start()
    try:
        yield
    finally:
        served.stop(None).wait()


def get(name: str) -> str:
    """As a generated stub does it."""
    with grpc.insecure_channel(ADDRESS["of"]) as channel:
        answer: bytes = channel.unary_unary("/crm.Crm/Get")(name.encode())
        return answer.decode()


async def get_later(name: str) -> str:
    """The same, awaited."""
    async with grpc.aio.insecure_channel(ADDRESS["of"]) as channel:
        answer: bytes = await channel.unary_unary("/crm.Crm/Get")(name.encode())
        return answer.decode()


@replay.boundary
def customer(name: str) -> str:
    """Recorded."""
    return get(name)


@replay.boundary
async def customer_later(name: str) -> str:
    """The same, awaited."""
    return await get_later(name)


@replay.boundary
def customers() -> Iterator[bytes]:
    """A stream that breaks."""
    with grpc.insecure_channel(ADDRESS["of"]) as channel:
        yield from channel.unary_stream("/crm.Crm/List")(b"")


def _told(error: Any) -> list[Any]:
    trailing = [list(pair) for pair in error.trailing_metadata() or ()]
    return [error.code().name, error.code() is grpc.StatusCode.NOT_FOUND, error.details(), trailing]


@replay.capture
def handles(name: str) -> Any:
    """What the caller makes of an error."""
    try:
        return customer(name)
    except grpc.RpcError as error:
        return _told(error)


@replay.capture
def handles_later(name: str) -> Any:
    """The same, awaited."""

    async def main() -> Any:
        try:
            return await customer_later(name)
        except grpc.RpcError as error:
            return _told(error)

    return asyncio.run(main())


@replay.capture
def lists() -> list[Any]:
    """What there was of the stream, and why it broke."""
    found = list[Any]()
    try:
        found += customers()
    except grpc.RpcError as error:
        found += _told(error)
    return found


@replay.capture
def fails(name: str) -> str:
    """Nobody handles it."""
    return customer(name)


@replay.capture
def forgets(name: str) -> str:
    """No boundary takes the call, and an error is hidden."""
    try:
        return get(name)
    except Exception:
        return "customer a"


@replay.capture
def forgets_later(name: str) -> str:
    """The same, awaited."""

    async def main() -> str:
        try:
            return await get_later(name)
        except Exception:
            return "customer a"

    return asyncio.run(main())
