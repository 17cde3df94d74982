"""What can go wrong between a request and its answer, as the client library would say it."""

from __future__ import annotations

from errno import ECONNREFUSED, ECONNRESET
from typing import Any, Literal

import msgspec

from replay.core.opened import Unfit

KINDS = ("timeout", "refused", "reset", "cut")
"""`cut`: the connection ends in the middle of the body."""
Described = tuple[str, list[Any], str]
"""Type, arguments and message of an error."""
_REFUSED = f"[Errno {ECONNREFUSED}] Connection refused"
_RESET = f"[Errno {ECONNRESET}] Connection reset by peer"
_WIRE: dict[str, Described] = {
    "timeout": ("TimeoutError", ["timed out"], "timed out"),
    "refused": ("ConnectionRefusedError", [ECONNREFUSED, "Connection refused"], _REFUSED),
    "reset": ("ConnectionResetError", [ECONNRESET, "Connection reset by peer"], _RESET),
    "cut": ("ConnectionResetError", [ECONNRESET, "Connection reset by peer"], _RESET),
}
_AIOHTTP: dict[str, Described] = {
    "timeout": ("TimeoutError", [], ""),
    "refused": ("aiohttp.client_exceptions.ClientOSError", [ECONNREFUSED, "Connection refused"], _REFUSED),
    "reset": ("aiohttp.client_exceptions.ClientOSError", [ECONNRESET, "Connection reset by peer"], _RESET),
    "cut": ("aiohttp.client_exceptions.ClientPayloadError", ["Response payload is not completed"],
            "Response payload is not completed"),
}  # fmt: skip
_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"


class Fault(msgspec.Struct, frozen=True):
    """In place of an answer: what went wrong instead."""

    kind: Literal["timeout", "refused", "reset", "cut"]

    def error(self) -> BaseException:
        """Of a call or model: what it raised."""
        if self.kind == "cut":
            raise Unfit("only a body can be cut")
        _, args, _ = _WIRE[self.kind]
        return _RAISED[self.kind](*args)


class Slow(msgspec.Struct, frozen=True):
    """In place of an answer: the same one, so much later."""

    nanoseconds: int


class Raises(msgspec.Struct, frozen=True):
    """In place of an answer: what was raised instead."""

    error: BaseException


_RAISED: dict[str, type[OSError]] = {
    "timeout": TimeoutError,
    "refused": ConnectionRefusedError,
    "reset": ConnectionResetError,
}


def _described(kind: str, client: str) -> Described:
    if client in ("httpx", "httpx2"):
        name, message = {
            "timeout": ("ReadTimeout", "The read operation timed out"),
            "refused": ("ConnectError", _REFUSED),
            "reset": ("ReadError", _RESET),
            "cut": ("RemoteProtocolError", _CUT),
        }[kind]
        return f"{client}.{name}", [message], message
    return (_AIOHTTP if client == "aiohttp" else _WIRE)[kind]


def raised_by(
    fault: Fault, client: str, stored: dict[str, Any]
) -> tuple[dict[str, Any], Literal["returned", "raised"]]:
    """The stored answer (see `replay.boundaries.http.exchange`) and its state, with the fault instead of its end."""
    if fault.kind not in KINDS:
        raise Unfit("no such fault")
    data = b"".join(piece for _, piece in stored["pieces"])
    stored = {name: part for name, part in stored.items() if name != "limit"}
    phase = "body" if fault.kind == "cut" else "head"
    error = _error(fault.kind, client, phase)
    if phase == "head":
        return {**stored, "status": None, "reason": "", "headers": [], "pieces": [], "end": "error",
                "error": error}, "raised"  # fmt: skip
    if not data:
        raise Unfit("there is no body to cut")
    half = [[stored["pieces"][0][0], data[: len(data) // 2]]]
    return {**stored, "pieces": half, "end": "error", "error": error}, "returned"


def _error(kind: str, client: str, phase: str) -> dict[str, Any]:
    name, args, message = _described(kind, client)
    return {"phase": phase, "offset_ns": 0, "type": name, "base": name, "args": args, "message": message,
            "state": {}, "cause": None, "context": None, "suppressed": False}  # fmt: skip


def described_cut(client: str) -> dict[str, Any]:
    """Fields of a stored answer whose body ends without the end that HTTP has for it. Clients of `http.client` see
    for themselves what is missing."""
    if client in ("httpx", "httpx2", "aiohttp"):
        return {"end": "error", "error": _error("cut", client, "body")}
    return {"end": "truncated"}
