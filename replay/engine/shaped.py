"""Values of a known cause in a minimal recording: of the shape that production saw, without its letters and digits.

The least text that fails is often empty, and a fix of `"60"` need not take `""`. Where a letter is needed (a key of
JSON, the name of a cookie), that one stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from replay.core.cause import Cause
from replay.core.edits import Edit
from replay.core.parts import Parts, value_at
from replay.core.recording import Recording
from replay.engine.mutation import Mutations
from replay.engine.reduce import Test, held_json, masked, masked_where_it_can_be

LONGEST = 40
"""Characters of a text whose shape is kept."""


def shaped(smallest: Recording, incident: Recording, cause: Cause | None,
           fails: Callable[[Recording], bool]) -> Recording:  # fmt: skip
    """`smallest` with each text of the cause as `x` and `0` in the place of letters and digits, if `fails` is true of
    it so."""
    for path, _ in cause.values if cause is not None else ():
        text, now = (value_at(Parts(each), path, None) for each in (incident, smallest))
        if type(text) is not str or type(now) is not str or not text:
            continue
        mutations = Mutations(smallest)

        def having(new: Any, path: str = path, mutations: Mutations = mutations) -> Recording:
            return mutations.apply((Edit(path, "set", new),))

        def fits(new: Any, path: str = path, having: Callable[[Any], Recording] = having) -> bool:
            return value_at(Parts(having(new)), path, None) == new and fails(having(new))

        found = next(_shapes(text, now, fits), now)
        if found != now:
            smallest = having(found)
    return smallest


def _shapes(text: str, now: str, fits: Test) -> Iterator[str]:
    if len(text) <= LONGEST:
        if now == masked(text) or fits(masked(text)):
            yield masked(text)
        if fits(text):
            yield masked_where_it_can_be(text, fits)
    elif (whole := held_json(text)) is not None and (left := held_json(now)) is not None:
        like = json.dumps(_like(left, whole))
        if fits(like):
            yield like


def _like(left: Any, whole: Any) -> Any:
    """What is left of a tree, with the shape of the short texts of the whole one."""
    if type(left) is dict and type(whole) is dict:
        return {name: _like(each, whole.get(name)) for name, each in left.items()}
    if type(left) is list and type(whole) is list and len(left) == len(whole):
        return [_like(each, other) for each, other in zip(left, whole, strict=True)]
    return masked(whole) if type(left) is str and type(whole) is str and len(whole) <= LONGEST else left
