"""The http.client family sees the same live, recorded, and replayed with the server down."""

from __future__ import annotations

import gc
import http.client
import http.server
import io
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.awsrequest
import botocore.httpsession
import httplib2
import pytest
import requests
import trustme
import urllib3

from replay.boundaries.http.wire_form import dechunk
from replay.boundaries.http.wire_replay import FakeSocket
from tests.boundaries.http.server import Server
from tests.boundaries.http.worlds import Playback, Taping, new_tape, run_in, seen

CASES = (
    "echo?x=1&x=2", "gzip", "deflate", "binary", "empty", "broken", "redirect", "chunked", "sse", "nowhere",
    "truncated", "truncated_chunked", "reset", "reset_in_body", "slow", "slow_body",
    "bad_chunk", "bad_status",
)  # fmt: skip
SECONDS = 0.3


def opened(url: str, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=context)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)


def by_http_client(url: str) -> Any:
    connection = opened(url)
    try:
        connection.request("GET", url[url.index("/", 9) :])
        response = connection.getresponse()
        return response.status, response.reason, response.getheaders(), response.read()
    finally:
        connection.close()


def by_buffering(url: str) -> Any:
    """As urllib3 1.26 does it: it tries an argument that Python 2 knew, then without."""
    connection: Any = opened(url)
    try:
        connection.request("GET", url[url.index("/", 9) :])
        try:
            response = connection.getresponse(buffering=True)
        except TypeError:
            response = connection.getresponse()
        return response.status, response.reason, response.getheaders(), response.read()
    finally:
        connection.close()


def by_read1(url: str) -> Any:
    connection = opened(url)
    try:
        connection.request("GET", url[url.index("/", 9) :])
        with connection.getresponse() as response:
            return [response.status, *iter(response.read1, b"")]
    finally:
        connection.close()


def by_readinto(url: str) -> Any:
    connection = opened(url)
    try:
        connection.request("GET", url[url.index("/", 9) :])
        with connection.getresponse() as response:
            taken, room = [], bytearray(700)
            while size := response.readinto(room):
                taken.append(bytes(room[:size]))
            return taken
    finally:
        connection.close()


def by_urllib(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS) as response:
            return response.status, response.getheaders(), response.read(), response.url
    except urllib.error.HTTPError as error:
        error.close()
        raise


def by_urllib3(url: str) -> Any:
    with urllib3.PoolManager(timeout=SECONDS, retries=False) as pool:
        response = pool.request("GET", url, redirect=False)
        return response.status, response.reason, list(response.headers.items()), response.data, response.version


def by_urllib3_retries(url: str) -> Any:
    retries = urllib3.Retry(total=2, status_forcelist=[503], backoff_factor=0)
    with urllib3.PoolManager(timeout=SECONDS, retries=retries) as pool:
        response = pool.request("GET", url)
        return response.status, response.data, len(response.retries.history)


def by_urllib3_stream(url: str) -> Any:
    pool = urllib3.PoolManager(timeout=SECONDS, retries=False)
    with pool, pool.request("GET", url, preload_content=False) as response:
        return [response.status, *response.stream(1000, decode_content=False)]


