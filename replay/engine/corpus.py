"""A corpus: the mutations of a recording that reach what no other reaches, as few and as small as will do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from replay.engine.mutation import Edits
from replay.engine.shrink import fewest

TRIES = 200
"""Runs that make entries smaller."""
Reaches = Callable[[Edits], int]
"""The lines that a mutation reaches, as a number with a bit for each."""


class Entry(msgspec.Struct, frozen=True):
    """A mutation, and the lines that it reached."""

    edits: Edits
    reached: int


def minimised(found: Sequence[Entry], base: int, reaches: Reaches) -> list[Entry]:
    """The fewest entries, each with the fewest edits, that reach all lines that `found` reach together and the
    recording itself (`base`) does not."""
    chosen = _covering([msgspec.structs.replace(each, reached=each.reached & ~base) for each in found])
    left = [TRIES]
    smaller: list[Entry] = []
    for place, entry in enumerate(chosen):
        others = 0
        for other in (*smaller, *chosen[place + 1 :]):
            others |= other.reached
        smaller.append(_smaller(entry, entry.reached & ~others, base, reaches, left))
    return _needed(smaller)


def _covering(entries: list[Entry]) -> list[Entry]:
    """Greedy set cover: the entry that adds most next, the one of fewer edits, the earlier one."""
    wanted = 0
    for each in entries:
        wanted |= each.reached
    chosen: list[Entry] = []
    while wanted:
        best = max(entries, key=lambda each: ((each.reached & wanted).bit_count(), -len(each.edits)))
        chosen.append(best)
        wanted &= ~best.reached
    return _needed(chosen)


def _needed(chosen: list[Entry]) -> list[Entry]:
    """Without those whose lines the others reach: the largest are left out first."""
    kept = list(chosen)
    for entry in sorted(chosen, key=lambda each: -len(each.edits)):
        others = 0
        for other in kept:
            if other is not entry:
                others |= other.reached
        if not entry.reached & ~others:
            kept = [each for each in kept if each is not entry]
    return kept


def _smaller(entry: Entry, alone: int, base: int, reaches: Reaches, left: list[int]) -> Entry:
    """With the fewest edits that still reach what no other entry does."""
    if not alone or len(entry.edits) < 2:
        return entry
    smallest = [entry]

    def does(edits: Edits) -> bool:
        if not left[0]:
            return False
        left[0] -= 1
        reached = reaches(edits) & ~base
        if alone & ~reached:
            return False
        smallest.append(Entry(edits, reached))
        return True

    fewest(entry.edits, does)
    return smallest[-1]
