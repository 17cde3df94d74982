"""When threads and jobs were given out, began and ended: nanoseconds from the start of a recording.

What a thread does between its questions leaves no other trace, and who waits for it acts on its end.
"""

from __future__ import annotations

from collections.abc import Collection
from time import perf_counter_ns
from typing import Protocol

from replay.core.recording import Recording

GIVEN, BEGUN, ENDED = range(3)
"""By its parent; in its own thread."""
STEPS = "threads"
"""Where they are in a recording's context: lane -> `[given, begun, ended]`, or fewer at the end of the recording."""
_MOST = 1_000
"""Lanes of one recording."""


class Steps(Protocol):
    """Who is told of a step of a lane as it takes it."""

    def at(self, lane: str, step: int) -> None:
        """The calling thread takes it."""
        ...

    def hold(self, lane: str) -> None:
        """The calling thread is about to begin it."""
        ...


class Clocked:
    """Keeps when they are taken."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: dict[str, list[int]] = {}
        """`time.perf_counter_ns`."""

    def at(self, lane: str, step: int) -> None:
        if step == GIVEN and len(self.kept) < _MOST:
            self.kept[lane] = [perf_counter_ns()]
        elif len(found := self.kept.get(lane, ())) == step and step:
            found.append(perf_counter_ns())  # type: ignore[union-attr]  # an empty one has no such step

    def hold(self, lane: str) -> None:
        """Nothing holds it."""

    def since(self, started_ns: int) -> dict[str, list[int]]:
        """For the context of a recording."""
        return {lane: [each - started_ns for each in steps] for lane, steps in list(self.kept.items())}


class Waits(Protocol):
    """How the thread that calls waits in virtual time."""

    def __call__(self, nanoseconds: int, ends_at: int | None = None, /, *, computed: bool = False) -> None:
        """So many nanoseconds; for what production had at `ends_at`, nanoseconds since the epoch. `computed`: there it
        computed meanwhile, and so long at most: what others waited for since is not waited for again."""
        ...


class InOrder:
    """Lets them be taken as in the recording, among its answers."""

    __slots__ = ("_recording", "_seen", "_taken", "_wait")

    def __init__(self, recording: Recording, wait: Waits) -> None:
        self._recording, self._wait = recording, wait
        self._taken = steps_of(recording)
        self._seen: dict[str, int] | None = None

    def at(self, lane: str, step: int) -> None:
        found = self._taken.get(lane, ())
        if step >= len(found):
            return
        last = self._last().get(lane)
        own = found[step] - (found[BEGUN] if last is None else last) if step == ENDED else 0
        self._wait(max(0, own), self._recording.started_at + found[step], computed=True)

    def hold(self, lane: str) -> None:
        """A job that production gave out and never began (it was cancelled) does not begin before the end here."""
        if len(self._taken.get(lane, ())) == BEGUN:
            took = self._recording.duration_ns
            self._wait(took, self._recording.started_at + took, computed=True)

    def _last(self) -> dict[str, int]:
        """When a lane was last seen to do something before its end."""
        if self._seen is None:
            self._seen = {i.lane: i.offset_ns + i.duration_ns for i in self._recording.interactions}
            for lane, steps in self._taken.items():
                parent = lane.rpartition(".")[0]
                self._seen[parent] = max(self._seen.get(parent, 0), steps[GIVEN])
        return self._seen


def steps_of(recording: Recording) -> dict[str, list[int]]:
    """Those of a recording, which may be a stranger's."""
    facts = recording.facts
    found = facts.get(STEPS) if isinstance(facts, dict) else None
    if not isinstance(found, dict):
        return {}
    return {
        lane: steps
        for lane, steps in found.items()
        if type(steps) is list
        and 0 < len(steps) <= ENDED + 1
        and all(type(each) is int and each >= 0 for each in steps)
    }


def stepped(recording: Recording) -> Collection[str]:
    """The lanes that are threads and jobs."""
    return steps_of(recording)


def overlapping(recording: Recording) -> tuple[str, str] | None:
    """The first two threads or jobs, neither of which began in the other, that ran at the same time."""
    running: dict[str, int] = {}
    whole = [(lane, steps) for lane, steps in steps_of(recording).items() if len(steps) > BEGUN]
    for lane, steps in sorted(whole, key=lambda each: each[1][BEGUN]):
        for other, ended in list(running.items()):
            if ended < steps[BEGUN]:
                del running[other]
            elif not lane.startswith(f"{other}."):
                return other, lane
        running[lane] = steps[ENDED] if len(steps) > ENDED else recording.duration_ns
    return None
