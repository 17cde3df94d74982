"""No fork while SQLite works: its process-wide mutexes, held by another thread at a fork, stay locked in the child.

https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_ is about connections; a
child that opens one of its own hangs all the same if a thread of its parent was inside the library.
"""

from __future__ import annotations

import os
from threading import get_ident

from replay.store.native import new_lock

LONGEST_SECONDS = 2.0
"""A fork waits no longer than that: a bundle is built in milliseconds."""

_lock = new_lock()
_waited: dict[int, bool] = {}
"""Thread that forks -> whether it holds the lock."""


class Still:
    """`with still:` no process is forked inside."""

    def __enter__(self) -> None:
        self._held: bool = _lock.acquire(True, LONGEST_SECONDS)  # a handler of a signal may come to wait for itself

    def __exit__(self, *error: object) -> None:
        if self._held:
            _lock.release()


def _before() -> None:
    _waited[get_ident()] = _lock.acquire(True, LONGEST_SECONDS)


def _in_parent() -> None:
    if _waited.pop(get_ident(), False):
        _lock.release()


def _in_child() -> None:
    global _lock
    _lock = new_lock()
    _waited.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
