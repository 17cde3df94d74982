"""What virtual time knows of those that wait for it."""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref


class Since:
    """A time in production of which is known between which recorded events it was, nanoseconds since the epoch."""

    __slots__ = ("after", "before")

    def __init__(self, after: int) -> None:
        self.after = after
        self.before: int | None = None
        """None: nothing has happened since."""


def _never() -> bool:
    return False


class Gate:
    """A lock that one thread waits at until another opens it, of which is known that it was opened: the waiter may have
    gone through before anybody looks."""

    __slots__ = ("_lock", "is_open")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self.is_open = False

    def release(self) -> None:
        """Open it, as one releases a lock. Raises RuntimeError where it was open."""
        if self.is_open:
            raise RuntimeError("release unlocked lock")
        self.is_open = True
        self._lock.release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Go through as soon as it is open."""
        return self._lock.acquire(blocking, timeout)

    def shut(self) -> None:
        """Close it again, before another look at what one waits for."""
        self._lock.acquire(False)
        self.is_open = False


class Wait:
    """Something that happens at a virtual time, or when something else makes it `ready`."""

    __slots__ = ("came", "drift", "due", "end", "fire", "fired", "gate", "gone", "is_limit", "is_over", "is_step",
                 "is_stuck", "loop", "number", "ready", "since", "strangers", "thread", "timers", "wall")  # fmt: skip

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
        self.is_step = False
        """Its thread computes or begins: nothing that it waits for has to come."""
        self.is_over = False
        """Its thread has seen that it can go on."""
        self.number = 0
        """Of those that can go on, the lowest does."""
        self.gate: LockType | None = None
        """Where a thread that can go on waits until no other one runs."""
        self.fired = False
        """Its time came."""
        self.is_stuck = False
        """It was let go because nothing can wake it."""
        self.gone = False
        """Nothing waits for it any longer."""
        self.thread = 0
        """The one that blocks for it; 0: none does."""
        self.timers: Callable[[], Sequence[Any]] | None = None
        """Of an event loop that waits: the timer that it waits for, and the next one."""
        self.came = 0
        """How many answers had come when it was asked for."""
        self.drift = 0
        """How far virtual time was ahead of the wall clock then."""


class Pool:
    """The jobs of one executor: those that wait for a worker are not at work."""

    __slots__ = ("active", "executor", "queued", "workers")

    def __init__(self, executor: Any) -> None:
        self.executor = ref(executor)
        """Whose they are: another one may come to have its address."""
        self.workers: int = executor._max_workers
        self.queued = 0
        self.active = 0
