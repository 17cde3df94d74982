"""The smallest arguments of a find's edits: shorter text, smaller numbers, fewer items, by Hypothesis' shrinking.

A find is handed to Hypothesis as an example of a strategy that is made for it: whether to keep each edit, and of each
argument that may be smaller a value of its kind no larger than what was found. The example is the choices that lead to
it, under the secondary key of a database that only this search sees; the phases are reuse and shrink, so nothing is
generated. A find that Hypothesis does not take for one of its examples stays as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any
from unittest import SkipTest

from replay.core.edits import Edit
from replay.engine.mutation import Edits
from replay.engine.shrink import Fails

MOST = 60
"""Mutations that are run for one find."""
FEW = 15
"""The same, where each costs a process."""
LONGEST = 500
"""Characters, bytes or items of a value that is made smaller."""
_PLAIN = "0aA -"
"""Characters that text is made plain with; the others are those that it was found with."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
Draw = Callable[[Any], Any]
Choice = bool | int | float | str | bytes
Way = tuple[list[Choice], Callable[[Draw], Any]]
"""The choices that lead to a value, and how a smaller one is drawn."""


class _Enough(BaseException):
    """As much was tried as may be. No Exception: Hypothesis must not take it for a failure of the code."""


class _Fails(Exception):
    """A candidate fails in the same way."""


def smaller(edits: Edits, fails: Fails, *, seed: int = 0, most: int = MOST, until: float | None = None,
            leave: Callable[[Edit], bool] = lambda edit: False) -> Edits:  # fmt: skip
    """The smallest edits that fail in the same way, as far as `most` runs come; `edits` do.

    `leave`: edits whose argument means something as it is. `until`: when to stop (`time.perf_counter`). Equal calls
    give equal answers.
    """
    ways = [_fixed(edit) if leave(edit) else _edit(edit) for edit in edits]
    if not any(choices for choices, _ in ways):
        return edits
    best, tried = edits, {_key(edits): True}

    def still_fails(candidate: Edits) -> bool:
        nonlocal best
        key = _key(candidate)
        if key not in tried:
            if len(tried) > most or (until is not None and perf_counter() > until):
                raise _Enough
            tried[key] = bool(candidate) and fails(candidate)
        if tried[key]:
            best = candidate  # Hypothesis goes on from what is smaller only
        return tried[key]

    try:
        _shrunk(ways, still_fails, seed)
    except _Enough:
        pass
    return best


def _shrunk(ways: list[Way], still_fails: Fails, seed: int) -> None:
    """Let Hypothesis try what is smaller."""
    import hypothesis
    from hypothesis import Phase, given, settings
    from hypothesis import strategies as st
    from hypothesis.errors import HypothesisException

    from replay.engine.profile import PROFILE, Handed

    is_single = len(ways) == 1

    @st.composite
    def edits(draw: Draw) -> Edits:
        return tuple(make(draw) for _, make in ways if is_single or draw(st.booleans()))

    def body(candidate: Edits) -> None:
        if still_fails(candidate):
            raise _Fails

    choices = [choice for found, _ in ways for choice in ([] if is_single else [True]) + found]
    reusing = settings(PROFILE, database=Handed(choices), phases=[Phase.reuse, Phase.shrink])
    try:
        reusing(hypothesis.seed(seed)(given(edits())(body)))()
    except (_Fails, SkipTest, HypothesisException):  # the last two: this version makes other choices
        return


def _key(edits: Edits) -> str:
    return "\n".join(edit.key for edit in edits)


# What is drawn ------------------------------------------------------------------------------------------------------


def _edit(edit: Edit) -> Way:
    """An edit with a smaller argument; as it is where another would mean something else."""
    argument = edit.argument
    if edit.operator == "set":
        choices, make = _value(argument)
    elif edit.operator == "many":
        choices, make = _number(argument)
    elif edit.operator in ("pad", "put"):
        choices, make = _all([_text(each) if type(each) is str else _fixed(each) for each in argument])
    else:
        return _fixed(edit)
    return choices, lambda draw: Edit(edit.path, edit.operator, make(draw))


def _fixed(value: Any) -> Way:
    return [], lambda draw: value


def _value(value: Any) -> Way:
    make = _KINDS.get(type(value))
    if make is None or (hasattr(value, "__len__") and not 0 < len(value) <= LONGEST):
        return _fixed(value)
    return make(value)


def _number(value: int) -> Way:
    from hypothesis import strategies as st

    return [value], lambda draw: draw(st.integers(min(0, value), max(0, value)))


def _real(value: float) -> Way:
    from hypothesis import strategies as st

    if not math.isfinite(value):
        return [value], lambda draw: draw(st.floats())
    return [value], lambda draw: draw(st.floats(min(0.0, value), max(0.0, value)))


def _text(value: str) -> Way:
    from hypothesis import strategies as st

    if _DAY.match(value):
        return _fixed(value)  # a day that is no day any more would say less
    known = [*_PLAIN, *sorted({*value} - {*_PLAIN})]
    if len(known) > 256:
        return _fixed(value)
    # as numbers of characters: text of Hypothesis' own leaves tables of Unicode in the current folder
    return [bytes(map(known.index, value))], lambda draw: "".join(
        known[at] if at < len(known) else known[0] for at in draw(st.binary(max_size=len(value)))
    )


def _bytes(value: bytes) -> Way:
    from hypothesis import strategies as st

    return [value], lambda draw: draw(st.binary(max_size=len(value)))


def _items(value: list[Any]) -> Way:
    choices, make = _some([_value(item) for item in value])
    return choices, lambda draw: type(value)(item for _, item in make(draw))


def _mapping(value: dict[Any, Any]) -> Way:
    names = list(value)
    choices, make = _some([_value(item) for item in value.values()])
    return choices, lambda draw: {names[at]: item for at, item in make(draw)}


def _all(ways: list[Way]) -> Way:
    return [choice for found, _ in ways for choice in found], lambda draw: [make(draw) for _, make in ways]


def _some(ways: list[Way]) -> Way:
    """Values with their numbers, each of which may be left out."""
    from hypothesis import strategies as st

    choices = [choice for found, _ in ways for choice in (True, *found)]
    return choices, lambda draw: [(at, make(draw)) for at, (_, make) in enumerate(ways) if draw(st.booleans())]


_KINDS: dict[type, Callable[[Any], Way]] = {
    int: _number,
    float: _real,
    str: _text,
    bytes: _bytes,
    list: _items,
    tuple: _items,
    dict: _mapping,
}
"""What may be smaller; the type of a value stays."""
