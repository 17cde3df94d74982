"""What comes next in virtual time, and who goes on: what a `Timeline` holds, and how it decides.

Of those that can go on the one with the lowest number does; if there is none, time moves on to what is next. A keeper
thread looks whether the process has come to rest without anybody seeing it.
"""

from __future__ import annotations

import threading
import time
from _thread import RLock, get_ident, start_new_thread
from abc import abstractmethod
from collections.abc import Callable, Sequence
from heapq import heappop
from typing import Any

from replay.boundaries.moments import Pool, Since, Wait
from replay.boundaries.resting import cpu_of_others, somebody_runs
from replay.boundaries.standing import stack_here, stack_of_thread, stack_of_timer
from replay.core.near import Near, Place, What
from replay.core.telemetry import tells

_SECOND = 1_000_000_000
_LAG = 5_000_000
"""Nanoseconds that an event loop may take to notice that a time limit is over."""
LATE = 2 * _LAG
"""Nanoseconds that one may be late under load: of what is apart by less it is not sure which was first."""
_BEFORE = 10_000
"""Nanoseconds by which an answer comes before a time limit that was not over then."""
_TIE = 1_000_000
"""Nanoseconds between two things that come to different threads, of which either may have been first."""
_TOGETHER = 100_000
"""Nanoseconds between two answers that one event loop got before any of its tasks could act on the first."""
_SLOWLY = 1_000_000
"""Nanoseconds by which the wall clock moves at least from one place to another."""
MOST_SPANS = 100_000
"""Places that are kept."""
_MOST_NEAR = 2
"""Moments of one kind that are noted."""
_SLICE = 0.005
"""Seconds between two looks of the keeper."""
STUCK = 3.0
"""Seconds of real time without anything that could happen, after which nothing will."""
FLUSHES = 30.0
"""The same while there are threads that tell of the service: refused what they ask they try again after a while, and
code waits for them as it flushes."""
_QUIET_LOOKS = 3
_PATIENT_LOOKS = 40
"""Of those that one may compute while others could go on."""


def _stack(wait: Wait) -> tuple[Place, ...]:
    """Where who waits stands."""
    if wait.timers is not None:
        return stack_of_timer(next(iter(wait.timers()), None))
    return stack_of_thread(wait.thread) if wait.thread else ()


real_sleep = time.sleep
real_monotonic = time.monotonic_ns


