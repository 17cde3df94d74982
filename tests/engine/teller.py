"""A unit of work that reads what a model streams, and the server that streams it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import requests

import replay

QUEUES = {"billing": "finance", "bug": "engineering"}
PIECES = ('{"label": "bil', 'ling", "conf', 'idence": 0.9}')


def _text(lines: Iterator[str]) -> str:
    text = ""
    for line in lines:
        if line.startswith("data: ") and line != "data: [DONE]":
            for choice in json.loads(line[6:])["choices"]:
                text += choice["delta"].get("content") or ""
    return text


def _queue(text: str) -> str:
    answer = json.loads(text)
    return QUEUES[answer["label"]]


@replay.capture
def told(url: str) -> str:
    """The queue of a ticket, read with httpx."""
    with (
        httpx.Client(trust_env=False, verify=False) as client,
        client.stream("POST", url, json={"stream": True}) as answer,
    ):
        return _queue(_text(answer.iter_lines()))


@replay.capture
def told_by_requests(url: str) -> str:
    """The same with requests."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(url, json={"stream": True}, stream=True, timeout=5)
        return _queue(_text(answer.iter_lines(decode_unicode=True)))


@replay.capture
def told_carefully(url: str) -> str:
    """It tries twice, and reads no answer but a good one, as clients that try again do."""
    with httpx.Client(trust_env=False, verify=False) as client:
        for _ in range(2):
            with client.stream("POST", url, json={"stream": True}) as answer:
                if answer.status_code == 200:
                    return _queue(_text(answer.iter_lines()))
        raise ConnectionError("no answer")


class _Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Stream the pieces."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in PIECES:
            self._event(json.dumps({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))


@contextmanager
def model() -> Iterator[str]:
    """The server's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Model) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/chat"
        server.shutdown()
        thread.join()


def record_told(function: Any) -> None:
    """Once, for real."""
    with model() as url:
        function(url)
