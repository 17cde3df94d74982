"""When the code of a recording ran: before, between and after its long waits for answers.

A replay's clock stands where production's did as an answer came, and goes as far as the next is asked. So a clock that
was read in one such stretch is read in the same one again. Where lanes ran at once, that holds for each of them, as
long as none of them computes: the others' clock goes on with what it asks then.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from functools import cached_property

from replay.core.recording import Interaction, Recording
from replay.core.verdict import Window
from replay.engine.lanes import FIRST
from replay.engine.steps import BEGUN, ENDED, steps_of
from replay.errors import CodecError

_LONG = 50_000_000
"""Nanoseconds from which on a wait is a long one."""
_NEAR = 5_000_000
"""Nanoseconds by which a replay may be off at the ends of a stretch."""
_COMPUTES = 250_000_000
"""Nanoseconds from which on a lane may have computed before it asks."""


class Stretches:
    """Those of one recording, made when they are first needed."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._of: dict[str, list[Window]] = {}

    @cached_property
    def whole(self) -> Window:
        """All of the recording."""
        start = self._recording.started_at
        return Window(start, start + self._recording.duration_ns)

    @cached_property
    def in_step(self) -> bool:
        """No lane computes while others go on, as far as the recording tells: a replay's clock is nowhere ahead of
        production's then, and behind it by what was computed before."""
        is_known = self._recording.parent_digest is None and not self._silent
        return is_known and (self._is_alone or _asks_soon(self._recording))

    @cached_property
    def _lanes(self) -> set[str]:
        return {each.lane for each in self._recording.interactions}

    @property
    def _is_alone(self) -> bool:
        """All is asked in one lane, which begins with the recording."""
        return self._lanes <= {FIRST}

    @property
    def _is_first_silent(self) -> bool:
        """A thread is beside what it started, and asks nothing: what it computes others may ask with."""
        return FIRST not in self._lanes and bool(steps_of(self._recording))

    @cached_property
    def _silent(self) -> list[Window]:
        """When threads ran that asked nothing."""
        start, end = self.whole.start, self.whole.end
        return [
            Window(start + steps[BEGUN], start + steps[ENDED] if len(steps) > ENDED else end)
            for lane, steps in steps_of(self._recording).items()
            if len(steps) > BEGUN and lane not in self._lanes
        ]

    def all(self) -> list[Window]:
        """In their order, then those of other threads; all of the recording, if others asked meanwhile, or an edit may
        have moved its answers."""
        if self._recording.parent_digest is not None or not self._is_alone:
            return [self.whole]
        return [*self._lane(FIRST), *self._silent]

    def until(self, asked: Interaction) -> list[Window]:
        """Those of the lane that asked this one, until it did."""
        is_own = self._is_alone or (self.in_step and not self._is_first_silent)
        if not is_own or self._recording.parent_digest is not None:
            return [self.whole]
        found, end = self._lane(asked.lane), self.whole.start + asked.offset_ns + _NEAR
        number = bisect_right(found, end, key=lambda each: each.start)
        last = found[max(0, number - 1)]
        return [*found[: number - 1], Window(last.start, min(last.end, end)), *self._silent]

    def _lane(self, lane: str) -> list[Window]:
        found = self._of.get(lane)
        if found is None:
            asked = [each for each in self._recording.interactions if each.lane == lane]
            found = self._of[lane] = _of(self.whole, asked)
        return found


def _of(whole: Window, interactions: list[Interaction]) -> list[Window]:
    """Of what one lane asked."""
    at, found = whole.start, []
    for each in interactions:
        asked = whole.start + each.offset_ns
        if asked < at - 2 * _NEAR:  # while another was waited for
            return [whole]
        waited = _waited(each)
        if waited > _LONG:
            found.append(Window(at, asked + _NEAR))
            at = asked + waited - _NEAR
    return [*found, Window(at, max(at, whole.end))]


def _asks_soon(recording: Recording) -> bool:
    """Whether each lane asks soon after it was answered, or after what the one that made it last asked or was told."""
    moments: dict[str, list[int]] = {}
    for each in recording.interactions:
        found = moments.get(each.lane)
        lane = each.lane
        while not found and lane:
            lane = lane.rpartition(".")[0]
            found = moments.get(lane)
        before = bisect_right(found, each.offset_ns) if found else 0
        if each.offset_ns - (found[before - 1] if found and before else 0) > _COMPUTES:
            return False
        own = moments.setdefault(each.lane, [])
        insort(own, each.offset_ns)
        insort(own, each.offset_ns + each.duration_ns)
    return True


def _waited(interaction: Interaction) -> int:
    """Nanoseconds from the asking until the code goes on: with an answer's head, or the first piece of a stream."""
    if interaction.duration_ns <= _LONG or '"pieces"' not in interaction.answer.text:
        return interaction.duration_ns
    try:
        tree = interaction.answer.tree
    except CodecError:
        return 0
    pieces = tree.get("pieces") if isinstance(tree, dict) else None
    if not isinstance(pieces, list):
        return interaction.duration_ns
    first = pieces[0] if pieces else None
    moments = [tree.get("offset_ns"), *(first[:1] if isinstance(first, list) else ())]
    return min([interaction.duration_ns, *(each for each in moments if type(each) is int and each >= 0)])
