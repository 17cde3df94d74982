"""The pace of an answer that a thread reads: each piece comes as long after the asking as in production.

Only at replay. What a coroutine reads comes by `virtual_loop.Arrival`.
"""

from __future__ import annotations

from replay.boundaries.waits import timelines
from replay.core.world import Answer

_TOGETHER = 1_000_000
"""Nanoseconds before the end, within which what came is there with the end: one wait instead of three for an answer
that came at once, as most do."""


class Pace:
    """A recorded answer on its way to a thread that asks now; without virtual time it is there at once."""

    __slots__ = ("_asked", "_began", "_lasts", "_timeline", "_waited")

    def __init__(self, answer: Answer) -> None:
        self._timeline = timelines[-1] if timelines else None
        self._asked = 0 if self._timeline is None else self._timeline.now
        self._lasts = answer.duration_ns
        self._began = answer.ends_at - answer.duration_ns
        self._waited = -1

    def at(self, offset_ns: int) -> None:
        """Wait until what came this long after the asking is there."""
        timeline = self._timeline
        if offset_ns > self._lasts - _TOGETHER:
            offset_ns = self._lasts
        if offset_ns > self._waited and timeline is not None and not timeline.closed:
            self._waited = offset_ns
            timeline.sleep(self._asked + offset_ns - timeline.now, self._began + offset_ns)

    def left(self, offset_ns: int) -> int:
        """Nanoseconds until what came this long after the asking is there."""
        waited = max(0, self._waited) if self._timeline is None else self._timeline.now - self._asked
        return offset_ns - waited

    @property
    def is_over(self) -> bool:
        """All of it is there."""
        return self._waited >= self._lasts

    def whole(self) -> None:
        """Wait until all of it is there."""
        self.at(self._lasts)
