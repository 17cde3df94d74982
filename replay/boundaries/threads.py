"""Threads: the world goes along into a thread or an executor, which start with an empty context.

Only the harness's own variables are carried. The application's variables stay as they are without the harness: a
thread does not see them, and must not begin to because it is recorded. At replay the thread or job is also an actor of
the replay's virtual time.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from threading import Thread
from types import ModuleType
from typing import Any

from replay.boundaries.moments import Pool
from replay.boundaries.seam import rebind, when_imported
from replay.boundaries.timeline import Timeline
from replay.boundaries.waits import NUMBER, ended, started, timeline_here
from replay.core.telemetry import tells
from replay.core.world import LIVE, Carrier, current, failed, followed, forks, here

_NOWHERE = (None, LIVE)
"""What is not carried: under LIVE nothing is recorded, and a thread without a world records nothing either."""


class _Carried:
    """A callable that runs in the world in which it was made."""

    __slots__ = ("function", "values")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.values: list[tuple[Carrier, Any]] = [(var, var.get()) for var in followed]
        self.values += [(var, fork()) for var, fork in forks]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tokens: list[tuple[Carrier, Any]] = []
        self._enter(tokens)
        try:
            return self.function(*args, **kwargs)
        finally:
            _leave(tokens)

    def _enter(self, tokens: list[tuple[Carrier, Any]]) -> None:
        """`tokens`: what leads back."""
        try:
            for var, value in self.values:
                tokens.append((var, var.set(value)))
        except Exception:
            failed("carry-failed", here())


def _leave(tokens: list[tuple[Carrier, Any]]) -> None:
    for var, token in tokens:
        try:
            var.reset(token)
        except Exception:
            failed("carry-failed")


def _carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """A callable that runs in the world of here; the function itself where that cannot be."""
    try:
        return _Carried(function)
    except Exception:
        failed("carry-failed", here())
        return function


def _put_back(thread: Thread, own: object) -> None:
    if own is None:
        thread.__dict__.pop("run", None)
    else:
        thread.__dict__["run"] = own


def _tap_start(original: Callable[[Thread], None]) -> Callable[[Thread], None]:
    @wraps(original)
    def start(self: Thread) -> None:
        if current.get() in _NOWHERE or self.ident is not None:
            return original(self)
        timeline = timeline_here()
        pooled = _is_pooled(self)
        if pooled and timeline is None:
            return original(self)
        own = self.__dict__.get("run")
        function: Any = None

        def run() -> None:
            _put_back(self, own)
            function()

        function = _replaced(self, run, pooled)
        if function is None:
            return original(self)
        if timeline is not None:
            function = _acting(function, timeline, self)
        try:
            original(self)
        except BaseException:
            _not_started(self, own, timeline)
            raise

    return start


def _replaced(thread: Thread, run: Callable[[], None], pooled: bool) -> Any:
    """What it is to run, with `run` in its place; None: it refuses, and runs in no world."""
    try:
        function = thread.run if pooled else _carried(thread.run)
        thread.run = run  # type: ignore[method-assign]  # the one method that every subclass may override
    except Exception:
        failed("carry-failed", here())
        return None
    return function


def _not_started(thread: Thread, own: Any, timeline: Any) -> None:
    _put_back(thread, own)
    if timeline is not None:
        timeline.not_started()
        ended(thread)


def _tap_telling(original: Callable[[Thread], None]) -> Callable[[Thread], None]:
    tapped = _tap_start(original)

    @wraps(original)
    def start(self: Thread) -> None:
        return _start_apart(self, original) if _is_apart(self) else tapped(self)

    return start


def _start_apart(thread: Thread, original: Callable[[Thread], None]) -> None:
    """Start one that is no part of any work: no world hears it, not even one that takes in threads that lost theirs."""
    own = thread.__dict__.get("run")
    try:
        function = thread.run

        def run() -> None:
            _put_back(thread, own)
            current.set(LIVE)
            function()

        thread.run = run  # type: ignore[method-assign]  # as above
    except Exception:
        failed("carry-failed")
        return original(thread)
    try:
        original(thread)
    except BaseException:
        _put_back(thread, own)
        raise


def _is_apart(thread: Thread) -> bool:
    try:
        return thread.ident is None and tells(thread)
    except Exception:
        failed("carry-failed", here())
        return False


def _is_pooled(thread: Thread) -> bool:
    try:
        return _serves_others_later(thread)
    except Exception:
        failed("carry-failed", here())
        return True


def _serves_others_later(thread: Thread) -> bool:
    """A worker of anyio: whether one is started or idles already depends on earlier work, so it is nobody's lane. What
    it runs is carried as a job."""
    return type(thread).__name__ == "WorkerThread" and type(thread).__module__.startswith("anyio.")


def _acting(function: Callable[..., Any], timeline: Timeline, thread: Thread) -> Callable[..., Any]:
    """What a thread of a replay runs: it is an actor meanwhile."""
    number = timeline.starting()
    started(thread)

    def act(*args: Any, **kwargs: Any) -> Any:
        timeline.enter(announced=True)
        try:
            timeline.turn(number)
            return function(*args, **kwargs)
        except Exception as error:
            if not (timeline.closed and _is_refusal(error)):
                raise
            return None  # it asked after the end: of that the verdict says nothing, nor need a traceback
        finally:
            ended(thread)
            timeline.leave()

    return act


def _is_refusal(error: Exception) -> bool:
    """Whether it is the replay's own that stands where an answer would, of whichever class its client expects."""
    said = error.args[0] if error.args else None
    return type(said) is str and said.startswith("replay: ")


