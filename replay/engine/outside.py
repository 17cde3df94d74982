"""A world that is none: nothing is recorded, and nothing comes from a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from replay.core.recording import State
from replay.core.verdict import Difference
from replay.core.world import Answer, ReadSoFar, Request, Settles, Ticket
from replay.engine.guard import Permits
from replay.errors import DivergenceError

T = TypeVar("T")


class Outside:
    """A world in which everything goes straight through, and the guard lets it."""

    closed = True
    live = True
    full = False
    awaited = 0
    permits: Permits | None = None

    def ask(self, request: Request) -> Ticket | Answer | None:
        return None

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
        live(seconds)

    def beyond(self, seq: int, message: str) -> BaseException:
        return DivergenceError(message)

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        return ReadSoFar(whole)

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        """Nothing is compared here."""

    def unrecorded(self, library: str, target: str) -> BaseException | None:
        """It goes out."""

    def note(self, name: str, value: Settles) -> None:
        """Nobody listens."""

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        """Nobody listens."""
