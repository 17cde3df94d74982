"""While code under test runs in this process: what it prints goes nowhere, and a terminal is told how far it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from time import monotonic

from replay.surfaces.text import duration

_PAUSE = 0.2
"""Seconds between two lines of progress."""


@contextmanager
def running(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what shows `(done, most)` on stderr, if that is a terminal."""
    terminal = sys.stderr if sys.stderr.isatty() else None
    started = monotonic()
    told = 0.0

    def show(done: int, most: int) -> None:
        nonlocal told
        now = monotonic()
        if terminal is not None and now - told > _PAUSE:
            told = now
            terminal.write(f"\r\x1b[K{line(done, most, what, now - started)}")
            terminal.flush()

    with open(os.devnull, "w") as sink, redirect_stdout(sink), redirect_stderr(sink):
        yield show
    if terminal is not None:
        terminal.write("\r\x1b[K")


def line(done: int, most: int, what: str, seconds: float) -> str:
    """`52 of at most 600 runs, at most 1.2 min left`: if each takes as long as those so far."""
    left = f", at most {duration(seconds / done * (most - done) * 1e9)} left" if 0 < done < most else ""
    return f"{done:,} of at most {most:,} {what}{left}"
