"""Under pytest, which keeps back what is printed, a replay that takes long is told on the terminal while it runs."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from replay.engine.user_code import place, user_code
from replay.surfaces.printable import escape

AFTER = 10.0
"""Seconds until it is told."""
_LOOK = 0.2
"""Seconds between two looks. Whom it finds at nothing it leaves alone: who forks is warned of threads."""


class Overdue:
    """Watches the replays of one pytest run: one thread for all of them, so that each costs next to nothing."""

    def __init__(self, descriptor: int, root: Path) -> None:
        """`descriptor`: of the terminal; `root`: of the project."""
        self._descriptor = descriptor
        self._root = root
        self._lock = allocate_lock()
        self._never = allocate_lock()
        self._never.acquire()
        self._process = 0
        """In which one the thread runs; 0: in none."""
        self._now: tuple[str, int, float] | None = None
        """What runs, in which thread, since when."""

    @contextmanager
    def watching(self, name: str) -> Iterator[None]:
        """While the calling thread replays `name`."""
        before, self._now = self._now, (name, get_ident(), monotonic())
        process = os.getpid()
        with self._lock:
            starts, self._process = self._process != process, process
        if starts:
            start_new_thread(self._watch, ())
        try:
            yield
        finally:
            self._now = before

    def _watch(self) -> None:
        told = None
        while True:
            self._never.acquire(timeout=_LOOK)
            with self._lock:
                now = self._now
                if now is None:
                    self._process = 0
                    return
            if now is not told and monotonic() - now[2] > AFTER:
                told = now
                try:
                    os.write(self._descriptor, self._message(*now[:2]).encode())
                except OSError:  # the terminal is gone
                    continue

    def _message(self, name: str, thread: int) -> str:
        frame = sys._current_frames().get(thread)
        at = None if frame is None else place(user_code(self._root).asking(frame))
        where = "" if at is None else f", in {at.file}:{at.line} {at.function}: {at.source}"
        return (
            f"\nreplay: {escape(name)} has run for {AFTER:.0f} s{escape(where)}\n"
            "replay: Locks and queues of modules that were imported before it wait in real time under pytest, and what "
            "never ends is not ended. `replay run` imports them itself, and has a --timeout.\n"
        )
