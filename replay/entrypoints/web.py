"""What ASGI and WSGI share: the request and the response as they are recorded.

Input: `{"method", "path", "query_string", "headers": [[name, value]], "scheme", "server", "client", "root_path",
"http_version", "body": [bytes], "body_read": "whole" | "part" | "unread", ...}`; outcome: `{"status",
"headers": [[name, value]], "body": bytes}`, from status 500 on with `"error"`, which is behind it, or null. Header text
is Latin-1, names as they came; `body` of a request is its pieces as the application read them.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from replay.core.behind import FAILED, notes_errors, with_error
from replay.core.codec import Gap, Value, encode
from replay.core.decoder import items_of
from replay.core.families.seen import belongs
from replay.core.recording import Recording
from replay.core.world import here
from replay.engine.behind import Behind
from replay.entrypoints.naming import callers, global_name
from replay.errors import Unanswerable, UsageError

MOST_BYTES = 8 << 20
"""Of one body. The rest passes and is counted."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def tell(status: Any, error: BaseException | None) -> None:
    """An answer begins: where it is one of the service's failure, `error` is what is being handled."""
    if error is not None and type(status) is int and status >= FAILED:
        world = here()
        if world is not None:
            world.handled(error, is_sure=True)


class Body:
    """Pieces of a body as they pass by, up to `MOST_BYTES`."""

    __slots__ = ("left_out", "pieces", "size", "whole")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.left_out = 0
        self.whole = False

    def add(self, piece: Any) -> None:
        """One piece. Bytes are kept as they are, buffers are copied."""
        kept = piece if type(piece) is bytes else bytes(piece)
        if not kept:
            return
        if self.size + len(kept) > MOST_BYTES:
            self.left_out += len(kept)
            return
        self.size += len(kept)
        self.pieces.append(kept)

    @property
    def read(self) -> str:
        """How much of it the application asked for."""
        return "whole" if self.whole else "part" if self.pieces else "unread"

    def gaps(self) -> tuple[Gap, ...]:
        """What was left out."""
        return (Gap("$.body", "truncated-size", f"{self.left_out} more bytes"),) if self.left_out else ()


class Response:
    """The answer as it passes by. Settles to the outcome."""

    __slots__ = ("behind", "body", "extra", "headers", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[Any] = []
        self.body = Body()
        self.extra: dict[str, Any] = {}
        self.behind: Behind | None = None

    @property
    def size(self) -> int:
        error = None if self.behind is None else self.behind.error
        return self.body.size + 1024 + (0 if error is None else error.size)

    def settle(self) -> Value:
        """With the error behind it, if it is one of the service; see `replay.core.behind`."""
        value = self._settled()
        if type(self.status) is not int or self.status < FAILED:
            return value
        error = None if self.behind is None else self.behind.error
        return with_error(value, None if error is None else error.settle())

    def replayed(self, recording: Recording) -> Value:
        """What it settles to at the replay of a recording, which may be older than that errors are noted."""
        world = here()
        self.behind = getattr(world, "behind", None)
        return self.settle() if notes_errors(recording.outcome) else self._settled()

    def _settled(self) -> Value:
        value = encode(
            {
                "status": self.status,
                "headers": [[text(name), text(value)] for name, value in self.headers],
                "body": b"".join(self.body.pieces),
                **self.extra,
            }
        )
        return with_gaps(value, self.body.gaps())


def with_gaps(value: Value, gaps: tuple[Gap, ...]) -> Value:
    """`value`, which also lacks `gaps`."""
    return msgspec.structs.replace(value, gaps=value.gaps + gaps) if gaps else value


def text(value: Any) -> Any:
    """A header's bytes as text; what is no bytes is left to the codec."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def trace(header: str | None) -> dict[str, str]:
    """`trace_id` and `span_id` of a W3C `traceparent` header (https://www.w3.org/TR/trace-context/)."""
    found = _TRACEPARENT.match(header) if header else None
    return {"trace_id": found[1], "span_id": found[2]} if found else {}


class Name:
    """Where a wrapped application is found again; looked up when the first request comes."""

    def __init__(self, target: str | None, frame: Any) -> None:
        self._found = target
        self._is_known = False
        self._namespaces = callers(frame) if target is None else []

    def of(self, application: object) -> str:
        """`module:attribute`, `module:?` if no module's global is this object."""
        if self._found is None:
            try:
                self._found = global_name(application, self._namespaces)
            except Exception:  # a module that is still being filled by another thread: next time
                return "?:?"
            self._namespaces = []
        if not self._is_known:
            self._is_known = True
            belongs(self._found)
        return self._found


class Pieces:
    """The body of a recorded request, read again. Remembers if more is asked for than production read."""

    def __init__(self, recording: Recording, request: dict[str, Any]) -> None:
        self.pieces: list[bytes] = items_of(request["body"])
        self.whole = request["body_read"] == "whole"
        self._entrypoint = recording.entrypoint
        self._beyond = False

    def beyond(self) -> Unanswerable:
        """The application reads on where production had stopped: what is raised into it."""
        self._beyond = True
        return Unanswerable(f"{self._entrypoint}: reads more of the request's body than production read")

    def check(self) -> None:
        """Raise what the application may have swallowed."""
        if self._beyond:
            raise self.beyond()


class Wrapper:
    """Around an application: every attribute that is not the wrapper's own is read from it and set on it."""

    __slots__ = ("__weakref__", "_replay_app", "_replay_name")

    def __init__(self, app: Any, name: Name) -> None:
        if not callable(app):
            raise UsageError(f"replay.{type(self).__name__} goes around an app, not {type(app).__qualname__}.")
        object.__setattr__(self, "_replay_app", app)
        object.__setattr__(self, "_replay_name", name)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(object.__getattribute__(self, "_replay_app"), attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        setattr(self._replay_app, attribute, value)
