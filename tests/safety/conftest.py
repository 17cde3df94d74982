"""An API on loopback that the units ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.safety import units


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        if self.headers["Content-Length"] is not None:
            self.rfile.read(int(self.headers["Content-Length"]))
        else:
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.endswith("/chat/completions"):
            body = json.dumps({"model": "m-1", "choices": [{"finish_reason": "stop", "message": {"content": "yes"}}],
                               "usage": {"prompt_tokens": 3, "completion_tokens": 1}}).encode()  # fmt: skip
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        if self.path.startswith("/close"):
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"xxx\n" * 50)
            return
        if self.path.startswith("/chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"a\r\nxxxx\nxxxx\n\r\n" * 200 + b"0\r\n\r\n")
            return
        self.send_header("Content-Length", "2000")
        self.send_header("Set-Cookie", "session=5; Path=/")
        self.end_headers()
        self.wfile.write(b"xxx\n" * 500)

    def do_CONNECT(self) -> None:
        self.send_error(502)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[None]:
    """It runs, and the units know its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as running:
        running.daemon_threads = True
        thread = Thread(target=running.serve_forever)
        thread.start()
        units.address = f"http://127.0.0.1:{running.server_port}"
        try:
            yield
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def api() -> Iterator[None]:
    """It runs."""
    with serving():
        yield
