"""Exceptions come back as they were, and only those of the allow-list."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any

import aiohttp
import httpcore
import httpx
import httpx2
import pytest
import requests
import urllib3
from aiohttp.client_reqrep import ConnectionKey

from replay.boundaries.http.faults import describe_error, rebuild
from replay.core.codec import encode

KEY = ConnectionKey(**{**dict.fromkeys(ConnectionKey._fields), "host": "h", "port": 80, "is_ssl": False, "ssl": True})
REFUSED = OSError(111, "Connection refused")
KNOWN = [
    httpx.ReadTimeout("timed out"), httpx2.ConnectError("[Errno 111] Connection refused"), httpcore.ReadError("x"),
    OSError(2, "No such file"), REFUSED, TimeoutError("timed out"), TimeoutError(),
    ssl.SSLCertVerificationError(1, "certificate verify failed"), socket.gaierror(-2, "Name or service not known"),
    http.client.IncompleteRead(b"abc", 5), http.client.RemoteDisconnected("Remote end closed"),
    urllib3.exceptions.IncompleteRead(3, 10),
    urllib3.exceptions.ProtocolError("Connection broken", ConnectionResetError(104, "reset")),
    urllib3.exceptions.MaxRetryError(None, "/u", REFUSED),  # type: ignore[arg-type]
    requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/u", REFUSED)),  # type: ignore[arg-type]
    aiohttp.ServerDisconnectedError(), aiohttp.ClientConnectorError(KEY, REFUSED),
    aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")),
    aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "certificate verify failed")),
    aiohttp.ClientOSError(104, "Connection reset by peer"), aiohttp.ClientPayloadError("not completed"),
    aiohttp.SocketTimeoutError("Timeout on reading data from socket"),
]  # fmt: skip


@pytest.mark.parametrize("error", KNOWN, ids=lambda error: type(error).__qualname__)
def test_a_known_error_comes_back_the_same(error: BaseException) -> None:
    """Type, text and errno survive being stored."""
    stored: Any = encode(describe_error(error)).decode()
    rebuilt = rebuild(stored)
    assert type(rebuilt) is type(error)
    assert str(rebuilt) == str(error)
    assert getattr(rebuilt, "errno", None) == getattr(error, "errno", None)


@pytest.mark.parametrize(
    "error", [each for each in KNOWN if hasattr(each, "_conn_key")], ids=lambda error: type(error).__qualname__
)
def test_what_an_error_of_a_connector_holds_comes_back(error: Any) -> None:
    """They are what the outcome of a unit of work shows that such an error leaves."""
    rebuilt: Any = rebuild(encode(describe_error(error)).decode())
    assert (rebuilt.host, rebuilt.port, rebuilt.ssl) == (error.host, error.port, error.ssl)
    assert rebuilt.args[0] == error.args[0]
    assert (type(rebuilt.args[1]), rebuilt.args[1].args) == (type(error.args[1]), error.args[1].args)


def test_the_cause_comes_back_too() -> None:
    """Clients look at the cause of an error: it is kept."""
    error = httpx.ConnectError("refused")
    error.__cause__ = OSError(111, "Connection refused")
    cause = rebuild(describe_error(error)).__cause__
    assert (type(cause), str(cause)) == (ConnectionRefusedError, "[Errno 111] Connection refused")


class OurError(httpx.ReadError):
    """An application's own error, raised by its transport."""

    def __str__(self) -> str:
        raise AssertionError("capture must not call it")


def test_an_unknown_type_becomes_a_stand_in_under_its_known_base() -> None:
    """A type of the application is not looked up, but `except` clauses of its base catch the stand-in."""
    rebuilt = rebuild(describe_error(OurError("ours")))
    assert isinstance(rebuilt, httpx.ReadError)
    assert (type(rebuilt).__qualname__, type(rebuilt).__module__) == ("OurError", __name__)
    assert str(rebuilt) == "ours"


@pytest.mark.parametrize(
    "name", ["os.system", "subprocess.Popen", "SystemExit", "httpx.Client", "httpx.__name__", "antigravity.E", ""]
)
def test_a_crafted_name_runs_and_imports_nothing(name: str) -> None:
    """A bundle may name anything; what is not an exception of the allow-list becomes an empty class of that name."""
    rebuilt = rebuild({"type": name, "base": name, "args": ["touch x"], "message": "m", "state": {"__class__": 1}})
    assert type(rebuilt).__mro__[1] is Exception
    assert str(rebuilt) == "m"


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"type": 3, "args": None, "state": None, "cause": 5},
        {"type": "OSError", "args": [[]]},
        {"type": "E", "args": 5, "state": [1]},
    ],
)
def test_malformed_descriptions_still_give_an_exception(described: Any) -> None:
    """Damage gives some exception, never another kind of failure."""
    assert isinstance(rebuild(described), Exception)


def test_contexts_are_kept_to_a_bounded_depth() -> None:
    """A context comes back below an error without a cause, suppressed or not; a ring of them ends."""
    error, context = httpx.ReadError("outer"), ValueError("inner")
    error.__context__, context.__context__ = context, error
    error.__suppress_context__ = True
    rebuilt: BaseException | None = rebuild(encode(describe_error(error)).decode())
    assert rebuilt is not None
    assert rebuilt.__suppress_context__
    links = []
    while rebuilt is not None:
        links.append(str(rebuilt))
        rebuilt = rebuilt.__context__
    assert links == ["outer", "inner"] * 3 + ["outer"]
