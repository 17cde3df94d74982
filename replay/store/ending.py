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

from replay.store import native

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
_set_wakeup = signal.set_wakeup_fd
_is_wanted = False
"""SIGTERM is to be heard of."""
_is_heard = False
"""It came, and its handler runs."""
_is_told = False
"""`multiprocessing` calls `_begin_worker`."""
_blocked: set[int] = set()
"""Threads that fork, for which SIGTERM waits."""
_pipe: tuple[int, int] | None = None
"""Into which the interpreter writes the number of each signal, at once."""
_NUDGE_SECONDS = 0.05


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


def _before_fork() -> None:
    """SIGTERM waits until the child can hear of it: the interpreter forgets what came to it before."""
    global _is_told
    if signal.getsignal(signal.SIGTERM) is not _on_sigterm:
        return
    if signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]):
        _blocked.add(threading.get_ident())
    util: Any = sys.modules.get("multiprocessing.util")
    if not _is_told and hasattr(util, "register_after_fork"):
        _is_told = True
        util.register_after_fork(_begin_worker, _begin_worker)


def _unblock() -> None:
    if threading.get_ident() in _blocked:
        _blocked.discard(threading.get_ident())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def _after_fork() -> None:
    global _near, _is_heard
    _near = _is_heard = False
    for spool in list(_spools):
        spool.in_child()
    try:
        _leave_pipe()
    finally:
        _unblock()
        _blocked.clear()  # of threads that are not here


def _leave_pipe() -> None:
    """It is the parent's: what came to the child would nudge that."""
    global _pipe
    if _pipe is None:
        return
    read, write = _pipe
    _pipe = None
    if (found := _set_wakeup(-1)) not in (write, -1):  # an event loop's
        _set_wakeup(found)
    os.close(read)
    os.close(write)


def _begin_worker(_: object) -> None:
    """In a process that `multiprocessing` forked: SIGTERM ends it as without us, until it has kept something."""
    if _before is signal.SIG_DFL and signal.getsignal(signal.SIGTERM) is _on_sigterm:
        _set(signal.SIGTERM, signal.SIG_DFL)


def at_the_first_of_a_child() -> None:
    """A process of `multiprocessing` keeps its first recording. It ends without atexit, by its own finalizers, which it
    forgets when it is forked, or by SIGTERM."""
    util = sys.modules.get("multiprocessing.util")
    if util is None or os.getpid() in _finalized:
        return
    _finalized.add(os.getpid())
    util.Finalize(None, _at_exit, exitpriority=10)
    if not _is_wanted or not _is_worker():
        return
    _hear_sigterm()
    if signal.getsignal(signal.SIGTERM) is not _on_sigterm:  # not the main thread, which alone may hear of it
        for spool in list(_spools):
            spool.hurry()
    elif _before is signal.SIG_DFL and threading.current_thread() is threading.main_thread():
        _nudge_on_sigterm()


def _is_worker() -> bool:
    """Whether this is a process of `multiprocessing`, also one that is about to import the main module."""
    current = getattr(sys.modules.get("multiprocessing.process"), "current_process", None)
    return current is not None and current().name != "MainProcess"


def hear_sigterm() -> None:
    """Write what waits when SIGTERM comes. The handler that is there runs as before; where there is none, the process
    then dies of the signal, as it would have. Only in the main thread; one that is ignored stays so. A process of
    `multiprocessing` without a handler hears of it from its first recording on."""
    global _is_wanted
    _is_wanted = True
    if not _is_worker() or callable(signal.getsignal(signal.SIGTERM)):
        _hear_sigterm()


def _hear_sigterm() -> None:
    global _before
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is _on_sigterm or before is signal.SIG_IGN or before is None:
        return
    _before = before
    signal.signal(signal.SIGTERM, _on_sigterm)


def _nudge_on_sigterm() -> None:
    """See to it that the handler runs at once. A signal that comes just before the main thread begins to wait for a
    lock does not wake it, so that no handler runs: a `Pool`, which ends idle processes by SIGTERM while they turn to
    the lock of its queue, would wait for them for ever."""
    global _pipe
    if not hasattr(signal, "pthread_kill"):  # Windows, where nobody sends it
        return
    try:
        read, write = os.pipe()
    except OSError:  # no file is left
        return
    os.set_blocking(write, False)
    if (found := _set_wakeup(write, warn_on_full_buffer=False)) != -1:  # an event loop's
        _set_wakeup(found)
        os.close(read)
        os.close(write)
        return
    _pipe = read, write
    signal.set_wakeup_fd = _unseen
    native.new_thread(_nudge, (read, threading.get_ident()))


def _unseen(fd: int, /, **more: Any) -> int:
    """`signal.set_wakeup_fd` of such a process: our pipe, of which trio would warn as of another library's, is none,
    and is there again when an event loop ends."""
    before = _set_wakeup(fd, **more)
    if _pipe is None:
        return before
    try:
        if fd == -1 and os.path.sameopenfile(*_pipe):
            _set_wakeup(_pipe[1], warn_on_full_buffer=False)
    except (OSError, ValueError):  # the service closed all files
        pass
    return -1 if before == _pipe[1] else before


def _nudge(read: int, main: int) -> None:
    try:
        while signal.SIGTERM not in (found := os.read(read, 64)):
            if not found:
                return
        while not _is_heard and signal.getsignal(signal.SIGTERM) is _on_sigterm:
            native.sleep(_NUDGE_SECONDS)
            if not _is_heard:
                signal.pthread_kill(main, signal.SIGTERM)
    except OSError:  # the service closed all files, or the process ends
        pass


def _on_sigterm(number: int, frame: FrameType | None) -> Any:
    global _is_heard
    if _is_heard and _pipe is not None:  # a nudge that came late
        return None
    _is_heard = True
    for spool in list(_spools):
        spool.hurry()
    if callable(_before):
        signal.signal = _put_back  # type: ignore[assignment]
        return _before(number, frame)
    if _pipe is None:
        _set(number, signal.SIG_DFL)  # a second one ends it at once
    flush_all(EXIT_SECONDS)
    _set(number, signal.SIG_DFL)
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
    os.register_at_fork(before=_before_fork, after_in_parent=_unblock, after_in_child=_after_fork)