def by_requests(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(url, timeout=SECONDS)
        cookies = session.cookies.get_dict()
        return response.status_code, list(response.headers.items()), response.content, len(response.history), cookies


def by_requests_lines(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        with session.get(url, timeout=SECONDS, stream=True) as response:
            return list(response.iter_lines(chunk_size=None))


def by_botocore(url: str) -> Any:
    request = botocore.awsrequest.AWSRequest("PUT", url, data=b"data" * 20, headers={"Expect": "100-continue"})
    session = botocore.httpsession.URLLib3Session(timeout=SECONDS, proxies={})
    try:
        response = session.send(request.prepare())
        return response.status_code, list(response.headers.items()), response.content
    finally:
        session.close()


def by_httplib2(url: str) -> Any:
    client = httplib2.Http(timeout=SECONDS, proxy_info=None)
    try:
        response, content = client.request(url)
        return response.status, dict(response), content
    finally:
        client.close()


CLIENTS: dict[str, Callable[[str], Any]] = {
    "http.client": by_http_client,
    "http.client buffering": by_buffering,
    "http.client read1": by_read1,
    "http.client readinto": by_readinto,
    "urllib": by_urllib,
    "urllib3": by_urllib3,
    "urllib3 retries": by_urllib3_retries,
    "urllib3 stream": by_urllib3_stream,
    "requests": by_requests,
    "requests lines": by_requests_lines,
    "botocore": by_botocore,
    "httplib2": by_httplib2,
}


def masked(outcome: Any) -> str:
    """Addresses of objects differ from run to run."""
    return re.sub(r"0x[0-9a-f]+", "0x", repr(outcome))


def round_trip(work: Callable[..., Any], url: str, stop: Callable[[], None]) -> Taping:
    """Live, recorded, then replayed after `stop`: all the same, every answer used."""
    live = seen(None, work, url)
    tape = new_tape()
    recorded = seen(tape, work, url)
    assert masked(recorded) == masked(live)
    stop()
    playback = Playback(tape.interactions())
    assert masked(seen(playback, work, url)) == masked(live)
    assert not playback.waiting
    assert tape.tickets
    return tape


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("client", CLIENTS)
def test_same_live_recorded_replayed(server: Server, client: str, case: str) -> None:
    """Each client sees the same result, or exception type with message, in all three."""
    round_trip(CLIENTS[client], f"{server.url}/{case}", server.stop)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # httplib2 leaves a refused TLS socket open
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("client", CLIENTS)
def test_refused(server: Server, client: str, scheme: str) -> None:
    """A connection that nobody takes is recorded once per attempt and fails the same way at replay."""
    server.stop()
    tape = round_trip(CLIENTS[client], f"{scheme}://127.0.0.1:{server.port}/x", lambda: None)
    assert {ticket.state for ticket in tape.tickets} == {"raised"}
    attempts = 3 if client == "urllib3 retries" else 1
    assert len(tape.tickets) == attempts
    gc.collect()


@pytest.mark.parametrize("client", CLIENTS)
def test_unknown_host(client: str) -> None:
    """A name that does not resolve."""
    round_trip(CLIENTS[client], "http://no-such-host.invalid/x", lambda: None)


@pytest.mark.parametrize("client", CLIENTS)
def test_not_tls(server: Server, client: str) -> None:
    """A TLS handshake with a server that does not speak it."""
    round_trip(CLIENTS[client], server.url.replace("http:", "https:") + "/echo", server.stop)


class TLS:
    """A server behind TLS, with a certificate of an authority that `context` trusts."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        self.context = ssl.create_default_context(cafile=self.ca)
        inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(inside)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.server.socket = inside.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/hello"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Hello(http.server.BaseHTTPRequestHandler):
    """Says hello."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TLS]:
    running = TLS(tmp_path)
    yield running
    running.stop()


def tls_clients(tls: TLS) -> dict[str, Callable[[str], Any]]:
    def plain(url: str) -> Any:
        connection = opened(url, tls.context)
        try:
            connection.request("GET", "/hello")
            return connection.getresponse().read()
        finally:
            connection.close()

    def pooled(url: str) -> Any:
        with urllib3.PoolManager(ca_certs=tls.ca, retries=False) as pool:
            return [pool.request("GET", url).data for _ in range(2)]

    def session(url: str) -> Any:
        with requests.Session() as client:
            client.trust_env = False
            return client.get(url, verify=tls.ca).content

    return {"http.client": plain, "urllib3": pooled, "requests": session}


@pytest.mark.parametrize("client", ["http.client", "urllib3", "requests"])
def test_tls(tls: TLS, client: str) -> None:
    """Over TLS with a trusted certificate: answered at replay without a handshake."""
    round_trip(tls_clients(tls)[client], tls.url, lambda: None)


@pytest.mark.parametrize("client", ["http.client", "urllib", "urllib3", "requests", "httplib2"])
def test_untrusted(tls: TLS, client: str) -> None:
    """A certificate that is not trusted is refused at replay in the same words."""
    tape = round_trip(CLIENTS[client], tls.url, lambda: None)
    assert [ticket.state for ticket in tape.tickets] == ["raised"]


def uploads() -> dict[str, Callable[[str], Any]]:
    def sent(body: Callable[[], Any]) -> Callable[[str], Any]:
        def post(url: str) -> Any:
            with requests.Session() as session:
                session.trust_env = False
                return session.post(url, data=body()).json()["body"]

        return post

    def plain(body: Callable[[], Any], headers: dict[str, str] | None = None) -> Callable[[str], Any]:
        def post(url: str) -> Any:
            connection = opened(url)
            connection.request("POST", "/echo", body(), headers or {})
            answer = connection.getresponse().read()
            connection.close()
            return answer

        return post

    return {
        "bytes": sent(lambda: b"one two"),
        "str": sent(lambda: "caf\u00e9"),
        "iterator": sent(lambda: iter([b"one ", b"two"])),
        "file": sent(lambda: io.BytesIO(b"one two" * 5000)),
        "plain text file": plain(lambda: io.StringIO("caf\u00e9")),
        "plain array": plain(lambda: bytearray(b"one two")),
        "plain iterator": plain(lambda: iter([b"one ", b"two"])),
        "plain iterator, length given": plain(lambda: iter([b"one ", b"two"]), {"Content-Length": "7"}),
    }


@pytest.mark.parametrize("kind", uploads())
def test_uploads(server: Server, kind: str) -> None:
    """Whatever is uploaded is recorded as the server got it, without its framing, and is asked again."""
    tape = round_trip(uploads()[kind], f"{server.url}/echo", server.stop)
    assert tape.tickets[0].request.payload.plain()["body"] == server.requests[0][2]


def test_first_piece_is_not_delayed(server: Server) -> None:
    """The server sends its second event only after the client has read the first."""

    def events(url: str) -> list[bytes]:
        with urllib3.PoolManager(retries=False) as pool:
            response = pool.request("GET", url, preload_content=False)
            stream = response.stream()
            first = next(stream)
            server.open_gate()
            return [first, *stream]

    tape = new_tape()
    pieces = run_in(tape, events, f"{server.url}/gated")
    assert pieces == [b"data: first\n\n", b"data: second\n\n"]
    assert [data for _, data in tape.tickets[0].answer.plain()["pieces"]] == pieces
    assert run_in(Playback(tape.interactions()), events, f"{server.url}/gated") == pieces


def test_ends(server: Server) -> None:
    """How a body ended is told apart: whole, cut by the server, closed by the application, left open."""

    def part(url: str, close: bool) -> Any:
        connection = opened(url)
        connection.request("GET", "/" + url.rpartition("/")[2])
        response = connection.getresponse()
        response.read(10)
        if close:
            response.close()
        return connection, response

    def end(work: Callable[..., Any], *args: Any) -> Any:
        tape = new_tape()
        kept = seen(tape, work, *args)
        found = tape.tickets[0].answer.plain()["end"], tape.tickets[0].state
        for thing in reversed(kept[1] if type(kept[1]) is tuple and kept[0] == "returned" else ()):
            getattr(thing, "close", int)()
        return found

    assert end(by_http_client, f"{server.url}/binary") == ("complete", "returned")
    assert end(by_http_client, f"{server.url}/chunked") == ("complete", "returned")
    assert end(by_http_client, f"{server.url}/truncated") == ("truncated", "returned")
    assert end(by_http_client, f"{server.url}/truncated_chunked") == ("truncated", "returned")
    assert end(by_http_client, f"{server.url}/reset_in_body") == ("error", "returned")
    assert end(by_http_client, f"{server.url}/reset") == ("error", "raised")
    assert end(part, f"{server.url}/binary", True) == ("closed_early", "returned")
    assert end(part, f"{server.url}/binary", False) == ("abandoned", "unfinished")


def test_one_connection_through_all_worlds(server: Server) -> None:
    """A connection that is kept alive goes live, recorded, faked, then live again; at replay nothing is sent."""
    connection = opened(server.url)

    def get(path: str) -> bytes:
        connection.request("GET", path)
        return connection.getresponse().read()

    tape = new_tape()
    first = run_in(None, get, "/echo?x=1")
    recorded = run_in(tape, get, "/echo?x=2")
    before = len(server.requests)
    assert run_in(Playback(tape.interactions()), get, "/echo?x=2") == recorded
    assert len(server.requests) == before
    assert isinstance(connection.sock, FakeSocket)
    assert run_in(None, get, "/echo?x=1") == first
    assert len(server.requests) == before + 1
    assert not isinstance(connection.sock, FakeSocket)
    connection.close()


def test_pool_through_all_worlds(server: Server) -> None:
    """The same with a pooled connection of urllib3."""
    with urllib3.PoolManager() as pool:

        def get(path: str) -> bytes:
            return pool.request("GET", server.url + path).data

        tape = new_tape()
        run_in(None, get, "/echo?x=1")
        recorded = run_in(tape, get, "/chunked")
        before = len(server.requests)
        assert run_in(Playback(tape.interactions()), get, "/chunked") == recorded
        assert len(server.requests) == before
        assert run_in(None, get, "/chunked") == recorded
        assert len(server.requests) == before + 1


def test_threads_share_a_pool(server: Server) -> None:
    """Fifty threads, each in its own recording, one pool: none lost, none foreign; each replays."""
    tapes = [new_tape() for _ in range(50)]
    errors: list[BaseException] = []

    def work(number: int, session: requests.Session, pool: urllib3.PoolManager) -> list[Any]:
        urls = [f"{server.url}/echo?w={number}-{turn}" for turn in range(3)]
        return [(pool.request("GET", url).data, session.get(url).content) for url in urls]

    def each(number: int, worlds: list[Any], results: dict[int, Any]) -> None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                results[number] = run_in(worlds[number], work, number, session, pool)
        except BaseException as error:
            errors.append(error)

    def together(worlds: list[Any]) -> dict[int, Any]:
        results: dict[int, Any] = {}
        threads = [threading.Thread(target=each, args=(number, worlds, results)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        return results

    with urllib3.PoolManager(maxsize=50) as pool:
        recorded = together(tapes)
        for number, tape in enumerate(tapes):
            urls = [ticket.request.payload.plain()["url"] for ticket in tape.tickets]
            assert urls == [f"{server.url}/echo?w={number}-{turn}" for turn in range(3) for _ in range(2)]
        server.stop()
        assert together([Playback(tape.interactions()) for tape in tapes]) == recorded


@pytest.mark.parametrize("client", CLIENTS)
def test_unanswered(server: Server, client: str) -> None:
    """A request that the recording does not have raises what the player raises; the server never sees it."""
    tape = new_tape()
    run_in(tape, by_http_client, f"{server.url}/echo?x=1")
    before = len(server.requests)
    outcome = seen(Playback(tape.interactions()), CLIENTS[client], f"{server.url}/echo?x=2")
    assert outcome[0] == "raised"
    assert outcome[2] == ("HTTPClientError" if client == "botocore" else "CannotOverwriteExistingCassetteException")
    assert "echo" in outcome[3]
    assert len(server.requests) == before


@pytest.mark.parametrize("client", ["http.client", "urllib3"])
def test_request_that_cannot_be_sent(server: Server, client: str) -> None:
    """A header that the client refuses to send: one interaction, the same error at replay."""

    def plain(url: str) -> None:
        opened(url).request("GET", "/echo", headers={"X-Bad": "one\ntwo"})

    def pooled(url: str) -> None:
        with urllib3.PoolManager(retries=False) as pool:
            pool.request("GET", url, headers={"X-Bad": "one\ntwo"})

    tape = round_trip({"http.client": plain, "urllib3": pooled}[client], f"{server.url}/echo", server.stop)
    assert len(tape.tickets) == 1


def test_error_of_capture_stays_inside(server: Server) -> None:
    """A recorder that fails is not felt: the request goes on unrecorded."""

    class Broken(Taping):
        def ask(self, request: Any) -> Any:
            raise RuntimeError("full")

    assert run_in(new_tape(Broken), by_requests, f"{server.url}/echo")[0] == 200


def test_a_negative_chunk_size_is_malformed() -> None:
    """A size below zero must not send the parser backwards over what it has parsed."""
    assert dechunk([(3, b"1\r\na\r\n-6\r\nbcd")]) == ([(3, b"a")], False, None, b"-6\r\nbcd")
