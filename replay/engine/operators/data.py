"""Edits of data wherever it stands: numbers, text, lists, mappings, records."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from replay.core.opened import Typed
from replay.engine.operators.changes import CHANGES
from replay.engine.operators.forms import shaped
from replay.engine.operators.site import LONG, Site, Tried, written_out
from replay.engine.operators.texts import parts

_TRAPS = ("ß", "\ud800", "\u200b", "e\u0301", "\ufeff", "\u202e", "\x00", "👩\u200d👩\u200d👧", "İ", "\u2028", "'", '"',
          "<b>", "${x}")  # fmt: skip
"""What text trips over: grows in upper case, cannot be encoded, is not seen, combines, ends early, quotes."""
_PADS = (["", " "], [" ", ""], ["", "\n"], ["", "\u00a0"])
_INTS = (0, -1, 1, 2**31, 2**63, 10**30, 255, 256, 65536, 2**53 + 1, -(2**63) - 1)
_FLOATS = (0.0, math.nan, 1e-9, -1.0, math.inf, 1.0, 1e308, 5e-324, -0.0, 0.5)
WORDY = 24
"""Characters of a text that is cut in more places."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('"', ("'", "")), (",", (";", ",,")), ("}", ("",)), ("]", ("",)), ("\n", ("\r\n", "")), ("```", ("",)),
    ("<", ("&lt;",)), (":", ("",)), ("data:", ("data", "")), ("/", ("//",)),
)  # fmt: skip
"""Delimiters and quotes, and what becomes of them."""
_WORD = re.compile(r"[A-Za-z]{2,}([_ -][A-Za-z]+){0,3}")
"""A text that may be one of a fixed set: an unknown member is tried."""
_NUMERIC = re.compile(r"-?\d+(\.\d+)?")
_DATES = ("05/03/2024", "1709634151", "2024-02-29T23:59:60Z", "2024-13-01", "2024-03-05T10:22:31",
          "2024-03-05T10:22:31+14:00", "2024-03-31T02:30:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
          "2024-03-05 10:22:31", "20240305T102231Z", "2023-02-29", "0000-00-00", "2024-03-05")  # fmt: skip


def data(site: Site) -> Iterator[Tried]:
    """What to try at a value, by its type."""
    value = site.value
    named = bool(site.steps) and type(site.steps[-1]) is str
    if named and site.missing > 0:
        yield "drop", None  # production was seen to leave it out
    if type(value) is bool:
        yield "set", not value
    if value is not None:
        yield "set", None
    if named:
        yield "drop", None
    for learned in site.learned:
        yield "set", learned
    kind = type(value)
    yield from _BY_TYPE.get(kind, _nothing)(site)
    if named and kind is not Typed:
        yield from _renamed(str(site.steps[-1]))


def _flag(site: Site) -> Iterator[Tried]:
    yield "set", str(site.value).lower()
    yield "set", int(not site.value)
    yield "set", ""


def _whole(site: Site) -> Iterator[Tried]:
    value = site.value
    yield "set", str(value)
    yield from _each(_INTS[:5])
    yield from _each(each for each in site.constants if type(each) in (int, float))
    yield from _each((value + 1, value - 1, -value, float(value) if abs(value) < 1 << 53 else 0.5))
    yield from _each(_INTS[5:])
    yield from _each(("", "x", True, [], {}))
    yield "listed", None
    yield "set", math.nan


def _real(site: Site) -> Iterator[Tried]:
    value = site.value
    yield from _each(_FLOATS[:3])
    yield from _each(each for each in site.constants if type(each) in (int, float))
    yield "set", str(value)
    yield from _each(_FLOATS[3:])
    if 0 <= value <= 1:
        yield from _each((0.49, 0.51, 0.05, 0.95, 1.0000001, 0.7, 0.3))
    yield "set", int(value) if math.isfinite(value) else 0
    yield from _each(("", [], {}, True))


def _words(site: Site) -> Iterator[Tried]:
    value: str = site.value
    if value:
        yield "set", ""
    yield from _each(each for each in site.constants if type(each) is str)
    yield from _dates(value)
    yield from (_made(site, "pad", around) for around in _PADS[:2])
    yield _made(site, "put", [len(value), _TRAPS[0]])
    yield _made(site, "put", [len(value), _TRAPS[1]])
    yield "long", [256, "é"]
    if value != value.upper():
        yield _made(site, "case", "upper")
    if value != value.lower():
        yield _made(site, "case", "lower")
    if _NUMERIC.fullmatch(value):
        yield "set", float(value) if "." in value else int(value[:600])
        yield "set", value.replace(".", ",") if "." in value else f"{value}.0"
    yield from _each((0, [], {}, True, 1.5))
    if len(value) > 1:
        yield _made(site, "cut", -1)
        yield _made(site, "cut", len(value) // 2)
        yield _made(site, "cut", 1)
    if len(value) > WORDY:
        yield _made(site, "cut", len(value) // 4)
        yield _made(site, "cut", len(value) * 3 // 4)
    yield from (_made(site, "put", [len(value), trap]) for trap in _TRAPS[2:])
    yield from (_made(site, "put", [0, trap]) for trap in _TRAPS[1:6])
    yield from (_made(site, "pad", around) for around in _PADS[2:])
    yield "long", [65537, "x"]
    yield "long", [1025, "é"]
    yield _made(site, "mangle", "latin-1")
    yield _made(site, "mangle", "utf-8 cut")
    yield "listed", None
    if _WORD.fullmatch(value):
        yield "set", "OTHER" if value.isupper() else "other"
    yield from (_made(site, "splice", each) for each in site.learned[:2] if type(each) is str and len(value) > 1)
    yield from shaped(site)
    yield from _shaped(site)
    yield from parts(site)


def _dates(value: str) -> Iterator[Tried]:
    if _DAY.match(value):
        yield from _each(_DATES)


def _shaped(site: Site) -> Iterator[Tried]:
    """Text that has a form of its own: damage where its delimiters are."""
    value: str = site.value
    for mark, others in _MARKS:
        if mark in value:
            yield from (_made(site, "replace", [mark, other]) for other in others)
    if len(value) > 1 and value[0] in "{[":
        for around in (["```json\n", "\n```"], ["Here is the result:\n", ""], ["", "\n\nLet me know!"]):
            yield _made(site, "pad", around)


def _list(site: Site) -> Iterator[Tried]:
    value = site.value
    if value:
        yield "set", type(value)()
        yield "first", None
        yield "reverse", None
        if len(value) > 1:
            yield "cut", 1
            yield "cut", -1
        yield "many", 2
        yield "many", 100
    yield from _each(({}, "", 0, True))
    yield "wrap", "data"
    if len(value) > 1 and all(type(each) is float and 0 <= each <= 1 for each in value):
        yield from (("scale", factor) for factor in (0.5, 2.0, 0.0))
    if len(value) >= 4 and all(type(each) in (int, float) for each in value):
        yield from (("resize", size) for size in (len(value) - 1, len(value) + 1, 0, 2 * len(value)))
        yield "set", [0.0] * len(value)
        yield "set", [math.nan, *value[1:]] if len(value) <= LONG else [math.nan]


def _dict(site: Site) -> Iterator[Tried]:
    value = site.value
    if value:
        yield "set", {}
    yield from (("add", list(pair)) for pair in site.absent)
    yield "listed", None
    yield from _each(([], "", 0, True))
    yield "add", ["unexpected_field", "x"]
    names = [name for name in value if type(name) is str]
    for one, two in pairwise(names):
        if type(value[one]) is not type(value[two]) or value[one] != value[two]:
            yield "swap", [one, two]
    numbers = [each for each in value.values() if type(each) is float]
    if len(numbers) > 1 and len(numbers) == len(value):
        yield from (("scale", factor) for factor in (0.5, 2.0, 0.0))
    yield "wrap", "data"
    if any(type(each) is list for each in value.values()):
        yield "empty_page", True
        yield "empty_page", False


def _none(site: Site) -> Iterator[Tried]:
    yield from _each(each for each in site.constants if type(each) is str)
    yield from _each(("", 0, [], {}, "x", True, 1.5))


def _data(site: Site) -> Iterator[Tried]:
    value: bytes = site.value
    if value:
        yield "set", b""
        yield "cut", -1
        yield "cut", len(value) // 2
        yield "set", value[:1] + b"\xff" + value[2:] if len(value) < LONG else b"\xff"


def _moment(site: Site) -> Iterator[Tried]:
    value = site.value
    for move in (timedelta(days=1), timedelta(days=-1), timedelta(days=366), timedelta(days=-366 * 40)):
        try:
            yield "set", value + move
        except OverflowError:
            continue
    if type(value) is datetime:
        yield "set", value.replace(tzinfo=None)
        yield "set", value.replace(hour=0, minute=0, second=0, microsecond=0)
        yield "set", value.replace(hour=23, minute=59, second=59, microsecond=999999)
    yield "set", value.replace(year=2028, month=2, day=29)
    yield "set", value.isoformat()


def _each(values: Iterable[Any]) -> Iterator[Tried]:
    return (("set", value) for value in values)


def _nothing(site: Site) -> Iterator[Tried]:
    return iter(())


def _renamed(name: str) -> Iterator[Tried]:
    """A name in the other style."""
    if "_" in name.strip("_"):
        first, *rest = name.split("_")
        yield "rename", first + "".join(part.title() for part in rest)
    elif re.search(r"[a-z][A-Z]", name):
        yield "rename", re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found[1].lower(), name)
    else:
        yield "rename", f"{name}_v2"


def item(site: Site) -> Iterator[Tried]:
    """Of an item of a list: that it is not there, or twice."""
    if site.steps and type(site.steps[-1]) is int:
        yield "twice", None
        yield "drop", None


def _made(site: Site, operator: str, argument: Any) -> Tried:
    return written_out(site, CHANGES[operator], operator, argument)


_BY_TYPE: dict[type, Any] = {
    bool: _flag, int: _whole, float: _real, str: _words, list: _list, tuple: _list, dict: _dict, type(None): _none,
    bytes: _data, datetime: _moment, date: _moment,
}  # fmt: skip
