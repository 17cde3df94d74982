"""One HTTP request with its answer, as captured and as stored in a bundle.

Stored request (`Interaction.request`)::

    {"client": "httpx", "method": "POST", "url": "https://host/path?query", "headers": [["accept", "*/*"], ...],
     "body": b"..."}

Stored answer (`Interaction.answer`)::

    {"status": 200, "reason": "OK", "http_version": "HTTP/1.1", "headers": [["content-type", "text/plain"], ...],
     "offset_ns": 0, "pieces": [[offset_ns, b"..."], ...], "decoded": False, "dropped": 0,
     "end": "complete" | "truncated" | "closed_early" | "abandoned" | "error",
     "error": null | {"phase": "head" | "body", "offset_ns": 0, ... see `faults.describe_error`}}

- `pieces` are cut where the application's client read them (an empty last one: the end took a read of its own);
  `offset_ns` counts from the asking, beside them that of the head (null: there never was one; older recordings do not
  say: with the first piece). They are the bytes of the body without transfer encoding (no chunk framing) and
  still content-encoded (gzip), unless `decoded` says that the client undid that below our seam (aiohttp).
- `end`: `complete`: read to its end. `truncated`: the server ended it early and the client did not mind.
  `closed_early`: the application closed it unread. `abandoned`: neither read nor closed when the recording ended.
  `error`: reading raised `error` after the last piece, or (`status` null) there never was a head.
- `malformed` (only of the `http.client` family, only where there is some): the bytes after the last good chunk that
  are no chunk, as they were on the wire; the player serves them verbatim after the pieces, then a clean end.
- `dropped` counts bytes beyond `MAX_BODY` that were not kept (gap `truncated-size`).
- Values of credential headers of the request are `[redacted]`; user and password are cut from the URL.
- `jar` (only of a request, only `true`): its cookies are those of its client's jar (see `jars`).

The state told to the world: `returned` once a head arrived, however the body ended; `raised` when there was no head;
`unfinished` when the recording ended first.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from replay.boundaries.http.faults import describe_error, rebuild
from replay.boundaries.http.stored import CREDENTIALS, REDACTED, Made, answered, requested
from replay.core.codec import Gap, Limits, Value, encode
from replay.core.families.scalars import raw
from replay.core.recording import State
from replay.core.turns import arrived_ns
from replay.core.world import Answer, ReadSoFar, Request, Ticket, World, here
from replay.core.world import dropped as lost
from replay.core.written import json_bytes
from replay.errors import DivergenceError

if TYPE_CHECKING:
    from replay.boundaries.pace import Pace
    from replay.boundaries.virtual_loop import Arrival

T = TypeVar("T")
Pair = tuple[str | bytes, str | bytes]
End = Literal["complete", "truncated", "closed_early", "abandoned", "error"]

MAX_BODY = 8 << 20
"""Bytes kept of one body."""
HEAD = -1
"""In place of a piece's number."""
LIMITS = Limits(size=MAX_BODY * 2)  # base64 of a whole body fits
_SMALL = 1 << 16
"""Bytes of a request's text that is far below every limit, cut short or not."""
_LONG = 3600.0
"""Seconds of the replay's clock, after which a unit of work that does not end never will."""

dropped: dict[str, int] = {}
"""What capture could not do, by the error's type name; for `replay doctor`."""


def safely(work: Callable[..., T], *args: Any) -> T | None:
    """The guard of HTTP capture: `work(*args)`, or None and a count if it raised. Never around live calls."""
    try:
        return work(*args)
    except Exception as error:
        name = type(error).__name__
        dropped[name] = dropped.get(name, 0) + 1
        lost["http-failed"] += 1
        return None


def bare_url(url: str) -> str:
    """`url` without user, password and fragment."""
    if "@" not in url and "#" not in url:
        return url
    url = url.partition("#")[0]
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def target_of(method: str, url: str) -> str:
    """`Interaction.target`: `GET https://host[:port]/path`."""
    return f"{method} {url.partition('?')[0]}"


