"""How much a spool's folder may hold: the oldest bundles make room for new ones."""

from __future__ import annotations

import os
import re
from pathlib import Path
from time import monotonic

from replay.store.bundle import SUFFIX

LOOK_SECONDS = 30.0
"""Longest time between two looks into the folder, which other processes write to as well."""
LOOK_FILES = 64
"""Most bundles written between two looks."""


class Quota:
    """Keeps the bundles of one service in one folder within `most_bytes` and `most_files`.

    Only files that are named like a spool of this service names them are counted and removed: the folder may hold
    bundles that somebody put there.
    """

    def __init__(self, folder: Path, service: str, most_bytes: int, most_files: int) -> None:
        self._folder = folder
        self._name = re.compile(re.escape(service) + r"-\d{8}T\d{6}-.*" + re.escape(SUFFIX), re.DOTALL)
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._bytes = self._files = self._since = 0
        self._looked: float | None = None
        self.evicted = 0
        """Bundles that were removed."""

    def fits(self, size: int) -> bool:
        """Whether a bundle of that size may be written at all."""
        return size <= self._most_bytes and self._most_files > 0

    def make_room(self, size: int) -> None:
        """Remove the oldest bundles until one of `size` bytes fits, which is then counted as there: after the write
        nothing is left that could fail. One that was not written after all is missed at the next look."""
        if (
            self._looked is None
            or self._since >= LOOK_FILES
            or monotonic() - self._looked > LOOK_SECONDS
            or self._bytes + size > self._most_bytes
            or self._files >= self._most_files
        ):
            self._look(size)
        self._bytes += size
        self._files += 1
        self._since += 1

    def _look(self, size: int) -> None:
        found = sorted(self._bundles())
        self._looked, self._since = monotonic(), 0
        self._bytes, self._files = sum(bytes for _, _, bytes in found), len(found)
        for _, name, bytes in found:
            if self._bytes + size <= self._most_bytes and self._files < self._most_files:
                return
            try:
                os.unlink(self._folder / name)
                self.evicted += 1
            except FileNotFoundError:  # another process was first
                pass
            self._bytes -= bytes
            self._files -= 1

    def _bundles(self) -> list[tuple[int, str, int]]:
        """When each was written, its name, its size."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if self._name.fullmatch(entry.name):
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        found.append((status.st_mtime_ns, entry.name, status.st_size))
        except FileNotFoundError:
            pass
        return found
