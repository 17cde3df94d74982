"""The world of an application's start-up, which is no part of the unit of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from replay.core.recording import State
from replay.core.verdict import Difference, Frame
from replay.core.world import ReadSoFar, Request, Settles, Ticket
from replay.engine.guard import RefusedConnection
from replay.engine.player import Player
from replay.errors import DivergenceError

T = TypeVar("T")


class StartUp:
    """What an application does before the first request, and the tasks and threads that it starts then.

    No recording holds it: nothing is answered or drawn from one, and what reaches for the real world is refused. That
    is no divergence of the unit of work, but told if the replay does not end as recorded: what could not be set up is
    missing.
    """

    closed = live = full = False

    def __init__(self, player: Player) -> None:
        self._player = player
        self.permits = player.permits

    @property
    def was_refused(self) -> bool:
        """Whether it reached for the real world."""
        return bool(self._player.start_up)

    def refused(self, boundary: str, target: str) -> None:
        """The guard refuses it."""
        self._note(target)

    def ask(self, request: Request) -> None:
        """A boundary whose live side the user wants goes out; others are refused."""
        if request.boundary in self._player.through:
            return
        self._note(f"{request.boundary} {request.target}")
        raise RefusedConnection(
            f"replay: refused {request.boundary} {request.target}: no recording holds what start-up asks"
        )

    def spend(self, nanoseconds: int) -> None:
        """It copies nothing."""

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        """It gives no ticket."""

    def draw(self, kind: str, live: Callable[[], T]) -> T:
        return live()

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        return live(size)

    def below(self, among: int, live: Callable[[], int]) -> int:
        return live()

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        self._player.sleep(seconds, live)

    def beyond(self, seq: int, message: str) -> BaseException:
        return DivergenceError(message)

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        """It gives no answer."""
        return ReadSoFar(whole)

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        """Nor that one."""

    def note(self, name: str, value: Settles) -> None:
        """Nobody listens."""

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        """Nobody listens."""

    def _note(self, target: str) -> None:
        where: tuple[Frame, ...] = self._player.where()
        self._player.start_up.append((target, where[-1] if where else None))
