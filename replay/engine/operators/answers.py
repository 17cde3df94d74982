"""Edits of messages and answers as such: faults, statuses, bodies that are not what they say."""

from __future__ import annotations

from collections.abc import Iterator

from replay.core.messages import PACKINGS
from replay.engine.operators.changes import as_text
from replay.engine.operators.databases import errors as database_errors
from replay.engine.operators.site import Site, Tried

_STATUSES = ((500, None), (503, None), (429, None), (429, "1"), (404, None), (401, None), (503, "120"),
             (429, "Wed, 21 Oct 2026 07:28:00 GMT"), (503, "Wed, 21 Oct 2026 07:28:00 GMT"), (204, None), (502, None),
             (403, None), (400, None), (302, None), (409, None), (201, None))  # fmt: skip
_DELAYS = (31.0, 301.0, 3601.0)
"""Seconds beyond the time-outs that people choose."""
_TYPES = ("text/html", "text/plain", "application/octet-stream", "")


def whole_answer(site: Site) -> Iterator[Tried]:
    """Of a whole answer: it does not come, or another one does."""
    if site.steps or site.boundary not in ("http", "call", "model"):
        return
    yield "fault", "timeout"
    if site.boundary == "http":
        yield from (("answer", list(status)) for status in _STATUSES[:6])
        yield "fault", "reset"
        if "body" in site.value:
            yield "html", None
            yield "html", 502
            yield "fault", "cut"
            packed = site.value["headers"].get("content-encoding") == "gzip"
            yield from (("packing", how) for how in (PACKINGS[1:] if packed else PACKINGS[:1]))
        yield from (("answer", list(status)) for status in _STATUSES[6:])
    else:
        yield "fault", "reset"
    yield "fault", "refused"
    if site.behind > 0:
        yield "slow", round(site.behind + 0.001, 3)  # after the last of those that were under way with it
    yield from (("slow", seconds) for seconds in _DELAYS)
    yield from (("stale", seq) for seq in reversed(site.earlier))
    yield from database_errors(site)


def body(site: Site) -> Iterator[Tried]:
    """Of the bytes of a body: they end early, are none, have marks before or a document behind them, a key twice. Of
    JSON in a text the last alone: the others are edits of the text."""
    if not site.is_body:
        yield from _keys_twice(site) if site.is_document else ()
        return
    yield from (("cut", at) for at in (0, -1, 1))
    if isinstance(site.value, dict | list):
        yield "put", [0, "\ufeff"]
        yield "put", [0, ")]}',\n"]
        yield "set", ""
        yield "put", [len(as_text(site.value)), "{}"]
        yield "replace", ["null", "NaN"]
    yield from _keys_twice(site)
    if type(site.value) is str and len(site.value) > 8:
        yield from (("cut", len(site.value) * part // 8) for part in (4, 2, 6, 7))
    if isinstance(site.value, str | dict | list):
        yield from (("recode", how) for how in ("broken", "latin-1", "utf-16"))


def _keys_twice(site: Site) -> Iterator[Tried]:
    if type(site.value) is dict:
        yield from (("duplicate_key", [name, None]) for name in list(site.value)[:3] if type(name) is str)


def message(site: Site) -> Iterator[Tried]:
    """Of a status or header."""
    if not site.is_message:
        return
    if site.steps == ("status",):
        yield from (("set", status) for status in (200, 201, 206, 299) if status != site.value)
    elif site.steps[0] == "headers" and len(site.steps) == 2:
        name = site.steps[1]
        yield "drop", None
        if name == "content-type":
            yield from (("set", kind) for kind in _TYPES)
        elif name not in ("content-length", "transfer-encoding", "connection", "host"):
            yield from (("set", each) for each in site.learned)
            yield from (("set", text) for text in ("", "0", "x", "-1", "é"))
            yield "long", [8192, "x"]
    elif site.steps == ("path",) and type(site.value) is str:
        yield "set", site.value + "/"
