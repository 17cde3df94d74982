"""Stored requests and answers of the usual form, read without the codec's walk, and what comes again not anew.

A recording is replayed again and again, in a search by the thousand, with the same frozen values; but for what an edit
changed, of which each run has its own. So what was made of a value is kept from its second time on. It is found by the
value's identity; the value is kept alive, so no other one can take its place.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from replay.core.codec import Value
from replay.core.looking import address_of

T = TypeVar("T")
MOST = 128
LARGEST = 1 << 16
"""Characters of a value that is kept."""
REDACTED = "[redacted]"
CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
_BYTES: dict[str, Callable[[str], bytes]] = {"$bytes": str.encode, "$base64": b64decode}


class Made(Generic[T]):
    """What was made of the latest values. Safe to use from any thread."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Value, T]] = {}
        self._seen: dict[int, Value] = {}

    def of(self, value: Value) -> T | None:
        """What was made of this very value."""
        kept = self._kept.get(address_of(value))
        return kept[1] if kept is not None and kept[0] is value else None

    def keep(self, value: Value, made: T) -> bool:
        """Whether it is remembered: if this is not the value's first time, and it is not too large."""
        if len(value.text) > LARGEST:
            return False
        place = address_of(value)
        if self._seen.get(place) is not value:
            if len(self._seen) >= MOST:
                self._seen.clear()
            self._seen[place] = value
            return False
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[place] = value, made
        return True


class Requested:
    """A stored request as its client gives it: header bytes, the body whole."""

    __slots__ = ("_hidden", "_pairs", "body", "client", "method", "url")

    def __init__(self, stored: _Requested, body: bytes) -> None:
        self.client, self.method, self.url, self.body = stored.client, stored.method, stored.url, body
        self._pairs = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in stored.headers]
        self._hidden = [
            at for at, (name, text) in enumerate(stored.headers) if text == REDACTED and name.lower() in CREDENTIALS
        ]

    def has_headers(self, given: Sequence[tuple[str | bytes, str | bytes]]) -> bool:
        """Whether these are its headers. Of credentials the names are compared."""
        if len(given) != len(self._pairs) or (given and type(given[0][0]) is not bytes):
            return False
        if not self._hidden:
            return given == self._pairs
        pairs = list(given)
        for at in self._hidden:
            if pairs[at][0] == self._pairs[at][0]:
                pairs[at] = self._pairs[at]
        return pairs == self._pairs


class _Requested(msgspec.Struct):
    """A stored request, its body still encoded."""

    client: str
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: dict[str, str]


class _Answered(msgspec.Struct):
    """A stored answer that ended well, its pieces still encoded."""

    status: int
    reason: str
    http_version: str
    headers: list[tuple[str, str]]
    pieces: list[tuple[int, dict[str, str]]]
    decoded: bool
    dropped: int
    end: str
    error: None
    offset_ns: int | None = None
    limit: float | msgspec.UnsetType | None = msgspec.UNSET


_read_request = msgspec.json.Decoder(_Requested)
_requests: Made[Requested] = Made()


def requested(value: Value) -> Requested | None:
    """A whole request whose client gives header bytes. None: it is not of that form."""
    made = _requests.of(value)
    if made is not None or value.gaps:
        return made
    try:
        stored = _read_request.decode(value.text)
        ((tag, text),) = stored.body.items()
        made = Requested(stored, _BYTES[tag](text))
    except (ValueError, KeyError):
        return None
    _requests.keep(value, made)
    return made


_answered = msgspec.json.Decoder(_Answered)


def answered(value: Value) -> dict[str, Any] | None:
    """What `value.decode` makes of an answer that ended well. None: it is not of that form."""
    try:
        stored = _answered.decode(value.text)
        pieces = [(offset, _BYTES[tag](text)) for offset, piece in stored.pieces for tag, text in piece.items()]
    except (ValueError, KeyError):
        return None
    if len(pieces) != len(stored.pieces):
        return None
    found = msgspec.structs.asdict(stored)
    found["pieces"] = pieces
    return found
