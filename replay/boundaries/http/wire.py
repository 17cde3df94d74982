"""The seam of the `http.client` family: http.client, urllib, urllib3, requests, botocore, httplib2.

One set of patches serves both worlds. An exchange begins at `putrequest` (or above it, where the client connects
first: see `wire_pools`) and hangs on the connection until its answer's head came. Recorded, it is a `WireExchange`:
what is sent and read is noted in passing. Replayed, it is a `Play`: what is sent is collected, and the recorded answer
comes through a `FakeSocket` under the client's own code.

Both have two marks: `adopted`, begun above `putrequest`, which takes it over; `owned`, a wrapper above `request` tells
how it ended.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from socket import getdefaulttimeout
from ssl import SSLError
from types import ModuleType
from typing import Any

from replay.boundaries.http.exchange import safely
from replay.boundaries.http.jars import latest
from replay.boundaries.http.wire_form import WireExchange, WireRequest, client_of, url_of
from replay.boundaries.http.wire_replay import FakeSocket, Play
from replay.boundaries.http.wire_tee import TeeFP, collect, noted
from replay.boundaries.seam import when_imported
from replay.core.world import Request, Ticket, World, failed, here

SLOT = "_replay_exchange"
"""The attribute of a connection that holds its exchange while one is under way."""
TUNNEL = "_replay_tunnel"
"""Method and target of the request for which the connection goes through a proxy first."""
GIVEN = "_replay_given"
"""The body that `request` was called with, until `putrequest` begins the exchange."""
SURVIVABLE = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN})
"""Errors of sending after which clients still look for an answer."""
planned: ContextVar[BaseException | None] = ContextVar("replay_planned_failure", default=None)
"""What urllib3's `create_connection` raises at once: so urllib3 itself translates a recorded failure."""
_installed = False


class Again(BaseException):
    """Through urllib3's `_make_request` to our wrapper of it: run again, this time failing at the connect."""


class Refusing:
    """The exchange of a connection whose connect fails as it was recorded."""

    adopted = True
    owned = True

    def __init__(self, error: BaseException, phase: str) -> None:
        self.error = error
        self.phase = phase


def install() -> None:
    """Patch the family, each module when it is imported. Idempotent."""
    global _installed
    if not _installed:
        _installed = True
        from replay.boundaries.http import wire_pools

        when_imported("http.client", patch)
        wire_pools.install()


def patch_again() -> None:
    """See `replay.boundaries.http.httpx_clients.patch_again`."""
    module = sys.modules.get("http.client")
    if _installed and module is not None and module.HTTPConnection.__module__ == module.__name__:
        patch(module)


# ---- the life of an exchange


def begin(connection: Any, method: Any, target: Any) -> Any:
    """The exchange of a request about to be made on `connection`, put into its slot; None: nobody listens."""
    slots = connection.__dict__
    slots.pop(SLOT, None)
    given = slots.pop(GIVEN, None)
    world = here()
    slot: Any = None
    if world is not None and not world.live:
        slot = Play(world, _request(connection, method, target, given))
        _swap(connection, slot.socket)
    else:
        if type(connection.sock) is FakeSocket:
            connection.close()
        if world is not None:
            slot = safely(_ask, world, connection, method, target, given)
    if slot is not None:
        slots[SLOT] = slot
    return slot


def _request(connection: Any, method: Any, target: Any, given: Any) -> WireRequest:
    verb = method if type(method) is str else bytes(method).decode("latin-1")
    request = WireRequest(client_of(connection), verb, url_of(connection, target), jar=latest())
    if given is not None:
        safely(request.give, None, given)
    return request


def _ask(world: World, connection: Any, method: Any, target: Any, given: Any) -> WireExchange | None:
    request = _request(connection, method, target, given)
    found = world.ask(Request("http", request.target, request))
    return WireExchange(world, found, request) if type(found) is Ticket else None


def _swap(connection: Any, fake: FakeSocket) -> None:
    """Never use a socket that was opened live. A connection without one stays so: its connect is run."""
    old = connection.sock
    if old is not None:
        fake.settimeout(_timeout(connection))
        connection.sock = fake
        if type(old) is not FakeSocket:
            old.close()


def _timeout(connection: Any) -> float | None:
    """What the socket of a connection would have."""
    timeout = getattr(connection, "timeout", None)
    return float(timeout) if isinstance(timeout, int | float) else getdefaulttimeout() if timeout is not None else None


def _reads_within(connection: Any) -> float | None:
    """The time limit of each read of the answer. urllib3 gives it to the connection, which sets its socket's."""
    if hasattr(connection, "_new_conn"):
        return _timeout(connection)
    limit: float | None = connection.sock.gettimeout()
    return limit


