"""What the code asks, or ends, later than production did, again sooner, or at once with what production awaited before,
or that nobody awaits: it waits longer, or less. Told, and no part of a verdict.

What production computed takes no virtual time, so code that waits as it did is never later. That it is earlier says
something only where there is nothing to compute: the same thing is asked again, as after a back-off or by a poll. Even
then production's process may have waited for what others did (a limiter). And what one task or thread asked in turn has
no order any more where two ask it, the second before the answer to the first is there.
"""

from __future__ import annotations

from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference

_SECOND = 1_000_000_000
LONGER = _SECOND // 10
"""Nanoseconds from which on it is told."""
_NOTE = "later than in production; how long code waits is told and does not count"
_SOONER = "sooner than in production; how long code waits is told and does not count"
_LEFT = "sooner than in production; tasks that it left went on until they had what they had there"
_AT_ONCE = "at once with what production awaited first; when code asks is told and does not count"
_UNAWAITED = "waited for in production; whether code waits for an answer is told and does not count"
_BRIEF = _SECOND // 1000
"""Nanoseconds below which an answer may have been there at once."""


class Later:
    """Of one replay: the first request that comes later, or else the end; the first that comes again sooner; the first
    that does not await the one before it; the first whose answer nobody awaits."""

    __slots__ = ("_at_once", "_before", "_found", "_is_known", "_recording", "_sooner", "_unawaited")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._is_known = recording.parent_digest is None  # an edit may have moved its answers
        self._found: Difference | None = None
        self._sooner: Difference | None = None
        self._at_once: Difference | None = None
        self._unawaited: Difference | None = None
        self._before: dict[str, tuple[Interaction, int, str]] = {}
        """By recorded lane: what it asked last, when that was now, and in which lane."""

    def asked(self, interaction: Interaction, waited_ns: int, lane: str) -> None:
        """It is asked in this lane when the replay has waited for so long."""
        if waited_ns - interaction.offset_ns > LONGER and self._found is None and self._is_known:
            self._found = _difference(f"interaction[{interaction.seq}] asked", interaction.offset_ns, waited_ns)
        last = self._before.get(interaction.lane)
        self._before[interaction.lane] = interaction, waited_ns, lane
        if last is not None and last[2] != lane and self._at_once is None and self._is_known:
            self._at_once = _unawaited(interaction, last[0], waited_ns - last[1])
        if last is not None and self._sooner is None and self._is_known and _is_again(interaction, last[0]):
            recorded, now = interaction.offset_ns - last[0].offset_ns, waited_ns - last[1]
            if recorded - now > LONGER:
                path = f"interaction[{interaction.seq}] asked again"
                self._sooner = Difference(path, "changed", _behind(recorded), _behind(now), _SOONER)

    def ended(self, waited_ns: int) -> None:
        """So has the code, when the replay has waited for so long."""
        took = self._recording.duration_ns
        if waited_ns - took > LONGER and self._found is None and self._is_known:
            self._found = _difference("ended", took, waited_ns)

    def left(self, waited_ns: int) -> None:
        """The code has ended, and tasks that it left have still to read what they had by then in production."""
        if self._is_known and self._sooner is None:
            self._sooner = Difference("ended", "changed", _after(self._recording.duration_ns), _after(waited_ns), _LEFT)

    def gives_up(self, interaction: Interaction) -> None:
        """A task waits for its answer no longer: it was cancelled, or its event loop ends."""
        if self._unawaited is None and self._is_known and interaction.state == "returned":
            path = f"interaction[{interaction.seq}] answer"
            self._unawaited = Difference(path, "changed", "awaited", "given up before it came", _UNAWAITED)

    def told(self) -> list[Difference]:
        """For the verdict."""
        return [each for each in (self._found, self._sooner, self._at_once, self._unawaited) if each is not None]


def _is_again(one: Interaction, last: Interaction) -> bool:
    return (one.boundary, one.target, one.request.text) == (last.boundary, last.target, last.request.text)


def _unawaited(one: Interaction, last: Interaction, behind_ns: int) -> Difference | None:
    """Production had the answer to the last when it asked this one; here that is far from being there."""
    had = last.offset_ns + last.duration_ns <= one.offset_ns and last.state != "unfinished"
    if not had or last.duration_ns < _BRIEF or behind_ns > last.duration_ns // 2:
        return None
    path, before = f"interaction[{one.seq}] asked", f"interaction[{last.seq}]"
    return Difference(path, "changed", f"after the answer to {before}", f"before the answer to {before}", _AT_ONCE)


def _difference(path: str, recorded: int, waited: int) -> Difference:
    return Difference(path, "changed", _after(recorded), _after(waited), _NOTE)


def _behind(nanoseconds: int) -> str:
    return f"{nanoseconds / _SECOND:.2f} s after it"


def _after(nanoseconds: int) -> str:
    return f"{nanoseconds / _SECOND:.2f} s after the start"
