"""The world of an application's start-up, which is no part of the unit of work."""

from __future__ import annotations

from collections.abc import Callable

from replay.core.codec import encode
from replay.core.families.outset import Outset
from replay.core.standins import STARTED, Opaque
from replay.core.verdict import Frame
from replay.core.world import Answer, Request
from replay.engine.guard import RefusedConnection
from replay.engine.outside import Outside
from replay.engine.player import Player

_FUNCTIONS = ("call", "model")
_OUTSET = encode(Opaque(STARTED))


class StartUp(Outside):
    """What an application does before the first request, and the tasks and threads that it starts then.

    No recording holds it: nothing is answered or drawn from one, and what reaches for the real world is refused. That
    is no divergence of the unit of work, but told if the replay does not end as recorded: what could not be set up is
    missing. For what a function behind a boundary gives there is a stand-in, which may be handed to others.
    """

    closed = live = False

    def __init__(self, player: Player) -> None:
        self._player = player
        self.permits = player.permits
        self.made: list[Outset] = []
        """What stands for the answers of boundaries."""

    @property
    def was_refused(self) -> bool:
        """Whether it reached for the real world."""
        return bool(self._player.start_up)

    def refused(self, boundary: str, target: str) -> None:
        """The guard refuses it."""
        self._note(target)

    def ask(self, request: Request) -> Answer | None:
        """A boundary whose live side the user wants goes out; a function is not run, and others are refused."""
        if request.boundary in self._player.through:
            return None
        self._note(f"{request.boundary} {request.target}")
        if request.boundary in _FUNCTIONS and not request.paced:
            self.made.append(Outset(self, request.target))
            return Answer(_OUTSET, "returned", seq=len(self.made) - 1, turns=0)
        raise RefusedConnection(
            f"replay: refused {request.boundary} {request.target}: no recording holds what start-up asks"
        )

    def unrecorded(self, library: str, target: str) -> BaseException | None:
        if self._player.goes_out:
            return None
        self._note(f"{library} {target}")
        return RefusedConnection(f"replay: refused {library} {target}: no recording holds what start-up asks")

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        self._player.sleep(seconds, live)

    def _note(self, target: str) -> None:
        where: tuple[Frame, ...] = self._player.where()
        self._player.start_up.append((target, where[-1] if where else None))
