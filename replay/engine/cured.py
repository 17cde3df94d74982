"""What a fix goes on to: the runs that cures of a known cause lead to, which a smaller recording must not lose.

Code that is mended comes past the failing line, and reads on there: what, depends on the value that it finds in the
place of the cause, and on what it is answered from there on. So each recording beside the incident stands for one way
on: with its values in the place of the cause, and its answers to what the incident was not asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from replay.core.cause import Cause
from replay.core.edits import Edit
from replay.core.promoted import with_onward
from replay.core.recording import Interaction, Recording
from replay.engine.apart import pair
from replay.engine.borrowed import completed, is_answered
from replay.engine.causes import general, holds, related
from replay.engine.mutation import Mutations, whole
from replay.engine.trials import Change, Spent, Trial, World, identity

MATES = 16
"""Recordings beside the incident that each stand for a way on."""
MOST_WAYS = 6
"""Ways on that a smaller recording has to keep: those that reach most."""


class Way(msgspec.Struct, frozen=True):
    """One way past the failing line."""

    cure: tuple[Edit, ...]
    onward: tuple[Interaction, ...] = ()
    """Answers for what the incident was not asked."""


def ways_on(
    incident: Recording, cause: Cause | None, answers: Sequence[Interaction], others: Sequence[Recording]
) -> Iterator[Way]:
    """The cure that is stored with the cause first, then those of recordings beside the incident; none, if no cause is
    known. `answers` are given in each of them."""
    if cause is None:
        return
    stored = tuple(cause.edits())
    onward = completed(incident, answers, others)
    if stored:
        yield Way(stored, onward)
    for mate in _mixed(incident, others):
        own = completed(incident, answers, [mate])
        further = (*own, *(each for each in onward if not is_answered(each, own)))
        yield from (Way(cure, further) for cure in (_swapped(incident, mate, cause), stored) if cure)


def _mixed(incident: Recording, others: Sequence[Recording]) -> list[Recording]:
    """Those that ended well first, those with more answers first; of those that failed, one of each type in turn."""
    turns: dict[str | None, int] = {}
    ranked: list[tuple[int, int, Recording]] = []
    usable = [each for each in others if each.entrypoint == incident.entrypoint and each.edits is None]
    for place, each in enumerate(sorted(usable, key=lambda each: (each.status != "ok", -len(each.interactions)))):
        turn = turns[each.error_type] = turns.get(each.error_type, 0) + 1
        ranked.append((0 if each.status == "ok" else turn, place, each))
    return [each for _, _, each in sorted(ranked, key=lambda found: found[:2])][:MATES]


def _swapped(incident: Recording, mate: Recording, cause: Cause) -> tuple[Edit, ...]:
    """The edits that put the other recording's values in the places of the cause."""
    paths = [path for path, _ in cause.values]
    changes = [each for each in pair(incident, mate).changes if any(_is_at(each, path) for path in paths)]
    edits = (each.edit if each.answer is None else whole(each.answer, each.path) for each in changes)
    return tuple(each for each in edits if each is not None)


def _is_at(change: Change, path: str) -> bool:
    if "[*]" not in path:
        return related(change.path, path) and holds(change, path)
    there = general(change.path)
    return related(there.replace("[*]", "[0]"), path.replace("[*]", "[0]"))


class Cured:
    """Runs with cures of the cause."""

    def __init__(self, world: World, ways: Iterable[Way]) -> None:
        """Of these ways the fewest that reach together what all of them reach. None: everything holds."""
        self._kept: list[tuple[Way, Any]] = []
        tried: list[tuple[int, Way, Any]] = []
        with suppress(Spent):  # the next run says so
            reached = world.run((), again=True).reached
            for way in ways:
                trial = _run(world, world.stage.recording, way)
                if trial.ended != "same" and trial.execution.outcome is not None:
                    tried.append((trial.reached, way, _end(trial)))
        while tried and len(self._kept) < MOST_WAYS:
            best = max(tried, key=lambda each: (each[0] & ~reached).bit_count())
            if self._kept and not best[0] & ~reached:
                break
            self._kept.append(best[1:])
            reached |= best[0]

    def holds(self, world: World, recording: Recording) -> bool:
        """Whether each of the runs ends as it did, and asks as much."""
        return all(_end(_run(world, recording, way)) == wanted for way, wanted in self._kept)


def _run(world: World, recording: Recording, way: Way) -> Trial:
    cured = Mutations(recording).quick(way.cure)
    return world.judge(with_onward(cured, way.onward) if way.onward else cured)


def _end(trial: Trial) -> tuple[Any, ...]:
    ran = trial.execution
    failure = None if ran.failure is None else identity(ran.failure)
    return failure, None if ran.outcome is None else ran.outcome.state, ran.diverged, len(ran.taken)
