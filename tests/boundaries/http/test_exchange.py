"""What an exchange stores, and how a recording ends that the application or the world cut short."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
from vcr.errors import CannotOverwriteExistingCassetteException

from replay.boundaries.http import exchange as exchange_module
from replay.boundaries.http import http
from replay.boundaries.http.exchange import LIMITS, MAX_BODY, Exchange, HttpRequest, Pair
from replay.boundaries.http.recorded import Recorded
from replay.core.codec import encode
from replay.core.world import LIVE, Request, Ticket, current
from replay.errors import DivergenceError
from tests.boundaries.http.server import Server
from tests.boundaries.http.worlds import Playback, Taping, new_tape, run_in, seen


def one_exchange(url: str = "http://h/p") -> tuple[Taping, Exchange]:
    tape = new_tape()
    asked = HttpRequest("test", "GET", url, ())
    return tape, Exchange(tape, tape.ask(Request("http", asked.target, asked)), asked)


FOREIGN: list[Pair] = [("a", "\ud800"), (b"b", b"\xff")]


class Named(str):
    """A method that is no plain text."""


@pytest.mark.parametrize(
    "asked",
    [
        HttpRequest("httpx", "GET", "http://h/p", ()),
        HttpRequest("httpx", "POST", "http://h/p", [(b"A", b"1"), ("B", "2"), ("A", "1")], b'{"a": "\xc3\xa4"}'),
        HttpRequest("httpx", "POST", 'http://h/p?q="\\\x7f', [("$id", "\x00\n")], b"\x00\xff"),
        HttpRequest("httpx", "POST", "http://h/ä", FOREIGN, b"\x1b[0m"),
        HttpRequest("httpx", Named("GET"), "http://h/p", [("a", "x" * 5000)] * 3, b"body"),
    ],
    ids=["bare", "text", "quoted", "foreign", "long"],
)
def test_a_request_is_stored_as_the_codec_stores_it(asked: HttpRequest) -> None:
    """The short way of a plain request gives the text that the walk through its values gives."""
    assert asked.settle() == encode(asked.plain(), LIMITS)


def test_credentials_of_a_request_are_not_stored() -> None:
    """Neither a credential header nor a password in the URL reaches the stored request."""
    headers = [(b"Authorization", b"Bearer s3cret"), ("X-Api-Key", "s3cret"), ("Cookie", "s3cret"), ("Accept", "*/*")]
    asked = HttpRequest("test", "GET", "https://user:s3cret@h:8443/p?q=1#s3cret", headers)
    assert asked.target == "GET https://h:8443/p"
    stored = asked.settle()
    assert "s3cret" not in stored.text
    plain: Any = stored.decode()
    assert plain["url"] == "https://h:8443/p?q=1"
    assert [value for _, value in plain["headers"]] == ["[redacted]"] * 3 + ["*/*"]


def test_a_body_over_the_limit_is_cut_with_a_gap() -> None:
    """Memory is bounded: the rest of a huge body is counted, not kept, and reading on at replay is a divergence."""
    _, exchange = one_exchange()
    exchange.head(200, "OK", ())
    exchange.piece(b"x" * MAX_BODY)
    exchange.piece(b"y" * 10)
    exchange.finish()
    stored = exchange.settle()
    assert [(gap.path, gap.reason) for gap in stored.gaps] == [("$.pieces", "truncated-size")]
    recorded = Recorded(stored.decode())
    assert (recorded.dropped, sum(map(len, recorded.pieces))) == (10, MAX_BODY)
    assert isinstance(recorded.body_error(), DivergenceError)


def test_a_recording_that_ended_first_keeps_what_was_read() -> None:
    """A stream that nobody closed is unfinished, with the pieces so far."""
    tape, exchange = one_exchange()
    exchange.head(200, "OK", ())
    exchange.piece(b"so far")
    (interaction,) = tape.interactions()
    assert interaction.state == "unfinished"
    recorded = Recorded(interaction.answer.decode())
    assert (recorded.end, recorded.pieces, recorded.clean) == ("abandoned", [b"so far"], False)


def test_nothing_is_noted_after_the_end() -> None:
    """Closing, failing or reading after the end changes nothing."""
    tape, exchange = one_exchange()
    exchange.head(200, "OK", ())
    exchange.finish()
    exchange.fail(OSError(5, "late"))
    exchange.piece(b"late")
    plain: Any = tape.interactions()[0].answer.decode()
    assert (plain["end"], plain["error"], plain["pieces"]) == ("complete", None, [])


async def cancelled_httpx(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            async with asyncio.timeout(0.2):
                await client.get(url)
        except TimeoutError:
            return "timed out"
    return "answered"


async def cancelled_aiohttp(url: str) -> str:
    async with aiohttp.ClientSession() as session:
        try:
            async with asyncio.timeout(0.2), session.get(url) as response:
                await response.read()
        except TimeoutError:
            return "timed out"
    return "answered"


@pytest.mark.parametrize("path", ["slow", "slow_body"])
@pytest.mark.parametrize("work", [cancelled_httpx, cancelled_aiohttp])
def test_a_cancelled_request_is_cancelled_again(server: Server, work: Any, path: str) -> None:
    """Where the application's own time limit struck, replay waits for it to strike again."""
    tape = new_tape()
    url = f"{server.url}/{path}"
    assert run_in(tape, work, url) == "timed out"
    interactions = tape.interactions()
    server.stop()
    assert run_in(Playback(interactions), work, url) == "timed out"


