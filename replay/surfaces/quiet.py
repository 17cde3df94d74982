"""While code under test runs in this process: what it prints goes nowhere, and a terminal is told how far it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from time import monotonic

_PAUSE = 0.2
"""Seconds between two lines of progress."""


@contextmanager
def running(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what shows `(done, most)` on stderr, if that is a terminal."""
    terminal = sys.stderr if sys.stderr.isatty() else None
    told = 0.0

    def show(done: int, most: int) -> None:
        nonlocal told
        if terminal is not None and monotonic() - told > _PAUSE:
            told = monotonic()
            terminal.write(f"\r\x1b[K{done:,} of at most {most:,} {what}")
            terminal.flush()

    with open(os.devnull, "w") as sink, redirect_stdout(sink), redirect_stderr(sink):
        yield show
    if terminal is not None:
        terminal.write("\r\x1b[K")