class _Job:
    """A job for an executor: an actor of the replay from its start until all who wait for its future were told."""

    def __init__(self, carried: Callable[..., Any], timeline: Timeline, pool: Pool) -> None:
        self._carried = carried
        self._timeline = timeline
        self._pool = pool
        self._state = "queued"
        self._entered = False
        self._number = timeline.number()
        self._changes = allocate_lock()
        self._submitted = allocate_lock()
        self._submitted.acquire()
        timeline.count(pool, queued=1)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._submitted.acquire()
        self._entered = self._timeline.enter()
        self._become("active")
        self._timeline.turn(self._number)
        return self._carried(*args, **kwargs)

    def submitted(self, future: Future[Any] | None) -> None:
        """It is in the executor's queue, or (None) was refused. Its end is where the future has told everybody."""
        if future is None:
            self._become("done")
            return
        future.__dict__[NUMBER] = self._number
        tell = future._invoke_callbacks  # type: ignore[attr-defined]
        begin = future.set_running_or_notify_cancel

        def held_and_begun() -> bool:
            self._hold()
            return begin()

        def tell_and_end() -> None:
            try:
                tell()
            finally:
                self._become("done")
                if self._entered:
                    self._timeline.leave()

        future._invoke_callbacks = tell_and_end  # type: ignore[attr-defined]
        future.set_running_or_notify_cancel = held_and_begun  # type: ignore[method-assign]
        self._submitted.release()

    def _hold(self) -> None:
        """Wait until it may begin; it may be cancelled meanwhile."""
        lanes = [value for _, value in getattr(self._carried, "values", ()) if hasattr(value, "hold")]
        if not lanes:
            return
        entered = self._timeline.enter()
        try:
            if self._become("active", "queued"):
                for lane in lanes:
                    lane.hold()
        finally:
            self._become("queued", "active")
            if entered:
                self._timeline.leave()

    def _become(self, state: str, only_from: str | None = None) -> bool:
        """False: it is not what it was to be until now."""
        with self._changes:
            if only_from not in (None, self._state):
                return False
            counts = {"queued": 0, "active": 0, "done": 0, self._state: -1}
            counts[state] += 1
            self._state = state
            self._timeline.count(self._pool, queued=counts["queued"], active=counts["active"])
        return True


def _tap_submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @wraps(original)
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if current.get() in _NOWHERE:
            return original(self, fn, *args, **kwargs)
        carried = _carried(fn)
        timeline = timeline_here()
        job = None if timeline is None else _Job(carried, timeline, timeline.pool(self))
        token = current.set(None)  # a worker that is started now serves others later: it must not keep this world
        try:
            future = original(self, job or carried, *args, **kwargs)
        except BaseException:
            if job is not None:
                job.submitted(None)
            raise
        finally:
            current.reset(token)
        if job is not None:
            job.submitted(future)
        return future

    return submit


def _tap_anyio(to_thread: ModuleType) -> None:
    """Jobs of anyio's own pool, in which Starlette and FastAPI run plain functions."""
    original = to_thread.run_sync

    @wraps(original)
    async def run_sync(func: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return await original(func if current.get() in _NOWHERE else _carried(func), *args, **options)

    to_thread.run_sync = run_sync  # type: ignore[attr-defined]
    rebind({"run_sync": (original, run_sync)})


_installed = False


def install() -> None:
    """Patch `Thread.start`, `ThreadPoolExecutor.submit` (which `run_in_executor` and `to_thread` use) and anyio's
    `to_thread.run_sync`. Idempotent.

    What others patched before is kept and called.
    """
    global _installed
    if _installed:
        return
    _installed = True
    Thread.start = _tap_telling(Thread.start)  # type: ignore[method-assign,assignment]
    ThreadPoolExecutor.submit = _tap_submit(ThreadPoolExecutor.submit)  # type: ignore[method-assign]
    when_imported("anyio.to_thread", _tap_anyio)
