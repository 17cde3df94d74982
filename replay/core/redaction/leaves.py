"""What the code says in a recording: the leaves of its requests, JSON in bodies included, of its outcome, and of what
it leaves in its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from replay.core.left import LEFT
from replay.core.recording import Recording
from replay.core.redaction.marks import Path

_FORM = "x-www-form-urlencoded"
Leaf = tuple[str, Path, str | int]
"""Place, path as differences have it, text or whole number."""


def made_leaves(recording: Recording) -> Iterator[Leaf]:
    """All that have three characters and more."""
    for one in recording.interactions:
        for path, leaf in _leaves(one.request.tree, one.boundary):
            yield f"interaction[{one.seq}].request", path, leaf
    for path, leaf in _leaves(recording.outcome.payload.tree, ""):
        yield "outcome", path, leaf
    context = recording.context.tree
    for path, leaf in _leaves(context[LEFT], LEFT) if type(context) is dict and LEFT in context else ():
        yield "context", (LEFT, *path), leaf


def is_made(place: str, path: Path) -> bool:
    """Whether it is something that the code says."""
    return place == "outcome" or place.endswith("request") or (place == "context" and path[:1] == (LEFT,))


def _leaves(tree: Any, boundary: str) -> Iterator[tuple[Path, str | int]]:
    if boundary == "http" and type(tree) is dict:
        from urllib.parse import parse_qsl

        query = dict(parse_qsl(str(tree.get("url", "")).partition("?")[2], keep_blank_values=True))
        tree = {"query": query, "body": _asked(tree)}
    elif not boundary and type(tree) is dict and type(tree.get("body")) is dict:  # of an answer that the code gave
        tree = {**tree, "body": _held(tree["body"])}
    waiting: list[tuple[Path, Any]] = [((), tree)]
    while waiting:
        path, node = waiting.pop()
        if type(node) is str:
            if len(node) > 2:
                yield path, node
        elif type(node) is int:
            if node > 99:
                yield path, node
        elif type(node) is list:
            waiting += [((*path, at), item) for at, item in enumerate(node)]
        elif type(node) is dict:
            tag = next(iter(node), "")
            held = node[tag] if tag[:1] == "$" else None
            if held is None:
                waiting += [((*path, name), item) for name, item in node.items()]
            elif tag in ("$tuple", "$bytes"):
                waiting.append((path, held))
            elif tag == "$id":
                waiting.append((path, held[1]))
            elif tag == "$error" and type(held) is dict:
                waiting += [((*path, name), held[name]) for name in ("message", "args", "cause") if name in held]
            elif type(held) is dict and "fields" in held:
                waiting.append((path, held["fields"]))


def _asked(tree: dict[str, Any]) -> Any:
    """The fields of a form, else as `_held`."""
    from urllib.parse import parse_qsl

    held, headers = _held(tree.get("body")), tree.get("headers")
    if type(held) is str and type(headers) is list and _FORM in str(headers):
        return dict(parse_qsl(held, keep_blank_values=True))
    return held


def _held(body: Any) -> Any:
    """The JSON of a stored body, or its text."""
    held = body.get("$bytes") if type(body) is dict else None
    if type(held) is not str:
        return None
    try:
        inner = msgspec.json.decode(held)
    except ValueError:
        return held
    return inner if type(inner) in (dict, list) else held
