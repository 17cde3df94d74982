"""The clients of the `http.client` family that connect before they ask: urllib3, httplib2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import ModuleType
from typing import Any

from replay.boundaries.http.exchange import safely
from replay.boundaries.http.wire import (
    SLOT,
    TUNNEL,
    Again,
    Refusing,
    around_connect,
    around_request,
    begin,
    given_up,
    planned,
)
from replay.boundaries.http.wire_form import WireExchange
from replay.boundaries.http.wire_replay import Play
from replay.boundaries.seam import when_imported
from replay.core.world import failed, here

_asking: ContextVar[tuple[Any, Any, Any, Any] | None] = ContextVar("replay_asking", default=None)
"""Method, target, headers and body of the request that a pool with a proxy makes."""


def install() -> None:
    """Patch each module when it is imported."""
    when_imported("urllib3.util.connection", _patch_create_connection)
    when_imported("urllib3.connection", _patch_connection)
    when_imported("urllib3.connectionpool", _patch_pool)
    when_imported("httplib2", _patch_httplib2)


def _is_another() -> bool:
    """Whether it is urllib3-future that goes by urllib3's name: its connections are none of `http.client`, and patched
    as if they were, requests would be recorded by half."""
    return "urllib3.backend" in sys.modules


def _patch_create_connection(module: ModuleType) -> None:
    original = module.create_connection

    @wraps(original)
    def create_connection(*args: Any, **kwargs: Any) -> Any:
        error = planned.get()
        if error is not None:
            raise error
        return original(*args, **kwargs)

    module.create_connection = create_connection  # type: ignore[attr-defined]


def _patch_connection(module: ModuleType) -> None:
    if _is_another():
        return
    plain, secure = module.HTTPConnection, module.HTTPSConnection
    plain.request = around_request(plain.request)
    plain.connect = around_connect(plain.connect)
    secure.connect = around_connect(secure.connect)


def _patch_pool(module: ModuleType) -> None:
    if _is_another():
        return
    pool: Any = module.HTTPConnectionPool
    pool._make_request = _around_make_request(pool._make_request)
    pool.urlopen = _around_urlopen(pool.urlopen)
    secure: Any = module.HTTPSConnectionPool
    secure._prepare_proxy = _around_prepare_proxy(secure._prepare_proxy)


def _around_urlopen(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def urlopen(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        if self.proxy is None or here() is None:
            return original(self, method, url, *args, **kwargs)
        body, headers = (*args, None, None)[:2]
        token = _asking.set((method, url, kwargs.get("headers", headers), kwargs.get("body", body)))
        try:
            return original(self, method, url, *args, **kwargs)
        finally:
            _asking.reset(token)

    return urlopen


def _around_prepare_proxy(original: Callable[..., Any]) -> Callable[..., Any]:
    """The tunnel is made before the request: where it fails, so does the request."""

    @wraps(original)
    def _prepare_proxy(self: Any, conn: Any) -> Any:
        asking, world = _asking.get(), here()
        if asking is None or world is None or not world.live:
            return original(self, conn)
        method, url, headers, body = asking
        conn.__dict__[TUNNEL] = (method, url)
        try:
            return original(self, conn)
        except BaseException:
            slot = conn.__dict__.pop(SLOT, None)
            if slot is not None:
                safely(_own, slot, headers, body)
            raise
        finally:
            conn.__dict__.pop(TUNNEL, None)

    return _prepare_proxy


def _around_make_request(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def _make_request(self: Any, conn: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        slot = _begun(conn, method, url, kwargs)
        if slot is None:
            return original(self, conn, method, url, *args, **kwargs)
        try:
            response = original(self, conn, method, url, *args, **kwargs)
        except BaseException as error:
            if not _is_again(conn, slot, error):
                raise
        else:
            safely(_release, conn, slot)
            return response
        conn.close()
        refusing = conn.__dict__[SLOT] = Refusing(slot.early, slot.phase)
        try:
            return original(self, conn, method, url, *args, **kwargs)
        finally:
            _release(conn, refusing)

    return _make_request


def _begun(conn: Any, method: Any, url: Any, options: dict[str, Any]) -> Any:
    """What is made of a request; None: nobody is interested."""
    try:
        return _beginning(conn, method, url, options)
    except Exception:
        failed("ask-failed", here())
        return None


def _beginning(conn: Any, method: Any, url: Any, options: dict[str, Any]) -> Any:
    slot = conn.__dict__.get(SLOT)
    if type(slot) is not WireExchange or not slot.tunnels:
        slot = begin(conn, method, url)
    if slot is not None:
        slot.tunnels = False
        _own(slot, options.get("headers"), options.get("body"))
        if type(slot) is Play:
            slot.again = True
    return slot


def _is_again(conn: Any, slot: Any, error: BaseException) -> bool:
    """Whether it failed before an answer in production: the client then meets that failure. By itself, so that what
    stands around the request is short: see `replay.core.encoder.Encoder._written`."""
    again = isinstance(error, Again)
    try:
        if not again:
            given_up(slot, error)
    finally:
        safely(_release, conn, slot)
    return again


def _patch_httplib2(module: ModuleType) -> None:
    client: Any = module.Http
    original = client._conn_request

    @wraps(original)
    def _conn_request(self: Any, conn: Any, request_uri: Any, method: Any, body: Any, headers: Any) -> Any:
        try:
            slot = begin(conn, method, request_uri)
        except Exception:
            slot = None
            failed("ask-failed", here())
        if slot is None:
            return original(self, conn, request_uri, method, body, headers)
        safely(_own, slot, headers, body)
        try:
            return original(self, conn, request_uri, method, body, headers)
        except BaseException as error:
            given_up(slot, error)
            raise
        finally:
            safely(_release, conn, slot)

    client._conn_request = _conn_request
    for kind in (module.HTTPConnectionWithTimeout, module.HTTPSConnectionWithTimeout):
        kind.connect = around_connect(kind.connect)


def _own(slot: Any, headers: Any, body: Any) -> None:
    slot.adopted = slot.owned = True
    if type(slot) is WireExchange:
        safely(slot.asked.give, headers, body)


def _release(connection: Any, slot: Any) -> None:
    if connection.__dict__.get(SLOT) is slot:
        del connection.__dict__[SLOT]
