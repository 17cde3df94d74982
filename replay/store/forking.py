"""No fork while SQLite works: its process-wide mutexes, held by another thread at a fork, stay locked in the child.

https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_ is about connections; a
child that opens one of its own hangs all the same if a thread of its parent was inside the library.
"""

from __future__ import annotations

import os
from threading import get_ident
from typing import Any

from replay.store.native import new_lock

LONGEST_SECONDS = 2.0
"""A fork waits no longer than that: a bundle is built in milliseconds."""

_lock = new_lock()
_held: dict[int, Any] = {}
"""Thread that forks -> the lock that it holds."""


class Still:
    """`with Still():` no process is forked inside."""

    def __enter__(self) -> None:
        self._held = _take()

    def __exit__(self, *error: object) -> None:
        if self._held is not None:
            self._held.release()


def _take() -> Any:
    """The lock, or None after too long: whoever holds it may be the code that a signal's handler interrupted, or may
    never give it back. The next then find another, so that each such loss costs its wait once."""
    global _lock
    lock = _lock
    if lock.acquire(True, LONGEST_SECONDS):
        return lock
    if _lock is lock:
        _lock = new_lock()
    return None


def _before() -> None:
    _held[get_ident()] = _take()


def _in_parent() -> None:
    lock = _held.pop(get_ident(), None)
    if lock is not None:
        lock.release()


def _in_child() -> None:
    global _lock
    _lock = new_lock()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