def given_up(slot: Any, error: BaseException) -> None:
    """A request that ended in `error` above the socket."""
    if type(slot) is WireExchange:
        safely(slot.fail, error, "send")
    elif type(slot) is Play:
        slot.ask()  # so did production, before it failed


def refuse(connection: Any, error: BaseException, phase: str) -> None:
    """Raise what the connect raised, through urllib3's own translation where it is one."""
    connection.sock = None
    if isinstance(error, SSLError):
        _reached(connection)
    translate: Any = getattr(connection, "_new_conn", None)
    if phase == "connect" and getattr(translate, "__module__", "") == "urllib3.connection":
        token = planned.set(error)
        try:
            translate()
        finally:
            planned.reset(token)
    raise error


def _raise_early(connection: Any, slot: Play) -> None:
    """Raise an error that came before the answer was waited for, at the place where it came."""
    if slot.early is None:
        return
    if slot.phase == "send":
        raise slot.early
    if slot.again:
        raise Again
    refuse(connection, slot.early, slot.phase)


def _go_out(connection: Any, slot: Play, send: Callable[..., Any]) -> None:
    """The player wants this one live: connect now and send what was collected."""
    connection.sock = None
    connection.__dict__[SLOT] = slot
    try:
        connection.connect()
        del connection.__dict__[SLOT]
        send(connection, b"".join(slot.request.body))
    except BaseException as error:
        if slot.live is not None:
            safely(slot.live.fail, error, "connect")
        raise
    finally:
        connection.__dict__.pop(SLOT, None)


def _tee(response: Any, exchange: WireExchange) -> None:
    version = "HTTP/1.0" if response.version == 10 else "HTTP/1.1"
    exchange.head(response.status, response.reason, response.headers.items(), version)
    if response.fp is None:
        safely(exchange.finish)
    else:
        response.fp = TeeFP(response.fp, exchange)


# ---- the patches


def patch(module: ModuleType) -> None:
    """Patch `http.client`; again, where what stood for its classes then (vcrpy's, for a while) was patched instead."""
    plain: Any = module.HTTPConnection
    if hasattr(plain.getresponse, "__replay_seam__"):
        return
    plain.putrequest = _around_putrequest(plain.putrequest)
    plain.getresponse = _around_getresponse(plain.getresponse, plain.send)
    plain.getresponse.__replay_seam__ = True
    plain.send = _around_send(plain.send)
    plain.request = around_request(plain.request)
    plain.connect = around_connect(plain.connect)
    if hasattr(module, "HTTPSConnection"):
        module.HTTPSConnection.connect = around_connect(module.HTTPSConnection.connect)