def text_of(part: str | bytes) -> str:
    """A header's name or value as text: its bytes, one character each."""
    return str.__str__(part) if isinstance(part, str) else bytes(part).decode("latin-1")


class HttpRequest:
    """The asking side: filled while the request is sent, settled when the recording is kept.

    `headers` are pairs of str or bytes. `body` may be filled later piece by piece (`piece`), as a streamed upload is
    read. A client that sees only wire bytes overrides `parts`. `jar`: the text of its cookies, if a jar has added them.
    """

    __slots__ = ("body", "client", "dropped", "headers", "jar", "kept", "method", "url")

    def __init__(
        self,
        client: str,
        method: str,
        url: str,
        headers: Sequence[Pair],
        body: bytes = b"",
        *,
        jar: str | None = None,
    ) -> None:
        self.client = client
        self.method = method
        self.url = bare_url(url)
        self.headers = headers
        self.jar = jar
        self.body: list[bytes] = []
        self.kept = 0
        self.dropped = 0
        if body:
            self.piece(body)

    def piece(self, data: bytes) -> None:
        """Note the next bytes of the body, up to `MAX_BODY` in all."""
        size = len(data)
        if self.kept + size <= MAX_BODY and not self.dropped:
            self.body.append(data if type(data) is bytes else bytes(data))
            self.kept += size
        else:
            self.dropped += size

    def parts(self) -> tuple[Sequence[Pair], bytes]:
        """Headers and body."""
        return self.headers, b"".join(self.body)

    def plain(self) -> dict[str, Any]:
        """The stored form before encoding."""
        headers, body = self.parts()
        stored: dict[str, Any] = {
            "client": self.client,
            "method": self.method,
            "url": self.url,
            "headers": stored_headers(headers, CREDENTIALS),
            "body": body,
        }
        if self.jar is not None and any(_is_cookie(name) and text_of(text) == self.jar for name, text in headers):
            stored["jar"] = True
        return stored

    def settle(self) -> Value:
        plain = self.plain()
        quick = None if self.dropped else _encode_ascii(plain)
        return quick or _encode(plain, "$.body", self.dropped)

    def repeats(self, recorded: Value) -> bool:
        """Whether it settles to this value. False also where only settling tells."""
        stored = requested(recorded)
        return (
            stored is not None
            and not self.dropped
            and self.url == stored.url
            and self.method == stored.method
            and self.client == stored.client
            and b"".join(self.body) == stored.body
            and stored.has_headers(self.headers)
        )

    @property
    def size(self) -> int:
        return 500 + self.kept

    @property
    def target(self) -> str:
        return target_of(self.method, self.url)


def _is_cookie(name: str | bytes) -> bool:
    return len(name) == 6 and text_of(name).lower() == "cookie"


def stored_headers(headers: Iterable[Pair], hidden: frozenset[str] = frozenset()) -> list[list[str]]:
    """Pairs as stored: text, the values of `hidden` names masked."""
    pairs = [
        [name.decode("latin-1") if type(name) is bytes else text_of(name),
         value.decode("latin-1") if type(value) is bytes else text_of(value)]
        for name, value in headers
    ]  # fmt: skip
    for pair in pairs if hidden else ():
        if pair[0].lower() in hidden:
            pair[1] = REDACTED
    return pairs


