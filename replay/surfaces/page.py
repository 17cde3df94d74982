"""What is written on: a page of so many columns, with rows that have labels; and how times and counts are said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from replay.surfaces.literals import STRING, WHOLE
from replay.surfaces.printable import clip, columns, pad

LABEL = 10
"""Columns of the labels at the left."""
PLACE = 40
"""Characters of a file's path before it is shortened."""


class Page(msgspec.Struct, frozen=True):
    """What is written on: its width in columns, and whether it shows colours."""

    width: int = 100
    colour: bool = False
    terminal: bool = False
    """A terminal that is not dumb: tables may have lines."""
    links: bool = False
    """A terminal that shows OSC 8 hyperlinks."""
    pipe: bool = False
    """Read by programs: a text is one line, however long, and nothing is cut to a width that nobody sees."""

    @property
    def room(self) -> int:
        """Columns beside a label."""
        return self.width - LABEL - 2

    @property
    def text(self) -> int:
        """Characters of a string that has a line of its own; leaves room for its name and length."""
        return WHOLE if self.pipe else max(20, self.room - 45)

    @property
    def short(self) -> int:
        """Characters of a string inside another value."""
        return WHOLE if self.pipe else STRING

    def most(self, number: int) -> int:
        """How many of a list are shown, where there are columns."""
        return WHOLE if self.pipe else number

    def paint(self, text: str, **style: Any) -> str:
        """`text` in a style of `click.style`, if the page shows colours."""
        if not self.colour:
            return text
        from click import style as styled

        return styled(text, **style)

    def status(self, status: str) -> str:
        """A status word in its colour."""
        return self.paint(status, fg=_colours.get(status.strip(), "white"), bold=True)

    def linked(self, line: str, place: str, file: str) -> str:
        """`line` with `place` in it as a link to `file`, where the terminal shows links; what it says is unchanged.

        Only to a file of the current project: the path comes from a recording.
        """
        uri = _uri(file) if self.links else None
        if uri is None or place not in line:
            return line
        number = place.rpartition(":")[2]
        anchor = f"#{number}" if number.isdigit() else ""
        return line.replace(place, f"\x1b]8;;{uri}{anchor}\x1b\\{place}\x1b]8;;\x1b\\", 1)

    def heading(self, text: str) -> str:
        return self.paint(text, bold=True)

    def row(self, label: str, text: str) -> str:
        """One labelled line, cut at the page's width. `text` must be escaped."""
        return self.whole(label, self.cut(text, self.room - max(0, columns(label) - LABEL + 1)))

    def cut(self, text: str, width: int) -> str:
        """`text` in at most so many columns, where there are columns. It must be escaped."""
        return text if self.pipe else clip(text, width)

    def wrapped(self, label: str, text: str) -> Iterator[str]:
        """A row on as many lines as it takes; nothing is cut off. `text` must be escaped."""
        for number, line in enumerate(self.broken(text, self.room)):
            yield self.whole(label if number == 0 else "", line)

    def broken(self, text: str, room: int) -> list[str]:
        """The lines that a text takes; no word is broken, as it may be a name, a place or a command."""
        from textwrap import wrap

        if self.pipe:
            return [text]
        return wrap(text, max(30, room), break_on_hyphens=False, break_long_words=False) or [""]

    def whole(self, label: str, text: str) -> str:
        """One labelled line that is never cut: a name or a command, which somebody copies. `text` must be escaped."""
        shown = self.cut(label, self.width // 2)
        return "  " + self.paint(pad(shown, max(LABEL, columns(shown) + 1)), dim=True) + text


_colours = {
    "reproduced": "green",
    "ok": "green",
    "changed": "yellow",
    "warn": "yellow",
    "diverged": "red",
    "error": "red",
    "fail": "red",
    "unanswerable": "magenta",
}


def when(nanoseconds: int) -> str:
    """A wall-clock time, UTC, to the second."""
    try:
        return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{nanoseconds} ns"


def duration(nanoseconds: float) -> str:
    """A duration in the unit that fits: `850 ns`, `12.3 ms`, `2.05 s`."""
    if nanoseconds < 0:  # none is; a list shows cells as they lie in the file
        return f"-{duration(-nanoseconds)}"
    for size, unit in ((10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if nanoseconds >= size:
            return (
                f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 100 * size else f"{nanoseconds / size:.0f} {unit}"
            )
    return f"{nanoseconds:.0f} ns"


def count(number: int, noun: str) -> str:
    """`1 answer`, `1,204 answers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _uri(file: str) -> str | None:
    """The address of a file of the current folder; None: it is none, or not there."""
    try:
        path = Path(file).resolve()
        return path.as_uri() if path.is_file() and path.is_relative_to(Path.cwd()) else None
    except (OSError, ValueError):
        return None


def here(file: str) -> str:
    """A path as seen from the current folder. Whole, so that terminals and editors find what it names."""
    path = Path(file)
    if path.is_absolute():
        try:
            return str(path.relative_to(Path.cwd()))
        except (ValueError, OSError):
            pass
    return file


def glance(file: str) -> str:
    """Of a long path from elsewhere its last parts, where nothing can be clicked."""
    seen = here(file)
    return seen if seen != file or len(file) <= PLACE else os.path.join("…", *Path(file).parts[-3:])
