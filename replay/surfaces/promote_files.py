"""What `replay promote` finds where it is to write: nothing, the same, the same in other words, or something else."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from replay.core.notes import without_notes
from replay.core.promoted import promoted, with_promotion
from replay.core.recording import Recording
from replay.errors import BundleError, UsageError
from replay.store.bundle import open_bundle

State = Literal["new", "unchanged", "kept", "differs", "marked"]
"""Of a file. `marked`: the incident's own bundle in `captures`, which is given the note. `kept`: other words are there
for the same, as a test with another docstring: it stays as it is."""


class Planned(msgspec.Struct, frozen=True):
    """One file: what it will hold, and how that compares with what is there."""

    path: Path
    state: State
    data: bytes | None
    """None: of the bundle, which is written from recordings."""


def planned(path: Path, text: str) -> Planned:
    data = text.encode("ascii")
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return Planned(path, "new", data)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", slug="promote-exists") from error
    if there.replace(b"\r\n", b"\n") == data:
        return Planned(path, "unchanged", data)
    return Planned(path, "kept" if _says(path, there) == _says(path, data) else "differs", data)


def _says(path: Path, data: bytes) -> Any:
    """What a file says, however it is laid out: a test without comments and docstrings. Bytes, if it cannot be read."""
    try:
        if path.suffix == ".json":
            return json.loads(data)
        code = ast.parse(data)
        for node in ast.walk(code):
            if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        return ast.dump(code)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return data


def bundle_state(path: Path, recordings: Sequence[Recording], *, inside: bool) -> State:
    if not path.exists():
        return "new"
    try:
        there = list(open_bundle(path))
    except BundleError:
        there = []
    if _digests(there) == _digests(recordings):
        return "unchanged"
    if inside:
        return "marked"
    return "kept" if _digests(map(_plainly, there)) == _digests(map(_plainly, recordings)) else "differs"


def _plainly(recording: Recording) -> Recording:
    """Without what was found out of it: only what its test demands, and further answers."""
    note = promoted(recording)
    bare = without_notes(recording)
    return bare if note is None else with_promotion(bare, msgspec.structs.replace(note, origin=""))


def _digests(recordings: Iterable[Recording]) -> list[tuple[str, str]]:
    return [(each.id, each.digest) for each in recordings]
