"""The worlds of a debugger: its own, where everything is real, and that of its prompt, where nothing is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn

from replay.boundaries.waits import timelines
from replay.core.world import Request, current, leave
from replay.engine.guard import permits
from replay.engine.outside import Outside
from replay.errors import DivergenceError


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
