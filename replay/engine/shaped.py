"""Values of a known cause in a minimal recording: of the shape that production saw, without its letters and digits.

The least text that fails is often empty, and a fix of `"60"` need not take `""`.
"""

from __future__ import annotations

from collections.abc import Callable

from replay.core.cause import Cause
from replay.core.edits import Edit
from replay.core.parts import Parts, value_at
from replay.core.recording import Recording
from replay.engine.mutation import Mutations
from replay.engine.reduce import masked

LONGEST = 40
"""Characters of a text whose shape is kept."""


def shaped(smallest: Recording, incident: Recording, cause: Cause | None,
           fails: Callable[[Recording], bool]) -> Recording:  # fmt: skip
    """`smallest` with each text of the cause as `x` and `0` in the place of letters and digits, if `fails` is true of
    it so."""
    for path, _ in cause.values if cause is not None else ():
        text, now = (value_at(Parts(each), path, None) for each in (incident, smallest))
        if type(text) is not str or type(now) is not str or not 0 < len(text) <= LONGEST or now == masked(text):
            continue
        tried = Mutations(smallest).apply((Edit(path, "set", masked(text)),))
        if value_at(Parts(tried), path, None) == masked(text) and fails(tried):
            smallest = tried
    return smallest
