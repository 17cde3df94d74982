"""A recorded answer, served to the real `http.client` code through a stand-in for the socket."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from msgspec import UNSET

from replay.boundaries.http.limits import Limit
from replay.boundaries.http.recorded import HEAD, Recorded
from replay.boundaries.http.wire_form import WireExchange, WireRequest, announced, is_chunked
from replay.core.world import Answer, Request, Ticket, World

_LAST = 1 << 62
"""In place of a piece's number: it comes with the end."""
EARLY = frozenset({"connect", "tls", "send"})
"""Phases of an error before the answer was waited for."""


@cache
def _silent() -> int:
    """A file descriptor on which nothing ever arrives: a pooled connection looks alive."""
    return os.pipe()[0]


@cache
def _ready() -> int:
    """A file descriptor that can always be read."""
    reading, writing = os.pipe()
    os.write(writing, b".")
    return reading


End = Callable[[], BaseException | None]
"""What comes after the last piece: an error to raise, or None. Asked when the reader gets there."""
Part = tuple[int, bytes]
"""Which piece of the recorded body it is, or the head (see `Recorded.pass_to`), and what the wire had of it."""


def _no_error() -> None:
    return None


def _at_once(number: int) -> None:
    """Nothing is waited for."""


class WireReader(io.RawIOBase):
    """Gives the pieces one by one, then raises what `end` says, or ends."""

    mode = "rb"

    def __init__(self, pieces: list[Part], end: End, come: Callable[[int], None]) -> None:
        """`come` waits for a piece, or, with a number beyond them, for the end."""
        self._pieces = pieces[::-1]
        self._end = end
        self._come = come

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._pieces:
            number, piece = self._pieces.pop()
            self._wait(number)
            size = min(len(buffer), len(piece))
            buffer[:size] = piece[:size]
            if size < len(piece):
                self._pieces.append((number, piece[size:]))
            return size
        end, self._end = self._end, _no_error
        if end is not _no_error:
            self._wait(_LAST)
        error = end()
        if isinstance(error, TimeoutError):  # what socket.SocketIO says afterwards
            self._end = partial(OSError, "cannot read from timed out object")
        if error is not None:
            raise error
        return 0

    def _wait(self, number: int) -> None:
        try:
            self._come(number)
        except TimeoutError:
            self._pieces, self._end = [], partial(OSError, "cannot read from timed out object")
            raise


class FakeSocket:
    """Stands where the connection's socket would be. It swallows what is sent; it never touches the network."""

    def __init__(self) -> None:
        self.pieces: list[Part] = []
        self.end: End = _no_error
        self.come: Callable[[int], None] = _at_once
        self.play: Play | None = None
        self._timeout: float | None = None

    def makefile(self, mode: str = "r", buffering: int | None = None, **_: Any) -> io.BufferedIOBase:
        if self._expecting():
            return io.BytesIO(b"HTTP/1.1 100 Continue\r\n\r\n")
        pieces, self.pieces = self.pieces, []
        end, self.end = self.end, _no_error
        return io.BufferedReader(WireReader(pieces, end, self.come))

    def fileno(self) -> int:
        return _ready() if self._expecting() else _silent()

    def _expecting(self) -> bool:
        """The client waits for leave to send its body (`Expect: 100-continue`, botocore)."""
        play = self.play
        return play is not None and not play.asked and b"100-continue" in b"".join(play.request.body[:1])

    def gettimeout(self) -> float | None:
        return self._timeout

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def getpeercert(self, binary_form: bool = False) -> Any:
        return b"" if binary_form else {}

    def _nothing(self, *_: Any, **__: Any) -> None:
        return None

    sendall = setblocking = setsockopt = shutdown = close = version = cipher = _nothing
    selected_alpn_protocol = _nothing

    def send(self, data: bytes) -> int:
        return len(data)


