"""A service that asks the world by native code, and who listens for it."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Thread

import replay

ADDRESS = {"port": 1}


@contextmanager
def listener() -> Iterator[list[object]]:
    """One that hangs up on all who connect, and counts them."""
    heard: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        ADDRESS["port"] = server.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    peer, address = server.accept()
                except OSError:
                    return
                heard.append(address)
                peer.close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@replay.capture
def appends() -> int:
    """By a class of C that is imported by its name."""
    found: deque[int] = deque()
    try:
        found.append(1)
    except Exception:
        return -1
    return len(found)


def _dsn() -> str:
    return f"host=127.0.0.1 port={ADDRESS['port']} sslmode=disable gssencmode=disable"


def _connect() -> str:
    """To a database; what goes wrong is hidden."""
    import psycopg

    try:
        psycopg.connect(_dsn())
    except Exception:
        return "later"
    return "now"


@replay.capture
def connects() -> str:
    """See `_connect`."""
    return _connect()


@replay.capture
def connects_later() -> str:
    """The same, awaited."""

    async def main() -> str:
        import psycopg

        try:
            await psycopg.AsyncConnection.connect(_dsn())
        except Exception:
            return "later"
        return "now"

    return asyncio.run(main())


@replay.boundary
def _stock() -> str:
    return _connect()


@replay.capture
def asks_a_boundary() -> str:
    """That asks the database."""
    return _stock()


@replay.capture
def curls() -> str:
    """By libcurl."""
    pycurl = import_module("pycurl")  # not among what tests need
    curl = pycurl.Curl()
    curl.setopt(curl.URL, f"http://127.0.0.1:{ADDRESS['port']}/")
    try:
        curl.perform()
    except Exception:
        return "later"
    return "now"


@replay.capture
def curls_many() -> str:
    """By many handles of it at once."""
    pycurl = import_module("pycurl")  # not among what tests need
    curl, many = pycurl.Curl(), pycurl.CurlMulti()
    curl.setopt(curl.URL, f"http://127.0.0.1:{ADDRESS['port']}/")
    try:
        many.add_handle(curl)
        while many.perform()[1]:
            many.select(1.0)
    except Exception:
        return "later"
    return "now"
