"""Through a proxy, over IPv6, with `Expect: 100-continue`: the same live, recorded, and replayed."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import requests
import urllib3

from tests.boundaries.http.test_wire import TLS, round_trip
from tests.boundaries.http.test_wire import tls as tls


class Handler(socketserver.StreamRequestHandler):
    """A proxy that tunnels to this host alone, and a server that says what it was asked."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            method, target, _ = line.decode("latin-1").split()
            headers = {}
            while head := self.rfile.readline().strip():
                name, _, value = head.decode().partition(":")
                headers[name.lower()] = value.strip()
            if method == "CONNECT":
                return self._tunnel(target)
            if "expect" in headers:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self.rfile.read(int(headers.get("content-length", 0)))
            said = f"{method} {target} {len(body)}".encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
        return None

    def _tunnel(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        if host != "127.0.0.1":
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        with suppress(ConnectionError), socket.create_connection((host, int(port))) as other:  # either may hang up
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = [self.connection, other]
            while True:
                for end in select.select(ends, [], [], 5)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[1 - ends.index(end)].sendall(data)


class Running(socketserver.ThreadingTCPServer):
    """On loopback."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), Handler)
        self.port = self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


@pytest.fixture
def proxy() -> Iterator[Running]:
    """Stopped in the test, or after it."""
    running = Running("127.0.0.1")
    yield running
    running.stop()


def by_requests(url: str, proxy: str, verify: Any) -> Any:
    """Two requests of one session."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify, session.proxies = verify, {"http": proxy, "https": proxy}
        return [session.post(url, data=b"abc", timeout=5).text if "/hello" not in url else session.get(url).text
                for _ in range(2)]  # fmt: skip


def by_urllib3(url: str, proxy: str, verify: Any) -> Any:
    """With one retry."""
    options = {"ca_certs": verify} if verify is not True else {}
    with urllib3.ProxyManager(proxy, retries=urllib3.Retry(1, redirect=False), timeout=5, **options) as pool:
        return pool.request("GET", url).data


def by_httpx(url: str, proxy: str, verify: Any) -> Any:
    """One request."""
    import ssl

    trusted: Any = ssl.create_default_context(cafile=verify) if verify is not True else True
    return httpx.get(url, proxy=proxy, verify=trusted, timeout=5).text


CLIENTS: dict[str, Callable[..., Any]] = {"requests": by_requests, "urllib3": by_urllib3, "httpx": by_httpx}


@pytest.mark.parametrize("case", ["plain", "tunnel", "untrusted", "refused", "gone", "gone, tunnel"])
@pytest.mark.parametrize("client", CLIENTS)
def test_through_a_proxy(proxy: Running, tls: TLS, client: str, case: str) -> None:
    """It forwards, makes a tunnel, refuses to (407), or is not there: then the request fails, at replay too."""
    url, verify = {
        "plain": ("http://shop.invalid/x", True), "tunnel": (tls.url, tls.ca), "untrusted": (tls.url, True),
        "refused": ("https://shop.invalid/x", True),
        "gone": ("http://shop.invalid/x", True), "gone, tunnel": ("https://shop.invalid/x", True),
    }[case]  # fmt: skip
    at = f"http://127.0.0.1:{proxy.port if 'gone' not in case else 1}"
    tape = round_trip(lambda url: CLIENTS[client](url, at, verify), url, lambda: None)
    assert all(ticket.request.target.split()[1] == url for ticket in tape.tickets)


@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_over_ipv6(client: str) -> None:
    """An address in brackets."""
    try:
        running = Running("::1")
    except OSError:
        pytest.skip("there is no IPv6 here")

    def get(url: str) -> Any:
        return requests.get(url, timeout=5).text if client == "requests" else httpx.get(url).text

    stops = iter([running.stop])
    round_trip(get, f"http://[::1]:{running.port}/x", lambda: next(stops)())


def test_leave_to_send_a_body(proxy: Running) -> None:
    """The server says that it may be sent."""

    def post(url: str) -> Any:
        return httpx.post(url, content=b"x" * 100, headers={"Expect": "100-continue"}).text

    round_trip(post, f"http://127.0.0.1:{proxy.port}/x", lambda: None)
