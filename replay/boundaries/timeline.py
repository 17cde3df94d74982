"""Virtual time of one replay: who waits for what, and when time may move on.

An *actor* is a thread of the replay: the one that runs the entry point, what it starts, and the threads of its event
loops. One runs at a time, until it waits: of those that were started or woken meanwhile the first goes on then. When
all of them wait, time jumps to what comes next and wakes one waiter. So they go on in the same order each time.

Recorded answers come in the order in which production got them, and as far apart as there if they were waited for at
the same time; between them and other waits (sleeps, time limits) the time since the asking decides. What production
spent computing is not part of this time: a limit of one second around a call that took 0.9 s holds, however long the
code before it ran.

An actor may block where it is not seen (a plain lock, a C extension). A keeper thread notices that the process
computes nothing any more, and lets time move on. It lets another one run, too, where one only computes for long: it
may look again and again for what the other does.
"""

from __future__ import annotations

import threading
import time
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

from replay.boundaries.moments import Pool, Since, Wait
from replay.boundaries.resting import cpu_of_others, somebody_runs

_SECOND = 1_000_000_000
_TICK = 1_000
"""Nanoseconds by which a reading of the clock moves it: a loop that waits for a time by looking at the clock ends."""
_LAG = 5_000_000
"""Nanoseconds that an event loop may take to notice that a time limit is over."""
_LATE = 2 * _LAG
"""Nanoseconds that one may be late under load: of what is apart by less it is not sure which was first."""
_BEFORE = 10_000
"""Nanoseconds by which an answer comes before a time limit that was not over then."""
_TIE = 1_000_000
"""Nanoseconds between two things that come to different threads, of which either may have been first."""
_TOGETHER = 100_000
"""Nanoseconds between two answers that one event loop got before any of its tasks could act on the first."""
_PATIENCE = 1 * _SECOND
"""Nanoseconds of real time without an event after which readings follow the real clock: something waits unseen."""
_LINGER = 5 * _SECOND
"""Nanoseconds of real time that others may run on after the entry point has ended."""
_GRACE = _SECOND
"""Nanoseconds of processor time that a replay may take in addition until an alarm interrupts it."""
_SLICE = 0.005
"""Seconds between two looks of the keeper."""
_QUIET_LOOKS = 3
_PATIENT_LOOKS = 40
"""Of those that one may compute while others could go on."""

real_sleep = time.sleep
_real_monotonic = time.monotonic_ns


