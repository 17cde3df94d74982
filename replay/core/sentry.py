"""Reading the error of a Sentry event: as an SDK sends it, as the API and the issue's page give it, in an envelope."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from replay.core.signature import Signature, SignatureError, function_name, shortened
from replay.core.verdict import Frame

VARIABLES = 200
"""Local variables that are kept."""
_DEEP = 6
"""Mappings and lists around a variable that are looked into."""
_LONG = 10_000
"""Characters of a text that are read."""
_WRAPPERS = ("event", "data", "payload")


def read_event(document: Any) -> Signature:
    """The failure of an event's JSON document, or of a list of such. Raises SignatureError if there is none."""
    event = _event(document)
    if event is None:
        raise SignatureError(
            "the JSON has no exception: give a Sentry event with `exception.values`, or the traceback's text"
        )
    platform = event.get("platform")
    if isinstance(platform, str) and platform not in ("python", "other", ""):
        raise SignatureError(f"the event is of the platform {platform[:40]!r}; only Python's errors can be looked for")
    values = [each for each in _values(event) if isinstance(each, dict) and isinstance(each.get("type"), str)]
    if not values:
        raise SignatureError("the event's exception has no `type`: give the whole event")
    return _signature(values, len(values) - 1, _when(event))


def is_event(text: str) -> Any:
    """The document of a text that is one, or of an envelope the item with an exception; None for any other text."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    for line in text.splitlines():
        try:
            found = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            continue
        if _event(found) is not None:
            return found
    return None


def _event(document: Any) -> dict[str, Any] | None:
    """The event inside what exports and web hooks put around it."""
    waiting, left = [document], 50
    while waiting and left:
        each = waiting.pop(0)
        left -= 1
        if isinstance(each, list):
            waiting += each[:10]
        elif isinstance(each, dict):
            if _values(each):
                return each
            waiting += [each[name] for name in _WRAPPERS if name in each]
    return None


def _values(event: dict[str, Any]) -> list[Any]:
    held = event.get("exception")
    entries = event.get("entries")
    if held is None and isinstance(entries, list):
        held = next(
            (each.get("data") for each in entries if isinstance(each, dict) and each.get("type") == "exception"), None
        )
    if isinstance(held, dict):
        held = held.get("values", [held] if "type" in held else None)
    return held if isinstance(held, list) else []


def _signature(values: list[dict[str, Any]], at: int, when: str | None = None) -> Signature:
    """Values are told oldest first; each says whose part it is, where a newer SDK sent it."""
    value = values[at]
    own = _mechanism(value)
    number = own.get("exception_id")
    below = [place for place, each in enumerate(values[:at]) if number is not None
             and _mechanism(each).get("parent_id") == number]  # fmt: skip
    is_group = own.get("is_exception_group") is True
    members = [
        place for place in below if is_group and str(_mechanism(values[place]).get("source", "")).startswith("exc")
    ]
    rest = [place for place in below if place not in members]
    if number is None and at:
        rest = [at - 1]
    frames = _frames(value)
    module = value.get("module")
    name = str(value["type"])
    return Signature(
        error_type=f"{module}.{name}"
        if isinstance(module, str) and module not in ("", "builtins", "__main__")
        else name,
        message=_text(value.get("value")),
        frames=shortened([frame for frame, _ in frames if frame.function]),
        cause=_signature(values, rest[-1]) if rest else None,
        members=tuple(_signature(values, place) for place in reversed(members)),
        variables=tuple(_variables(frames)),
        when=when,
    )


def _mechanism(value: dict[str, Any]) -> dict[str, Any]:
    found = value.get("mechanism")
    return found if isinstance(found, dict) else {}


def _frames(value: dict[str, Any]) -> list[tuple[Frame, dict[str, Any]]]:
    stack = value.get("stacktrace")
    frames = stack.get("frames") if isinstance(stack, dict) else None
    return [(_frame(each), each) for each in frames if isinstance(each, dict)] if isinstance(frames, list) else []


def _frame(told: dict[str, Any]) -> Frame:
    file = _text(told.get("abs_path") or told.get("absPath") or told.get("filename") or told.get("module"))
    line = told.get("lineno", told.get("lineNo"))
    source = told.get("context_line")
    context = told.get("context")
    if source is None and isinstance(context, list):
        source = next(
            (each[1] for each in context if isinstance(each, list) and len(each) == 2 and each[0] == line), None
        )
    number = line if type(line) is int and 0 <= line < 1 << 31 else 0
    return Frame(file, number, function_name(_text(told.get("function"))), _text(source).strip())


def _variables(frames: list[tuple[Frame, dict[str, Any]]]) -> Iterator[tuple[str, Any]]:
    left = VARIABLES
    for _, told in reversed(frames):
        held = told.get("vars")
        if told.get("in_app", told.get("inApp")) is False or not isinstance(held, dict):
            continue
        waiting = [(str(name), value, 0) for name, value in held.items()]
        while waiting and left:
            name, value, depth = waiting.pop(0)
            read = _read(value)
            if isinstance(read, dict | list | tuple) and depth < _DEEP:
                inner = read.items() if isinstance(read, dict) else ((name, item) for item in read)
                waiting += [(str(key), item, depth + 1) for key, item in inner]
            if _is_told(read):
                left -= 1
                yield name, read


def _is_told(value: Any) -> bool:
    """Whether it is the value itself: not an object's `repr`, not cut."""
    if isinstance(value, str):
        return not (re.match(r"<.* at 0x[0-9a-f]+>", value) or value.endswith("...") or value == "[Filtered]")
    return value is None or isinstance(value, int | float | bool)


def _read(value: Any) -> Any:
    """A variable: SDKs send texts and `None` as Python writes them."""
    if not isinstance(value, str) or len(value) > _LONG:
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value


def _text(value: Any) -> str:
    return value[:_LONG] if isinstance(value, str) else ""


def _when(event: dict[str, Any]) -> str | None:
    """When it happened, if that can be read."""
    told = event.get("timestamp", event.get("dateCreated"))
    try:
        if isinstance(told, int | float) and math.isfinite(told):
            return datetime.fromtimestamp(told, UTC).isoformat()
        return datetime.fromisoformat(told).isoformat() if isinstance(told, str) else None
    except (ValueError, OverflowError, OSError):
        return None
