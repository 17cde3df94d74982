"""The world in which a fix runs: strict where production was, and it goes on where production stopped.

Code that no longer fails asks and draws what the failure kept it from. What the recording answers is answered as in
any replay; what it does not, by the answers that `replay promote` put behind it (nearest target, each once); random
draws go on deterministically. Anything else diverges, as ever.
"""

from __future__ import annotations

from typing import Any

from replay.core.codec import Value
from replay.core.promoted import ONWARD
from replay.core.recording import Interaction
from replay.core.world import Request, Shelf
from replay.engine.mutant import Mutant
from replay.engine.player import EqualityShelf, Player
from replay.engine.waiting import alike


class Onward(Mutant):
    """A strict player with answers for what comes after the recorded ones. Draws are those of a mutation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._equality = EqualityShelf(self.span, self.noise.requests)

    def close(self) -> None:
        with self._lock:
            for each in [each for each in self._waiting if each.lane == ONWARD]:
                self._waiting.take(each)  # production never asked these: that nobody did now is no divergence
        super().close()

    def _take(
        self, shelf: Shelf, request: Request, asked: Value, lane: str, among: list[Interaction]
    ) -> Interaction | None:
        found = Player._take(self, shelf, request, asked, lane, among)  # strict: a mutation's would stretch answers
        if found is None:
            among = [each for each in self._waiting if each.lane == ONWARD and alike(each, request)]
            if not among:
                return None
            found = min(among, key=lambda each: (each.target != request.target, each.seq))
            self._waiting.take(found)
        return found

    def _refuse(self, shelf: Shelf, request: Request, asked: Value, lane: str) -> BaseException:
        return Player._refuse(self, shelf, request, asked, lane)
