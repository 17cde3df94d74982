"""What a search for the cause of a failure found out."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.core.verdict import Frame
from replay.engine.failures import Failure

Side = Literal["recordings", "mutations", "none"]
"""What stood on the other side: recordings that do not fail so, or values made up."""


class Alternative(msgspec.Struct, frozen=True):
    """One other value that was tried in the place of a cause, and how that run ended (see `replay.engine.trials`)."""

    value: Any
    ended: str


class CauseValue(msgspec.Struct, frozen=True):
    """One captured value that the failure needs."""

    path: str
    here: Any
    """What production saw there, opened."""
    alternatives: tuple[Alternative, ...]
    fails_with: str = ""
    """How a run of the other side ended that had this value only beside the rest of the cause: the proof one way."""
    passes_without: str = ""
    """How a run ended that had all but this value: the proof the other way."""

    @property
    def good(self) -> int:
        """Other values with which the failure is gone."""
        return sum(each.ended in ("passed", "past") for each in self.alternatives)


class Link(msgspec.Struct, frozen=True):
    """One step from a value to the failing line."""

    path: str
    frame: Frame
    what: Literal["asked", "first seen", "first read", "failed"]


class Finding(msgspec.Struct, kw_only=True):
    """The answer of a search."""

    isolated: bool = False
    reason: str = ""
    """Why not; of an isolated cause, what speaks against it."""
    failure: Failure | None = None
    side: Side = "none"
    compared: tuple[str, ...] = ()
    """Names of the recordings of the other side."""
    values: tuple[CauseValue, ...] = ()
    """The cause: all of them together, none too many."""
    together: bool = False
    """Made-up values cure it only where all of the cause has other ones at once."""
    conditions: tuple[str, ...] = ()
    """Places without whose value the code does not come that far."""
    irrelevant: tuple[str, ...] = ()
    """Places that held other values while it failed in the same way."""
    cure: tuple[Edit, ...] = ()
    """Edits of the incident with which it gets past the failing line; none: no edits can say it."""
    chain: tuple[Link, ...] = ()
    runs: int = 0
    most: int = 0
    interrupted: bool = False
    """Ctrl-C ended the search."""
    passing: Recording | None = None
    """A run in which the cause alone was swapped, as a recording; None: no such run can be replayed by itself."""
    failing: Recording | None = None
    """A run of the other side with the cause alone, as a recording."""
