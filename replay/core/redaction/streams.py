"""Texts of several JSON documents: event streams and lines. A secret may come in pieces, one in each event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Write = Callable[[Any], str]


def style_of(text: str, value: Any) -> Write | None:
    """What writes `value` exactly as `text` has it, and others alike; None if nothing does."""
    stripped = text.strip()
    before, after = text[: text.find(stripped[:1])], text[len(text.rstrip()) :]
    for indent, separators in ((None, (", ", ": ")), (None, (",", ":")), (2, (",", ": ")), (4, (",", ": "))):
        for ascii_only in (True, False):

            def write(tree: Any, i: Any = indent, s: Any = separators, a: bool = ascii_only) -> str:
                return before + json.dumps(tree, indent=i, separators=s, ensure_ascii=a) + after

            if write(value) == text:
                return write
    return None


def masked(text: str, walk: Callable[[Any], Any], flat: Callable[[str], str]) -> str:
    """`text` without secrets: each event by itself, then the texts of one place read on from event to event."""
    lines = text.split("\n")
    events: list[tuple[int, str, Any, Write]] = []
    for number, line in enumerate(lines):
        head = "data: " if line.startswith("data: ") else "data:" if line.startswith("data:") else ""
        body = line[len(head) :]
        value, write = _read(body)
        if write is None:
            lines[number] = head + flat(body) if head else flat(line)
        else:
            events.append((number, head, walk(value), write))
    joined([event[2] for event in events], flat)
    for number, head, value, write in events:
        lines[number] = head + write(value)
    return "\n".join(lines)


def _read(body: str) -> tuple[Any, Write | None]:
    if body.strip()[:1] not in ("{", "["):
        return None, None
    try:
        value = json.loads(body)
        return value, style_of(body, value)
    except (ValueError, RecursionError):
        return None, None


def joined(events: list[Any], flat: Callable[[str], str]) -> None:
    """Mask what only the texts of several events together show. The events are ours to change."""
    places: dict[str, list[tuple[Any, Any]]] = {}
    for event in events:
        _collect(event, "", places)
    for found in places.values():
        if len(found) < 2:
            continue
        pieces = [owner[key] for owner, key in found]
        if len(set(pieces)) == 1:  # the same in each: an id
            continue
        whole = "".join(pieces)
        made = flat(whole)
        if made == whole or len(made) != len(whole):
            continue
        at = 0
        for (owner, key), piece in zip(found, pieces, strict=True):
            owner[key] = made[at : at + len(piece)]
            at += len(piece)


def _collect(value: Any, place: str, into: dict[str, list[tuple[Any, Any]]]) -> None:
    if len(place) > 200:
        return
    for key, item in value.items() if type(value) is dict else enumerate(value) if type(value) is list else ():
        inner = f"{place}/{key}"
        if type(item) is str:
            into.setdefault(inner, []).append((value, key))
        else:
            _collect(item, inner, into)
