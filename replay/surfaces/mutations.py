"""`replay.mutations`: what lies next to a recording, for tests with `@given`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from replay.core.recording import Recording
from replay.engine.constants import constants_of
from replay.engine.strategies import Mutated
from replay.engine.strategies import mutations as strategy
from replay.engine.values import Profile
from replay.errors import UsageError
from replay.surfaces.run import run
from replay.surfaces.select import one

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MOST = 3
"""Edits of one mutation, unless another number is given."""


def mutations(recording: Recording | str | os.PathLike[str], *, most: int = MOST,
              learn: Iterable[Recording] = ()) -> SearchStrategy[Mutated]:  # fmt: skip
    """A Hypothesis strategy of mutations of a recording, or of the one that a name (`PATH`, `PATH::ID`) means.

    Each is a recording with its lineage (`parent_digest`, `edits`), shown as its edits. `replay.run` of it runs the
    code with it, where another request than the recorded ones gets the nearest recorded answer; `.input.decode()` gives
    arguments to call it with. `most`: edits of one mutation. `learn`: recordings whose values are tried too.

    It shrinks to the fewest edits, and without any to the recording itself. Raises UsageError for what is no recording,
    BundleError for a name that means none.
    """
    if isinstance(recording, str | os.PathLike):
        recording = one(os.fspath(recording))[1]
    if not isinstance(recording, Recording):
        raise UsageError(f"replay.mutations takes a recording or the name of one, not {type(recording).__name__}")
    if recording.edits is not None:
        raise UsageError(f"{recording.id} is a mutation itself: give replay.mutations the recording it was made from")
    if not (type(most) is int and most >= 1):
        raise UsageError(f"replay.mutations(most={most!r}): give a number of edits from 1")
    others = tuple(learn)
    return st.deferred(lambda: _prepared(recording, most, others))


def _prepared(recording: Recording, most: int, learn: tuple[Recording, ...]) -> SearchStrategy[Mutated]:
    """The strategy itself. It is made, and what replays need is loaded, when Hypothesis first looks at it: the first
    example would be charged for it and miss its deadline."""
    import deepdiff  # noqa: F401

    run(recording)
    profile = Profile()
    profile.learn([recording, *(each for each in learn if each.entrypoint == recording.entrypoint)])
    module = sys.modules.get(recording.entrypoint.partition(":")[0])
    file = getattr(module, "__file__", None)
    return strategy(recording, most=most, profile=profile, constants=constants_of([file] if file else []))
