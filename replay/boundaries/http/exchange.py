"""One HTTP request with its answer, as captured and as stored in a bundle.

Stored request (`Interaction.request`)::

    {"client": "httpx", "method": "POST", "url": "https://host/path?query", "headers": [["accept", "*/*"], ...],
     "body": b"..."}

Stored answer (`Interaction.answer`)::

    {"status": 200, "reason": "OK", "http_version": "HTTP/1.1", "headers": [["content-type", "text/plain"], ...],
     "offset_ns": 0, "pieces": [[offset_ns, b"..."], ...], "decoded": False, "dropped": 0, "limit": 5.0,
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
- `limit`: seconds of the client's own time limit, of the phase in which `error` came, else of reading; null: none.
  Missing where it is not known, as in older recordings.
- `dropped` counts bytes beyond `MAX_BODY` that were not kept (gap `truncated-size`).
- Values of credential headers of the request are `[redacted]`; user and password are cut from the URL.
- `jar` (only of a request, only `true`): its cookies are those of its client's jar (see `jars`).

The state told to the world: `returned` once a head arrived, however the body ended; `raised` when there was no head;
`unfinished` when the recording ended first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from msgspec import UNSET

from replay.boundaries.http.faults import describe_error
from replay.boundaries.http.limits import Limit, limit_of
from replay.boundaries.http.recorded import End, Recorded
from replay.boundaries.http.stored import CREDENTIALS, REDACTED, Made, answered, requested
from replay.core.codec import Gap, Limits, Value, encode
from replay.core.families.scalars import raw
from replay.core.recording import State
from replay.core.turns import arrived_ns
from replay.core.world import Answer, Request, Ticket, World
from replay.core.world import dropped as lost
from replay.core.written import json_bytes

T = TypeVar("T")
Pair = tuple[str | bytes, str | bytes]

MAX_BODY = 8 << 20
"""Bytes kept of one body."""
LIMITS = Limits(size=MAX_BODY * 2)  # base64 of a whole body fits
_SMALL = 1 << 16
"""Bytes of a request's text that is far below every limit, cut short or not."""

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
    `limits`: its time limits, see `limits.limit_of`.
    """

    __slots__ = ("body", "client", "dropped", "headers", "jar", "kept", "limits", "method", "url")

    def __init__(
        self,
        client: str,
        method: str,
        url: str,
        headers: Sequence[Pair],
        body: bytes = b"",
        *,
        jar: str | None = None,
        limits: Any = None,
    ) -> None:
        self.client = client
        self.method = method
        self.url = bare_url(url)
        self.headers = headers
        self.jar = jar
        self.limits = limits
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

    __slots__ = ("_is_alone", "_open", "_ticket", "_world", "asked", "decoded", "dropped", "end", "error", "headers",
                 "http_version", "kept", "offset_ns", "pieces", "reason", "status")  # fmt: skip

    def __init__(self, world: World, ticket: Ticket, asked: HttpRequest) -> None:
        self._world = world
        self._ticket = ticket
        self._open = True
        self._is_alone = True
        """No other was waited for whenever something of it came."""
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
            self._world.tell(self._ticket, "returned", self, self._now())

    def close(self) -> None:
        """The client has let go of its connection, after the end or before it. Only then does the code go on, and on an
        event loop others may have come first."""
        if self._open:
            self.finish("closed_early")
        elif self.end == "complete":
            self._ticket.ended_ns = self._now()

    def fail(self, error: BaseException) -> None:
        """The client raised `error`, at the head or after the pieces so far. Later calls do nothing."""
        if self._open:
            self._open = False
            self.end = "error"
            described = safely(describe_error, error) or {"type": "Exception", "args": [], "message": ""}
            phase = "head" if self.status is None else "body"
            self.error = {"phase": phase, "offset_ns": self._since_asking(), **described}
            state: State = "raised" if self.status is None else "returned"
            self._world.tell(self._ticket, state, self, self._now())

    def _now(self) -> int:
        """When what the client reads now has come."""
        ticket = self._ticket
        others = self._world.awaited - (not ticket.ended_ns)
        self._is_alone = self._is_alone and others < 1  # those that it came with are let go of as it is
        return arrived_ns(ticket.asked_ns, is_alone=self._is_alone)

    def _since_asking(self) -> int:
        return self._now() - self._ticket.asked_ns

    def _whole(self) -> bool:
        """Everything that the head announced was read, though nobody looked for the end."""
        if self.method == "HEAD" or self.status in (204, 304):
            return True
        if self.decoded:
            return False
        lengths = [text_of(value) for name, value in self.headers if text_of(name).lower() == "content-length"]
        return bool(lengths) and lengths[0].strip() == str(self.kept + self.dropped)

    @property
    def limit(self) -> Limit:
        """The client's time limit for what came last."""
        return limit_of(self.asked.limits, self.error)

    def plain(self) -> dict[str, Any]:
        """The stored form before encoding."""
        limit = self.limit
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
            **({} if limit is UNSET else {"limit": limit}),
        }

    def settle(self) -> Value:
        return _encode(self.plain(), "$.pieces", self.dropped)

    @property
    def size(self) -> int:
        return 500 + self.kept + 80 * len(self.pieces)


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
        recorded.is_read_in(world, found)
        if recorded.limit is not UNSET:
            recorded.hold_to(limit_of(request.limits, recorded.error), world, found)
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
