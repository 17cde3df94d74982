"""The answer of a web application as it is compared: a JSON body by what it says, so that a place in it has a path."""

from __future__ import annotations

import json
from typing import Any

from replay.core.noise import identity

_LENGTH = "content-length"
_DEEPEST = 100
"""Levels of a body that is looked into."""


def opened(recorded: Any, actual: Any) -> tuple[Any, Any]:
    """Both plain values. Of two answers whose JSON says different things, the bodies are what it says, and a length
    that is each body's own is the recorded one: it says nothing more. All else is as it was."""
    if not (_is_answer(recorded) and _is_answer(actual)) or recorded["body"] == actual["body"]:
        return recorded, actual
    one, two = _said(recorded), _said(actual)
    if one is None or type(one) is not type(two):
        return recorded, actual
    if identity(one) == identity(two):  # where not even the characters are others, only the order of names is
        same = sorted(recorded["body"]) == sorted(actual["body"])
        return recorded, {**actual, "body": recorded["body"]} if same else actual
    headers = actual["headers"]
    if len(headers) == len(recorded["headers"]):
        headers = [
            theirs if _is_length(theirs, recorded["body"]) and _is_length(ours, actual["body"]) else ours
            for theirs, ours in zip(recorded["headers"], headers, strict=True)
        ]
    return {**recorded, "body": one}, {**actual, "headers": headers, "body": two}


def told(value: Any) -> Any:
    """A plain value; of an answer whose body is JSON with that as a value, and without what its length follows from."""
    said = _said(value) if _is_answer(value) else None
    if said is None:
        return value
    headers = [[each[0], "its length"] if _is_length(each, value["body"]) else each for each in value["headers"]]
    return {**value, "headers": headers, "body": said}


def _is_answer(value: Any) -> bool:
    return (
        type(value) is dict
        and "status" in value
        and type(value.get("headers")) is list
        and type(value.get("body")) is bytes
    )


def _said(answer: dict[str, Any]) -> Any:
    """The object or list that its body holds; None if it is no JSON."""
    from replay.core.redaction.bodies import Unreadable, undone  # not for services, which only capture

    headers = dict(reversed([(str(each[0]).lower(), str(each[1])) for each in answer["headers"] if _is_pair(each)]))
    if "json" not in headers.get("content-type", "").lower():
        return None
    try:
        found = json.loads(undone(answer["body"], headers.get("content-encoding", "")), object_pairs_hook=_once)
    except (Unreadable, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) and not _is_deep(found) else None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner = (item for each in level for item in (each.values() if isinstance(each, dict) else each))
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that has each name once. Of others a comparison would see only a part."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _is_pair(header: Any) -> bool:
    return isinstance(header, list | tuple) and len(header) == 2


def _is_length(header: Any, body: bytes) -> bool:
    return _is_pair(header) and str(header[0]).lower() == _LENGTH and header[1] == str(len(body))
