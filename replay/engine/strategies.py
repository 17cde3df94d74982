"""Mutations of a recording as a Hypothesis strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.mutation import Mutations, read_edits
from replay.engine.operators import suggested
from replay.engine.operators.site import Site
from replay.engine.places import places
from replay.engine.values import Profile

LIKELY = 4
"""Edits of a place that are drawn as often as all of them together: what production does most."""


class Mutated(Recording, frozen=True, kw_only=True):
    """A recording with edits that has not run yet: it still ends as its parent did. Shown as its edits."""

    def __repr__(self) -> str:
        edits = read_edits(self.edits)
        changed = "; ".join(str(edit) for edit in edits)
        return f"<{self.entrypoint} with {changed}>" if edits else f"<{self.entrypoint} as recorded>"


def mutated(recording: Recording) -> Mutated:
    """The same, shown as its edits."""
    return Mutated(**{name: getattr(recording, name) for name in Recording.__struct_fields__})


def mutations(recording: Recording, *, most: int, profile: Profile | None = None,
              constants: tuple[Any, ...] = ()) -> SearchStrategy[Mutated]:  # fmt: skip
    """Mutations of `recording` with up to `most` edits. It shrinks towards the recording itself: to fewer edits, to
    places that come first in it, to what production does most; free text and numbers to shorter and smaller ones.
    """
    mutating = Mutations(recording)
    every = [_Place(site.path, edits, _free(site)) for site in places(mutating.parts, profile, constants)
             if (edits := suggested(site))]  # fmt: skip
    if not every:
        return st.just(mutated(recording))
    drawn = st.lists(_edits(st.sampled_from(every)), max_size=most)

    @st.composite
    def each(draw: Callable[[Any], Any]) -> Mutated:
        chosen = tuple(draw(drawn))
        return mutated(mutating.apply(chosen) if chosen else recording)

    return each()


class _Place(NamedTuple):
    """One place of a recording."""

    path: str
    known: list[Edit]
    """What the search tries there, the most likely first."""
    free: SearchStrategy[Any] | None
    """Any other value of its type."""


@st.composite
def _edits(draw: Callable[[Any], Any], any_place: SearchStrategy[_Place]) -> Edit:
    place: _Place = draw(any_place)
    kind = draw(st.integers(0, 4))
    if kind == 4 and place.free is not None:
        return Edit(place.path, "set", draw(place.free))
    likely = place.known[:LIKELY] if kind < 2 else place.known
    return draw(st.sampled_from(likely))  # type: ignore[no-any-return]


def _free(site: Site) -> SearchStrategy[Any] | None:
    if site.is_message or site.boundary not in ("input", "http", "call", "model"):
        return None
    return _FREE.get(type(site.value))


_FREE: dict[type, SearchStrategy[Any]] = {
    int: st.integers(),
    float: st.floats(),
    str: st.text(max_size=50),
    bytes: st.binary(max_size=50),
}