class Play:
    """One request at replay: collected, then asked for."""

    def __init__(self, world: World, request: WireRequest) -> None:
        self.world = world
        self.request = request
        self.adopted = self.owned = self.again = self.tunnels = False  # see `wire`
        self.asked = False
        self.early: BaseException | None = None
        """Raised before the answer is waited for, at the place that `phase` names."""
        self.phase = ""
        self.socket = FakeSocket()
        self.socket.play = self
        self.live: WireExchange | None = None
        self.out = False
        """The world wants this one to go out after all."""

    def ask(self, limit: Limit = UNSET) -> None:
        """Ask the world for the collected request; raises what it raises. `limit`: seconds that the client gives it to
        connect and to send."""
        if self.asked:
            return
        self.asked = True
        found = self.world.ask(Request("http", self.request.target, self.request, paced=True))
        if type(found) is Answer:
            self._serve(found, limit)
            return
        self.out = True
        if type(found) is Ticket:
            self.live = WireExchange(self.world, found, self.request)

    def _serve(self, found: Answer, limit: Limit) -> None:
        answer = found.value.decode(found.resolve)
        recorded = Recorded(answer, partial(self.world.beyond, found.seq))
        recorded.travels(found, awaits=False)
        recorded.is_read_in(self.world, found)

        def come(number: int) -> None:
            if recorded.limit is not UNSET:
                recorded.hold_to(self.socket.gettimeout(), self.world, found)
            recorded.pass_to(number)

        self.socket.come = come
        if recorded.status is None and not answer.get("error"):  # production did not wait for it: nor may the code
            self.socket.end = recorded.head_error
            return
        if recorded.status is not None:
            self.socket.pieces = wire_of(recorded, self.request.method, answer.get("missing"))
            self.socket.pieces += [(_LAST, part) for part in [answer.get("malformed")] if part]
            self.socket.end = recorded.body_error
            return
        self.phase = (answer.get("error") or {}).get("phase") or "head"
        if self.phase in EARLY:
            recorded.hold_to(limit, self.world, found)
            recorded.pass_to()
            self.early = recorded.head_error()
        else:
            self.socket.end = recorded.head_error


def wire_of(recorded: Recorded, method: str, missing: int | None) -> list[Part]:
    """The head, then one part per piece, framed as it was on the wire."""
    headers, pieces = recorded.headers, recorded.pieces
    whole = recorded.end == "complete" and not recorded.dropped
    bodiless = method == "HEAD" or recorded.status in (204, 304)
    if recorded.decoded:
        headers = [pair for pair in headers if pair[0].lower() != "content-encoding"]
    if whole and not bodiless and announced(headers) is not None:
        size = str(sum(map(len, pieces)))  # an edited body keeps its frame
        headers = [(name, size if name.lower() == "content-length" else value) for name, value in headers]
    lines = [f"{recorded.http_version} {recorded.status} {recorded.reason}", *(f"{n}: {v}" for n, v in headers)]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
    if not bodiless and is_chunked(headers):
        parts = _framed(pieces, whole, missing)
    else:
        parts = [(number, piece) for number, piece in enumerate(pieces) if piece]
        if parts and whole and announced(headers) is not None:
            parts[-1] = (_LAST, parts[-1][1])  # nobody looks for an end behind it
    return [(HEAD if parts else _LAST, head), *parts]


def _framed(pieces: list[bytes], ended: bool, missing: int | None) -> list[Part]:
    """`pieces` as chunks. `missing`: how many bytes the last one lacks, see `wire_form.dechunk`."""
    framed = [(number, b"%x\r\n%b\r\n" % (len(piece), piece))
              for number, piece in enumerate(pieces) if piece or missing is not None]  # fmt: skip
    if ended:
        return [*framed, (_LAST, b"0\r\n\r\n")]
    if missing is not None and framed:
        framed[-1] = (len(pieces) - 1, b"%x\r\n%b" % (len(pieces[-1]) + missing, pieces[-1]))
    return framed
