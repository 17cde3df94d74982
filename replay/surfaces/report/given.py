"""Documents that a report is given: what `replay why --json` and `replay fuzz --json` printed.

They are files like any other, so what does not fit is refused with its place, and nothing of them is trusted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from replay.errors import UsageError

LARGEST = 64 << 20
"""Bytes of one document."""

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True):
    """A line of code in a find."""

    file: str
    line: int
    function: str


class Change(msgspec.Struct, frozen=True):
    """One edit in words, and what production saw there (JSON text; None: nothing)."""

    edit: str
    recorded: str | None = None


class FuzzFind(msgspec.Struct, frozen=True):
    """One failure that `replay fuzz` found."""

    kind: str
    error_type: str
    message: str = ""
    frames: tuple[Place, ...] = ()
    changes: tuple[Change, ...] = ()
    bundle: str | None = None
    recording: str = ""
    reproduced: bool = True


class Fuzzed(msgspec.Struct, frozen=True):
    """What `replay fuzz --json` printed, as far as a report tells it."""

    finds: tuple[FuzzFind, ...]
    executions: int = 0
    seconds: float = 0.0
    seed: int = 0
    stopped: str = ""


class Cause(msgspec.Struct, frozen=True):
    """One value that the failure needs."""

    path: str
    failing: Any = None
    passing: Any = None


class Why(msgspec.Struct, frozen=True):
    """What `replay why --json` printed, as far as a report tells it."""

    recording: str
    """`PATH::ID`."""
    status: str = ""
    sentence: str = ""
    cause: tuple[Cause, ...] = ()
    chain: tuple[str, ...] = ()
    runs: int = 0

    def of(self, name: str, id: str) -> bool:
        """Whether it is of this recording."""
        return self.recording == name or self.recording.endswith(f"::{id}")


def read(path: Path, form: type[T]) -> T:
    """The document in `path`. Raises UsageError (`report-document`) for what is missing, too large or another."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path}: larger than {LARGEST >> 20} MiB, so it is not read", slug="report-document")
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", slug="report-document") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        verb = "why" if form is not Fuzzed else "fuzz"
        message = f"{path}: not what `replay {verb} --json` printed: {error}"
        raise UsageError(message, slug="report-document") from error