class Timeline:
    """One replay's virtual time. Every method is safe to call from any thread."""

    def __init__(self, wall: int, move_wall: Callable[[int], None]) -> None:
        self._lock = threading.RLock()
        self._now = self._base = _real_monotonic()
        self._wall = wall
        self._move_wall = move_wall
        self._actors: set[int] = {get_ident()}
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
        self.near: int | None = None
        """When two things of which a thread or a task awaited one first came at about the same time, nanoseconds since
        the epoch: the recording does not say which came first."""
        self._ahead = 0
        """When the last one came, virtual nanoseconds, less when it did in production."""
        self._progress = 0
        self._alone = 0
        """Of the progress: what the only actor waited for, while nothing else could happen."""
        self._last_event = self._last_read = self._now
        self._kept = False
        self.alarm: Wait | None = None
        """The one that `signal.alarm` set."""
        self._alarm_at = 0.0
        """Seconds of processor time at which it goes off although somebody computes."""
        self._ringing: Callable[[], object] | None = None
        """One has gone off as the main thread looked after the time."""
        self._lingers = 0
        """Since when, by the real clock."""
        self.closed = False

    def restart(self, wall: int) -> bool:
        """As if it were new, for another run from the time `wall`; the clock is the caller's to set. False: more was
        done in it than that one thread waited and looked at the time."""
        if self._progress != self._alone or self._numbers or self._starting or self._pools or self.closed:
            return False
        self._now = self._base = self._last_event = self._last_read = _real_monotonic()
        self._wall = wall
        self._since, self.near = Since(wall), None
        self._progress = self._alone = self._came = self._ahead = self.pauses = 0
        return True

    # Time -------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Virtual monotonic nanoseconds; starts at the real clock's. Runs on when the replay is over."""
        return self._now + _real_monotonic() - self._last_event if self.closed else self._now

    @property
    def elapsed(self) -> int:
        """Virtual nanoseconds since the start."""
        return self._now - self._base

    @property
    def wall(self) -> int:
        """The wall clock, nanoseconds since the epoch."""
        return self._wall

    def read(self) -> int:
        """`now`, as the application reads it: each reading moves it a little."""
        with self._lock:
            real = _real_monotonic()
            step = _TICK
            if real - self._last_event > _PATIENCE:
                step = max(step, min(real - self._last_read, _PATIENCE))
                self._set_wall(self._wall + step)
            self._last_read = real
            self._now += step
            return self._now

    def move_to(self, wall: int) -> None:
        """Let the wall clock stand at this time, unless it is past it."""
        with self._lock:
            self._event()
            self._set_wall(wall)
            self._happened()

    def shift(self, nanoseconds: int) -> None:
        """Let the wall clock move on by this much."""
        with self._lock:
            self._event()
            self._set_wall(self._wall + nanoseconds)

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Time stands while somebody looks on from a debugger; other threads that need it wait."""
        with self._lock:
            try:
                yield
            finally:
                self._event()

    def creep(self, nanoseconds: int) -> None:
        """Let time move on by this much although somebody runs, and what is due by then happen."""
        with self._lock:
            self._now += nanoseconds
            self._set_wall(self._wall + nanoseconds)
            while (found := self._next()) is not None and self._due(found[1]) <= self._now:
                self._come(*found)
        if self._ringing is not None:
            self._rung()

    def _set_wall(self, wall: int) -> None:
        if wall > self._wall:
            self._move_wall(wall - self._wall)
            self._wall = wall

    def _happened(self) -> None:
        """Something did of which the recording says when."""
        self._since.before = self._wall
        self._since = Since(self._wall)

    def _event(self) -> None:
        self._progress += 1
        self._last_event = self._last_read = _real_monotonic()

    # Actors -----------------------------------------------------------------------------------------------------

    def is_actor(self) -> bool:
        """The calling thread is known."""
        return get_ident() in self._actors

    @property
    def has_strangers(self) -> bool:
        """Threads that are no actors are alive: of the process, of an executor."""
        return threading.active_count() > len(self._actors) + self._starting

    def starting(self) -> int:
        """A thread is about to start that will `enter`. Its number, for its `turn`."""
        with self._lock:
            self._starting += 1
            return self._number()

    def number(self) -> int:
        """The number of a job, in the order in which they are given to executors."""
        with self._lock:
            return self._number()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def not_started(self) -> None:
        """It did not start after all."""
        with self._lock:
            self._starting -= 1

    def enter(self, *, announced: bool = False) -> bool:
        """The calling thread is an actor from now on; False if it was one. `announced`: by `starting`."""
        with self._lock:
            if announced:
                self._starting -= 1
            self._event()
            known = get_ident() in self._actors
            self._actors.add(get_ident())
            return not known

    def leave(self) -> None:
        """The calling thread is no actor any more."""
        with self._lock:
            self._actors.discard(get_ident())
            self._event()
            self._turn()

    def pool(self, executor: Any) -> Pool:
        """The jobs of `executor`."""
        with self._lock:
            pool = self._pools.get(id(executor))
            if pool is None:
                pool = self._pools[id(executor)] = Pool(executor._max_workers)
            return pool

    def is_over(self, executor: Callable[[], Any]) -> bool | None:
        """Whether an executor that is shut down, by a reference to it, has no jobs: its workers end now. None: it is
        not shut down, or is not known."""
        found = executor()
        pool = self._pools.get(id(found))
        if found is None or not found._shutdown or pool is None:
            return None
        return not (pool.queued or pool.active)

    def count(self, pool: Pool, *, queued: int = 0, active: int = 0) -> None:
        """Jobs were put into the queue of `pool`, taken from it, or done."""
        with self._lock:
            pool.queued += queued
            pool.active += active

    # Waiting ----------------------------------------------------------------------------------------------------

    @property
    def since(self) -> Since:
        """Now, as a time limit is set."""
        return self._since

    def after(self, nanoseconds: int) -> tuple[int, int]:
        """`due` and `wall` of what happens this much later."""
        return self._now + nanoseconds, self._wall + nanoseconds

    def add(self, wait: Wait) -> None:
        """Expect something that no thread blocks for."""
        with self._lock:
            wait.number = wait.number or self._number()
            if wait.due is None:
                return
            wait.drift = self._now - self._wall
            if wait.end is None:
                if wait.wall:
                    wait.since = wait.since or self._since
                heappush(self._others, (wait.due, wait.number, wait))
            else:
                wait.came = self._came
                heappush(self._answers, (wait.end, wait.number, wait))

    def block(self, wait: Wait, hold: Callable[[], object], *, in_turn: bool = True) -> None:
        """The calling thread waits. `hold` blocks it until `fire` or what makes it ready; not called if that is so.
        `in_turn`: after that it waits until nobody else runs."""
        with self._lock:
            actor = get_ident() in self._actors
            if actor:
                self._blocked.append(wait)
            else:
                self._event()
            self.add(wait)
            self._turn()
            done = wait.fired or wait.ready() or self.closed
            if not done:
                self._keep()
        try:
            while self._ringing is not None and self._rung() and not done:
                with self._lock:
                    self._turn()
                    done = wait.fired or wait.ready() or self.closed
            if not done:
                hold()
            if actor and in_turn:
                self._take_turn(wait)
        finally:
            with self._lock:
                wait.gone = True
                if wait in self._blocked:
                    self._blocked.remove(wait)
                self._event()

    def turn(self, number: int) -> None:
        """The calling thread has just begun. It goes on when nobody else runs, before those of higher numbers."""
        if self.is_actor():
            wait = Wait(lambda: None, ready=lambda: True)
            wait.number = number
            self.block(wait, lambda: None)

    def _take_turn(self, wait: Wait) -> None:
        """What the calling thread waited for is there: it goes on as soon as nobody else runs."""
        with self._lock:
            wait.is_over = True
            if wait in self._blocked and not self._runs():
                self._turn()
            if wait not in self._blocked or self.closed:
                return
            wait.gate = allocate_lock()
            wait.gate.acquire()
            self._keep()
        wait.gate.acquire()

    def sleep(self, nanoseconds: int, end: int | None = None) -> None:
        """Block the calling thread for this long. `end`: it waits for a recorded answer."""
        with self._lock:
            due, wall = self._now, self._wall if end is None else end
            if nanoseconds > 0:
                due += nanoseconds
                wall += nanoseconds if end is None else 0
            if self.closed or self._is_alone():
                self._reach(due, wall, end)  # nothing else can happen meanwhile
                self._alone += 1
                return
            if end is not None:
                self._set_wall(end - nanoseconds)  # it was asked then
                self._happened()
        lock = allocate_lock()
        lock.acquire()
        self.block(Wait(lock.release, due=due, wall=wall, end=end), lock.acquire)

    def compute(self, most: int, end: int) -> None:
        """Block the calling thread until it may go on as it did in production at `end`, having computed for so many
        nanoseconds at most."""
        with self._lock:
            due = self._now + max(0, min(most, end - self._wall))
            if self.closed or not self.is_actor():
                return
            if self._is_alone():
                self._now = max(self._now, due)
                self._set_wall(end)
                return
        lock = allocate_lock()
        lock.acquire()
        wait = Wait(lock.release, due=due, wall=end, end=end)
        wait.is_step = True
        self.block(wait, lock.acquire)

    # Alarms -----------------------------------------------------------------------------------------------------

    @property
    def has_main(self) -> bool:
        """The main thread is an actor: handlers of signals run in this time."""
        return threading.main_thread().ident in self._actors

    def set_alarm(self, alarm: Wait | None) -> None:
        """Expect this one instead of that before; None: no other."""
        with self._lock:
            if self.alarm is not None:
                self.alarm.gone = True
            self.alarm = alarm
            if alarm is not None and alarm.due is not None:
                self.add(alarm)
                self._alarm_at = time.process_time() + (alarm.due - self._now + _GRACE) / _SECOND
                self._keep()

    def ring(self, bell: Callable[[], object]) -> None:
        """An alarm has gone off: `bell` wakes the main thread. That one never stops while it holds the lock."""
        if get_ident() == threading.main_thread().ident:
            self._ringing = bell
        else:
            bell()

    def _rung(self) -> bool:
        """The application's handler has run here, if this is the main thread. Raises what it raises."""
        bell = self._ringing
        if bell is None or get_ident() != threading.main_thread().ident:
            return False
        self._ringing = None
        bell()
        return True

    def _interrupt(self) -> None:
        """Somebody has computed for as long as an alarm was set for."""
        with self._lock:
            alarm = self.alarm
            if alarm is not None and time.process_time() >= self._alarm_at and not self.closed:
                self._reach(alarm.due or 0, alarm.wall, None)
                alarm.fired = True
                alarm.fire()

    def linger(self, elapsed: int) -> bool:
        """Let what comes next to the others come, and wait until they wait again. False: nothing comes to them by so
        many nanoseconds after the start, or they have run on for too long."""
        with self._lock:
            self._lingers = self._lingers or _real_monotonic()
            left = self._lingers + _LINGER - _real_monotonic()
            found = self._next()
            if self.closed or left < 0 or self._is_alone() or (found is None and not self._busy()):
                return False
            due = self._now if found is None else max(self._now, self._due(found[1]))
            if due - self._base > elapsed:
                return False
            wall = self._wall + due - self._now
        lock = allocate_lock()
        lock.acquire()
        wait = Wait(lock.release, due=due, wall=wall)
        self.block(wait, lambda: lock.acquire(timeout=left / _SECOND), in_turn=False)
        return wait.fired

    def _is_alone(self) -> bool:
        """The calling thread is the only actor."""
        return (
            self.alarm is None
            and not self._starting
            and len(self._actors) == 1
            and get_ident() in self._actors
            and not (self._pools and any(pool.queued or pool.active for pool in self._pools.values()))
        )

    def is_stuck(self) -> bool:
        """Nobody runs, and nothing is expected."""
        with self._lock:
            return not self._busy() and self._next() is None

    def close(self) -> None:
        """The replay is over: who still waits is let go."""
        with self._lock:
            self._event()
            self.closed = True
            for wait in self._blocked:
                if wait.gate is not None:
                    wait.gate.release()
            for _, _, wait in [*self._answers, *self._others]:
                if not wait.gone and not wait.fired:
                    wait.fired = True
                    wait.fire()
            self._blocked.clear()

    def spared(self, wall: int) -> None:
        """A time limit was not met that was to be over when the wall clock stood at `wall`: it may have been met in
        production, where what it was for computed or waited for a processor."""
        with self._lock:
            if self.near is None and wall < self._wall:
                self.near = wall

    def unsure(self) -> None:
        """Something that no recording tells of decides from now on what comes first."""
        with self._lock:
            if self.near is None:
                self.near = self._wall

    def given_up(self, end: int) -> None:
        """Nobody waits any more for an answer that production got at `end`. If that is about now, then there it may
        have come first: what happens in one turn of an event loop has no order in a recording."""
        with self._lock:
            if self.near is None and end - self._wall < _LATE:
                self.near = end

    # Turns ------------------------------------------------------------------------------------------------------

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
        if self.near is None and wait.is_limit and self._is_raced():
            self.near = self._wall
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
        if self.near is None and self._is_unsure(answer, other, ahead, unsure, known):
            self.near = end
        return ahead >= 0 if known is None else known

    def _is_unsure(self, answer: Wait, other: Wait, ahead: int, unsure: int, known: bool | None) -> bool:
        """Whether another decision would be as good."""
        if answer.is_step and not (-_TIE < ahead < _TIE or -_TIE < (answer.end or 0) - other.wall < _TIE):
            return False
        if other.since is not None and -_LATE < (answer.end or 0) - other.wall < _LATE:
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
        if not self._runs() and not self._goes_on():
            self._advance()

    def _advance(self, *, at_rest: bool = False) -> None:
        found = self._next()
        if found is None or (found[1].strangers and not at_rest):
            return
        self._come(*found)
        last = found[1]
        while last.loop is not None and (found := self._next()) is not None:
            wait = found[1]
            if wait.loop is not last.loop or (wait.end or 0) - (last.end or 0) > _TOGETHER:
                return
            self._come(*found)
            last = wait

    def _come(self, heap: list[tuple[int, int, Wait]], wait: Wait) -> None:
        heappop(heap)
        due = self._due(wait)
        if self.near is None and wait.end is None and self._others and len(self._actors) > 1:
            other = self._others[0][2]
            if (wait.is_limit or other.is_limit) and (other.due or 0) - due < _TIE and not other.gone:
                self.near = wait.wall or None
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
        if not self._kept and not self.closed and (self._busy() or self._next() is not None):
            self._kept = True
            start_new_thread(self._watch, ())

    def _watch(self) -> None:
        quiet, progress, computed, patience = 0, -1, cpu_of_others(), 0
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
                quiet, progress = 0, self._progress
                continue
            quiet += 1
            if quiet < _QUIET_LOOKS:
                continue
            with self._lock:
                quiet = 0
                if not self.closed and progress == self._progress and not self._goes_on():
                    self._advance(at_rest=True)
