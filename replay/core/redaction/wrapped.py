"""Where the lines of a table may stand inside something else: behind what a log puts before each, below a line that
announces it, in a text as Python and JSON write it."""

from __future__ import annotations

import re
from collections.abc import Iterator

Lines = list[tuple[int, int]]
"""Start and end of each."""
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|SEVERE)"
_LOGGED = re.compile(
    r"(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\s|]{0,20}+\]?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,60}+)"
    rf"(?:[ \t]{{1,9}}+(?:\|[ \t]+{_LEVEL}[ \t]+\|[ \t]+\S{{1,99}}+[ \t]+-|\[[^\]\n]{{0,60}}+\]|{_LEVEL}:?|"
    rf"[\w./-]{{1,60}}+(?:\[\d+\])?:|-)(?=[ \t])){{0,5}}+[ \t]|{_LEVEL}:[\w.]{{1,80}}+:"
)
"""What stands before a line of a log."""
_WRITTEN = re.compile(r"\\.|'((?:[^'\\\n]|\\.)*+)'|\"((?:[^\"\\\n]|\\.)*+)\"")
"""A text in quotes; what is escaped outside begins none: else a text of nothing but such took quadratic time."""
_END = r"\n"
"""A new line, as it is written there."""
_MOST = 20
"""Texts in quotes that are looked at."""
_FIRST = 400
"""Characters of a line that announces others."""


def views(text: str) -> Iterator[Lines]:
    """Lines that may be those of one table."""
    if _LOGGED.match(text):
        yield _logged(text)
    end = text.find("\n", 0, _FIRST)
    if end > 0 and text[:end].rstrip()[-1:] == ":":
        yield [(end + 1, len(text))]
    if _END in text:
        yield from _in_quotes(text)


def _logged(text: str) -> Lines:
    """Without what the log puts before them."""
    lines: Lines = []
    at = 0
    for line in text.split("\n"):
        found = _LOGGED.match(line)
        lines.append((at if found is None else at + found.end(), at + len(line)))
        at += len(line) + 1
    return lines


def _in_quotes(text: str) -> Iterator[Lines]:
    looked = 0
    for found in _WRITTEN.finditer(text):
        group = found.lastindex
        if group is not None and _END in found[group]:
            at = found.start(group)
            lines: Lines = []
            for line in found[group].split(_END):
                lines.append((at, at + len(line)))
                at += len(line) + len(_END)
            yield lines
            looked += 1
        if looked == _MOST:
            return
