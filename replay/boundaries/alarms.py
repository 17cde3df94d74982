"""`signal.alarm`, `setitimer` and `sigtimedwait` in virtual time. Only at replay, for `ITIMER_REAL`.

An alarm goes off when virtual time passes its moment. Its handler runs where Python runs any: in the main thread,
between two of its steps or in the middle of a wait. Code that computes and never waits is interrupted once it has
computed for as long.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import wraps
from math import ceil, isfinite
from typing import Any

from replay.boundaries.moments import Wait
from replay.boundaries.polls import looked
from replay.boundaries.seam import rebind
from replay.boundaries.timeline import Timeline
from replay.boundaries.waits import nanoseconds, timeline_here

_SECOND = 1_000_000_000
_installed = False


def install() -> None:
    """Patch once a process, when the first replay starts."""
    global _installed
    if _installed or not hasattr(signal, "setitimer"):
        return
    _installed = True
    taps = {
        "alarm": (signal.alarm, _tap_alarm(signal.alarm)),
        "setitimer": (signal.setitimer, _tap_set(signal.setitimer)),
        "getitimer": (signal.getitimer, _tap_get(signal.getitimer)),
    }
    if hasattr(signal, "sigtimedwait"):
        taps["sigtimedwait"] = (signal.sigtimedwait, _tap_wait(signal.sigtimedwait))
    for name, (_, tapped) in taps.items():
        setattr(signal, name, tapped)
    rebind(taps)


class _Alarm(Wait):
    """The one that is set."""

    __slots__ = ("interval",)

    def __init__(self, timeline: Timeline, after: int, interval: int) -> None:
        """Both in nanoseconds; `interval`: 0, it goes off once."""
        due, wall = timeline.after(after)
        super().__init__(lambda: self._go_off(timeline), due=due, wall=wall, strangers=timeline.has_strangers)
        self.interval = interval

    def _go_off(self, timeline: Timeline) -> None:
        if timeline.closed:
            return
        if timeline.alarm is self:
            timeline.alarm = None
            if self.interval:
                timeline.set_alarm(_Alarm(timeline, self.interval, self.interval))
        timeline.ring(_ring)


def _ring() -> None:
    """As the kernel does. Without a handler it would end the process, and whoever replays in it."""
    if callable(signal.getsignal(signal.SIGALRM)):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)


def _timeline() -> Timeline | None:
    """The virtual time, if handlers run in it: those of another thread's replay are not its own."""
    timeline = timeline_here()
    return timeline if timeline is not None and not timeline.closed and timeline.has_main else None


def _set(timeline: Timeline, seconds: float, interval: float) -> tuple[float, float]:
    """What was left of the one before, and its interval, in seconds."""
    before = _left(timeline)
    after = _Alarm(timeline, nanoseconds(seconds), nanoseconds(interval) if interval else 0) if seconds else None
    timeline.set_alarm(after)
    return before


def _left(timeline: Timeline) -> tuple[float, float]:
    found: Any = timeline.alarm
    if found is None or found.due is None:
        return 0.0, 0.0
    return max(1, found.due - timeline.now) / _SECOND, found.interval / _SECOND


def _tap_alarm(original: Callable[[int], int]) -> Callable[[int], int]:
    @wraps(original)
    def alarm(seconds: int, /) -> int:
        timeline = _timeline()
        if timeline is None or type(seconds) is not int or not 0 <= seconds < 1 << 31:
            return original(seconds)
        return ceil(_set(timeline, seconds, 0)[0])

    return alarm


def _tap_set(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def setitimer(which: int, seconds: float, interval: float = 0.0, /) -> Any:
        timeline = _timeline()
        if timeline is not None and which != signal.ITIMER_REAL and seconds:
            timeline.unsure()  # by when how much is computed is for the machine to say
        if timeline is None or which != signal.ITIMER_REAL or not (_is_time(seconds) and _is_time(interval)):
            return original(which, seconds, interval)
        return _set(timeline, seconds, interval)

    return setitimer


def _is_time(seconds: object) -> bool:
    """The original says what is wrong with any other."""
    return isinstance(seconds, int | float) and isfinite(seconds) and seconds >= 0


def _tap_get(original: Callable[[int], Any]) -> Callable[[int], Any]:
    @wraps(original)
    def getitimer(which: int, /) -> Any:
        timeline = _timeline() if which == signal.ITIMER_REAL else None
        return original(which) if timeline is None else _left(timeline)

    return getitimer


def _tap_wait(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def sigtimedwait(sigset: Any, timeout: float, /) -> Any:
        return looked(lambda seconds: original(sigset, seconds or 0.0), timeout)

    return sigtimedwait
