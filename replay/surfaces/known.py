"""Finds that a project knows of: a file in its repository, so that a build fails for new ones only."""

from __future__ import annotations

from collections.abc import Iterable
from linecache import getline
from pathlib import Path
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.fingerprint import below, digest, places
from replay.engine.failures import ROUGH, Failure
from replay.engine.mutation import Edits, read_edits
from replay.errors import BundleError, CodecError, UsageError
from replay.store.durable import write_whole
from replay.store.untrusted import read_bytes
from replay.surfaces.documents import dumps

LARGEST = 4 << 20
"""Bytes of the file."""
FORMAT = 1
UNREPEATED = frozenset({"nondeterminism", "same_failure"})
"""Kinds that one run of the edits does not show."""


class KnownFind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry."""

    fingerprint: str
    kind: str
    what: str
    """Type and message, in one line."""
    where: str
    """`function in file`."""
    edit: str
    """The edits with which it was first seen, in words."""
    edits: list[Any]
    """The same as data."""
    recording: str
    """Digest of the recording that was edited."""

    def mutation(self) -> Edits:
        """The edits. Raises ValueError or CodecError for what are none."""
        return read_edits(Value(msgspec.json.encode(self.edits).decode()))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    known: list[KnownFind]


def fingerprint(failure: Failure, entrypoint: str, root: Path) -> str:
    """Twelve hex digits, equal for the same failure in every version of the code.

    Kind, type, and the project's files and functions on the way count, and the text of the line that failed: its
    number does not, as code moves.
    """
    frames = below(entrypoint, failure.frames)
    statement = ""
    if failure.frames and failure.kind not in ROUGH:
        last = failure.frames[-1]
        statement = getline(str(root / last.file), last.line).strip()
    ways = places(frames, lines=False)
    if failure.kind in ROUGH:  # where it is noticed is chance; where it began is not
        ways = ways[:1]
    return digest(failure.kind, failure.raised, ways or entrypoint, statement, failure.target)


def read(path: Path) -> list[KnownFind]:
    """What is known; nothing where there is no file. Raises UsageError (`known-finds`) for what is no such file."""
    try:
        found = msgspec.json.decode(read_bytes(path, cap=LARGEST), type=_File)
        for each in found.known:
            each.mutation()
    except BundleError as error:
        if error.slug == "bundle-missing":
            return []
        raise UsageError(f"{path}: {error}", slug="known-finds") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, CodecError) as error:
        message = f"{path}: no file of known finds: {error}. Take it from the repository again, or delete it."
        raise UsageError(message, slug="known-finds") from error
    if found.format != FORMAT:
        message = f"{path}: of another version (format {found.format}): upgrade, or delete it and --accept anew"
        raise UsageError(message, slug="known-finds")
    return found.known


def write(path: Path, known: Iterable[KnownFind]) -> None:
    """Write the file, one entry a fingerprint, sorted by where they are. Raises BundleError if it cannot be written."""
    entries = {each.fingerprint: each for each in known}
    ordered = sorted(entries.values(), key=lambda each: (each.where, each.what, each.fingerprint))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = dumps({"format": FORMAT, "known": [msgspec.to_builtins(each) for each in ordered]})
    write_whole(f"{text}\n".encode(), path, overwrite=True)
    path.chmod(0o644)
