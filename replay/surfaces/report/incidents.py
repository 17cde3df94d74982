"""The forms of what a report says: of one incident, of a campaign of many. Texts are as they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from replay.surfaces.grouping import Group
from replay.surfaces.report.given import FuzzFind
from replay.surfaces.report.timeline import Timeline
from replay.surfaces.report.trees import Node

SAID = {"recorded": "not replayed"}
"""Of statuses that are not said as they are."""


class Side(msgspec.Struct, frozen=True):
    """One differing place, both sides of it; None: nothing there."""

    path: str
    recorded: Node | None
    now: Node | None
    note: str = ""


class Parting(msgspec.Struct, frozen=True):
    """A divergence: what was asked now, the nearest that production asked, the code that asked."""

    kind: str
    sentence: str
    frames: tuple[Line, ...]
    asked: tuple[Node, ...]
    nearest: tuple[Node, ...]
    nearest_name: str
    sides: tuple[Side, ...]


class Line(msgspec.Struct, frozen=True):
    """A line of code."""

    place: str
    function: str
    source: str
    library: bool = False


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    state: str
    sentence: str
    error_type: str = ""
    message: str = ""
    result: tuple[Node, ...] = ()
    lines: tuple[Line, ...] = ()
    """Of an error: lines of the project, innermost first."""
    more_lines: tuple[Line, ...] = ()
    """All lines, libraries included, innermost first; empty if they are the same."""
    because: tuple[str, ...] = ()
    """The chain of causes, nearest first."""


class Scored(msgspec.Struct, frozen=True):
    """A model's output; `score` and `threshold` drawn on a line from 0 to `full`."""

    number: str
    name: str
    facts: tuple[tuple[str, str], ...]
    score: float | None = None
    threshold: float | None = None
    full: float = 1.0

    @property
    def drawn(self) -> bool:
        return self.score is not None and 0 <= self.score <= self.full

    def units(self, value: float | None) -> int:
        """A value's place on a line of 1,000 units."""
        return 0 if value is None else max(0, min(1000, round(value / self.full * 1000)))


class Cause(msgspec.Struct, frozen=True):
    """What `replay why` isolated."""

    sentence: str
    values: tuple[Side, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    chain: tuple[str, ...] = ()


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of one recording."""

    name: str
    id: str
    title: str
    entrypoint: str
    status: str
    """The verdict, or `recorded` if it was not replayed."""
    sentence: str
    explained: str
    when: str
    took: str
    service: str
    fingerprint: str
    error: bool
    input: tuple[Node, ...]
    recorded: Ending
    now: Ending | None = None
    reason: str = ""
    served: str = ""
    cause: Cause | None = None
    partings: tuple[Parting, ...] = ()
    more_partings: int = 0
    sides: tuple[Side, ...] = ()
    expected: tuple[Side, ...] = ()
    """Differences that do not count, with why."""
    timeline: Timeline
    scored: tuple[Scored, ...] = ()
    edits: tuple[str, ...] = ()
    finds: tuple[FuzzFind, ...] = ()
    tried: str = ""
    """What fuzzing did, in one sentence."""
    provenance: tuple[tuple[str, str], ...]
    context: Node
    redacted: str
    gaps: tuple[tuple[str, str, str], ...] = ()
    more_gaps: int = 0
    commands: tuple[tuple[str, str], ...] = ()
    """What it does, and the command."""


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Many incidents."""

    incidents: tuple[Incident, ...]
    groups: tuple[Group, ...]
    counts: tuple[tuple[str, int], ...]
    """Verdicts, most frequent first."""
    tried: str = ""
    finds: tuple[FuzzFind, ...] = ()
    """Of a fuzz document that belong to none of the recordings."""
    made: str = ""
    """Version of this package."""

    @property
    def summed(self) -> str:
        """The verdicts in one line: `3 reproduced, 1 diverged`."""
        return ", ".join(f"{number:,} {SAID.get(status, status)}" for status, number in self.counts)


def known(facts: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Those that are known, as texts."""
    return tuple((name, str(value)) for name, value in facts if value)
