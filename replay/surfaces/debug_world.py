"""The worlds of a debugger: its own, where everything is real, and that of its prompt, where nothing is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NoReturn, TypeVar

from replay.boundaries.waits import timelines
from replay.core.recording import State
from replay.core.verdict import Difference
from replay.core.world import Answer, ReadSoFar, Request, Settles, Ticket, current, leave
from replay.engine.guard import Permits, permits
from replay.errors import DivergenceError

T = TypeVar("T")


class Outside:
    """The world of a debugger: everything goes straight through, and the guard lets it."""

    closed = True
    live = True
    full = False
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

    def note(self, name: str, value: Settles) -> None:
        """Nobody listens."""

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        """Nobody listens."""


class Sealed(Outside):
    """The world of what is evaluated at a prompt: it answers nothing, and nothing of it is noted."""

    closed = False

    def __init__(self) -> None:
        self.permits = permits()

    def refused(self, boundary: str, target: str) -> None:
        """The guard refuses it; that is no fact of the run."""

    def ask(self, request: Request) -> NoReturn:
        raise self.beyond(0, f"{request.boundary} {request.target}")

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        """The clock stands."""

    def beyond(self, seq: int, message: str) -> BaseException:
        return DivergenceError(f"replay: at the prompt the world is not asked ({message}); the recording is as it was.")


class Attached(Sealed):
    """The world of a thread that stands in a debugger of another process: that one's pauses are real."""

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        live(seconds)


@contextmanager
def outside() -> Iterator[None]:
    """This thread is in no recording's world, and its time stands; other threads stay in theirs."""
    with in_world(Outside()):
        yield


@contextmanager
def sealed() -> Iterator[None]:
    """What runs here is refused whatever it asks of the world."""
    with in_world(Sealed()):
        yield


@contextmanager
def in_world(world: Outside) -> Iterator[None]:
    """This thread is in `world`, and the time of the replay stands."""
    token = current.set(world)
    with timelines[-1].standing() if timelines else nullcontext():
        try:
            yield
        finally:
            leave(token)
