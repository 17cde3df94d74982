"""Looking whether something has come, with a time limit, in virtual time. Only at replay.

A socket pair, a pipe or a semaphore of `multiprocessing` is in the kernel: who waits for one looks again and again.
"""

from __future__ import annotations

import select
import selectors
import socket
import sys
from _thread import allocate_lock
from collections.abc import Callable, Iterable
from functools import wraps
from types import ModuleType
from typing import Any

from replay.boundaries.moments import Wait
from replay.boundaries.order import real_sleep
from replay.boundaries.seam import rebind, when_imported
from replay.boundaries.timeline import Timeline
from replay.boundaries.waits import LEAST, nanoseconds, timeline_here

_LOOK = 0.001
"""Seconds of real time between two looks."""
_ASYNCIO = "asyncio.base_events"
really_select = selectors.DefaultSelector.select
_installed = False


def install() -> None:
    """Patch once a process, when the first replay starts."""
    global _installed
    if _installed:
        return
    _installed = True
    taps: dict[str, tuple[Any, Any]] = {"select": (select.select, _tap_select(select.select))}
    if hasattr(select, "poll"):
        taps["poll"] = (select.poll, _tap_poll(select.poll))
    if hasattr(select, "epoll"):
        taps["epoll"] = (select.epoll, type("epoll", (_Epoll,), {"original": select.epoll, "__module__": "select"}))
    for name, (_, tapped) in taps.items():
        setattr(select, name, tapped)
    pair = socket.socketpair
    socket.socketpair = _tap_pair(pair)
    rebind({**taps, "socketpair": (pair, socket.socketpair)})
    for each in ("SelectSelector", "PollSelector", "EpollSelector"):
        kind = getattr(selectors, each, None)
        if kind is not None:
            kind.select = _tap_selector(kind.select)
    when_imported("multiprocessing.synchronize", _tap_semaphores)
    when_imported("multiprocessing.util", _tap_choosing)


def _timeline() -> Timeline | None:
    timeline = timeline_here()
    return timeline if timeline is not None and timeline.is_actor() and not timeline.closed else None


def _until(has_come: Callable[[float], bool], timeline: Timeline, timeout: float | None) -> bool:
    """Block until `has_come(seconds)`, which waits for so long in real time at most. False: the time was over."""
    due, wall = (None, 0) if timeout is None else timeline.after(nanoseconds(timeout))
    wait = Wait(lambda: None, due=due, wall=wall, ready=lambda: has_come(0), strangers=timeline.has_strangers)

    def hold() -> None:
        while not (wait.fired or timeline.closed or has_come(_LOOK)):
            pass

    timeline.block(wait, hold)
    return not wait.fired


def looked(look: Callable[[float | None], Any], timeout: float | None, is_found: Callable[[Any], bool] = bool) -> Any:
    """What `look(timeout)` finds. `look` waits so many seconds in real time, None: for ever."""
    timeline = _timeline()
    if timeline is None or (timeout is not None and timeout < 0):
        return look(timeout)
    found, looking = look(0), allocate_lock()
    if timeout == 0:
        timeline.creep(LEAST)  # or who looks again and again would hold time
        return found

    def has_come(seconds: float) -> bool:
        nonlocal found
        with looking:
            if not is_found(found):  # what was seen once may be shown no more: EPOLLONESHOT, EPOLLET, a signal
                found = look(seconds)
            return is_found(found)

    goes_on = True
    while goes_on and not has_come(0):
        if timeline.closed:
            return look(timeout)
        goes_on = _until(has_come, timeline, timeout) and timeout is None
    return found


