"""What a replay needs of the boundaries: shelves with their recorded answers, and what must hold around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from replay.core.noise import Noise
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Window
from replay.core.world import Boundary, Shelf


def by_boundary(recording: Recording) -> dict[str, list[Interaction]]:
    """What was asked at each of them."""
    found: dict[str, list[Interaction]] = {}
    for interaction in recording.interactions:
        found.setdefault(interaction.boundary, []).append(interaction)
    return found


class Shelves:
    """Those that find answers in a way of their own, each made when something is first asked of it: most runs of a
    search ask nothing at most boundaries."""

    __slots__ = ("_asked", "_boundaries", "_made", "_noise", "_window")

    def __init__(
        self,
        boundaries: Mapping[str, Boundary],
        asked: Mapping[str, Sequence[Interaction]],
        window: Window,
        noise: Mapping[int, tuple[Noise, ...]] = {},
    ) -> None:
        self._boundaries, self._asked, self._window, self._noise = boundaries, asked, window, noise
        self._made: dict[str, Shelf] = {}

    def get(self, kind: str, otherwise: Shelf, /) -> Shelf:
        """That of a boundary; `otherwise`: it has none."""
        found = self._made.get(kind)
        if found is None:
            boundary = self._boundaries.get(kind)
            own = None if boundary is None else boundary.shelf(self._asked.get(kind, ()), self._window, self._noise)
            found = self._made[kind] = own or otherwise
        return found


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
