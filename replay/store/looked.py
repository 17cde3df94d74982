"""Bundles that this process has looked through already: the same bytes need no second look.

The bytes of the file are read each time and compared with those that passed every check. Only where they are equal is
the checked database used again; a changed file is looked through like any other.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 8
"""Bundles kept, the latest ones: tests that name recordings of one bundle open it one after the other."""
LARGEST = 1 << 20
"""Bytes of a bundle that is kept."""


class Looked(Generic[T]):
    """What was made of the bytes of a few files. Safe to use from any thread."""

    def __init__(self) -> None:
        self._start()
        if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
            os.register_at_fork(after_in_child=self._start)  # a lock in it may be held by a thread that is not there

    def _start(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Path, tuple[bytes, T]] = OrderedDict()

    def find(self, path: Path, data: bytes) -> T | None:
        """What was made of these very bytes, if they were read from there."""
        with self._lock:
            kept = self._kept.get(path)
            if kept is None or kept[0] != data:
                return None
            self._kept.move_to_end(path)
            return kept[1]

    def keep(self, path: Path, data: bytes, made: T) -> None:
        """Remember it; the one that was not used for longest goes."""
        if len(data) > LARGEST:
            return
        with self._lock:
            self._kept[path] = data, made
            self._kept.move_to_end(path)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def forget(self, path: Path) -> None:
        """Give its memory back."""
        with self._lock:
            self._kept.pop(path, None)
