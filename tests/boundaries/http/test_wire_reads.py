"""Odd ways to read an answer of `http.client`, and to use its connection, are the same live, recorded, and replayed."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.boundaries.http.server import Server
from tests.boundaries.http.test_wire import opened, round_trip

Do = Callable[[], Any]


def said(*steps: Do) -> list[str]:
    """What each step gives, or raises."""
    out = []
    for step in steps:
        try:
            out.append(repr(step()))
        except Exception as error:
            out.append(f"{type(error).__name__}: {error}")
    return out


def _into(response: Any, size: int) -> bytes:
    room = bytearray(size)
    return bytes(room[: response.readinto(room)])


READS: dict[str, Callable[[http.client.HTTPResponse], list[str]]] = {
    "past the end": lambda r: said(r.read, r.read, lambda: r.read(5), r.isclosed, lambda: r.fp is None),
    "in parts": lambda r: said(*[lambda: r.read(4000)] * 12, r.isclosed, lambda: r.length),
    "into": lambda r: said(*[lambda: _into(r, 4000)] * 12, r.isclosed, lambda: r.fp is None),
    "into more": lambda r: said(*[lambda: _into(r, 100_000)] * 3, r.isclosed),
    "peeked": lambda r: said(
        lambda: r.peek(3)[:3], lambda: r.read(2), lambda: r.peek()[:2], r.read, r.peek, r.isclosed
    ),
    "only peeked": lambda r: said(lambda: r.peek(3)[:3], r.isclosed),
    "lines": lambda r: said(*[r.readline] * 3, r.readlines, r.readline, r.isclosed),
    "iterated": lambda r: said(lambda: list(r), lambda: list(r), r.isclosed, lambda: r.closed),
    "closed": lambda r: said(r.close, r.read, r.peek, r.readline, r.isclosed, lambda: r.closed),
    "closed in the middle": lambda r: said(lambda: r.read(3), r.close, r.read, r.isclosed),
    "buffered": lambda r: said(lambda: io.BufferedReader(r).read(3), r.isclosed),
    "below": lambda r: said(lambda: isinstance(r.fp, io.BufferedIOBase), lambda: r.fp.mode, lambda: next(r.fp)),
}


@pytest.mark.parametrize("case", ["echo?x=1", "binary", "chunked", "empty", "truncated", "truncated_chunked"])
@pytest.mark.parametrize("name", READS)
def test_however_it_is_read(server: Server, name: str, case: str) -> None:
    """Past its end, in parts, by looking ahead, after it was closed."""

    def read(url: str) -> Any:
        connection = opened(url)
        connection.request("GET", url[url.index("/", 9) :])
        response = connection.getresponse()
        try:
            return [*READS[name](response), connection.sock is None]
        finally:
            response.close()
            connection.close()

    round_trip(read, f"{server.url}/{case}", server.stop)


def test_an_end_that_was_only_looked_at(server: Server) -> None:
    """Of a body without a length the connection's end is its end, whoever sees it."""

    def peeked(url: str) -> list[str]:
        connection = opened(url)
        connection.request("GET", "/until_the_end")
        response = connection.getresponse()
        try:
            return said(lambda: response.read1(9), response.peek, response.peek)
        finally:
            connection.close()

    round_trip(peeked, server.url, server.stop)


def test_a_request_before_its_turn(server: Server) -> None:
    """It is refused by `http.client` itself, and takes no answer from the one that is under way."""

    def hasty(url: str) -> Any:
        connection = opened(url)

        def ask(number: int) -> Any:
            return connection.request("GET", f"/echo?x={number}")

        ask(1)
        first = connection.getresponse()
        steps = said(lambda: ask(2), connection.getresponse, first.read, lambda: ask(3), lambda: get(connection))
        connection.close()
        return steps

    tape = round_trip(hasty, server.url, server.stop)
    assert len(tape.tickets) == 2


def get(connection: http.client.HTTPConnection) -> bytes:
    """The body of the answer that comes next."""
    return connection.getresponse().read()


def test_an_answer_that_nobody_waits_for(server: Server) -> None:
    """A request that is sent and left alone; the socket has the connection's time limit."""

    def leave(url: str) -> Any:
        connection = opened(url)
        connection.connect()
        limit = connection.sock.gettimeout()
        connection.request("POST", "/echo", b"left")
        connection.close()
        connection.request("POST", "/echo", b"read")
        found = get(connection)
        connection.close()
        return limit, found

    round_trip(leave, server.url, server.stop)
