"""While code under test runs in this process: what it prints goes nowhere, and a terminal is told how far it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from time import monotonic

from replay.surfaces.progress import about

_PAUSE = 0.2
"""Seconds between two lines of progress."""


@contextmanager
def running(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what shows `(done, most)` on stderr, if that is a terminal."""
    terminal = sys.stderr if sys.stderr.isatty() else None
    started = told = 0.0

    def show(done: int, most: int) -> None:
        nonlocal told, started
        now = monotonic()
        if done <= 2:  # the first run also imports the code
            started = now
        if terminal is not None and now - told > _PAUSE:
            told = now
            terminal.write(f"\r\x1b[K{line(done, most, what, now - started)}")
            terminal.flush()

    with open(os.devnull, "w") as sink, redirect_stdout(sink), redirect_stderr(sink):
        yield show
    if terminal is not None:
        terminal.write("\r\x1b[K")


def line(done: int, most: int, what: str, seconds: float) -> str:
    """`52 of at most 600 runs, at most 2 min left`: if each takes as long as those since the second, in `seconds`."""
    left = f", at most {about(seconds / (done - 2) * (most - done))} left" if 2 < done < most else ""
    return f"{done:,} of at most {most:,} {what}{left}"
