"""What a search has found, how far it is, and what it may still spend."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import msgspec

from replay.core.recording import Recording
from replay.engine.failures import Failure
from replay.engine.mutation import Edits

BATCH = 32
"""Mutations that are chosen before any of them is run: what is chosen next depends on no number of workers."""
TOLD = 0.5
"""Seconds between two words of how far it is."""


class Find(msgspec.Struct, frozen=True, kw_only=True):
    """A failure, its smallest mutation, and the run as a recording."""

    failure: Failure
    edits: Edits
    executions: int
    """How many there had been when it was found."""
    seconds: float
    """Since the start, when it was found."""
    stretched: int
    """Requests that got the nearest recorded answer instead of their own."""
    recording: Recording | None
    """None of what has no end to record: a hang, a crash."""


class Progress(msgspec.Struct):
    """How far a search is."""

    executions: int = 0
    seconds: float = 0.0
    lines: int = 0
    workers: int = 0
    """Processes that ran them; 0: this one."""
    known: int = 0
    """Runs that ended in the failure of the recording itself."""
    diverged: int = 0
    """Runs that asked what nothing in the recording answers, or could not be run."""
    finds: list[Find] = []
    stopped: str = "the budget"
    """What ended it: `the budget`, `nothing left to try`, `interrupted`; of a hunt also `found`."""
    again: int = 0
    """How many of the finds of earlier searches were tried."""
    corpus: list[Edits] | None = None
    """Few mutations that reach all lines which the search reached, and what it had no time to try of an earlier corpus;
    None: nobody asked for it, or the search was interrupted."""
    nearest: str = ""
    """Of a hunt: how near it came to what it looks for, in words."""


class Spent(Exception):
    """The budget is used up."""


def key_of(edits: Edits) -> str:
    """Equal for equal mutations."""
    return "\n".join(each.key for each in edits)


class Allowance:
    """The budget of one search, executions or seconds, and its progress, which is told now and then."""

    def __init__(
        self, executions: int | None, seconds: float | None, tell: Callable[[Progress], None] = lambda progress: None
    ) -> None:
        self.progress = Progress()
        self.executions, self.seconds = executions, seconds
        self._tell = tell
        self.start()

    def start(self) -> None:
        """The search begins."""
        self._started = self._told = perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self._started

    @property
    def until(self) -> float | None:
        """When it ends, by `time.perf_counter`."""
        return None if self.seconds is None else self._started + self.seconds

    def is_over(self, part: float = 1.0) -> bool:
        """Whether so much of the time has passed."""
        return self.seconds is not None and self.elapsed > part * self.seconds

    def room(self) -> int:
        """How many mutations may be chosen now. Raises Spent if there is no room."""
        self.progress.seconds = self.elapsed
        if self.seconds is not None and self.progress.seconds >= self.seconds:
            raise Spent
        if self.executions is None:
            return BATCH
        if self.progress.executions >= self.executions:
            raise Spent
        return min(BATCH, self.executions - self.progress.executions)

    def spend(self, runs: int = 1) -> None:
        """Count runs."""
        self.progress.executions += runs
        now = perf_counter()
        self.progress.seconds = now - self._started
        if now - self._told > TOLD:
            self.tell()

    def tell(self) -> None:
        """Say how far it is."""
        self._told = perf_counter()
        self.progress.seconds = self._told - self._started
        self._tell(self.progress)
