"""Interactions and log lines in the order of time, as places on a line of 1,000 units."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from replay.core.recording import Interaction, Recording
from replay.surfaces.asking import answer_line
from replay.surfaces.literals import bare, tree
from replay.surfaces.page import duration
from replay.surfaces.report.messages import message
from replay.surfaces.report.trees import Node

UNITS = 1000
STEPS = 300
"""Of one recording, shown."""
PIECES = 200
"""Ticks of one stream."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction or log line."""

    kind: Literal["interaction", "log"]
    offset_ns: int
    number: str = ""
    lane: str = ""
    boundary: str = ""
    what: str = ""
    """What was asked; of a log line its logger and message."""
    answer: str = ""
    state: str = ""
    level: str = ""
    bad: bool = False
    start: int = 0
    """Units."""
    size: int = 0
    first: int = 0
    """Where the first piece of a stream came; `start` if it is none."""
    ticks: tuple[int, ...] = ()
    """Where pieces of a stream came."""
    pieces: int = 0
    took_ns: int = 0
    details: tuple[Node, ...] = ()

    @property
    def at(self) -> str:
        return f"+{duration(self.offset_ns)}"

    @property
    def took(self) -> str:
        return duration(self.took_ns)

    @property
    def spoken(self) -> str:
        """The bar in words."""
        if self.kind == "log":
            return f"logged at {self.at}"
        stream = f", in {self.pieces:,} pieces" if self.pieces > 1 else ""
        return f"asked at {self.at}, took {self.took}{stream}"


class Timeline(msgspec.Struct, frozen=True):
    """All steps, the span that they are drawn in, and how many were left out."""

    steps: tuple[Step, ...]
    span_ns: int
    lanes: int
    more: int = 0

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands below the line: start, middle, end."""
        return ("0", duration(self.span_ns / 2), duration(self.span_ns))


def timeline(recording: Recording) -> Timeline:
    """The steps of a recording."""
    found = recording.interactions
    ends = (one.offset_ns + one.duration_ns for one in found)
    span = max(1, recording.duration_ns, *ends, *(log.offset_ns for log in recording.logs))
    lanes = len({one.lane for one in found})
    order: list[tuple[int, int, Any]] = [(one.offset_ns, 0, one) for one in found]
    order += [(log.offset_ns, 1, log) for log in recording.logs]
    order.sort(key=lambda item: item[:2])
    steps = [_asked(one, span) if not kind else _logged(one, span) for _, kind, one in order[:STEPS]]
    return Timeline(tuple(steps), span, lanes, max(0, len(order) - STEPS))


def _place(offset_ns: int, span: int) -> int:
    return max(0, min(UNITS, offset_ns * UNITS // span))


def _logged(log: Any, span: int) -> Step:
    return Step(
        kind="log", offset_ns=log.offset_ns, level=log.level, what=f"{log.logger}: {log.message}",
        bad=log.level in ("ERROR", "CRITICAL"), start=_place(log.offset_ns, span),
    )  # fmt: skip


def _asked(one: Interaction, span: int) -> Step:
    answer = bare(tree(one.answer))
    start = _place(one.offset_ns, span)
    arrivals = [one.offset_ns + offset for offset in _offsets(answer)]
    line = answer_line(one, longest=80)
    return Step(
        kind="interaction", offset_ns=one.offset_ns, number=str(one.seq), lane=one.lane, boundary=one.boundary,
        what=one.target, answer=line, state=one.state, took_ns=one.duration_ns,
        bad=one.state != "returned" or (one.boundary == "http" and line[:1] in ("4", "5", "n")),
        start=start, size=max(1, _place(one.offset_ns + one.duration_ns, span) - start),
        first=_place(arrivals[0], span) if arrivals else start,
        ticks=tuple(dict.fromkeys(_place(at, span) for at in arrivals[:PIECES])) if len(arrivals) > 1 else (),
        pieces=len(arrivals),
        details=(*message("request", bare(tree(one.request))), *message("answer", answer)),
    )  # fmt: skip


def _offsets(answer: Any) -> list[int]:
    """When the pieces of a stream came, nanoseconds after the asking; none if it is no stream."""
    pieces = answer.get("pieces") if isinstance(answer, dict) else None
    found = pieces if isinstance(pieces, list) else []
    return [piece[0] for piece in found if isinstance(piece, list) and len(piece) > 1 and type(piece[0]) is int]
