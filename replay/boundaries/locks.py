"""Locks and simple queues whose waits take virtual time. Only at replay, and only those that are made there.

They are C code that nothing can be put into, so code that makes one while a replay loads or runs it gets one of these
instead. Where nobody waits they add one call of Python to a lock, and a wait outside a replay is that of the original.
Of waiters the first is woken, and who comes in between may be quicker, as with the originals.
"""

from __future__ import annotations

import _queue
import _thread
import queue
import sys
import threading
from _thread import LockType, allocate_lock
from collections.abc import Callable
from typing import Any

from replay.boundaries.moments import Gate
from replay.boundaries.seam import rebind
from replay.boundaries.timeline import Timeline
from replay.boundaries.waits import LEAST, nanoseconds, timeline_here, woken

_MAKES_ANEW = "replay.core.families.anew"
"""Our own that makes locks for the code under test."""
_made = {"count": 0}
"""How many replays load or run code of a project now."""
_installed = False
_Gates = list[Gate]
"""Of those who wait, first come first: locked until they are woken."""
_RLock: Any = _thread.RLock
_Queue: Any = _queue.SimpleQueue
_get, _put = _Queue.get, _Queue.put
_acquire, _release, _is_owned = _RLock.acquire, _RLock.release, _RLock._is_owned


def enter() -> None:
    """From now on, until `leave`, code that is neither of the standard library nor ours makes locks of this module."""
    _install()
    _made["count"] += 1


def leave() -> None:
    """See `enter`."""
    _made["count"] -= 1


def _install() -> None:
    global _installed
    if _installed or threading.Lock not in (allocate_lock, LockType):  # somebody else's, of gevent for instance
        return
    _installed = True
    queues = (queue.SimpleQueue, SimpleQueue)
    taps = {"Lock": (threading.Lock, Lock), "RLock": (threading.RLock, _make_rlock), "SimpleQueue": queues}
    for module, name in ((threading, "Lock"), (threading, "RLock"), (queue, "SimpleQueue")):
        setattr(module, name, taps[name][1])
    rebind(taps)


def _is_wanted() -> bool:
    """Whether the caller of the function that asks gets a virtual one, while a replay is on."""
    frame = sys._getframe(2)
    if frame.f_code is threading.Condition.__init__.__code__ and frame.f_back is not None:  # its lock is often held
        frame = frame.f_back
    name: str = frame.f_globals.get("__name__", "")
    top = name.partition(".")[0]
    if top == "replay":
        return name == _MAKES_ANEW or name.startswith("replay.surfaces.demo")
    return top not in sys.stdlib_module_names


def _here() -> Timeline | None:
    timeline = timeline_here()
    return timeline if timeline is not None and timeline.is_actor() and not timeline.closed else None


def _wake(gates: _Gates) -> None:
    """The first who sleeps. One who was woken before and has not looked yet is passed over: of a queue with two more
    items there is one for each."""
    for gate in tuple(gates):
        try:
            gate.release()
        except RuntimeError:
            continue
        return


def _until(take: Callable[[], bool], gates: _Gates, timeline: Timeline, timeout: float | None) -> bool:
    """Whether `take`, tried again whenever this waiter is woken, succeeds in time."""
    gate = Gate()
    gates.append(gate)
    end = None if timeout is None else timeline.after(nanoseconds(timeout))
    taken = over = False
    try:
        while True:
            gate.shut()  # before it looks, so that what comes after that is noticed
            taken = take()
            if taken or over or timeline.closed:
                return taken
            wait = woken(gate, timeline, end)
            timeline.block(wait, gate.acquire)
            over = wait.fired
    finally:
        gates.remove(gate)
        if not taken:
            _wake(gates)  # it may have been woken in another's stead


def _acquired(take: Callable[[], bool], gates: _Gates, blocking: bool, timeout: float) -> bool | None:
    """Whether a lock that was not free is acquired in the end; None: the original has to wait for it."""
    timeline = _here()
    if timeline is None:
        return None
    if not blocking:
        timeline.creep(LEAST)  # or who tries again and again would hold time
        return False
    if _until(take, gates, timeline, None if timeout == -1 else timeout):
        return True
    return None if timeout == -1 else False


