"""HTTP/1 as bytes on the wire, turned into the stored form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from replay.boundaries.http.exchange import Exchange, HttpRequest, Pair, stored_headers
from replay.core.codec import Value
from replay.core.world import Ticket, World

CLIENTS = frozenset({"urllib3", "botocore", "httplib2"})


def client_of(connection: Any) -> str:
    """The library whose connection this is: `urllib3` (requests too), `botocore`, `httplib2`, else `http.client`."""
    for kind in type(connection).__mro__:
        package = kind.__module__.partition(".")[0]
        if package in CLIENTS:
            return package
    return "http.client"


def url_of(connection: Any, target: str | bytes) -> str:
    """The whole URL of a request target on an `HTTPConnection`."""
    path = target if type(target) is str else bytes(target).decode("latin-1")  # type: ignore[arg-type]
    if path and not path.startswith(("/", "*", "?")):
        return path  # absolute: the request goes to a forwarding proxy
    host = connection._tunnel_host or connection.host
    port = connection._tunnel_port if connection._tunnel_host else connection.port
    secure = connection.default_port == 443
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    authority = host if port in (None, 443 if secure else 80) else f"{host}:{port}"
    return f"{'https' if secure else 'http'}://{authority}{path}"


def dechunk(pieces: Iterable[tuple[int, bytes]]) -> tuple[list[tuple[int, bytes]], bool, int | None, bytes]:
    """Chunked framing undone (RFC 9112, 7.1): one piece per chunk, stamped as its last byte was read.

    Also whether the end was seen, and how many bytes the last, cut chunk lacks: None when it was cut between two
    chunks, 0 when only its line end lacks. A cut chunk is the last piece, possibly empty. Last, the rest from where the
    framing is malformed.
    """
    stamps: list[tuple[int, int]] = []
    parts = []
    end = 0
    for at, part in pieces:
        parts.append(part)
        end += len(part)
        stamps.append((end, at))
    found: list[tuple[int, bytes]] = []
    wire, start, stamp = b"".join(parts), 0, 0
    while start < len(wire):
        line = wire.find(b"\n", start)
        size = _chunk_size(wire[start:] if line < 0 else wire[start:line])
        if size is None:
            return found, False, None, wire[start:]
        if size == 0:
            return found, line >= 0, None, b""
        first = line + 1 if line >= 0 else len(wire)
        data = wire[first : first + size]
        while stamp < len(stamps) - 1 and stamps[stamp][0] < first + len(data):
            stamp += 1
        found.append((stamps[stamp][1], data))
        if len(data) < size or len(wire) < first + size + 2:
            return found, False, size - len(data), b""
        start = first + size + 2
    return found, False, None, b""


def _chunk_size(line: bytes) -> int | None:
    try:
        size = int(line.partition(b";")[0].strip(), 16)
    except ValueError:
        return None
    return size if size >= 0 else None


def is_chunked(headers: Iterable[Sequence[str]]) -> bool:
    return any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)


class WireRequest(HttpRequest):
    """A request known by what is sent: `piece` takes the bytes of the wire, head and framing included.

    `given_headers` and `given_body` are what the client was asked to send, for when the connection failed before.
    """

    __slots__ = ("given_body", "given_headers")

    def __init__(self, client: str, method: str, url: str, *, jar: str | None = None) -> None:
        super().__init__(client, method, url, (), jar=jar)
        self.given_headers: list[Pair] = []
        self.given_body: bytes | None = None

    def give(self, headers: Any, body: Any) -> None:
        """Note what the client was asked to send, as far as it can be read without using it up."""
        if type(body) is bytes:
            self.given_body = body
        elif type(body) is str:
            self.given_body = body.encode("utf-8" if self.client in ("urllib3", "botocore") else "latin-1")
        if headers is not None:
            self.given_headers = list(headers.items())

    def repeats(self, recorded: Value) -> bool:
        """Only settling tells."""
        return False

    def parts(self) -> tuple[list[Pair], bytes]:
        head, found, body = b"".join(self.body).partition(b"\r\n\r\n")
        headers: list[Pair] = []
        if found:
            for line in head.decode("latin-1").split("\r\n")[1:]:
                name, _, value = line.partition(":")
                headers.append((name.strip(), value.strip()))
        else:
            headers = self.given_headers
        if is_chunked(stored_headers(headers)):
            body = b"".join(data for _, data in dechunk([(0, body)])[0])
        return headers, body if self.given_body is None else self.given_body


class WireExchange(Exchange):
    """An answer known by what is read from the wire, chunk framing included until it is settled.

    The stored `error` says as `phase` where it was raised: `connect`, `tls`, `send`, `head` or `body`; and the
    stored answer has `missing`, see `dechunk`.
    """

    __slots__ = ("adopted", "connecting", "eof", "owned", "phase", "tunnels")

    asked: WireRequest

    def __init__(self, world: World, ticket: Ticket, request: WireRequest) -> None:
        super().__init__(world, ticket, request)
        self.eof = False
        """The end of the stream was seen, announced or not."""
        self.phase = ""
        self.adopted = self.owned = self.connecting = self.tunnels = False  # see `wire`

    def fail(self, error: BaseException, phase: str = "") -> None:
        """The client raised `error`; see `Exchange.fail`."""
        if self._open:
            self.phase = phase
            super().fail(error)

    def plain(self) -> dict[str, Any]:
        stored = super().plain()
        headers = stored["headers"]
        ended, missing, malformed = False, None, b""
        if self.status is not None and is_chunked(headers):
            pieces, ended, missing, malformed = dechunk(self.pieces)
            stored["pieces"] = [[at, data] for at, data in pieces]
        elif self.method == "HEAD" or self.status in (204, 304):
            ended = True
        else:
            length = announced(headers)
            ended = self.eof if length is None else self.kept + self.dropped >= length
        stored["missing"] = missing
        if malformed:
            stored["malformed"] = malformed
        if self.error is not None:
            stored["error"] = {**self.error, "phase": self.phase or self.error["phase"]}
        elif self.end != "abandoned" or ended:
            stored["end"] = "complete" if ended else "truncated" if self.eof or malformed else "closed_early"
        return stored


def announced(headers: Iterable[Sequence[str]]) -> int | None:
    """The `Content-Length`, if there is one that can be meant."""
    for name, value in headers:
        if name.lower() == "content-length" and value.strip().isdecimal():
            return int(value)
    return None
