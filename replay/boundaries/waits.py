"""Waiting with a time limit, and reading the monotonic clocks, in virtual time. Only at replay.

`threading.Condition.wait` is what `Event`, `Semaphore`, `Barrier`, `queue.Queue`, `Timer` and `concurrent.futures`
wait with; `Thread.join` waits for a thread that the replay started. For locks and `queue.SimpleQueue` see `locks`, for
what is looked at again and again (sockets, pipes, semaphores of `multiprocessing`) `polls`. All that runs outside a
replay keeps real time.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import inspect
import queue
import sys
import threading
import time
from _thread import allocate_lock
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

from replay.boundaries.moments import Gate, Wait
from replay.boundaries.seam import rebind
from replay.boundaries.timeline import Timeline
from replay.core.world import LIVE, World, current

_SECOND = 1_000_000_000
_real = {name: getattr(time, name) for name in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")}
real_monotonic = time.monotonic
_perf_counter_ns = time.perf_counter_ns


timelines: list[Timeline] = []
"""Of the replays that run, innermost last."""
_ended: dict[threading.Thread, list[Gate]] = {}
"""Threads of the replay that run -> who joins them."""
_installed = False
_START = inspect.unwrap(threading.Thread.start).__code__
NUMBER = "_replay_number"
"""The attribute of a replay's future that holds the number of its job."""


def timeline_here() -> Timeline | None:
    """The virtual time of the code that calls; None where it has real time: outside a replay, after its end, and where
    it goes out to the real world."""
    if not timelines:
        return None
    world = current.get()
    if world is None:  # a worker of anyio between two jobs
        return timelines[-1] if timelines[-1].is_actor() else None
    if world is LIVE or is_real_time(world):  # type: ignore[arg-type]  # LIVE is the only _Live
        return None
    return timelines[-1]


def is_real_time(world: World) -> bool:
    """Nothing waits in virtual time there."""
    return world.live or world.closed or getattr(world, "goes_out", False)


def install() -> None:
    """Patch once a process, when the first replay starts: a service that only captures never pays for it."""
    global _installed
    if _installed:
        return
    _installed = True
    tapped = {name: _reader(name) for name in _real}
    for name, reader in tapped.items():
        setattr(time, name, reader)
    rebind({name: (_real[name], reader) for name, reader in tapped.items()})
    now = {name: (getattr(time, name), _of_now(name)) for name in ("ctime", "asctime")}
    for name, (_, tapped_now) in now.items():
        setattr(time, name, tapped_now)
    rebind(now)
    # under another name, and always together with waits that are virtual too
    threading._time = queue.time = tapped["monotonic"]  # type: ignore[attr-defined]
    threading.Condition.wait = _tap_wait(threading.Condition.wait)  # type: ignore[method-assign]
    threading.Thread.join = _tap_join(threading.Thread.join)  # type: ignore[method-assign]
    bare = _tap_bare(_thread.start_new_thread)
    rebind({"start_new_thread": (_thread.start_new_thread, bare)})
    _thread.start_new_thread = bare
    # its waits are conditions, its clock is `time.monotonic`
    concurrent.futures.Future.__hash__ = _place_in_sets  # type: ignore[method-assign,assignment]


def _reader(name: str) -> Callable[[], Any]:
    original = _real[name]
    apart = _perf_counter_ns() - _real["monotonic_ns"]() if name.startswith("perf") else 0
    offset = round(apart / _SECOND) * _SECOND  # whole seconds, as the clock itself begins at one
    seconds = not name.endswith("_ns")

    @wraps(original)
    def read() -> Any:
        timeline = timeline_here()
        if timeline is None:
            return original()
        now = timeline.read() + offset
        return now / _SECOND if seconds else now

    return read


def _of_now(name: str) -> Callable[..., str]:
    """`time.ctime` or `time.asctime`, which know of no clock but the system's, by the clock that replay sets."""
    original: Callable[[Any], str] = getattr(time, name)
    moment: Callable[[], Any] = time.time if name == "ctime" else time.localtime

    @wraps(original)
    def text(given: Any = None, /) -> str:
        return original(moment() if given is None else given)

    return text


def _place_in_sets(self: concurrent.futures.Future[Any]) -> int:
    """Of a replay's futures the same at each: by their addresses code would go through a set of them in another order
    each time."""
    number: int | None = self.__dict__.get(NUMBER)
    return object.__hash__(self) if number is None else number


LEAST = 1_000
"""Nanoseconds that any wait takes: if one took none, `while time.time() <= until: wait(...)` would never end."""


def nanoseconds(seconds: float) -> int:
    """A time limit; at most a century, as infinity is one too."""
    return max(LEAST, int(min(max(seconds, 0.0), 3.2e9) * _SECOND))