class Exchange:
    """The answering side of one live request: noted as the client reads it, told once to the world.

    No method raises. Order of calls: `head`, then `piece` as each piece reaches the client, then one of `finish`,
    `fail`; `fail` without `head` means that no answer came.
    """

    __slots__ = ("_open", "_ticket", "_world", "asked", "decoded", "dropped", "end", "error", "headers",
                 "http_version", "kept", "offset_ns", "pieces", "reason", "status")  # fmt: skip

    def __init__(self, world: World, ticket: Ticket, asked: HttpRequest) -> None:
        self._world = world
        self._ticket = ticket
        self._open = True
        self.asked = asked
        self.status: int | None = None
        self.reason = ""
        self.http_version = "HTTP/1.1"
        self.headers: Sequence[Pair] = ()
        self.offset_ns: int | None = None
        self.pieces: list[tuple[int, bytes]] = []
        self.kept = 0
        self.dropped = 0
        self.decoded = False
        self.end: End = "abandoned"
        self.error: dict[str, Any] | None = None
        ticket.answer = self  # what is known if the recording ends before the stream does

    @property
    def method(self) -> str:
        """Of the request."""
        return self.asked.method

    def head(self, status: int, reason: str, headers: Sequence[Pair], http_version: str = "HTTP/1.1") -> None:
        """The response's head arrived."""
        self.offset_ns = self._since_asking()
        self.status, self.reason, self.headers, self.http_version = status, reason, headers, http_version

    def piece(self, data: bytes) -> None:
        """The client read `data`. Empty: a read of its own that found the end. Nothing is noted after the end."""
        if not self._open:
            return
        size = len(data)
        if self.kept + size <= MAX_BODY and not self.dropped:
            kept = data if type(data) is bytes else bytes(data)
            self.pieces.append((self._since_asking(), kept))
            self.kept += size
        else:
            self.dropped += size

    def finish(self, end: End = "complete") -> None:
        """The body ended. Later calls do nothing."""
        if self._open:
            self._open = False
            self.end = "complete" if end == "closed_early" and self._whole() else end
            self._world.tell(self._ticket, "returned", self, arrived_ns(self._ticket.asked_ns))

    def close(self) -> None:
        """The client has let go of its connection, after the end or before it. Only then does the code go on, and on an
        event loop others may have come first."""
        if self._open:
            self.finish("closed_early")
        elif self.end == "complete":
            self._ticket.ended_ns = arrived_ns(self._ticket.asked_ns)

    def fail(self, error: BaseException) -> None:
        """The client raised `error`, at the head or after the pieces so far. Later calls do nothing."""
        if self._open:
            self._open = False
            self.end = "error"
            described = safely(describe_error, error) or {"type": "Exception", "args": [], "message": ""}
            phase = "head" if self.status is None else "body"
            self.error = {"phase": phase, "offset_ns": self._since_asking(), **described}
            state: State = "raised" if self.status is None else "returned"
            self._world.tell(self._ticket, state, self, arrived_ns(self._ticket.asked_ns))

    def _since_asking(self) -> int:
        return arrived_ns(self._ticket.asked_ns) - self._ticket.asked_ns

    def _whole(self) -> bool:
        """Everything that the head announced was read, though nobody looked for the end."""
        if self.method == "HEAD" or self.status in (204, 304):
            return True
        if self.decoded:
            return False
        lengths = [text_of(value) for name, value in self.headers if text_of(name).lower() == "content-length"]
        return bool(lengths) and lengths[0].strip() == str(self.kept + self.dropped)

    def plain(self) -> dict[str, Any]:
        """The stored form before encoding."""
        return {
            "status": self.status,
            "reason": self.reason,
            "http_version": self.http_version,
            "headers": stored_headers(self.headers),
            "offset_ns": self.offset_ns,
            "pieces": [[offset, data] for offset, data in self.pieces],
            "decoded": self.decoded,
            "dropped": self.dropped,
            "end": self.end,
            "error": self.error,
        }

    def settle(self) -> Value:
        return _encode(self.plain(), "$.pieces", self.dropped)

    @property
    def size(self) -> int:
        return 500 + self.kept + 80 * len(self.pieces)


