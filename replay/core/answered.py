"""The answer of a web application as it is compared: a JSON body by what it says, so that a place in it has a path.

It is what `replay.ASGI` and `replay.WSGI` record of a response, or what a Lambda function returns to API Gateway
(https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html).
"""

from __future__ import annotations

import json
from types import NoneType
from typing import Any

from replay.core.covering import identity

_LENGTH = "content-length"
_DEEPEST = 100
"""Levels of a body that is looked into."""
_SETS = frozenset({"allow", "vary", "cache-control", "access-control-allow-headers", "access-control-allow-methods",
                   "access-control-expose-headers"})  # fmt: skip
"""Headers whose items have no order (RFC 9110, 10.2.1 and 12.5.5; RFC 9111, 5.2; Fetch, 3.3): frameworks write some of
them from a set, whose order is that of the hash seed."""


def opened(recorded: Any, actual: Any) -> tuple[Any, Any]:
    """Both plain values. Of two answers whose JSON says different things, the bodies are what it says, and a length
    that is each body's own is the recorded one: it says nothing more. So is a header with the same items in another
    order, where that says nothing. All else is as it was."""
    if not (_is_answer(recorded) and _is_answer(actual)) or type(recorded["body"]) is not type(actual["body"]):
        return recorded, actual
    if not _is_gateway(actual) and recorded["headers"] != actual["headers"]:
        actual = {**actual, "headers": _ordered(recorded["headers"], actual["headers"])}
    if recorded["body"] == actual["body"]:
        return recorded, actual
    one, two = _said(recorded), _said(actual)
    if one is None or type(one) is not type(two):
        return recorded, actual
    if identity(one) == identity(two):  # where not even the characters are others, only the order of names is
        same = sorted(recorded["body"]) == sorted(actual["body"])
        return recorded, {**actual, "body": recorded["body"]} if same else actual
    if _is_gateway(actual):
        return {**recorded, "body": one}, {**actual, "body": two}
    headers = actual["headers"]
    if len(headers) == len(recorded["headers"]):
        headers = [
            theirs if _is_length(theirs, recorded["body"]) and _is_length(ours, actual["body"]) else ours
            for theirs, ours in zip(recorded["headers"], headers, strict=True)
        ]
    return {**recorded, "body": one}, {**actual, "headers": headers, "body": two}


def _ordered(recorded: list[Any], actual: list[Any]) -> list[Any]:
    """The headers of now; those that are sets as they were recorded, if they hold the same."""
    if len(recorded) != len(actual):
        return actual
    return [theirs if _is_same_set(theirs, ours) else ours for theirs, ours in zip(recorded, actual, strict=True)]


def _is_same_set(one: Any, two: Any) -> bool:
    return bool(one != two and _in_order(one) == _in_order(two))


def _in_order(header: Any) -> Any:
    """A header, its items sorted where they have no order."""
    if not _is_pair(header) or str(header[0]).lower() not in _SETS or type(header[1]) is not str:
        return header
    return type(header)((header[0], ", ".join(sorted(map(str.strip, header[1].split(","))))))


def told(value: Any) -> Any:
    """A plain value; of an answer whose body is JSON with that as a value, and without what its length follows from;
    headers without an order in one."""
    if not _is_answer(value):
        return value
    if not _is_gateway(value):
        value = {**value, "headers": [_in_order(each) for each in value["headers"]]}
    said = _said(value)
    if said is None:
        return value
    if _is_gateway(value):
        return {**value, "body": said}
    headers = [[each[0], "its length"] if _is_length(each, value["body"]) else each for each in value["headers"]]
    return {**value, "headers": headers, "body": said}


def _is_answer(value: Any) -> bool:
    if type(value) is not dict:
        return False
    is_web = "status" in value and type(value.get("headers")) is list and type(value.get("body")) is bytes
    return is_web or _is_gateway(value)


def _is_gateway(answer: dict[str, Any]) -> bool:
    return (
        type(answer.get("statusCode")) is int
        and type(answer.get("body")) is str
        and type(answer.get("headers")) in (dict, NoneType)
        and not answer.get("isBase64Encoded")
    )


def _said(answer: dict[str, Any]) -> Any:
    """The object or list that its body holds; None if it is no JSON."""
    from replay.core.redaction.bodies import Unreadable, undone  # not for services, which only capture

    body = answer["body"]
    is_text = type(body) is str
    given = (answer.get("headers") or {}).items() if is_text else filter(_is_pair, answer["headers"])
    headers = dict(reversed([(str(name).lower(), str(value)) for name, value in given]))
    if "json" not in headers.get("content-type", "json" if is_text else "").lower():  # the gateway's default
        return None
    try:
        plain = body if is_text else undone(body, headers.get("content-encoding", ""))
        found = json.loads(plain, object_pairs_hook=_once)
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
