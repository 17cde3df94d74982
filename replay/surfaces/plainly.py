"""Inputs and answers as plain data, the way a test writes them down: the types of JSON, nothing else.

What JSON has no form for is text (dates, decimals, not-a-number, sets, paths), a record is a mapping of its fields
that begins with `<type>`, bytes are `{"<bytes>": Latin-1 text}`, tuples are lists. Of web messages the headers that
only move bytes are left out.
"""

from __future__ import annotations

import math
from typing import Any

from replay.core.messages import Body, headers_of
from replay.core.opened import Kept, Opened, Typed, Unfit
from replay.core.parts import Parts
from replay.core.recording import Outcome, Recording
from replay.errors import CodecError
from replay.surfaces.literals import literal, tree

TRANSPORT = frozenset({
    "accept-encoding", "connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding",
    "user-agent",
})  # fmt: skip
"""Headers that say nothing of what was asked or answered."""
LARGEST = 10**100
"""Whole numbers from here on are written as text: Python limits the digits of a literal."""
DEEPEST = 24


def plain_input(recording: Recording) -> Any:
    """Of a function `{"args": [...], "kwargs": {...}}`, of a web request `{"method", "path", "query", "headers",
    "body"}` without what is empty, of a block what it was given."""
    part = Parts(recording).get("input")
    if part is None:  # it was not stored whole: shown, as far as it goes
        return literal(tree(recording.input))
    value = part.value
    return _message(value) if recording.kind in ("asgi", "wsgi") else plain(value)


def plain_answer(recording: Recording, outcome: Outcome) -> Any:
    """The result of a run of `recording`; of a web application `{"status", "headers", "body"}`."""
    if recording.kind in ("asgi", "wsgi"):
        stored = outcome.payload.decode()
        try:
            body = Body(stored["body"], stored["headers"])
        except (Unfit, KeyError, TypeError, ValueError):
            return plain(_opened(outcome))
        found = {"status": stored["status"], "headers": headers_of(stored["headers"])}
        return _message(found if body.form == "none" else found | {"body": body.value})
    return plain(_opened(outcome))


def _opened(outcome: Outcome) -> Any:
    try:
        return Opened(outcome.payload).value
    except Unfit:
        return Kept(outcome.payload.tree)


def _message(value: dict[str, Any]) -> dict[str, Any]:
    shown = dict(value)
    shown["headers"] = {name: text for name, text in value["headers"].items() if name.lower() not in TRANSPORT}
    return {name: plain(part) for name, part in shown.items() if part not in ({}, None) or name == "body"}


def plain(value: Any, depth: int = 0) -> Any:
    """Any opened value as plain data."""
    kind = type(value)
    if kind in (str, bool) or value is None:
        return value
    if kind is bytes:
        return {"<bytes>": value.decode("latin-1")}
    if kind is int:
        return value if -LARGEST < value < LARGEST else hex(value)
    if kind is float:
        return value if math.isfinite(value) else repr(value)
    if depth > DEEPEST:
        return "..."
    if kind in (list, tuple):
        return [plain(item, depth + 1) for item in value]
    if kind is dict:
        return _mapping(value, depth)
    if kind is Typed:
        fields = {str(name): plain(item, depth + 1) for name, item in value.fields.items()}
        return {"<type>": str(value.rest.get("type", value.tag)), **fields}
    if kind is Kept:
        return literal(value.tree)
    try:
        return str(value)  # of the standard library: dates, decimals, UUIDs
    except (ValueError, ArithmeticError, CodecError):
        return f"<{kind.__name__}>"


def _mapping(value: dict[Any, Any], depth: int) -> Any:
    pairs = [(key if type(key) is str else repr(key), plain(item, depth + 1)) for key, item in value.items()]
    found = dict(pairs)
    return found if len(found) == len(pairs) else [list(pair) for pair in pairs]
