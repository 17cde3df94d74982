"""What a replay needs of the boundaries: shelves with their recorded answers, and what must hold around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from replay.core.noise import Noise
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Window
from replay.core.world import Boundary, Request, Shelf
from replay.engine.earlier import Remembered
from replay.engine.waiting import same


def by_boundary(recording: Recording) -> dict[str, list[Interaction]]:
    """What was asked at each of them."""
    found: dict[str, list[Interaction]] = {}
    for interaction in recording.interactions:
        found.setdefault(interaction.boundary, []).append(interaction)
    return found


class Shelves:
    """Those that find answers in a way of their own, each made when something is first asked of it: most runs of a
    search ask nothing at most boundaries."""

    __slots__ = ("_asked", "_before", "_boundaries", "_made", "_noise", "_window")

    def __init__(
        self,
        boundaries: Mapping[str, Boundary],
        asked: Mapping[str, Sequence[Interaction]],
        window: Window,
        noise: Mapping[int, tuple[Noise, ...]] = {},
        before: Sequence[Remembered] = (),
    ) -> None:
        """`before`: what production's process had asked before the recording."""
        self._boundaries, self._asked, self._window, self._noise = boundaries, asked, window, noise
        self._before = before
        self._made: dict[str, Shelf] = {}

    def get(self, kind: str, otherwise: Shelf, /) -> Shelf:
        """That of a boundary; `otherwise`: it has none."""
        found = self._made.get(kind)
        if found is None:
            found = self._made[kind] = self._shelf(kind, self._asked.get(kind, ()), self._noise) or otherwise
        return found

    def before(self, request: Request) -> tuple[Shelf | None, Sequence[Remembered]]:
        """See `replay.engine.player.Before`."""
        likely = [each for each in self._before if same(each.interaction, request)]
        own = self._shelf(request.boundary, [each.interaction for each in likely]) if likely else None
        return own, likely

    def _shelf(
        self, kind: str, asked: Sequence[Interaction], noise: Mapping[int, tuple[Noise, ...]] = {}
    ) -> Shelf | None:
        boundary = self._boundaries.get(kind)
        return None if boundary is None else boundary.shelf(asked, self._window, noise)


def playing(
    boundaries: Sequence[Boundary], recording: Recording, live: Collection[str] = ()
) -> AbstractContextManager[Any]:
    """All that must hold around the replay of `recording`; of `live` boundaries nothing."""
    held = [boundary.playing(recording) for boundary in boundaries if boundary.kind not in live]
    holding = [each for each in held if type(each) is not nullcontext]
    return holding[0] if len(holding) == 1 else _together(holding)


@contextmanager
def _together(holding: Sequence[AbstractContextManager[Any]]) -> Iterator[None]:
    with ExitStack() as stack:
        for each in holding:
            stack.enter_context(each)
        yield
