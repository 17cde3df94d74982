"""What virtual time knows of those that wait for it."""

from __future__ import annotations

from collections.abc import Callable


class Since:
    """A time in production of which is known between which recorded events it was, nanoseconds since the epoch."""

    __slots__ = ("after", "before")

    def __init__(self, after: int) -> None:
        self.after = after
        self.before: int | None = None
        """None: nothing has happened since."""


def _never() -> bool:
    return False


class Wait:
    """Something that happens at a virtual time, or when something else makes it `ready`."""

    __slots__ = ("came", "drift", "due", "end", "fire", "fired", "gone", "is_limit", "loop", "ready", "since",
                 "strangers", "wall")  # fmt: skip

    def __init__(
        self,
        fire: Callable[[], object],
        *,
        due: int | None = None,
        wall: int = 0,
        end: int | None = None,
        ready: Callable[[], bool] = _never,
        strangers: bool = False,
        loop: object = None,
        since: Since | None = None,
    ) -> None:
        self.fire = fire
        """Wakes the waiter. Must not block."""
        self.due = due
        """Virtual nanoseconds; None: no time limit."""
        self.wall = wall
        """Where the wall clock then stands, nanoseconds since the epoch."""
        self.end = end
        """Of a recorded answer: when production got it, nanoseconds since the epoch."""
        self.ready = ready
        """It was woken by other means and only has to notice."""
        self.is_limit = ready is not _never
        """The waiter goes on in another way if its time comes."""
        self.loop = loop
        """Of a recorded answer that a task waits for: its event loop."""
        self.since = since
        """Of a time limit: when it was set; None: when it is waited for first."""
        self.strangers = strangers
        """A thread that is no actor may wake it: its time comes only when the process has come to rest."""
        self.fired = False
        """Its time came."""
        self.gone = False
        """Nothing waits for it any longer."""
        self.came = 0
        """How many answers had come when it was asked for."""
        self.drift = 0
        """How far virtual time was ahead of the wall clock then."""


class Pool:
    """The jobs of one executor: those that wait for a worker are not at work."""

    __slots__ = ("active", "queued", "workers")

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.queued = 0
        self.active = 0
