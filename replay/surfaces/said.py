"""What two requests or two answers say, each thing in a place of its own: headers by name, a body by what it holds, a
stream of deltas by the texts that they make together. Where only one of them can be read so, both stay as stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from replay.core.codec import Value, encode
from replay.core.deltas import OPENED, fields_of
from replay.core.families.scalars import raw
from replay.core.messages import Body, headers_of
from replay.core.opened import Unfit
from replay.core.parts import Parts
from replay.core.recording import Interaction, Recording
from replay.core.streaming import TAG

_WEB = ("asgi", "wsgi")
_MESSAGE = frozenset({"method", "path", "raw_path", "query_string", "headers", "body", "client"})
_Two = tuple[Value, Value]
_Read = tuple[dict[str, Any], bytes]
"""A message with what it says, and its body as bytes."""


def inputs(a: Recording, b: Recording) -> _Two:
    """What they were given. Of a request to a web application without the client's port: it is always another one."""
    return _both(_given(a), _given(b)) or (a.input, b.input)


def requests(a: Interaction, b: Interaction) -> _Two:
    """What was asked."""
    return _both(_asked(a), _asked(b)) or (a.request, b.request)


def answers(one: tuple[Parts, Interaction], other: tuple[Parts, Interaction]) -> _Two:
    """What was answered. When each piece came is never the same twice, and left out."""
    return _both(_told(*one), _told(*other)) or (_timeless(one[1].answer), _timeless(other[1].answer))


def _both(one: _Read | None, other: _Read | None) -> _Two | None:
    if one is None or other is None:
        return None
    (left, before), (right, now) = one, other
    if before != now:  # what says the same may be written otherwise
        if TAG in left and _is_same(left.get(TAG), right.get(TAG)):
            left, right = ({**each, TAG: event} for each, event in zip((left, right), _first(before, now), strict=True))
        elif "body" in left and _is_same(left["body"], right.get("body")):
            left, right = {**left, "body": before}, {**right, "body": now}
    found = encode(left), encode(right)
    return None if any(each.gaps for each in found) else found


def _is_same(one: Any, other: Any) -> bool:
    return encode(one).text == encode(other).text


def _first(before: bytes, now: bytes) -> tuple[str, str]:
    """The first events of two streams that differ."""
    pairs = zip_longest(before.split(b"\n\n"), now.split(b"\n\n"), fillvalue=b"")
    one, other = next(pair for pair in pairs if pair[0] != pair[1])
    return one.decode("utf-8", "backslashreplace"), other.decode("utf-8", "backslashreplace")


def _given(recording: Recording) -> _Read | None:
    part = Parts(recording).get("input") if recording.kind in _WEB else None
    if part is None or "body" not in (stored := recording.input.decode()):
        return None
    rest = {name: value for name, value in stored.items() if name not in _MESSAGE}
    client = stored.get("client")
    host = client[0] if isinstance(client, list | tuple) and client else client
    try:
        body = b"".join(stored["body"])
    except TypeError:  # untrusted: of any shape
        return None
    return {"body": body, **part.value, "client": host, **rest}, body  # a body that was not read whole has no parts


def _asked(interaction: Interaction) -> _Read | None:
    if interaction.boundary != "http":
        return None
    try:
        stored = interaction.request.decode()
        body = stored["body"] or b""
        return {**stored, "headers": headers_of(stored["headers"]), "body": _held(body, stored["headers"])}, body
    except (Unfit, LookupError, TypeError, ValueError, AttributeError):  # untrusted: of any shape
        return None


def _held(body: bytes, headers: Iterable[Sequence[str]]) -> Any:
    found = Body(body, headers)
    return None if found.form == "none" else found.value


def _told(parts: Parts, interaction: Interaction) -> _Read | None:
    part = parts.get(f"http[{interaction.seq}]") if interaction.boundary == "http" else None
    if part is None:
        return None
    stored = interaction.answer.decode()
    value = dict(part.value)
    texts = fields_of(value.pop(TAG, None))
    if texts:
        value.pop("body", None)
        value[TAG] = {name: text for name, text in texts.items() if OPENED.get(name) not in texts}
    ended = {name: stored[name] for name in ("reason", "end") if name in stored}
    return {**value, **ended}, b"".join(piece for _, piece in stored["pieces"])


def _timeless(answer: Value) -> Value:
    """Of a stream, each piece at the same time; an HTTP body whole, however the network cut it."""
    held = answer.decode() if '"pieces"' in answer.text else None
    pieces = held.get("pieces") if type(held) is dict else None
    if type(pieces) is not list or not all(type(each) is list and each for each in pieces):
        return answer
    tree = dict(answer.tree)
    if "status" in tree and all(len(each) == 2 and type(each[1]) is bytes for each in pieces):
        del tree["pieces"]
        tree.pop("offset_ns", None)
        tree["body"] = raw(b"".join(each[1] for each in pieces))
    elif type(tree["pieces"]) is list:
        tree["pieces"] = [[0, *each[1:]] for each in tree["pieces"]]
    return msgspec.structs.replace(answer, text=msgspec.json.encode(tree).decode())
