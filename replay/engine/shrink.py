"""Making a found mutation small: fewest edits first, then the simplest of what is tried at the same places."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from replay.core.edits import Edit
from replay.engine.mutation import Edits

T = TypeVar("T")
SIMPLER = 12
"""Simpler edits tried in place of one."""
Fails = Callable[[Edits], bool]
"""Whether a mutation fails in the same way."""


def shrink(edits: Edits, fails: Fails, simpler: Callable[[Edit], list[Edit]]) -> Edits:
    """The smallest mutation found that fails in the same way; `edits` do. `simpler` gives what may stand for an edit,
    the simplest first."""
    edits = fewest(edits, fails)
    for place in range(len(edits)):
        edits = _simplest(edits, place, fails, simpler)
    return fewest(edits, fails) if len(edits) > 1 else edits


def fewest(edits: tuple[T, ...], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """As few of the edits (or of anything) as still fail so: parts of half, a quarter, ... are left out, down to each
    single one (delta debugging: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002)."""
    parts = 2
    while len(edits) > 1:
        size = -(-len(edits) // parts)
        chunks = [edits[at : at + size] for at in range(0, len(edits), size)]
        rests = [tuple(e for other in chunks if other is not chunk for e in other) for chunk in chunks]
        found = next((each for each in (*chunks, *rests) if each and len(each) < len(edits) and fails(each)), None)
        if found is not None:
            parts = 2 if found in chunks else max(parts - 1, 2)
            edits = found
        elif size == 1:
            break
        else:
            parts = min(len(edits), 2 * parts)
    return edits


def _simplest(edits: Edits, place: int, fails: Fails, simpler: Callable[[Edit], list[Edit]]) -> Edits:
    edit = edits[place]
    for candidate in simpler(edit)[:SIMPLER]:
        changed = (*edits[:place], candidate, *edits[place + 1 :])
        if fails(changed):
            edits = changed
            break
    if edits[place].operator == "long":
        return _shortest(edits, place, fails)
    return edits


def _shortest(edits: Edits, place: int, fails: Fails) -> Edits:
    """The least length of a long text, by halving."""
    size, character = edits[place].argument
    low, high = 0, size
    while low + 1 < high:
        middle = (low + high) // 2
        if fails((*edits[:place], Edit(edits[place].path, "long", [middle, character]), *edits[place + 1 :])):
            high = middle
        else:
            low = middle
    return (*edits[:place], Edit(edits[place].path, "long", [high, character]), *edits[place + 1 :])
