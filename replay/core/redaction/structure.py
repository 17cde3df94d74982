"""Whether a redacted recording can still be replayed as its original could; what cannot is a gap."""

from __future__ import annotations

from typing import Any

import msgspec

from replay.core.codec import Gap
from replay.core.recording import Interaction, Recording
from replay.core.written import json_text

REASON = "redaction"


def harm(before: Recording, after: Recording) -> Recording:
    """`after`, with a gap for each part that redaction made unfit: requests that it made equal, JSON that is none any
    more, a body of another length than its header says."""
    if after is before:
        return after
    found = [*_merged(before, after)]
    for one, two in zip(before.interactions, after.interactions, strict=True):
        if one is two or one.boundary != "http":
            continue
        for part in ("request", "answer"):
            place = f"interaction[{one.seq}].{part}"
            found += [Gap(place, REASON, what) for what in _broken(getattr(one, part).tree, getattr(two, part).tree)]
    found += [Gap("input", REASON, what) for what in _broken(before.input.tree, after.input.tree)]
    if not found:
        return after
    return msgspec.structs.replace(after, gaps=(*after.gaps, *found))


def _key(one: Interaction) -> tuple[str, str, str]:
    return one.boundary, one.target, one.request.text


def _merged(before: Recording, after: Recording) -> list[Gap]:
    """Different requests that are one now: which answer belongs to which is only known by their order."""
    first: dict[tuple[str, str, str], Interaction] = {}
    found = []
    for one, two in zip(before.interactions, after.interactions, strict=True):
        other = first.setdefault(_key(two), one)
        if _key(other) != _key(one):
            found.append(Gap(f"interaction[{one.seq}].request", REASON, f"now like interaction[{other.seq}]"))
    return found


def _broken(before: Any, after: Any) -> list[str]:
    if not (_is_message(before) and _is_message(after)):
        return []
    one, two = _body(before), _body(after)
    if one is None or two is None or one == two:
        return []
    found = []
    if _is_json(one) and not _is_json(two):
        found.append("no JSON any more")
    if _length(before) == len(one) and _length(after) != len(two):
        found.append("its length is not that of content-length")
    return found


def _is_message(node: Any) -> bool:
    return type(node) is dict and type(node.get("headers")) is list


def _body(message: dict[str, Any]) -> bytes | None:
    from replay.core.codec import Value

    held = message.get("pieces", message.get("body"))
    try:
        value = Value(json_text(held)).decode()
    except Exception:  # untrusted, or of no known form: nothing to compare
        return None
    parts = value if isinstance(value, list) else [value]
    parts = [part[1] if isinstance(part, list) and len(part) == 2 else part for part in parts]
    return b"".join(parts) if all(isinstance(part, bytes) for part in parts) else None


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return False
    return True


def _length(message: dict[str, Any]) -> int | None:
    for pair in message["headers"]:
        if type(pair) is list and len(pair) == 2 and str(pair[0]).lower() == "content-length":
            size = str(pair[1]).strip()
            return int(size) if size.isdecimal() and len(size) < 20 else None
    return None