class Recorded:
    """A stored answer, opened for a client to serve: the same pieces in the same cuts, then the same end."""

    __slots__ = ("_arrival", "_error", "_head", "_pace", "_reading", "beyond", "decoded", "dropped", "end", "headers",
                 "heads", "http_version", "offsets", "pieces", "reason", "status")  # fmt: skip

    def __init__(self, answer: dict[str, Any] | None, beyond: Callable[[str], BaseException] = DivergenceError) -> None:
        """`beyond` is told that the code reads more than there is, and gives what is raised (see `World.beyond`)."""
        self.beyond = beyond
        answer = answer or {}
        self.status: int | None = answer.get("status")
        self.reason: str = answer.get("reason") or ""
        self.http_version: str = answer.get("http_version") or "HTTP/1.1"
        self.headers: list[tuple[str, str]] = [(name, value) for name, value in answer.get("headers") or ()]
        offsets = answer.get("pieces") or ()
        self.pieces: list[bytes] = [data for _, data in offsets]
        self.offsets: list[int] = [offset for offset, _ in offsets]
        self._head: int | None = answer.get("offset_ns")
        self._arrival: Arrival | None = None
        self._pace: Pace | None = None
        self._reading: ReadSoFar | None = None
        self.decoded = bool(answer.get("decoded"))
        self.dropped: int = answer.get("dropped") or 0
        self.end: End = answer.get("end") or "abandoned"
        self._error: dict[str, Any] | None = answer.get("error")
        self.heads: dict[str, Any] = {}
        """What a client's seam makes of the head, by client; shared by all servings of the answer, so never changed."""

    def again(self, beyond: Callable[[str], BaseException]) -> Recorded:
        """The same answer for another request of it."""
        other = Recorded.__new__(Recorded)
        other.status, other.reason, other.http_version = self.status, self.reason, self.http_version
        other.headers, other.heads, other.pieces = self.headers, self.heads, self.pieces
        other.offsets, other._head, other.decoded, other.dropped = self.offsets, self._head, self.decoded, self.dropped
        other.end, other._error = self.end, self._error
        other.beyond, other._arrival, other._pace, other._reading = beyond, None, None, None
        return other

    @property
    def cancelled(self) -> float | None:
        """Seconds after which the application cancelled the task that waited (its own time limit, a lost race)."""
        if self._error is None or self._error.get("type") != "asyncio.exceptions.CancelledError":
            return None
        return float(self._error.get("offset_ns") or 0) / 1e9

    def is_read_in(self, world: World, seq: int) -> None:
        """If production read all of it, the code does too, or it is told."""
        if self.end == "complete" and self.pieces:
            self._reading = world.reads(seq, len(self.pieces))

    def travels(self, answer: Answer, *, awaits: bool) -> None:
        """It is asked for by a task (`awaits`), or a thread, which waits for it as long as production did."""
        if awaits:
            from replay.boundaries.virtual_loop import Arrival  # at replay only

            self._arrival = Arrival(answer)
        else:
            self._pace = _pace()(answer)

    async def arrive(self, piece: int = HEAD) -> None:
        """Wait for this piece of the body, or the head. After the last: for the end."""
        if self._reading is not None and piece >= self._reading.taken:
            self._reading.taken = piece + 1
        if self._arrival is None:
            return
        offset = self.offset(piece)
        if offset is not None:
            await self._arrival.at(offset)
        elif self.cancelled is None:
            await self._arrival.whole()

    def pass_to(self, piece: int = HEAD) -> None:
        """Let the thread that reads wait for this piece, as `arrive` does a task."""
        if self._reading is not None and piece >= self._reading.taken:
            self._reading.taken = piece + 1
        pace = self._pace
        if pace is None:
            return
        offset = self.offset(piece)
        pace.whole() if offset is None else pace.at(offset)
        if pace.is_over:
            self._pace = None

    def offset(self, piece: int = HEAD) -> int | None:
        """When a piece came, or the head, nanoseconds from the asking; None: with the end."""
        if piece == HEAD and self.status is not None and self._head is not None:
            return self._head
        piece = max(piece, 0)
        return self.offsets[piece] if piece < len(self.offsets) else None

    async def wait_for_cancel(self) -> None:
        """Where the recorded task was cancelled: wait for the application to do it again, else raise."""
        seconds = self.cancelled
        if seconds is None and self.status is None and self._error is None and self._arrival is not None:
            await self._arrival.never()  # the recording ended first
        if seconds is not None:
            if self._arrival is not None:
                await self._arrival.never()
            else:
                await sleep(2 * seconds + 5)
            raise self.beyond("The recorded task was cancelled while it waited here; this time it was not.")

    def head_error(self) -> BaseException | None:
        """What is raised instead of a head; a new exception each time. None: there is a head."""
        if self.status is not None:
            return None
        if self._error is None:
            world = here()
            if self._arrival is None and world is not None:
                world.sleep(_LONG, lambda seconds: None)  # a thread waits as it did, to the end
            return self.beyond("The recording ended before this request was answered: there is nothing to serve.")
        return rebuild(self._error)

    @property
    def clean(self) -> bool:
        """After the last piece comes the end of the stream, no error."""
        return self._error is None and self.end in ("complete", "truncated") and not self.dropped

    def body_error(self) -> BaseException | None:
        """What is raised after the last piece; None: a clean end of the stream. Called when the code gets there: that
        it reads further than production did is noted as a divergence."""
        if self._error is not None:
            return rebuild(self._error)
        if self.clean:
            return None
        kept = sum(map(len, self.pieces))
        why = "was too long to keep whole" if self.dropped else "was not read further when it was recorded"
        return self.beyond(f"Only the first {kept} bytes of this body are in the recording: it {why}.")