def _tap_wait(original: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(original)
    def wait(self: Any, timeout: float | None = None) -> bool:
        timeline = timeline_here()
        if timeline is None or not timeline.is_actor() or not self._is_owned() or _starts_a_thread(sys._getframe(1)):
            return original(self, timeout)
        if timeout is not None and timeout <= 0:
            timeline.creep(LEAST)
            return original(self, timeout)
        waiter = Gate()
        waiting = woken(waiter, timeline, _end(timeline, timeout))
        self._waiters.append(waiter)
        saved = self._release_save()
        try:
            timeline.block(waiting, waiter.acquire)
        finally:
            self._acquire_restore(saved)
            notified = waiter not in self._waiters
            if not notified:
                self._waiters.remove(waiter)
        return notified

    return wait


def _starts_a_thread(frame: FrameType) -> bool:
    """It is waited for a thread that the system has been asked for: it goes on whatever time it is."""
    return frame.f_back is not None and frame.f_back.f_code is _START


def _tap_join(original: Callable[..., None]) -> Callable[..., None]:
    @wraps(original)
    def join(self: threading.Thread, timeout: float | None = None) -> None:
        timeline = timeline_here()
        if timeline is None or not timeline.is_actor() or self is threading.current_thread():
            return original(self, timeout)
        joiners = _ended.get(self)
        executor = _executor_of(self) if joiners is None and timeout is None else None
        if executor is not None:
            return _join_worker(original, self, executor, timeline)
        if joiners is None:
            return original(self, timeout)
        if timeout is not None and timeout <= 0:
            timeline.creep(LEAST)
            return original(self, timeout)
        lock = Gate()
        joiners.append(lock)
        if self not in _ended:  # it has just ended, perhaps before it saw us
            return original(self, timeout)
        try:
            timeline.block(woken(lock, timeline, _end(timeline, timeout)), lock.acquire)
        finally:
            if lock in joiners:  # its time was over first
                joiners.remove(lock)
        return original(self) if self not in _ended else None

    return join


def _tap_bare(original: Callable[..., int]) -> Callable[..., int]:
    """Of `_thread`, for threads of which `threading` does not know: as long as one runs, time stands."""

    @wraps(original)
    def start(function: Callable[..., object], /, *args: Any) -> int:
        timeline = timeline_here()
        if timeline is None or not callable(function):
            return original(function, *args)

        def act(*args: Any, **named: Any) -> None:
            timeline.enter(announced=True)
            try:
                function(*args, **named)
            finally:
                timeline.leave()

        timeline.starting()
        try:
            return original(act, *args)
        except BaseException:
            timeline.not_started()
            raise

    return start


def _executor_of(thread: threading.Thread) -> Callable[[], Any] | None:
    """A weak reference to that whose jobs it does, or idles for (see `Pool`); None: it does nobody's, or ends just now,
    when a thread forgets what it ran."""
    try:
        is_worker = thread._target is concurrent.futures.thread._worker  # type: ignore[attr-defined]
        return thread._args[0] if is_worker else None  # type: ignore[attr-defined]
    except (AttributeError, IndexError):
        return None


def _join_worker(
    original: Callable[..., None], thread: threading.Thread, executor: Callable[[], Any], timeline: Timeline
) -> None:
    """It ends when all jobs are done: which of its workers does what, and ends when, is for the system to say."""

    def is_over() -> bool:
        over = timeline.is_over(executor)
        return not thread.is_alive() if over is None else over

    if not is_over():
        wait = Wait(lambda: None, ready=is_over)
        wait.gate = allocate_lock()
        wait.gate.acquire()
        timeline.block(wait, wait.gate.acquire)
    return original(thread)


def _end(timeline: Timeline, timeout: float | None) -> tuple[int, int] | None:
    return None if timeout is None else timeline.after(nanoseconds(timeout))


def woken(gate: Gate, timeline: Timeline, end: tuple[int, int] | None) -> Wait:
    """A wait that ends when somebody opens `gate`, or its time is over. `end`: as of `Timeline.after`."""

    def fire() -> None:
        try:
            gate.release()
        except RuntimeError:  # it was woken in this moment
            pass

    def ready() -> bool:
        return gate.is_open

    if end is None:
        return Wait(fire, ready=ready)
    return Wait(fire, due=end[0], wall=end[1], ready=ready, strangers=timeline.has_strangers)


def started(thread: threading.Thread) -> None:
    """A thread of the replay is about to run."""
    _ended[thread] = []


def ended(thread: threading.Thread) -> None:
    """It has run: who joins it goes on."""
    for lock in tuple(_ended.pop(thread, ())):
        try:
            lock.release()
        except RuntimeError:  # it was woken in this moment
            pass