def _around_putrequest(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def putrequest(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        slot = self.__dict__.get(SLOT)
        if safely(_is_busy, self):
            return original(self, method, url, *args, **kwargs)
        if slot is not None and slot.adopted:
            if type(slot) is not Refusing:
                slot.adopted = False
        else:
            try:
                slot = begin(self, method, url)
            except Exception:
                slot = None
                failed("ask-failed", here())
        if slot is None:
            return original(self, method, url, *args, **kwargs)
        try:
            return original(self, method, url, *args, **kwargs)
        except BaseException as error:
            given_up(slot, error)
            raise

    return putrequest


def _around_send(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def send(self: Any, data: Any) -> Any:
        slot = self.__dict__.get(SLOT)
        if type(slot) is Play and not slot.out:
            return _collected(self, slot, data)
        if type(slot) is not WireExchange or slot.connecting:
            return original(self, data)
        try:
            sent = safely(noted, slot.asked, data)
            return original(self, data if sent is None else sent)
        except BaseException as error:
            _not_sent(slot, error)
            raise

    return send


def _collected(connection: Any, slot: Play, data: Any) -> Any:
    """At replay. By itself, so that `send` is short: see `replay.core.encoder.Encoder._written`."""
    if connection.sock is None:
        slot.socket.settimeout(_timeout(connection))
        connection.sock = slot.socket
    return collect(slot.request, data, connection.blocksize)


def _not_sent(slot: WireExchange, error: BaseException) -> None:
    if not (isinstance(error, OSError) and error.errno in SURVIVABLE):
        safely(slot.fail, error, "send")


def _around_getresponse(original: Callable[..., Any], send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:  # it takes none: urllib3 1.26 tries some first, and then without
            return original(self, *args, **kwargs)
        if safely(_unread, self):  # an error of the caller's; the exchange of the request goes on
            return original(self)
        slot = self.__dict__.pop(SLOT, None)
        if type(slot) is Play:
            slot = _went_out(self, slot, send)
        if type(slot) is not WireExchange:
            return original(self, *args, **kwargs)
        slot.asked.limits = safely(_reads_within, self)
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            safely(slot.fail, error, "head")
            raise
        safely(_tee, response, slot)
        return response

    return getresponse


def _put(connection: Any, slot: Play) -> None:
    """At replay. By itself, as `_collected` is."""
    slot.ask(_timeout(connection))
    _raise_early(connection, slot)


def _went_out(connection: Any, slot: Play, send: Callable[..., Any]) -> Any:
    """At replay: the exchange of a request that goes live."""
    _put(connection, slot)
    if slot.out:
        _go_out(connection, slot, send)
    return slot.live


def _is_busy(connection: Any) -> bool:
    """Whether the request before waits for its answer: a further one is an error of the caller's."""
    return bool(connection.__dict__.get("_HTTPConnection__state", "Idle") != "Idle")


def _unread(connection: Any) -> bool:
    """Whether the answer before was not read to its end."""
    before: Any = connection.__dict__.get("_HTTPConnection__response")
    return before is not None and bool(not before.isclosed())


def around_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """`request(method, url, body, ...)`: at its end a player knows the whole request, so connect errors come here."""

    @wraps(original)
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        slots = self.__dict__
        if safely(_is_busy, self):
            return original(self, *args, **kwargs)
        if here() is not None and SLOT not in slots:
            slots[GIVEN] = args[2] if len(args) > 2 else kwargs.get("body")
        try:
            done = original(self, *args, **kwargs)
        except Again:
            raise
        except BaseException as error:
            _failed(slots.get(SLOT), error)
            raise
        slot = slots.get(SLOT)
        if type(slot) is Play:
            _put(self, slot)
        return done

    return request


def _failed(slot: Any, error: BaseException) -> None:
    """By itself, so that `request` is short: see `replay.core.encoder.Encoder._written`."""
    if slot is not None and not slot.owned:
        given_up(slot, error)


def around_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    """`connect()`: notes why it failed; at replay it opens nothing."""

    @wraps(original)
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        slot = self.__dict__.get(SLOT)
        if type(slot) is Refusing:
            return refuse(self, slot.error, slot.phase)
        if slot is None and TUNNEL in self.__dict__:
            slot = safely(_tunnelling, self)
        if type(slot) is WireExchange and not slot.connecting:
            slot.asked.limits = safely(_timeout, self)
            return _connect_noted(slot, original, self, *args, **kwargs)
        if type(slot) is Play:
            fake = None if slot.out else slot.socket
        else:
            world = here() if slot is None else None
            fake = FakeSocket() if world is not None and not world.live else None
        if fake is None:
            return original(self, *args, **kwargs)
        fake.settimeout(_timeout(self))
        self.sock = fake
        _verified(self)
        _reached(self)
        return None

    return connect


def _tunnelling(connection: Any) -> Any:
    """The exchange of a request whose connection goes through a proxy: it fails with the proxy."""
    slot = begin(connection, *connection.__dict__[TUNNEL])
    if type(slot) is WireExchange:
        slot.tunnels = True
    return slot


def _reached(connection: Any) -> None:
    """urllib3 asks whether it was the proxy that failed."""
    if getattr(connection, "proxy", None) is not None and hasattr(connection, "_has_connected_to_proxy"):
        connection._has_connected_to_proxy = True


def _connect_noted(slot: WireExchange, original: Callable[..., Any], connection: Any, *args: Any, **kwargs: Any) -> Any:
    slot.connecting = True
    try:
        return original(connection, *args, **kwargs)
    except BaseException as error:
        raw = error.__cause__  # urllib3 says it in its own words, and will again at replay
        if raw is None or not type(error).__module__.startswith("urllib3."):
            raw = error
        translated = raw is not error or not hasattr(connection, "_new_conn")
        safely(slot.fail, raw, "connect" if connection.sock is None and translated else "tls")
        raise
    finally:
        slot.connecting = False


def _verified(connection: Any) -> None:
    """What urllib3 notes of a TLS connection, so that it warns (or not) as it did live."""
    if hasattr(connection, "cert_reqs") and hasattr(connection, "is_verified"):
        from urllib3.util.ssl_ import resolve_cert_reqs

        required = int(resolve_cert_reqs(connection.cert_reqs)) != 0
        connection.is_verified = required or bool(connection.assert_fingerprint)
        connection.proxy_is_verified = None