@cache
def _pace() -> type[Pace]:
    """Known at replay only: an import in each call would take longer than all else that it does."""
    from replay.boundaries.pace import Pace

    return Pace


def open_exchange(world: World, request: HttpRequest, *, awaits: bool = False) -> Exchange | Recorded | None:
    """Ask `world`. Exchange: go live and note what comes. Recorded: serve it. None: go live, nobody listens.
    `awaits`: the caller is a coroutine.

    In a player an unanswered request raises what the player raises; while capturing nothing is raised.
    """
    asked = Request("http", request.target, request, awaits, not awaits)
    found = safely(world.ask, asked) if world.live else world.ask(asked)
    if found is None:
        return None
    if type(found) is Answer:
        recorded = _opened(found, world)
        recorded.travels(found, awaits=awaits)
        recorded.is_read_in(world, found.seq)
        return recorded
    return safely(Exchange, world, found, request)


_made: Made[Recorded] = Made()


def _opened(found: Answer, world: World) -> Recorded:
    value = found.value
    kept = _made.of(value)
    if kept is None:
        plain = answered(value)
        kept = Recorded(plain or value.decode(found.resolve))
        if plain is None or not _made.keep(value, kept):
            kept.beyond = partial(world.beyond, found.seq)
            return kept
    return kept.again(kept.beyond if kept.clean else partial(world.beyond, found.seq))  # a clean one holds no world


def _encode_ascii(plain: dict[str, Any]) -> Value | None:
    """What `encode` makes of a small request of plain ASCII, as nearly all are, without its walk: a replay waits for it
    at every request. None: it is none of these."""
    if not (type(plain["client"]) is type(plain["method"]) is type(plain["url"]) is str):
        return None
    try:
        text = json_bytes({**plain, "body": raw(plain["body"])})
    except ValueError:  # a lone surrogate
        return None
    return Value(text.decode()) if len(text) < _SMALL and text.isascii() else None


def _encode(plain: dict[str, Any], path: str, missing: int) -> Value:
    value = encode(plain, LIMITS)
    if not missing:
        return value
    return Value(text=value.text, gaps=(*value.gaps, Gap(path=path, reason="truncated-size", type="bytes")))
