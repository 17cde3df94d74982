"""Finds kept from one run of tests to the next: a database for each recording, in which Hypothesis keeps bytes by key.

What is kept are edits as data, not Hypothesis' choices: they mean the same whatever operators there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from replay.core.codec import Value
from replay.core.recording import Recording
from replay.engine.mutation import Edits, read_edits
from replay.engine.progress import Find
from replay.errors import CodecError

FOLDER = "replay-harness"
_PASSING = frozenset({"nondeterminism", "same_failure"})
"""Kinds that come and go, or are none beside the recording's own failure."""


class _Kept(msgspec.Struct, frozen=True):
    """A find as it is kept."""

    number: int
    """In the order of the finds."""
    edits: list[tuple[str, str, msgspec.Raw]]


class Remembered:
    """The finds of one recording. `scope`: whose they are, where properties of tests are searched too."""

    def __init__(self, root: Path, recording: Recording, scope: str = "") -> None:
        from hypothesis.database import DirectoryBasedExampleDatabase

        storage = os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY")
        self._folder = (Path(storage) if storage else root / ".hypothesis") / FOLDER
        self._database = DirectoryBasedExampleDatabase(self._folder / recording.digest[:32])
        self._key = f"finds {scope}".encode()

    def edits(self) -> list[Edits]:
        """Of each find, in their order."""
        found: list[tuple[int, Edits]] = []
        for data in list(self._database.fetch(self._key)):
            try:
                kept = msgspec.json.decode(data, type=_Kept)
                tree = msgspec.json.encode([list(each) for each in kept.edits]).decode()
                found.append((kept.number, read_edits(Value(tree))))
            except (msgspec.DecodeError, ValueError, CodecError):
                self._database.delete(self._key, data)  # of another version
        return [edits for _, edits in sorted(found, key=lambda each: each[0])]

    def keep(self, finds: Iterable[Find]) -> None:
        """These instead of what was kept; finds that come and go, and the recording as it is, are not kept."""
        wanted = [find for find in finds if find.edits and find.failure.kind not in _PASSING]
        new = [
            msgspec.json.encode({"number": number, "edits": [edit.tree() for edit in find.edits]})
            for number, find in enumerate(wanted)
        ]
        for data in list(self._database.fetch(self._key)):
            if data not in new:
                self._database.delete(self._key, data)
        if not new:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / ".gitignore").write_text("*\n")
        except OSError:  # nothing is remembered of a project that cannot be written to; its finds are told all the same
            return
        for data in new:
            self._database.save(self._key, data)