def _tap_select(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def tapped(
        rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None, /
    ) -> Any:
        asked = list(rlist), list(wlist), list(xlist)
        return looked(lambda seconds: original(*asked, seconds), timeout, any)

    return tapped


def _tap_selector(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def tapped(self: Any, timeout: float | None = None) -> Any:
        if sys._getframe(1).f_globals.get("__name__") == _ASYNCIO:
            return original(self, timeout)  # of a loop in real time: a virtual one has `really_select`
        return looked(lambda seconds: original(self, seconds), None if timeout is None else max(timeout, 0))

    return tapped


class _Poll:
    """A `select.poll()` object."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def poll(self, timeout: float | None = None, /) -> Any:
        """As there; milliseconds, None and below 0: for ever."""

        def look(seconds: float | None) -> Any:
            return self._real.poll(seconds if seconds is None else seconds * 1000)

        return looked(look, None if timeout is None or timeout < 0 else timeout / 1000)


def _tap_poll(original: Callable[[], Any]) -> Callable[[], Any]:
    @wraps(original)
    def poll() -> Any:
        return original() if timeline_here() is None else _Poll(original())

    return poll


class _Epoll:
    """A `select.epoll` object; outside a replay an original."""

    original: Any
    _real: Any

    def __new__(cls, sizehint: int = -1, flags: int = 0) -> Any:
        real = cls.original(sizehint, flags)
        return real if timeline_here() is None else cls._of(real)

    @classmethod
    def fromfd(cls, fd: int, /) -> Any:
        """As there."""
        real = cls.original.fromfd(fd)
        return real if timeline_here() is None else cls._of(real)

    @classmethod
    def _of(cls, real: Any) -> Any:
        made = object.__new__(cls)
        made._real = real
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> Any:
        self._real.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._real.close()

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> Any:
        """As there; seconds, None and below 0: for ever."""

        def look(seconds: float | None) -> Any:
            return self._real.poll(seconds, maxevents)

        return looked(look, None if timeout is None or timeout < 0 else timeout)


class _Paired(socket.socket):
    """One end of a socket pair."""

    def recv(self, *args: Any) -> Any:
        return self._received(super().recv, *args)

    def recv_into(self, *args: Any) -> Any:
        return self._received(super().recv_into, *args)

    def recvfrom(self, *args: Any) -> Any:
        return self._received(super().recvfrom, *args)

    def recvmsg(self, *args: Any) -> Any:
        return self._received(super().recvmsg, *args)

    def _received(self, receive: Callable[..., Any], *args: Any) -> Any:
        timeout = self.gettimeout()
        if timeout and _timeline() is not None and not select.select([self], [], [], timeout)[0]:
            raise TimeoutError("timed out")
        return receive(*args)


def _tap_pair(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def socketpair(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if timeline_here() is None:
            return made
        return tuple(_Paired(each.family, each.type, each.proto, each.detach()) for each in made)

    return socketpair


def _tap_choosing(util: ModuleType) -> None:
    """Before it chooses how processes start, Python tries from 3.14 on whether files can be written: with a long TMPDIR
    outside of that. A replay starts none."""
    original = getattr(util, "_has_writeable_tempdir", None)
    if original is not None:
        setattr(util, original.__name__, lambda: timeline_here() is not None or original())


def _tap_semaphores(synchronize: ModuleType) -> None:
    """Of locks, semaphores, conditions and events of `multiprocessing`: all acquire one of these. One that is made in a
    replay has no name by which another process finds it (none is started): for that Python, from 3.14 on, would start
    a process that takes the name away."""
    original = synchronize.SemLock._make_methods
    originally_made = synchronize.SemLock.__init__
    from multiprocessing import get_all_start_methods, get_context

    def make(self: Any, kind: int, value: int, maxvalue: int, *, ctx: Any) -> None:
        if timeline_here() is not None and "fork" in get_all_start_methods():
            ctx = get_context("fork")
        originally_made(self, kind, value, maxvalue, ctx=ctx)

    def make_methods(self: Any) -> None:
        original(self)
        real = self._semlock

        def acquire(block: bool = True, timeout: float | None = None) -> Any:
            timeline = _timeline() if block and (timeout is None or timeout > 0) else None
            if timeline is None or real.acquire(False):
                return real.acquire(block, timeout) if timeline is None else True

            def has_come(seconds: float) -> bool:
                if seconds and real._is_zero():
                    real_sleep(seconds)
                return not real._is_zero()

            goes_on = True
            while goes_on and not timeline.closed:
                goes_on = _until(has_come, timeline, timeout) and timeout is None
                if real.acquire(False):
                    return True
            return timeout is None and real.acquire()

        self.acquire = acquire

    synchronize.SemLock.__init__ = make
    synchronize.SemLock._make_methods = make_methods
