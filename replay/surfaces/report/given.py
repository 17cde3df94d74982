"""Documents that a report is given: what `replay why --json` and `replay fuzz --json` printed.

They are files like any other, so what does not fit is refused with its place, and nothing of them is trusted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from replay.errors import UsageError

LARGEST = 64 << 20
"""Bytes of one document."""


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
    happens: str = ""
    """How production could come to it."""


class Fuzzed(msgspec.Struct, frozen=True):
    """What `replay fuzz --json` printed, as far as a report tells it."""

    finds: tuple[FuzzFind, ...]
    executions: int = 0
    seconds: float = 0.0
    seed: int = 0
    stopped: str = ""


class Tried(msgspec.Struct, frozen=True):
    """Another value in the place of a cause (JSON text), and how that run ended."""

    value: str | None
    ended: str


class Cause(msgspec.Struct, frozen=True):
    """One value that the failure needs, as JSON text."""

    path: str
    value: str | None = None
    of: str | None = None
    """What was asked there."""
    others: tuple[Tried, ...] = ()
    good: int = 0
    """Other values with which the failure is gone, of `tried`."""
    tried: int = 0
    fails_with: str = ""
    passes_without: str = ""

    @property
    def passing(self) -> str | None:
        """The first other value with which the failure is gone."""
        return next((each.value for each in self.others if each.ended in ("passed", "past")), None)


class Link(msgspec.Struct, frozen=True):
    """A line on the way from the value to the failure."""

    path: str
    what: str
    file: str
    line: int
    function: str


class Why(msgspec.Struct, frozen=True):
    """What `replay why --json` printed, as far as a report tells it."""

    incident: str
    """`PATH::ID`."""
    isolated: bool
    reason: str = ""
    side: str = ""
    compared: tuple[str, ...] = ()
    values: tuple[Cause, ...] = ()
    conditions: tuple[str, ...] = ()
    irrelevant: tuple[str, ...] = ()
    chain: tuple[Link, ...] = ()
    runs: int = 0
    most_runs: int = 0
    reproduced_again: bool | None = None
    passed_again: bool | None = None

    def of(self, name: str, id: str) -> bool:
        """Whether it is of this recording."""
        return self.incident == name or self.incident.endswith(f"::{id}")


Whys = Why | tuple[Why, ...]
"""One document, or several in a list."""


def read(path: Path, form: Any) -> Any:
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
