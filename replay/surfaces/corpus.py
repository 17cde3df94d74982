"""The corpus on disk: a JSON file a recording, named by its digest. Whoever wrote it is not trusted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from replay.core.codec import Value
from replay.core.recording import Recording
from replay.engine.mutation import Edits, read_edits
from replay.errors import BundleError, CodecError, UsageError
from replay.store.durable import write_whole
from replay.store.untrusted import read_bytes
from replay.surfaces.documents import dump_line

LARGEST = 1 << 20
"""Bytes of one file."""
FORMAT = 1
MOST = 1000
"""Mutations of one recording."""
LONGEST = 8
"""Edits of one mutation."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    recording: str
    mutations: Annotated[list[Annotated[list[Any], msgspec.Meta(max_length=LONGEST)]], msgspec.Meta(max_length=MOST)]
    """Each a list of edits, `[path, operator, argument]`."""


def place(folder: Path, recording: Recording) -> Path:
    """The file of a recording."""
    return folder / f"{recording.digest[:32]}.json"


def read(folder: Path, recording: Recording) -> list[Edits]:
    """The mutations that are kept of a recording. What they do is seen when they are run: edits are total.

    Raises UsageError (`corpus`) for a file that is none of ours.
    """
    path = place(folder, recording)
    try:
        kept = msgspec.json.decode(read_bytes(path, cap=LARGEST), type=_File)
        found = [read_edits(Value(msgspec.json.encode(each).decode())) for each in kept.mutations]
    except BundleError as error:
        if error.slug == "bundle-missing":
            return []
        raise UsageError(f"{path}: {error}", slug="corpus") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, CodecError) as error:
        message = f"{path}: no corpus file: {error}. Delete it: the next run begins a new one."
        raise UsageError(message, slug="corpus") from error
    if (kept.format, kept.recording) != (FORMAT, recording.digest):
        message = f"{path}: of another version or another recording. Delete it: the next run begins a new one."
        raise UsageError(message, slug="corpus")
    return found


def write(folder: Path, recording: Recording, corpus: Iterable[Edits]) -> None:
    """Keep these instead of what was kept. Raises BundleError if they cannot be written."""
    path = place(folder, recording)
    head = dump_line({"format": FORMAT, "recording": recording.digest})[:-1]
    left, lines = LARGEST - len(head) - 64, list[str]()
    for edits in list(corpus)[:MOST]:
        line = dump_line([edit.tree() for edit in edits])
        if len(line) + 2 > left:  # a value of hundreds of kilobytes: the search finds its way there again
            continue
        left -= len(line) + 2
        lines.append(line)
    if not lines:
        path.unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    joined = ",\n".join(lines)
    write_whole(f'{head}, "mutations": [\n{joined}\n]}}\n'.encode(), path, overwrite=True)
