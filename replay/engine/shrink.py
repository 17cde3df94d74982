"""Making a found mutation small: fewest edits first, then the simplest of what is tried at the same places."""

from __future__ import annotations

from collections.abc import Callable

from replay.core.edits import Edit
from replay.engine.mutation import Edits

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


def fewest(edits: Edits, fails: Fails) -> Edits:
    """Each edit alone, then one less as long as that fails too."""
    if len(edits) > 2:
        for edit in edits:
            if fails((edit,)):
                return (edit,)
    at = 0
    while at < len(edits) and len(edits) > 1:
        without = edits[:at] + edits[at + 1 :]
        if fails(without):
            edits, at = without, 0
        else:
            at += 1
    return edits


def _simplest(edits: Edits, place: int, fails: Fails, simpler: Callable[[Edit], list[Edit]]) -> Edits:
    edit = edits[place]
    for candidate in simpler(edit)[:SIMPLER]:
        changed = (*edits[:place], candidate, *edits[place + 1 :])
        if fails(changed):
            return changed
    if edit.operator == "long":
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
