"""What a replay found out: the verdict, and where two worlds part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from replay.core.codec import Value
from replay.core.recording import Interaction, Outcome

Status = Literal["reproduced", "changed", "diverged", "unanswerable"]
DivergenceKind = Literal["changed", "extra", "missing", "reordered", "exhausted", "redaction-altered", "refused"]
"""`changed`: asked with other values. `extra`: production did not ask it. `missing`: only production asked it.
`reordered`: asked before its turn. `exhausted`: asked or read further than production. `redaction-altered`: differs
only where redaction replaced what production asked. `refused`: reached for the real world."""
MOST_NOTED = 1_000
"""Divergences that a verdict holds; a loop that retries for ever must not fill the memory."""


Spans = Sequence[tuple[int, int]]
"""From when to when, nanoseconds since the epoch, in their order."""


class Shown(msgspec.Struct, frozen=True):
    """What the clock of a replay showed so far."""

    spans: Spans
    """In which it stood, or went slowly."""
    behind: int | None = None
    """Nanoseconds by which a time that is read on it may be earlier than in production, at most, and never later; None:
    that is not known."""


class Window(msgspec.Struct, frozen=True):
    """The wall-clock span of a recording, nanoseconds since the epoch: times inside it are expected to move."""

    start: int
    end: int
    stretches: Callable[[], Sequence[Window]] | None = None
    """Gives the parts of it in which the code ran, if that is known: a clock is read again in the same one."""
    asking: Callable[[Interaction], Sequence[Window]] | None = None
    """Gives those in which what asked this one ran, until it did."""
    clock: Callable[[Interaction | None], Shown | None] | None = None
    """Gives what the clock of this replay showed, if that is known: until this was asked; None: to the end."""
    asked: Interaction | None = None
    """For whose request it is."""

    def of(self, asked: Interaction) -> Window:
        """For what is asked as this one was."""
        if self.asking is None:
            return self
        return Window(self.start, self.end, partial(self.asking, asked), None, self.clock, asked)

    @property
    def shown(self) -> Shown | None:
        """See `clock`."""
        return None if self.clock is None else self.clock(self.asked)

    @property
    def parts(self) -> Sequence[Window]:
        """These, else itself."""
        return (self,) if self.stretches is None else self.stretches()


class Difference(msgspec.Struct, frozen=True):
    """One place where two values differ."""

    path: str
    """From the value's root: `$.headers[2]`, `$.body.plan`."""
    kind: Literal["changed", "type", "added", "removed", "unknown"]
    """`unknown`: the recording does not hold it, so whether it differs cannot be told."""
    recorded: Any = None
    actual: Any = None
    note: str | None = None
    """Why it may be expected: `time inside the recorded window`, `within tolerance`."""


class Frame(msgspec.Struct, frozen=True):
    """A line of code."""

    file: str
    line: int
    function: str
    source: str = ""


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """A request at replay that the recording cannot answer in order, or an answer nobody asked for (`missing`)."""

    kind: DivergenceKind
    lane: str
    boundary: str
    target: str
    asked: Value | None = None
    """What was asked at replay; None for `missing`."""
    nearest: Interaction | None = None
    """The recorded interaction most like it; for `missing` the one that was not asked for."""
    differences: tuple[Difference, ...] = ()
    where: tuple[Frame, ...] = ()
    """Lines of user code that asked, innermost last; of `missing` those that went on without asking."""
    seq: int | None = None
    """The place in the recording: the interaction that production asked for here. None: it asked for no more here."""
    follows: int | None = None
    """Number, in `Verdict.divergences`, of an earlier one that explains this one. None: it stands on its own."""


class Violation(msgspec.Struct, frozen=True):
    """An invariant of the project's that a run breaks."""

    invariant: str
    """Its name."""
    message: str
    file: str
    line: int
    """Where it says so."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one replay."""

    id: str
    status: Status
    recorded: Outcome
    outcome: Outcome | None = None
    """What happened now; None if it could not be run."""
    left: Value | None = None
    """What it left in its arguments, where the recording says what production did."""
    divergence: Divergence | None = None
    """The first one."""
    divergences: tuple[Divergence, ...] = ()
    """In the order of the replay; no more than `MOST_NOTED`."""
    difference: tuple[Difference, ...] = ()
    """Of the outcomes, then what known noise covers in requests and draws (`interaction[3].request $.kwargs.nonce`). In
    `reproduced` only expected ones, each with its note."""
    served: int = 0
    left_over: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    reason: str | None = None
    """Why it is `unanswerable`; of another that is not green, what else than the code may be the reason
    (`nondeterministic: ...`, `redacted: ...`, `short draws: ...`)."""
    path: str | None = None
    handled: Frame | None = None
    """Of an answer of 500 or more that no error was heard behind: where the last one was raised that the code handled;
    its type is the frame's `source`."""
    violations: tuple[Violation, ...] = ()
    """Invariants (`@replay.invariant`) that this run breaks; of a run that diverged none are asked."""

    @property
    def green(self) -> bool:
        return self.status == "reproduced" and not self.violations
