"""Edits of text by its lines, numbers and dates, whatever form it has: settings, calendars, playlists, patches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from replay.core.opened import Unfit
from replay.engine.operators.site import Change, Site, Tried, written_out

LONGEST = 1 << 16
"""Characters of a text that is looked at."""
FIRST, LAST = 6, 2
"""Lines at the start and at the end of a text that are edited."""
NUMBERS = 4
"""Numbers in a text that are edited."""
_NUMBER = re.compile(r"\d+")
_OTHERS = ("0", "-1", "99999999999", "1.5", "", "x")
DATES = 2
"""Dates in a text that are edited."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_OTHER_DATES = ("0000-00-00", "2023-02-29", "2024-13-01", "9999-12-31", "05/03/2024", "2024-03-05T10:22:31+14:00")
_DELIMITER = re.compile(r"[:=,;|\t]")


def _after_delimiter(line: str) -> str:
    found = _DELIMITER.search(line)
    return line if found is None else line[: found.end()]


def _before_delimiter(line: str) -> str:
    found = _DELIMITER.search(line)
    return line if found is None else line[: found.start()]


_LINES: dict[str, Callable[[str], str | None]] = {
    "gone": lambda line: None,
    "cut short": lambda line: line[:-1],
    "without value": _after_delimiter,
    "name only": _before_delimiter,
    "without delimiter": lambda line: _DELIMITER.sub("", line, count=1),
    "blank": lambda line: "",
}
"""What becomes of one line, without its end; None: nothing."""
KINDS = (*_LINES, "twice", "swapped")


def _line(value: Any, what: list[Any]) -> Any:
    """One line of a text, by its kind of damage and its number; `swapped`: with the next."""
    kind, number = what
    if type(value) is not str or len(value) > LONGEST or kind not in KINDS:
        raise Unfit("no text, or no such kind")
    lines = value.splitlines(keepends=True)
    line = lines[number]
    if kind == "twice":
        lines[number] = line * 2 if line != line.rstrip("\r\n") else f"{line}\n{line}"
    elif kind == "swapped":
        lines[number : number + 2] = lines[number : number + 2][::-1]
    else:
        bare = line.rstrip("\r\n")
        new = _LINES[kind](bare)
        lines[number] = "" if new is None else new + line[len(bare) :]
    return "".join(lines)


def _within(pattern: re.Pattern[str]) -> Change:
    """The match of that place in a text (0: the first) is another one, or none."""

    def change(value: Any, what: list[Any]) -> Any:
        place, other = what
        if type(value) is not str or len(value) > LONGEST:
            raise Unfit("no text")
        found = list(pattern.finditer(value))[place]
        return value[: found.start()] + other + value[found.end() :]

    return change


CHANGES: dict[str, Change] = {"line": _line, "number": _within(_NUMBER), "date": _within(_DATE)}


def parts(site: Site) -> Iterator[Tried]:
    """What to try at the lines, numbers and dates of a text."""
    value: str = site.value
    if len(value) > LONGEST:
        return
    count = len(value.splitlines())
    if count > 1:
        places = [*range(min(FIRST, count)), *range(max(FIRST, count - LAST), count)]
        for kind in KINDS:
            yield from (written_out(site, _line, "line", [kind, place]) for place in places)
    for name, pattern, most, others in _WITHIN:
        for place in range(min(most, len(pattern.findall(value)))):
            yield from (written_out(site, CHANGES[name], name, [place, other]) for other in others)


_WITHIN = (("number", _NUMBER, NUMBERS, _OTHERS), ("date", _DATE, DATES, _OTHER_DATES))
