"""How far long work is, in one line that is written over itself: only where stderr is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from replay.surfaces.printable import clip, escape

OFTEN = 0.1
"""Seconds between two lines."""


def about(seconds: float) -> str:
    """A time that is left, no finer than it is known: `6 s`, `16 min`."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60):,} min"


class Bar:
    """Counts steps of `total` (0: not known); knows how long the rest takes, if it takes as long as what was done."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._started = monotonic()
        self._shown = 0.0
        self._terminal = sys.stderr if sys.stderr.isatty() else None

    def step(self, what: str) -> None:
        """The next one begins."""
        now = monotonic()
        if self._terminal is not None and now - self._shown >= OFTEN:
            self._shown = now
            self._terminal.write(f"\r\x1b[K{clip(self.line(what, now - self._started), self._columns())}")
            self._terminal.flush()
        self.done += 1

    def at(self, what: str, done: int, total: int | None = None) -> None:
        """So many have ended."""
        self.done = done
        self.total = self.total if total is None else max(total, done + 1)
        self.step(what)

    def line(self, what: str, seconds: float) -> str:
        """`12 of 40, about 5.1 s left: captures/x.replay.db::1f2e`; without a total only the number."""
        left = ""
        if not self.total:
            return f"{self.done + 1:,}: {escape(what)}"
        if 0 < self.done < self.total:
            left = f", about {about(seconds / self.done * (self.total - self.done))} left"
        return f"{self.done + 1:,} of {self.total:,}{left}: {escape(what)}"

    def clear(self) -> None:
        """Take the line away: what follows is meant to stay."""
        if self._terminal is not None:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()
            self._shown = 0.0

    def _columns(self) -> int:
        from shutil import get_terminal_size

        return max(20, get_terminal_size((80, 24)).columns - 3)  # a Ctrl-C is shown behind it as ^C


@contextmanager
def progress(total: int) -> Iterator[Bar]:
    """A bar that is gone at the end, whatever ends it."""
    bar = Bar(total)
    try:
        yield bar
    finally:
        bar.clear()
