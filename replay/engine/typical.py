"""Values that could as well have stood in a place: of the same type first, then what such a place often holds.

They serve as the other side of an incident for which there is no passing recording.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from replay.core.deltas import OPENED, fields_of
from replay.core.edits import write
from replay.core.opened import Kept, Typed
from replay.core.parts import Parts
from replay.engine.apart import equal
from replay.engine.operators.site import STREAM, Site, sites

MOST = 10
"""Values tried in one place."""
MOST_LACKING = 60
"""Names that mappings lack."""
LIKELY = 6
"""Of them, values that were seen there in other recordings."""
_HOUR = 3600 * 10**9
_ZONES = ("UTC", "Asia/Tokyo", "America/Los_Angeles", "Europe/Berlin", "Pacific/Auckland")
_CALLED = ((), ("kwargs",))
"""Of the input, how the code was called: another argument is no value of production's."""
_SKIPPED = (("method",), ("path",), ("status",))
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")


def choices(parts: Parts, seen: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Site, list[Any]]]:
    """The places that hold one value, each with others for it, the likeliest first."""
    for root in parts.every():
        part = parts.get(root)
        if part is None:
            continue
        if root.startswith("timing["):
            later = 10 * part.value["duration_ns"] + 10**9
            yield Site(root, (), part.value), [{**part.value, "duration_ns": each} for each in (0, later)]
            continue
        told = _told(root, part.value)
        for site in sites(root, part.value, views=bool(told)):
            if _is_container(site.value) or (site.steps[:1] in _SKIPPED and is_message(root)):
                continue
            if told and (site.steps == ("body",) or any(site.steps == (STREAM, name) for name in _opened(told))):
                continue
            if is_message(root) and site.steps[:1] == ("headers",) and site.steps[1:2] in _FRAMING:
                continue
            same = sorted(seen.get(site.path, ()), key=lambda each, v=site.value: type(each) is not type(v))  # type: ignore[misc]
            found = _distinct(site.value, _distinct(site.value, same, LIKELY) + others(site.value, root), MOST)
            if found:
                yield site, found


def lacking(parts: Parts, names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Names that the failing line speaks of and a mapping lacks: the mapping's path, the name, the path of both."""
    found = 0
    for root in parts.every():
        part = parts.get(root)
        if part is None or root.partition("[")[0] not in ("input", "http", "call", "model"):
            continue
        for site in sites(root, part.value):
            if type(site.value) is not dict or site.is_message or (is_message(root) and not site.steps):
                continue
            if site.steps in _CALLED:
                continue
            for name in names:
                if name not in site.value and found < MOST_LACKING:
                    found += 1
                    yield site.path, name, write(root, (*site.steps, name))


def is_message(root: str) -> bool:
    """Whether it may be one of HTTP."""
    return root == "input" or root.startswith("http[")


def _told(root: str, value: Any) -> Mapping[str, Any]:
    """The texts of an answer's stream, if it has any: they are the places of its body, and what a text holds that of
    the text."""
    stream = value.get(STREAM) if root.startswith("http[") else None
    return fields_of(stream)


def _opened(told: Mapping[str, Any]) -> list[str]:
    return [name for name, held in OPENED.items() if held in told]


_FRAMING = (("content-length",), ("transfer-encoding",), ("content-encoding",))


def _is_container(value: Any) -> bool:
    return isinstance(value, Typed | Kept) or (isinstance(value, list | tuple | dict) and bool(value))


def others(value: Any, root: str = "") -> list[Any]:
    """Other values for one, of its type first."""
    kind = type(value)
    if root == "zone":
        return [each for each in _ZONES if each != value]
    if root == "clock":
        return [value + 12 * _HOUR, value + 6 * _HOUR, value - 6 * _HOUR, value + 24 * _HOUR, value + 183 * 24 * _HOUR]
    if kind is bool:
        return [not value]
    if value is None:
        return ["text", 1, {}, [], True, 1.0]
    if kind is int:
        return [value + 1, 1, 0, 2, value - 1, str(value)]
    if kind is float:
        if 0 <= value <= 1:
            return [0.5, 0.9, 0.1, 1.0]
        return [1.0, value * 1.5 if math.isfinite(value) else 2.0, 10.0, 0.0]
    if kind is str:
        return _texts(value)
    if kind is bytes:
        return [b"x" + value[1:], b"x", b""]
    if isinstance(value, datetime | date):
        return _moved(value)
    if isinstance(value, list | tuple):
        return [kind([1]), kind(["text"]), kind([{}])]
    return [{"key": "text"}] if kind is dict else []


def _moved(value: Any) -> list[Any]:
    found = []
    for days in (1, -1, 40, -400):
        try:
            found.append(value + timedelta(days=days))
        except OverflowError:
            continue
    return found


def _texts(value: str) -> list[Any]:
    found: list[Any] = []
    plain = "".join(each for each in value if " " <= each <= "~")
    if plain != value:
        found.append(plain)
    number = _NUMBER.fullmatch(value)
    varied = re.sub(r"\d", lambda each: "1" if each[0] == "2" else "2", value) if re.search(r"\d", value) else ""
    if varied:
        found.append(varied)
    if re.match(r"\d{4}-\d\d-\d\d", value):
        found += ["2024-06-15" + value[10:], value[:10] + "T12:00:00+00:00"]
    found += [value.swapcase(), "text", "1", "true"]
    if number:
        found.append(float(value) if "." in value else int(value))
    return [*found, value[: len(value) // 2], ""]


def _distinct(value: Any, found: list[Any], most: int) -> list[Any]:
    out: list[Any] = []
    for each in found:
        if not equal(each, value) and not any(equal(each, other) for other in out):
            out.append(each)
    return out[:most]
