"""An event loop in virtual time: sleeps and time limits cost no real time. Only at replay.

Where a real loop would wait for its next timer, this one lets the replay's time jump to it (see `timeline`).
Recorded answers arrive in between, when as much time has gone by as production waited for them.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Callable
from functools import partial, wraps
from math import inf, ulp
from types import ModuleType
from typing import Any

from replay.boundaries.alarms import install as install_alarms
from replay.boundaries.moments import Since, Wait
from replay.boundaries.numbered import Future, Task
from replay.boundaries.polls import install as install_polls
from replay.boundaries.polls import really_select
from replay.boundaries.seam import rebind, when_imported
from replay.boundaries.timeline import LONGER, Timeline
from replay.boundaries.waits import install as install_waits
from replay.boundaries.waits import real_monotonic, timeline_here, timelines
from replay.core.sound import LONGEST
from replay.core.world import Answer, here

_SECOND = 1_000_000_000
_EPSILON = 1e-7
"""Seconds between timers that are set for the same time: they end in the order in which they were set."""
_FARTHEST = LONGEST / _SECOND
"""Seconds from now within which every timer is due: an edited one may lie beyond what a float can count up to."""
_MOST_WALLS = 4096
_SPINS = 100
"""Rounds of a loop that always has something to do, after which its rounds take time: tasks may wait by polling."""
_ROUND = 100_000
"""Nanoseconds that each of them then takes."""
_ASYNCIO = asyncio.base_events.__file__
_FAR = 3600.0
"""Seconds of virtual time."""

_installed = False


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector event loop whose `time()` is the replay's."""

    def __init__(self, selector: None = None) -> None:
        self.timeline = timelines[-1]
        self._walls: dict[float, tuple[int, Since]] = {}
        self._set_at = -1
        self._set_number = 0
        super().__init__(_Selector(self))  # type: ignore[arg-type]  # has what the loop uses of one
        self.set_task_factory(lambda loop, coro, **given: Task(coro, loop=loop, **given))

    def create_future(self) -> asyncio.Future[Any]:
        """As of any loop."""
        return Future(loop=self)

    def time(self) -> float:
        """Seconds; the same clock as `time.monotonic()` at replay. It moves when the application reads it."""
        asyncio_reads = sys._getframe(1).f_code.co_filename == _ASYNCIO
        return (self.timeline.now if asyncio_reads else self.timeline.read()) / _SECOND

    def call_at(  # type: ignore[override]  # as there, without its type variables
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As of any loop; timers for the same time keep their order."""
        now, wall = self.timeline.now, self.timeline.wall
        if when != inf:  # asyncio.sleep(inf): until it is cancelled
            # Not `min`: a time that is no number is due at once, as in any loop.
            when = when if when < now / _SECOND + _FARTHEST else now / _SECOND + (_FARTHEST if when == when else 0)
        if now != self._set_at:
            self._set_at, self._set_number = now, 0
        self._set_number += 1
        handle = super().call_at(when + self._set_number * _EPSILON, callback, *args, context=context)
        if len(self._walls) > _MOST_WALLS:
            self._walls = {when: self._walls[when] for when in self._pending() if when in self._walls}
        if when != inf:
            self._walls[handle.when()] = wall + max(0, int(when * _SECOND) - now), self.timeline.since
        return handle

    def _pending(self) -> list[float]:
        return [handle.when() for handle in self._scheduled]  # type: ignore[attr-defined]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        super()._timer_handle_cancelled(handle)  # type: ignore[misc]
        set_for = self._walls.get(handle.when())
        if set_for is not None:
            self.timeline.spared(set_for[0], handle)

    def next_timer(self) -> tuple[int | None, int, Since | None]:
        """When the next timer is due, virtual nanoseconds (None: never), where the wall clock then stands, and when it
        was set."""
        when: float = self._scheduled[0].when()  # type: ignore[attr-defined]
        if when == inf:
            return None, 0, None
        return due_at(when), *self._walls.get(when, (0, None))

    def set_back(self, nanoseconds: int) -> None:
        """See `set_back`."""
        self._walls = {when: (wall - nanoseconds, self.timeline.since) for when, (wall, _) in self._walls.items()}

    def next_timers(self) -> list[asyncio.TimerHandle]:
        """The one that is due next, and the one after it."""
        heap: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return sorted(each for each in heap[:3] if not each.cancelled())[:2]

    @property
    def has_ready(self) -> bool:
        """A callback waits to be run."""
        return bool(self._ready)  # type: ignore[attr-defined]

    def wake(self) -> None:
        """End the wait of the selector, from any thread."""
        if not self.is_closed():
            self._write_to_self()  # type: ignore[attr-defined]

    def run_forever(self) -> None:
        """As of any loop; its thread is an actor as long as it runs."""
        entered = self.timeline.enter()
        try:
            super().run_forever()
        finally:
            if entered:
                self.timeline.leave()


def set_back(nanoseconds: int) -> None:
    """The wall clock was set back by so much: the timers of the loop that runs come as far off as they are."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        loop.set_back(nanoseconds)


def due_at(when: float) -> int:
    """The first nanosecond, or one soon after, at which a clock in seconds shows `when`: after some years a float knows
    a tenth of a microsecond, and a loop would find its timer due too early, over and over."""
    due = int(when * _SECOND) + 1
    while due / _SECOND < when:
        due += max(1, int(ulp(when) * _SECOND))
    return due


class _Selector:
    """A real selector that never waits for time to pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()
        self._really = partial(really_select, self._real)
        self._spins = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready. If nothing is: let time move on until something happens."""
        events = self._really(0)
        loop, timeline = self._loop, self._loop.timeline
        if events or (timeout is not None and timeout <= 0):
            self._spins += 1
            if self._spins > _SPINS:
                timeline.creep(_ROUND)
            return events
        self._spins = 0
        if timeline.closed:
            return self._really(timeout)
        if len(self._real.get_map()) > 1:  # something besides the loop's own pipe may be about to answer
            events = self._really(0.001)
            if events:
                return events
        due, wall, since = (None, 0, None) if timeout is None else loop.next_timer()
        wait = Wait(loop.wake, due=due, wall=wall, ready=lambda: loop.has_ready, since=since)
        wait.timers = loop.next_timers
        timeline.block(wait, lambda: events.extend(self._really(None)))
        return events


def start_waits(timeline: Timeline) -> None:
    """What the replay does here waits in the time of `timeline`, until it is taken out of `waits.timelines`."""
    install_waits()
    install_polls()
    install_alarms()
    install()
    timelines.append(timeline)


def install() -> None:
    """Give code at replay that makes a loop of its own a virtual one, also where it names asyncio's class or asks
    uvloop for one. Patches once a process.

    What brings a selector, or a class of its own, gets what it asks for.
    """
    global _installed
    if _installed:
        return
    _installed = True
    tapped = _tap_new(asyncio.new_event_loop)
    asyncio.new_event_loop = asyncio.events.new_event_loop = tapped
    asyncio.SelectorEventLoop.__new__ = _new_loop  # type: ignore[method-assign,assignment]
    asyncio.BaseEventLoop.time = _loop_time  # type: ignore[method-assign]
    when_imported("uvloop", _tap_uvloop)


def _tap_new(original: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    def new_event_loop() -> asyncio.AbstractEventLoop:
        """Create an event loop: at replay one in virtual time, else as the policy says."""
        return original() if timeline_here() is None else VirtualLoop()

    return new_event_loop


def _new_loop(cls: type[asyncio.SelectorEventLoop], selector: object = None) -> asyncio.SelectorEventLoop:
    is_plain = cls is asyncio.SelectorEventLoop and selector is None
    return object.__new__(VirtualLoop if is_plain and timeline_here() is not None else cls)


def _tap_uvloop(uvloop: ModuleType) -> None:
    original, really_run = uvloop.new_event_loop, uvloop.run
    tapped = _tap_new(original)

    @wraps(really_run)
    def run(main: Any, *, debug: bool | None = None, **named: Any) -> Any:
        if timeline_here() is None:
            return really_run(main, debug=debug, **named)
        return asyncio.run(main, debug=debug)

    rebind({"new_event_loop": (original, tapped), "run": (really_run, run)})
    uvloop.new_event_loop, uvloop.run = tapped, run  # type: ignore[attr-defined]


def _loop_time(self: asyncio.BaseEventLoop) -> float:
    """Of a real loop: it waits in real time, also in the middle of a replay."""
    return float(real_monotonic())


class Arrival:
    """A recorded answer on its way to the task that asks now; on a real loop it is there at once."""

    def __init__(self, answer: Answer) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop if isinstance(loop, VirtualLoop) and not loop.timeline.closed else None
        self._asked = 0 if self._loop is None else self._loop.timeline.now
        self._answer = answer
        self._waited = -2
        """For what came so long after the asking."""
        self.just_missed = False
        """Its wait was given up at about the moment at which it came."""

    def left(self, offset_ns: int) -> int:
        """Nanoseconds until what came this long after the asking is there."""
        return offset_ns - (max(0, self._waited) if self._loop is None else self._loop.timeline.now - self._asked)

    async def whole(self) -> None:
        """Wait until all of it is there."""
        await self.at(self._answer.duration_ns)

    async def at(self, offset_ns: int) -> None:
        """Wait until what came this long after the asking is there."""
        loop, answer = self._loop, self._answer
        offset_ns = min(offset_ns, answer.duration_ns)
        came_at = answer.ends_at - answer.duration_ns + offset_ns
        before, self._waited = self._waited, offset_ns
        if 0 <= offset_ns - before <= 1:  # read in one go, no other task between (see `core.turns`)
            return
        for _ in range(answer.turns or 0):
            await asyncio.sleep(0)
        if loop is None or answer.turns is not None or loop is not asyncio.get_running_loop():
            if timelines:
                timelines[-1].move_to(came_at)
            return
        future = loop.create_future()

        def fire() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, future)

        wait = Wait(fire, due=self._asked + offset_ns, wall=came_at, end=came_at, loop=loop)
        loop.timeline.add(wait)
        try:
            await future
        except BaseException:
            wait.gone = True
            self.just_missed = wait.fired or loop.timeline.given_up(came_at, self._asked + offset_ns)
            gives_up = getattr(here(), "gives_up", None)
            if gives_up is not None and not self.just_missed:
                gives_up(answer.seq)
            raise
        wait.gone = True

    async def never(self, beyond: Callable[[str], object]) -> None:
        """Wait for what did not come in production: until the application gives it up, or far longer than it did.
        `beyond` is told if that is later than in production: what would have come by then, no recording says."""
        loop, answer = self._loop, self._answer
        try:
            await asyncio.sleep(answer.duration_ns / _SECOND + (1.0 if loop is None else _FAR))
        except BaseException:
            if loop is not None and not loop.timeline.closed:
                waited = loop.timeline.now - self._asked - answer.duration_ns
                if waited > LONGER and loop.timeline.is_later(answer.ends_at):
                    beyond(f"It was waited for {waited / _SECOND:.1f} s longer than in production, which gave it up.")
            raise


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
