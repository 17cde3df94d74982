"""The ends and the beginnings of processes: what waits is written, and a forked child begins with an empty spool."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from time import monotonic
from types import FrameType
from typing import Any, NoReturn, Protocol

EXIT_SECONDS = 5.0
"""Longest delay of the end of the process, all spools together."""


class Ends(Protocol):
    """A spool."""

    def flush(self, timeout: float = ...) -> bool: ...

    def hurry(self) -> None:
        """The end is near: from now on samples do not wait for company. Safe in a signal handler."""
        ...

    def in_child(self) -> None:
        """After a fork."""
        ...


_spools: weakref.WeakSet[Any] = weakref.WeakSet()
_exited = False
_near = False
_leave = os._exit
_finalized: set[int] = set()
"""Processes whose end is heard of."""
_before: Any = None
"""What SIGTERM did before `hear_sigterm`."""
_set = signal.signal


def watch(spool: Ends) -> None:
    """Flush this spool at the end, empty it after a fork."""
    _spools.add(spool)
    if os._exit is not _leave_flushed and hasattr(os, "fork"):
        os._exit = _leave_flushed


def exited() -> bool:
    """Whether the exit has come so far that nobody will flush again, and no thread may be started."""
    return _exited or sys.is_finalizing()


def is_near() -> bool:
    """Whether the process waits for its spools to end: nobody is left to give way to."""
    return _near


def flush_all(seconds: float) -> bool:
    """Flush every spool, all together within `seconds`, as the last thing a process does. Never raises."""
    global _near
    _near = True
    deadline = monotonic() + seconds
    done = True
    for spool in list(_spools):
        try:
            done &= spool.flush(max(0.0, deadline - monotonic()))
        except Exception:  # the process is ending: nobody is left to tell
            done = False
    return done


def _at_exit() -> None:
    global _exited
    done = flush_all(EXIT_SECONDS)
    _exited = True
    if not done:
        print("replay: the process ended before all recordings were written.", file=sys.stderr)


def _leave_flushed(status: int) -> NoReturn:
    """`os._exit`, by which processes that were forked for a job end (RQ's): what was kept is written first."""
    try:
        if not _exited:
            flush_all(EXIT_SECONDS)
    finally:  # whatever comes of that
        _leave(status)


def _after_fork() -> None:
    global _near
    _near = False
    for spool in list(_spools):
        spool.in_child()


def at_exit_of_a_child() -> None:
    """A child of `multiprocessing` ends without atexit, by its own finalizers, which it forgets when it is forked."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and os.getpid() not in _finalized:
        _finalized.add(os.getpid())
        util.Finalize(None, _at_exit, exitpriority=10)


def hear_sigterm() -> None:
    """Write what waits when SIGTERM comes. The handler that is there runs as before; where there is none, the process
    then dies of the signal, as it would have. Only in the main thread; one that is ignored stays so."""
    global _before
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is _on_sigterm or before is signal.SIG_IGN or before is None:
        return
    _before = before
    signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, frame: FrameType | None) -> Any:
    for spool in list(_spools):
        spool.hurry()
    if callable(_before):
        signal.signal = _put_back  # type: ignore[assignment]
        return _before(number, frame)
    _set(number, signal.SIG_DFL)  # a second one ends it at once
    flush_all(EXIT_SECONDS)
    signal.raise_signal(number)
    return None


def _put_back(number: Any, handler: Any) -> Any:
    """`signal.signal` from the first SIGTERM on: what would die of a second one writes what waits first. uvicorn puts
    back the default when its requests have ended, and raises the signal again."""
    global _before
    is_default = handler is signal.SIG_DFL or (type(handler) is int and handler == signal.SIG_DFL)
    if number != signal.SIGTERM or not is_default or signal.getsignal(number) is signal.SIG_IGN:
        return _set(number, handler)
    before = _set(number, _on_sigterm)
    _before = handler
    return before


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
