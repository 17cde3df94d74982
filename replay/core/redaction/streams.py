"""Texts of several JSON documents: event streams and lines. A secret may come in pieces, one in each event."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator
from typing import Any

Write = Callable[[Any], str]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|-?(?:\d[\d.eE+-]*+|Infinity)|true|false|null|NaN')

_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_NESTED = 100
"""Open brackets of a cut text that is still read."""


def style_of(text: str, value: Any) -> Write | None:
    """What writes other values as `text` has this one, byte for byte where nothing changed; None if a name stands
    twice in one object."""
    tokens = list(_TOKEN.finditer(text))
    old = list(_tokens(value))
    if len(tokens) != len(old):
        return None

    def write(tree: Any) -> str:
        out, done = [], 0
        for token, one, two in zip(tokens, old, _tokens(tree), strict=True):
            if one is not two and one != two:
                out += [text[done : token.start()], json.dumps(two, ensure_ascii=_escapes(token[0]))]
                done = token.end()
        return "".join([*out, text[done:]])

    return write


def ends_of(text: str) -> Iterator[str]:
    """What may close JSON that is cut: its open text, then what it lacks of a member, then its open brackets."""
    open_ones: list[str] = []
    quoted = False
    for found in _BRACKET.finditer(text):
        part = found[0]
        if len(open_ones) > _NESTED:
            return
        if part[0] == '"':
            quoted = len(part) == 1 or part[-1] != '"'
        elif part in "{[":
            open_ones.append("}" if part == "{" else "]")
        elif open_ones:
            open_ones.pop()
    if not open_ones:
        return
    close = "".join(reversed(open_ones))
    for rest in ('"', '":null') if quoted else ("", "null", ":null", '"":null'):
        yield rest + close


def _escapes(token: str) -> bool:
    """Also where it has half a character, which can only be escaped."""
    return token.isascii() or "\\ud" in token.lower()


def _tokens(value: Any) -> Iterator[Any]:
    """Names and values in the order in which they are written."""
    if type(value) is dict:
        for name, item in value.items():
            yield name
            yield from _tokens(item)
    elif type(value) is list:
        for item in value:
            yield from _tokens(item)
    else:
        yield value


def masked(text: str, walk: Callable[[Any], Any], flat: Callable[[str], str], whole: Callable[[str], str],
           known: Container[str]) -> str:  # fmt: skip
    """`text` without secrets: each event by itself, then, by `whole`, the texts of one place read on from event to
    event. `known`: pseudonyms of an earlier redaction."""
    lines = text.split("\n")
    events: list[tuple[int, str, Any, Write]] = []
    values: list[Any] = []
    for number, line in enumerate(lines):
        head = "data: " if line.startswith("data: ") else "data:" if line.startswith("data:") else ""
        body = line[len(head) :]
        value, write = _read(body)
        try:
            made = None if write is None else walk(value)
        except RecursionError:
            write = None
        if write is None:
            lines[number] = head + flat(body) if head else flat(line)
        else:
            events.append((number, head, made, write))
            values.append(value)
    joined(values, [event[2] for event in events], whole, known)
    for number, head, value, write in events:
        lines[number] = head + write(value)
    return "\n".join(lines)


def are_lines(text: str) -> bool:
    """Whether it is JSON line by line: the first one tells."""
    return "\n" in text and _read(text.lstrip().partition("\n")[0])[1] is not None


def _read(body: str) -> tuple[Any, Write | None]:
    if body.strip()[:1] not in ("{", "["):
        return None, None
    try:
        value = json.loads(body)
        return value, style_of(body, value)
    except (ValueError, RecursionError):
        return None, None


def joined(before: list[Any], events: list[Any], flat: Callable[[str], str], known: Container[str]) -> None:
    """Mask what only the texts of several events together show. The events are ours to change; `before` are the same
    with their secrets. `known`: pseudonyms of an earlier redaction."""
    places: dict[str, list[tuple[Any, Any]]] = {}
    for event in events:
        _collect(event, "", places)
    was: dict[str, list[tuple[Any, Any]]] = {}
    for event in before:
        _collect(event, "", was)
    for place, found in places.items():
        if len(found) < 2:
            continue
        old = [owner[key] for owner, key in was.get(place, ())]
        pieces = [owner[key] for owner, key in found]
        if len(set(pieces)) == 1:  # the same in each: an id
            continue
        for (owner, key), piece in zip(found, across(old, pieces, flat, known), strict=True):
            owner[key] = piece


def across(before: list[str], pieces: list[str], flat: Callable[[str], str], known: Container[str] = ()) -> list[str]:
    """The pieces without the secrets that reach over several of them.

    What was masked in one piece alone stays: a pseudonym may look like a secret. A piece that is nothing but one ends
    what can be read on.
    """
    alone = [False] * len(pieces) if len(before) != len(pieces) else list(map(str.__ne__, before, pieces))
    ends = [
        piece in known or (masked and not any(map(str.isspace, piece)))
        for masked, piece in zip(alone, pieces, strict=True)
    ]
    whole = "".join("\n" * len(piece) if end else piece for end, piece in zip(ends, pieces, strict=True))
    made = flat(whole)
    if made == whole:
        return pieces
    out, at = [], 0
    for number, piece in enumerate(pieces):
        out.append(made[at:] if number + 1 == len(pieces) else made[at : at + len(piece)])
        at += len(piece)
    changed = [new != piece and not end for new, piece, end in zip(out, pieces, ends, strict=True)]
    padded = [False, *changed, False]
    spans = [padded[at] or padded[at + 2] for at in range(len(pieces))]
    return [new if changed[at] and (spans[at] or not alone[at]) else pieces[at] for at, new in enumerate(out)]


def _collect(value: Any, place: str, into: dict[str, list[tuple[Any, Any]]]) -> None:
    if len(place) > 200:
        return
    for key, item in value.items() if type(value) is dict else enumerate(value) if type(value) is list else ():
        inner = f"{place}/{key}"
        if type(item) is str:
            into.setdefault(inner, []).append((value, key))
        else:
            _collect(item, inner, into)