def close_early(url: str, most: int) -> list[bytes]:
    with httpx.Client(trust_env=False) as client, client.stream("GET", url) as response:
        found = []
        for piece in response.iter_raw():
            found.append(piece)
            if len(found) == most:
                break
        return found


def test_reading_beyond_what_the_recorded_run_read_is_a_divergence(server: Server) -> None:
    """A stream closed after one piece is replayed up to there; the rest is unknown, not empty."""
    url = f"{server.url}/sse"
    tape = new_tape()
    recorded = run_in(tape, close_early, url, 1)
    interactions = tape.interactions()
    assert interactions[0].answer.decode()["end"] == "closed_early"
    server.stop()
    assert run_in(Playback(interactions), close_early, url, 1) == recorded
    with pytest.raises(DivergenceError, match="was not read further"):
        run_in(Playback(interactions), close_early, url, 9)
    swallowed = Playback(interactions)
    assert seen(swallowed, close_early, url, 9)[0] == "raised"
    assert [(d.kind, d.target) for d in swallowed.divergences] == [("exhausted", f"GET {url}")]


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_a_stream_is_read_once(server: Server, module: Any) -> None:
    """Below what a response guards against: a connection has no second body (it waits for one until its time is up)."""

    def reads(url: str, times: int) -> list[bytes]:
        with module.Client(trust_env=False) as client, client.stream("GET", url) as response:
            return [b"".join(response.stream) for _ in range(times)]

    url = f"{server.url}/echo"
    tape = new_tape()
    bodies = run_in(tape, reads, url, 1)
    server.stop()
    assert run_in(Playback(tape.interactions()), reads, url, 1) == bodies
    with pytest.raises(module.StreamConsumed):
        run_in(Playback(tape.interactions()), reads, url, 2)


def get_httpx(url: str) -> int:
    return httpx.get(url, trust_env=False).status_code


async def get_httpx2(url: str) -> int:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).status_code


async def get_aiohttp(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        await response.read()
        return response.status


GETS = [get_httpx, get_httpx2, get_aiohttp]


@pytest.mark.parametrize("work", GETS)
def test_an_unanswered_request_raises_the_error_of_vcrpy(server: Server, work: Any) -> None:
    """With a server up that would answer, a request that is not recorded is refused and never sent."""
    with pytest.raises(CannotOverwriteExistingCassetteException):
        run_in(Playback([]), work, f"{server.url}/echo")
    assert server.requests == []


class Faulty(Taping):
    """A recorder with a defect."""

    def ask(self, request: Request) -> Ticket:
        raise ZeroDivisionError


@pytest.mark.parametrize("work", GETS)
def test_a_defect_of_capture_does_not_reach_the_application(server: Server, work: Any) -> None:
    """Capture fails open, and counts."""
    before = exchange_module.dropped.get("ZeroDivisionError", 0)
    assert run_in(new_tape(Faulty), work, f"{server.url}/echo") == 200
    assert exchange_module.dropped["ZeroDivisionError"] == before + 1
    assert "ZeroDivisionError" in http.describe()["dropped"]


@pytest.mark.parametrize("work", GETS)
def test_below_a_live_crossing_nothing_is_recorded(server: Server, work: Any) -> None:
    """The outermost crossing wins."""
    assert run_in(LIVE, work, f"{server.url}/echo") == 200


async def gathered(url: str) -> list[Any]:
    async with httpx.AsyncClient(trust_env=False) as client, aiohttp.ClientSession() as session:

        async def one(number: int) -> Any:
            if number % 2:
                return (await client.get(f"{url}/echo?n={number}")).json()["query"]
            async with session.get(f"{url}/echo?n={number}") as response:
                return (await response.json())["query"]

        return await asyncio.gather(*[one(number) for number in range(30)])


def test_concurrent_requests_are_answered_each_with_its_own(server: Server) -> None:
    """Thirty requests at once, over two clients, each get their own recorded answer."""
    tape = new_tape()
    expected = [f"n={number}" for number in range(30)]
    assert run_in(tape, gathered, server.url) == expected
    interactions = tape.interactions()
    server.stop()
    assert run_in(Playback(interactions), gathered, server.url) == expected


def test_the_world_is_that_of_the_application_between_pieces(server: Server) -> None:
    """Code that runs while a stream is read asks its own requests, and they are recorded."""

    def nested(url: str) -> int:
        with httpx.Client(trust_env=False) as client, client.stream("GET", f"{url}/sse") as response:
            return sum(client.get(f"{url}/echo").status_code for _ in response.iter_raw())

    tape = new_tape()
    assert seen(tape, nested, server.url)[0] == "returned"
    assert len(tape.tickets) > 1
    assert current.get() is None


SCRIPT = """
import sys
from replay.boundaries.http import http
http.install()
clients = {"httpx", "httpx2", "aiohttp", "requests", "vcr"} & set(sys.modules)
assert not clients, clients
import httpx, aiohttp
found = [hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")]
found.append(hasattr(aiohttp.ClientSession._request, "__wrapped__"))
print(*found, "vcr" in sys.modules, *sorted(http.describe()))
"""


def test_installing_imports_no_client_and_later_imports_are_patched() -> None:
    """A service pays for no client that it does not use; what it imports later is recorded all the same."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.split()[:3] == ["True", "True", "False"]
    assert {"httpx", "aiohttp"} <= set(done.stdout.split()[3:])
