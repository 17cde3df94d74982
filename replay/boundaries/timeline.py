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
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappush
from typing import Any

from replay.boundaries.moments import Pool, Since, Wait
from replay.boundaries.order import LATE, MOST_SPANS, Order, real_monotonic, whole_second
from replay.core.verdict import Spans
from replay.core.world import here
from replay.errors import DivergenceError

_SECOND = 1_000_000_000
_PATIENCE = 1 * _SECOND
"""Nanoseconds of real time without an event after which readings follow the real clock: something waits unseen."""
_LINGER = 5 * _SECOND
"""Nanoseconds of real time that others may run on after the entry point has ended."""
LONGER = _SECOND // 10
"""Nanoseconds by which code may wait longer than it did in production, until that is told."""
_GRACE = _SECOND
"""Nanoseconds of processor time that a replay may take in addition until an alarm interrupts it."""


class Timeline(Order):
    """One replay's virtual time. Every method is safe to call from any thread."""

    tick = 1_000
    """Nanoseconds by which a reading of the clock moves it: a loop that waits for a time by looking at the clock
    ends."""

    def restart(self, wall: int) -> bool:
        """As if it were new, for another run from the time `wall`; the clock is the caller's to set. False: more was
        done in it than that one thread waited and looked at the time."""
        if self._progress != self._alone or self._numbers or self._starting or self._pools or self.closed:
            return False
        self._now = self._base = whole_second()
        self._last_event = self._last_read = real_monotonic()
        self._wall = self._began = wall
        self._spans = [(wall, wall)]
        self._since, self.nears = Since(wall), {}
        self._progress = self._alone = self._came = self._ahead = self._followed = self.pauses = 0
        return True

    def begin(self, set_to: Callable[[int], object]) -> int:
        """The unit of work begins only now: what went before, an application's start-up, took none of its time. The
        wall clock stands at the start again, by `set_to`; the monotonic one goes on, and what waits comes as far off as
        it is. Nanoseconds by which it was set back."""
        with self._lock:
            back = self._wall - self._began
            set_to(self._began)
            self._wall = self._began
            self._spans = [(self._wall, self._wall)]
            self._base, self._since, self._followed, self.nears = self._now, Since(self._began), 0, {}
            for _, _, wait in self._others:
                if wait.wall:
                    wait.wall, wait.drift, wait.since = wait.wall - back, wait.drift + back, None
        return back

    # Time -------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Virtual monotonic nanoseconds; starts at the real clock's. Runs on when the replay is over."""
        return self._now + real_monotonic() - self._last_event if self.closed else self._now

    @property
    def elapsed(self) -> int:
        """Virtual nanoseconds since the start."""
        return self._now - self._base

    @property
    def waited(self) -> int:
        """The same without those that went by as code here computed."""
        return self.elapsed - self._followed

    def is_later(self, wall: int, ahead: int = 0) -> bool:
        """Whether more time than production had at `wall` has gone by `ahead` nanoseconds from now. What that computed
        takes no time here, so code that waits for as long as it did then is earlier, if anything. Nor does what is
        computed here count."""
        return self.waited + ahead > wall - self._began + LONGER

    @property
    def wall(self) -> int:
        """The wall clock, nanoseconds since the epoch."""
        return self._wall

    @property
    def stood(self) -> Spans | None:
        """Where the wall clock stood so far, or went slowly; None if there were too many such places, or it followed
        the real one for a while."""
        return None if self._followed or len(self._spans) >= MOST_SPANS else self._spans

    def read(self) -> int:
        """`now`, as the application reads it: each reading moves it a little."""
        with self._lock:
            real = real_monotonic()
            step = self.tick
            if real - self._last_event > _PATIENCE:
                step = max(step, min(real - self._last_read, _PATIENCE))
                self._set_wall(self._wall + step)
                self._followed += step
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

    def _happened(self) -> None:
        """Something did of which the recording says when."""
        self._since.before = self._wall
        self._since = Since(self._wall)

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
            if pool is None or pool.executor() is not executor:
                pool = self._pools[id(executor)] = Pool(executor)
            return pool

    def is_over(self, executor: Callable[[], Any]) -> bool | None:
        """Whether an executor that is shut down, by a reference to it, has no jobs: its workers end now. None: it is
        not shut down, or is not known."""
        found = executor()
        pool = self._pools.get(id(found))
        if found is None or not found._shutdown or pool is None or pool.executor() is not found:
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
            wait.thread = get_ident()
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
            if wait.is_stuck and wait.thread != self._owner:
                raise SystemExit  # a thread that waited for ever would keep the process from its end
            if wait.is_stuck:
                raise _stuck()
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
            self._lingers = self._lingers or real_monotonic()
            left = self._lingers + _LINGER - real_monotonic()
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

    def close(self) -> None:
        """The replay is over: who still waits is let go."""
        with self._lock:
            self._event()
            self.closed = True
            for wait in self._blocked:
                wait.is_stuck = self._gave_up
                if wait.gate is not None:
                    wait.gate.release()
                elif self._gave_up and wait.due is None:
                    wait.fire()
            for _, _, wait in [*self._answers, *self._others]:
                if not wait.gone and not wait.fired:
                    wait.fired = True
                    wait.fire()
            self._blocked.clear()

    def spared(self, wall: int, timer: object) -> None:
        """A time limit was not met that was to be over when the wall clock stood at `wall`: it may have been met in
        production, where what it was for computed or waited for a processor."""
        with self._lock:
            if wall < self._wall:
                self._unsure(wall, "spared", timers=(timer,))

    def unsure(self) -> None:
        """Something that no recording tells of decides from now on what comes first."""
        with self._lock:
            self._unsure(self._wall, "computed")

    def given_up(self, end: int, due: int) -> bool:
        """Nobody waits any more for an answer that production got at `end`, and that is here at `due`. True if that is
        about now, and there it may have come first: what happens in one turn of an event loop has no order in a
        recording."""
        with self._lock:
            is_near = min(end - self._wall, due - self._now) < LATE
            if is_near:
                self._unsure(end, "given up")
            return is_near


def _stuck() -> BaseException:
    """What is raised into the entry point that waits for ever. Noted first: the code may swallow it."""
    world = here()
    if world is not None:
        world.unrecorded("wait", "for what no thread, time limit or recorded answer brings")
    return DivergenceError(
        "The entry point waits for something that cannot happen: no thread, time limit or recorded answer is left that "
        "could wake it. In production one did, or something unrecorded."
    )