def _is_limit(timeout: object) -> bool:
    return isinstance(timeout, int | float) and timeout >= 0


class _Original(type):
    """Of `isinstance(x, threading.Lock)`, where that is a class (Python 3.13)."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, LockType)


class Lock(metaclass=_Original):
    """As `threading.Lock`."""

    __slots__ = ("__weakref__", "_gates", "_lock", "locked")
    _gates: _Gates
    _lock: Any
    locked: Callable[[], bool]

    def __new__(cls) -> Any:
        if not (_made["count"] and _is_wanted()):
            return allocate_lock()
        made = object.__new__(cls)
        made._gates, made._lock = [], allocate_lock()
        made.locked = made._lock.locked
        return made

    @property  # type: ignore[misc]  # what `isinstance` goes by
    def __class__(self) -> Any:
        return LockType

    def acquire(self, blocking: bool = True, timeout: float = -1) -> Any:
        """As there."""
        take = self._lock.acquire
        if timeout == -1 or (blocking and _is_limit(timeout)):  # else the original says what is wrong
            if take(False):
                return True
            found = _acquired(lambda: take(False), self._gates, blocking, timeout)
            if found is not None:
                return found
        return take(blocking, timeout)

    def release(self) -> None:
        """As there."""
        self._lock.release()
        if self._gates:
            _wake(self._gates[:1])

    def __enter__(self) -> Any:
        return self._lock.acquire(False) or self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._gates.clear()
        self._lock._at_fork_reinit()

    def __repr__(self) -> str:
        return repr(self._lock)

    acquire_lock, release_lock = acquire, release


class RLock(_RLock):  # type: ignore[misc]  # C code, which may be extended
    """As `threading.RLock()`, which a condition uses too."""

    __slots__ = ("_gates",)

    def __init__(self) -> None:
        self._gates: _Gates = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> Any:
        """As there."""
        if timeout == -1 or (blocking and _is_limit(timeout)):
            if _acquire(self, False):
                return True
            found = _acquired(lambda: _acquire(self, False), self._gates, blocking, timeout)
            if found is not None:
                return found
        return _acquire(self, blocking, timeout)

    def release(self) -> None:
        """As there."""
        _release(self)
        if self._gates and not _is_owned(self):
            _wake(self._gates[:1])

    def __enter__(self) -> Any:
        return _acquire(self, False) or self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return super().__repr__().replace(" RLock ", " _thread.RLock ", 1)  # type: ignore[no-any-return]

    def _release_save(self) -> Any:
        state = super()._release_save()
        _wake(self._gates[:1])
        return state

    def _acquire_restore(self, state: Any) -> None:
        self.acquire()
        super()._release_save()
        super()._acquire_restore(state)


def _make_rlock(*given: Any, **named: Any) -> Any:
    """As `threading.RLock`."""
    return RLock() if _made["count"] and _is_wanted() and not given and not named else _RLock(*given, **named)


class SimpleQueue(_Queue):  # type: ignore[misc]
    """As `queue.SimpleQueue`."""

    __slots__ = ("_gates",)
    _gates: _Gates

    def __new__(cls) -> Any:
        if cls is SimpleQueue and not (_made["count"] and _is_wanted()):
            return _Queue()
        made = super().__new__(cls)
        made._gates = []
        return made

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As there."""
        timeline = _here() if block and (timeout is None or timeout >= 0) else None
        if timeline is None:
            return _get(self, block, timeout)
        found: list[Any] = []

        def take() -> bool:
            try:
                found.append(_get(self, False))
            except queue.Empty:
                return False
            return True

        if take() or _until(take, self._gates, timeline, timeout):
            return found[0]
        if timeout is None:
            return _get(self)
        raise queue.Empty

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """As there."""
        _put(self, item, block, timeout)
        if self._gates:
            _wake(self._gates)

    def put_nowait(self, item: Any) -> None:
        """As there."""
        self.put(item)


Lock.__module__, Lock.__name__, Lock.__qualname__ = "_thread", "lock", "lock"
RLock.__module__, SimpleQueue.__module__ = "_thread", "_queue"
