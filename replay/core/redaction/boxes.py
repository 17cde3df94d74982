"""Tables that are drawn with signs or aligned by spaces: psql, MySQL, Markdown, kubectl. A heading names columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

KindOf = Callable[[str], str | None]
Cell = tuple[int, int, tuple[str, str]]
"""Where a cell of a column of secrets stands: start, end, the column's name and kind."""
_LINES = r"(?:--|==|\u2500\u2500|\u2550\u2550|\u2501\u2501)"
_RULE = re.compile(rf"(?m)^[ \t]*+[-+|:=\u2500-\u257f](?=[^\n]{{0,400}}?{_LINES})[-+|:= \t\u2500-\u257f]++\r?$")
"""A line that parts a heading from its rows."""
_BARS = "|\u2502\u2503\u2551"
"""What stands between cells."""
_HEADING = re.compile(
    r"(?m)^[A-Z][A-Z0-9_-]*(?: [A-Z][A-Z0-9_-]*)*(?: {2,}[A-Z][A-Z0-9_-]*(?: [A-Z][A-Z0-9_-]*)*)+ *\r?$"
)
_NAME = re.compile(r"[A-Za-z_][\w .()-]{0,50}")
_LETTER = re.compile(r"[A-Za-z_]")
_ALIGNED = re.compile(r"[A-Z][A-Z0-9_-]*(?: [A-Z][A-Z0-9_-]*)*")
_QUOTES = "\"'`*_ \t"
_WORD = re.compile(r"[\w.:-]*\s[^\n]*|[A-Za-z]*")
_MOST = 50
"""Columns."""


def cells(text: str, kind_of: KindOf) -> list[Cell]:
    """Those of all such tables of a text, in its order."""
    found: list[Cell] = []
    if "--" in text or "\u2500\u2500" in text or "\u2550\u2550" in text or "\u2501\u2501" in text or "==" in text:
        for rule in _RULE.finditer(text):
            start = text.rfind("\n", 0, max(0, rule.start() - 1)) + 1
            head = text[start : max(start, rule.start() - 1)]
            if _LETTER.search(head):
                found += _boxed(text, head, rule, kind_of)
    if "  " in text:
        for heading in _HEADING.finditer(text):
            found += _aligned(text, heading, kind_of)
    return sorted(set(found))


def is_rule(line: str) -> bool:
    """Whether a line only parts others."""
    return _RULE.fullmatch(line.rstrip("\r")) is not None


def _boxed(text: str, head: str, rule: re.Match[str], kind_of: KindOf) -> Iterator[Cell]:
    """The rows below a rule, cell by cell as bars part them. `head`: the line above it."""
    bar = next((sign for sign in _BARS if sign in head), "")
    names = [name.strip(_QUOTES + "\r") for name in head.split(bar)] if bar else []
    kinds = {
        at: (name, kind) for at, name in enumerate(names[:_MOST]) if _NAME.fullmatch(name) and (kind := kind_of(name))
    }
    drawn = "+" in rule[0] or bar != "|"  # of a database; Markdown explains words, too
    at = rule.end() + 1
    while kinds and 0 < at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        parts = line.split(bar)
        if len(parts) != len(names):
            if not is_rule(line):
                return
        else:
            place = at
            for number, part in enumerate(parts):
                bare = part.strip(_QUOTES + "\r")
                if number in kinds and bare and (drawn or _WORD.fullmatch(bare) is None):
                    first = place + part.index(bare)
                    yield first, first + len(bare), kinds[number]
                place += len(part) + 1
        at = end + 1


def _aligned(text: str, heading: re.Match[str], kind_of: KindOf) -> Iterator[Cell]:
    """The rows below a heading, cell by cell as they stand below its names; words of plain letters stay."""
    names = [(found.start(), found[0]) for found in _ALIGNED.finditer(heading[0])][:_MOST]
    columns = [
        (start, names[at + 1][0] if at + 1 < len(names) else None, (name, kind))
        for at, (start, name) in enumerate(names)
        if (kind := kind_of(name))
    ]
    at = heading.end() + 1
    while columns and 0 < at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if not line.strip():
            return
        for start, stop, named in columns:
            part = line[start:stop]
            bare = part.strip()
            stands_apart = start == 0 or line[start - 1 : start] == " "
            if bare and stands_apart and "<" not in bare and _WORD.fullmatch(bare) is None:
                first = at + start + part.index(bare)
                yield first, first + len(bare), named
        at = end + 1
