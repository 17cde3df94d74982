"""What the code asks, or ends, later than production did: it waits longer. Told, and no part of a verdict.

What production computed takes no virtual time, so code that waits as it did is never later; that it is earlier says
nothing.
"""

from __future__ import annotations

from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference

_SECOND = 1_000_000_000
_LONGER = _SECOND // 10
"""Nanoseconds from which on it is told."""
_NOTE = "later than in production; how long code waits is told and does not count"


class Later:
    """Of one replay: the first request that comes later, or else the end."""

    __slots__ = ("_found", "_is_known", "_recording")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._is_known = recording.parent_digest is None  # an edit may have moved its answers
        self._found: Difference | None = None

    def asked(self, interaction: Interaction, waited_ns: int) -> None:
        """It is asked when the replay has waited for so long."""
        if waited_ns - interaction.offset_ns > _LONGER and self._found is None and self._is_known:
            self._found = _difference(f"interaction[{interaction.seq}] asked", interaction.offset_ns, waited_ns)

    def ended(self, waited_ns: int) -> None:
        """So has the code, when the replay has waited for so long."""
        took = self._recording.duration_ns
        if waited_ns - took > _LONGER and self._found is None and self._is_known:
            self._found = _difference("ended", took, waited_ns)

    def told(self) -> list[Difference]:
        """For the verdict."""
        return [] if self._found is None else [self._found]


def _difference(path: str, recorded: int, waited: int) -> Difference:
    return Difference(path, "changed", _after(recorded), _after(waited), _NOTE)


def _after(nanoseconds: int) -> str:
    return f"{nanoseconds / _SECOND:.2f} s after the start"
