"""A loopback server that behaves like real services, faults included. Raw asyncio: faults need the bare socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import threading
import zlib
from collections.abc import AsyncIterator
from typing import Any

GATE_SECONDS = 10
CHAT = {
    "id": "chat-1", "object": "chat.completion", "created": 1, "model": "fake-1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}  # fmt: skip
MESSAGE = {
    "id": "msg-1", "type": "message", "role": "assistant", "model": "fake-a", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "hello"}],
    "usage": {"input_tokens": 7, "output_tokens": 2},
}  # fmt: skip


class Server:
    """Serves from a thread of its own until `stop`; `url` is `http://127.0.0.1:port`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._gate = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def open_gate(self) -> None:
        """Let `/gated` go on after its first piece."""
        self._loop.call_soon_threadsafe(self._gate.set)

    def stop(self) -> None:
        """Close the port and every connection. From now on nothing answers."""
        if self._thread.is_alive():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _close(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; True to keep the connection."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        body = await _body(reader, headers)
        self.requests.append((method, target, body))
        path, _, query = target.partition("?")
        name = path.strip("/").replace("/", "_").replace("v1_", "")
        if name == "echo":
            answer = {"method": method, "query": query, "cookie": headers.get("cookie"), "body": body.decode("latin-1")}
            writer.write(_whole(json.dumps(answer).encode()))
            return True
        handler = getattr(self, f"_{name}", None)
        if handler is None:
            writer.write(_whole(b'{"error": "not here"}', status="404 Not Found"))
            return True
        return await handler(writer, body) is not False

    async def _lowercase(self, writer: Any, body: bytes) -> None:
        """As uvicorn writes the names of headers."""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-odd: 1\r\ncontent-length: 2\r\n\r\nok")

    async def _gzip(self, writer: Any, body: bytes) -> None:
        packed = gzip.compress(b'{"hello": "gzip world"}' * 20, mtime=0)
        writer.write(_whole(packed, "application/json", "Content-Encoding: gzip\r\n"))

    async def _deflate(self, writer: Any, body: bytes) -> None:
        packed = zlib.compress(b'{"hello": "deflate world"}' * 20)
        writer.write(_whole(packed, "application/json", "Content-Encoding: deflate\r\n"))

    async def _binary(self, writer: Any, body: bytes) -> None:
        writer.write(_whole(bytes(range(256)) * 300, "application/octet-stream"))

    async def _empty(self, writer: Any, body: bytes) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def _broken(self, writer: Any, body: bytes) -> None:
        writer.write(_whole(b"sorry", "text/plain", "X-Odd: caf\xe9\r\n", status="503 Try Later"))

    async def _redirect(self, writer: Any, body: bytes) -> None:
        cookies = "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/\r\nLocation: /echo?after=redirect\r\n"
        writer.write(_whole(b"moved", "text/plain", cookies, status="302 Found"))

    async def _chunked(self, writer: Any, body: bytes) -> None:
        await _chunks(writer, [b"one ", b"two ", b"three"], "text/plain")

    async def _sse(self, writer: Any, body: bytes) -> None:
        await _chunks(writer, [b"data: event %d\n\n" % i for i in range(4)])

    async def _gated(self, writer: Any, body: bytes) -> None:
        await _chunks(writer, self._through_the_gate())

    async def _through_the_gate(self) -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        try:
            await asyncio.wait_for(self._gate.wait(), GATE_SECONDS)
        except TimeoutError:
            yield b"data: nobody read the first piece\n\n"
        yield b"data: second\n\n"

    async def _chat_completions(self, writer: Any, body: bytes) -> None:
        if not json.loads(body).get("stream"):
            writer.write(_whole(json.dumps(CHAT).encode(), "application/json"))
            return
        base = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "fake-1"}
        parts = [{"delta": {"role": "assistant", "content": text}, "finish_reason": None} for text in ("he", "l", "lo")]
        parts.append({"delta": {}, "finish_reason": "stop"})
        events = [b"data: %s\n\n" % json.dumps({**base, "choices": [{"index": 0, **p}]}).encode() for p in parts]
        events.append(b"data: %s\n\n" % json.dumps({**base, "choices": [], "usage": CHAT["usage"]}).encode())
        await _chunks(writer, [*events, b"data: [DONE]\n\n"])

    async def _messages(self, writer: Any, body: bytes) -> None:
        if not json.loads(body).get("stream"):
            writer.write(_whole(json.dumps(MESSAGE).encode(), "application/json"))
            return
        start = {**MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hel"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
             "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ]  # fmt: skip
        await _chunks(writer, [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events])

    async def _truncated(self, writer: Any, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"t" * 100)
        await writer.drain()
        return False

    async def _until_the_end(self, writer: Any, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it")
        await writer.drain()
        return False

    async def _truncated_chunked(self, writer: Any, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo")
        await writer.drain()
        return False

    async def _bad_chunk(self, writer: Any, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\nZZ\r\nbad\r\n0\r\n\r\n")
        await writer.drain()
        return False

    async def _trailer(self, writer: Any, body: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nGrpc-Status: 5\r\n\r\n")

    async def _extension(self, writer: Any, body: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0;pad=x\r\n\r\n")

    async def _like_an_end(self, writer: Any, body: bytes) -> None:
        await _chunks(writer, [b"before 0\r\n", b"after"])

    async def _bad_status(self, writer: Any, body: bytes) -> bool:
        writer.write(b"GARBAGE you should not see\r\n\r\n")
        await writer.drain()
        return False

    async def _reset(self, writer: Any, body: bytes) -> bool:
        return _reset(writer)

    async def _reset_in_body(self, writer: Any, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"t" * 100)
        await writer.drain()
        await asyncio.sleep(0.05)  # so that the head is read before the reset discards it
        return _reset(writer)

    async def _slow(self, writer: Any, body: bytes) -> bool:
        await asyncio.sleep(GATE_SECONDS)
        return False

    async def _late(self, writer: Any, body: bytes) -> None:
        await asyncio.sleep(0.5)
        writer.write(_whole(b"late", "text/plain"))

    async def _slow_body(self, writer: Any, body: bytes) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"t" * 100)
        await writer.drain()
        await asyncio.sleep(GATE_SECONDS)
        return False


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return b""
    body = b""
    while size := int((await reader.readline()).strip(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


def _whole(body: bytes, kind: str = "application/json", extra: str = "", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode("latin-1") + body


async def _chunks(writer: Any, pieces: Any, kind: str = "text/event-stream") -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    async for piece in pieces if hasattr(pieces, "__aiter__") else _spaced(pieces):
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def _spaced(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0.002)


def _reset(writer: Any) -> bool:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    return False