def whole_second() -> int:
    """The next one of the real monotonic clock, nanoseconds. From there on the differences between what the clock shows
    are the same floats at each replay."""
    return -(-real_monotonic() // _SECOND) * _SECOND


class Order:
    """Of one replay. Whoever calls holds the lock."""

    def __init__(self, wall: int, move_wall: Callable[[int], None]) -> None:
        self._lock = RLock()
        self._now = self._base = whole_second()
        self._wall = self._began = wall
        self._spans = [(wall, wall)]
        """Where the wall clock stood, or went slowly."""
        self._move_wall = move_wall
        self._owner = get_ident()
        """The thread that runs the entry point."""
        self._actors: set[int] = {self._owner}
        self._starting = 0
        self._pools: dict[int, Pool] = {}
        self._blocked: list[Wait] = []
        """Of the actors."""
        self._answers: list[tuple[int, int, Wait]] = []
        """A heap, by their ends in the recording."""
        self._others: list[tuple[int, int, Wait]] = []
        """A heap, by their times."""
        self._numbers = 0
        self._came = 0
        """Answers that have come."""
        self.pauses = 0
        """Waits of the code's own, not for an answer, whose time has come."""
        self._since = Since(wall)
        """This moment."""
        self.nears: dict[tuple[int, What], Near] = {}
        """When two things of which a thread or a task awaited one first came at about the same time: the recording does
        not say which came first. Some of each kind, by time and kind."""
        self._ahead = 0
        """When the last one came, virtual nanoseconds, less when it did in production."""
        self._progress = 0
        self._alone = 0
        """Of the progress: what the only actor waited for, while nothing else could happen."""
        self._followed = 0
        """Virtual nanoseconds by which readings followed the real clock."""
        self._last_event = self._last_read = real_monotonic()
        self._kept = self._gave_up = False
        self.alarm: Wait | None = None
        """The one that `signal.alarm` set."""
        self._alarm_at = 0.0
        """Seconds of processor time at which it goes off although somebody computes."""
        self._ringing: Callable[[], object] | None = None
        """One has gone off as the main thread looked after the time."""
        self._lingers = 0
        """Since when, by the real clock."""
        self.closed = False

    def _set_wall(self, wall: int) -> None:
        if wall > self._wall:
            self._move_wall(wall - self._wall)
            self._wall = wall
            low, high = self._spans[-1]
            if wall - high < _SLOWLY:
                self._spans[-1] = low, wall
            elif len(self._spans) < MOST_SPANS:
                self._spans.append((wall, wall))

    def _event(self) -> None:
        self._progress += 1
        self._last_event = self._last_read = real_monotonic()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    @property
    def near(self) -> int | None:
        """When that was first, nanoseconds since the epoch."""
        return next((at for at, _ in self.nears), None)

    def _unsure(self, at: int, what: What, *waits: Wait, timers: Sequence[Any] = ()) -> None:
        """Note it, and where those stand who wait; without any, the calling thread."""
        if (at, what) in self.nears or sum(other == what for _, other in self.nears) >= _MOST_NEAR:
            return
        stacks = [*map(_stack, waits), *map(stack_of_timer, timers)] if waits or timers else [stack_here()]
        self.nears[at, what] = Near(at, what, tuple(filter(None, stacks)))

    @abstractmethod
    def _interrupt(self) -> None:
        """The alarm goes off although somebody computes."""

    def _busy(self) -> bool:
        """Somebody runs, or is about to."""
        return self._runs() or self._first_ready() is not None

    def _runs(self) -> bool:
        if self._starting or len(self._actors) > len(self._blocked):
            return True
        return any(pool.queued and pool.active < pool.workers for pool in self._pools.values())

    def _first_ready(self) -> Wait | None:
        """Of those that can go on, the one that does."""
        ready = [wait for wait in self._blocked if wait.is_over or wait.ready()]
        return min(ready, key=lambda wait: wait.number, default=None)

    def _goes_on(self) -> bool:
        """The first that can go on does. False: there is none."""
        wait = self._first_ready()
        if wait is None:
            return False
        self._blocked.remove(wait)
        self._event()
        if wait.is_limit and self._is_raced():
            self._unsure(self._wall, "woken", wait)
        if wait.gate is not None:
            wait.gate.release()
        return True

    def _is_raced(self) -> bool:
        """Whether a thread that was woken now goes on while another one is about to begin or to end: it may have seen
        that in production."""
        return any(each.is_step and (each.end or 0) - self._wall < _TIE for each in self._blocked)

    def _next(self) -> tuple[list[tuple[int, int, Wait]], Wait] | None:
        """What happens next: answers in the order of the recording, against all else by their times."""
        for heap in (self._answers, self._others):
            while heap and (heap[0][2].gone or heap[0][2].fired):
                heappop(heap)
        if not self._answers or not self._others:
            heap = self._answers or self._others
            return (heap, heap[0][2]) if heap else None
        answer, other = self._answers[0][2], self._others[0][2]
        return (self._answers, answer) if self._is_first(answer, other) else (self._others, other)

    def _is_first(self, answer: Wait, other: Wait) -> bool:
        """As it was in production, where the recording tells; else by the times since they were asked for."""
        since, end = other.since, answer.end or 0
        unsure, known = _LAG, None
        if since is not None and end < other.wall:
            known = True
        elif since is not None and since.before is not None:
            unsure += since.before - since.after
            known = False if end > other.wall + unsure else None
        ahead = self._due(other) - self._due(answer)
        if self._is_unsure(answer, other, ahead, unsure, known):
            self._unsure(end, "step" if answer.is_step else "answer", other)
        return ahead >= 0 if known is None else known

    def _is_unsure(self, answer: Wait, other: Wait, ahead: int, unsure: int, known: bool | None) -> bool:
        """Whether another decision would be as good."""
        if answer.is_step and not (-_TIE < ahead < _TIE or -_TIE < (answer.end or 0) - other.wall < _TIE):
            return False
        if other.since is not None and -LATE < (answer.end or 0) - other.wall < LATE:
            return True
        if known is not None and len(self._actors) == 1:
            return False
        drifts = self._now - self._wall, answer.drift, other.drift
        unsure += max(drifts) - min(drifts)  # threads that ran at once may have asked in another order
        return -unsure < ahead < unsure

    def _due(self, wait: Wait) -> int:
        due = wait.due or 0
        return due if wait.end is None or wait.came == self._came else max(due, wait.end + self._ahead)

    def _steps_on(self) -> None:
        """The first of those whose step it is to begin or to end takes it before its time."""
        steps = [wait for wait in self._blocked if wait.is_step]
        if steps:
            wait = min(steps, key=lambda wait: (wait.end or 0, wait.number))
            self._blocked.remove(wait)
            wait.fired = True
            self._event()
            wait.fire()

    def _turn(self) -> None:
        """If nobody runs, let somebody: who can go on, else who waits for what is next."""
        if not self._runs() and not self._goes_on() and not self._advance() and self._is_stuck():
            self._keep()

    def _is_stuck(self) -> bool:
        """The entry point's thread waits, and nothing is left that could happen: it may yet be woken by a thread that
        is not known here."""
        waits = any(each.thread == self._owner for each in self._blocked)
        return waits and not self._busy() and self._next() is None

    def _give_up(self) -> None:
        """Nothing has come for long: let the entry point's thread go, which raises."""
        wait = next(each for each in self._blocked if each.thread == self._owner)
        wait.is_stuck = wait.fired = self._gave_up = True
        wait.fire() if wait.gate is None else wait.gate.release()

    def _advance(self, *, at_rest: bool = False) -> bool:
        """What is next comes; of answers to one event loop those with it, too. False: nothing is expected."""
        found = self._next()
        if found is None or (found[1].strangers and not at_rest):
            return found is not None
        self._come(*found)
        last = found[1]
        while last.loop is not None and (found := self._next()) is not None:
            wait = found[1]
            if wait.loop is not last.loop or (wait.end or 0) - (last.end or 0) > _TOGETHER:
                break
            self._come(*found)
            last = wait
        return True

    def _come(self, heap: list[tuple[int, int, Wait]], wait: Wait) -> None:
        heappop(heap)
        due = self._due(wait)
        if wait.end is None and self._others and len(self._actors) > 1:
            other = self._others[0][2]
            is_limit = wait.is_limit or other.is_limit
            if is_limit and wait.wall and (other.due or 0) - due < _TIE and not other.gone:
                self._unsure(wait.wall, "limits", wait, other)
        if wait.timers is not None:
            timers = wait.timers()
            if len(timers) > 1 and timers[1].when() - timers[0].when() < _LAG / _SECOND:
                self._unsure(wait.wall, "limits", timers=timers)
        if wait.end is not None and self._others and self._others[0][2].due is not None:
            due = min(due, self._others[0][2].due - _BEFORE)  # or a loop would see that its time is over, too
        self._reach(due, wait.wall, wait.end)
        wait.fired = True
        if wait in self._blocked:
            self._blocked.remove(wait)
        wait.fire()

    def _reach(self, due: int, wall: int, end: int | None) -> None:
        self._now = max(self._now, due)
        self._set_wall(wall)
        if end is None:
            self.pauses += 1
        else:
            self._came += 1
            self._ahead = self._now - end
        self._event()

    def _keep(self) -> None:
        """Make sure that somebody looks whether all has come to rest."""
        if not self._kept and not self.closed and (self._busy() or self._next() is not None or self._is_stuck()):
            self._kept = True
            start_new_thread(self._watch, ())

    def _watch(self) -> None:
        quiet, progress, computed, patience, stuck = 0, -1, cpu_of_others(), 0, 0
        while not self.closed:
            real_sleep(_SLICE)
            spent = cpu_of_others() - computed
            computed += spent
            if self.alarm is not None and time.process_time() >= self._alarm_at:
                self._interrupt()
            patience = patience + 1 if progress == self._progress else 0
            if patience > _PATIENT_LOOKS:
                with self._lock:
                    if not self._goes_on():
                        self._steps_on()
            if progress != self._progress or spent > _SLICE / 4 or somebody_runs():
                quiet, stuck, progress = 0, 0, self._progress
                continue
            quiet += 1
            if quiet < _QUIET_LOOKS:
                continue
            with self._lock:
                quiet = 0
                if not self.closed and progress == self._progress and not self._goes_on():
                    self._advance(at_rest=True)
                    stuck += _QUIET_LOOKS if self._is_stuck() else 0
                    if stuck * _SLICE >= STUCK and (stuck * _SLICE >= FLUSHES or not _somebody_tells()):
                        self._give_up()
                        stuck = 0


def _somebody_tells() -> bool:
    return any(map(tells, threading.enumerate()))
