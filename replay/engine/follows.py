"""Which divergences follow from an earlier one: an engineer fixes the first, not the hundred after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from replay.core.recording import Recording
from replay.core.verdict import Divergence

RAISING = frozenset({"changed", "extra", "exhausted", "redaction-altered", "refused"})
"""Kinds that raise an error into the application where production got an answer."""
_TELLING = 3
"""Characters of a value that is long enough to be known again."""


class Course(msgspec.Struct):
    """How the lanes of a replay ran."""

    recorded: dict[str, str] = {}
    """Lane of the replay -> the recorded lane that it follows."""
    started: dict[str, int] = {}
    """Lane of the replay -> how many divergences there were when it first asked."""
    answered: dict[str, int] = {}
    """Lane of the replay -> answers that it got."""
    noted: list[int] = []
    """Of each divergence: how many answers its lane had got."""


def linked(
    found: Sequence[Divergence], course: Course, left: Collection[int], recording: Recording, ended_by: int | None
) -> list[Divergence]:
    """`found` with `follows` set, to the number of the first cause: one that follows from nothing itself.

    One follows from an earlier one if
    - it was asked after an error had been raised where production got an answer: in the same lane, before anything
      was answered there again, or in a lane that this lane started afterwards;
    - it was not asked, like all of its lane from the earlier one on: the lane ended there;
    - its lane never began, and such an error was raised before in the lane that starts it;
    - it was not asked, and such an error ended the unit of work (`ended_by`) at an earlier place;
    - its request differs only in values that stood in the answer that the earlier one did not get.
    """
    story = _Story(found, course, left, recording, ended_by)
    out: list[Divergence] = []
    for number, one in enumerate(found):
        cause = one.follows
        if cause is None:
            causes = (n for n, earlier in enumerate(out) if earlier.follows is None and story.explains(n, number))
            cause = next(causes, None)
        out.append(one if cause == one.follows else msgspec.structs.replace(one, follows=cause))
    return out


class _Story(msgspec.Struct):
    """All that is known of a replay."""

    found: Sequence[Divergence]
    course: Course
    left: Collection[int]
    recording: Recording
    ended_by: int | None

    def explains(self, number: int, later: int) -> bool:
        """Whether the divergence `number` explains the one that is noted after it."""
        cause, one = self.found[number], self.found[later]
        if one.kind == "missing":
            return self._not_reached(number, cause, one)
        if cause.kind in RAISING:
            answered = self.course.noted
            if one.lane == cause.lane and answered[number] == answered[later]:
                return True
            if one.lane.startswith(cause.lane + ".") and self.course.started.get(one.lane, 0) > number:
                return True
        return _carried(cause, one)

    def _not_reached(self, number: int, cause: Divergence, one: Divergence) -> bool:
        """Whether a request was not asked because it could not be."""
        if cause.seq is not None and one.seq is not None and cause.seq > one.seq:
            return False
        lane, other = self._recorded_lane(cause), self._recorded_lane(one)
        if cause.kind in RAISING and (number == self.ended_by or self._never_began(other, lane)):
            return True
        return lane == other and (cause.kind in RAISING or cause.kind == "missing") and self._none_between(cause, one)

    def _recorded_lane(self, divergence: Divergence) -> str:
        if divergence.kind == "missing":
            return divergence.nearest.lane if divergence.nearest is not None else divergence.lane
        return self.course.recorded.get(divergence.lane, divergence.lane)

    def _never_began(self, lane: str, parent: str) -> bool:
        return lane.startswith(parent + ".") and lane not in self.course.recorded.values()

    def _none_between(self, cause: Divergence, one: Divergence) -> bool:
        """Whether nothing of their lane, from one place to the other, was answered."""
        start = len(self.recording.interactions) if cause.seq is None else cause.seq
        end = len(self.recording.interactions) if one.seq is None else one.seq
        lane = self._recorded_lane(one)
        return all(i.seq in self.left for i in self.recording.interactions[start:end] if i.lane == lane)


def _carried(cause: Divergence, one: Divergence) -> bool:
    """Whether what differs are values of an answer that was not got."""
    lost = cause.nearest
    if lost is None or cause.kind not in ("missing", "changed", "redaction-altered") or not one.differences:
        return False
    text = lost.answer.text
    return all(len(str(d.recorded)) >= _TELLING and str(d.recorded) in text for d in one.differences)
