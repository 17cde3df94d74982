"""Locks and simple queues of a replay behave as the originals, wherever they are used."""

from __future__ import annotations

import queue
import threading
import weakref
from _thread import LockType, allocate_lock
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from replay.boundaries import locks
from replay.core.looking import module_and_name

LONG = 20.0


@pytest.fixture(autouse=True)
def _made() -> Iterator[None]:
    """As while a replay loads code."""
    locks.enter()
    yield
    locks.leave()


def _ended(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:
        return type(error), str(error)


USES: dict[str, Callable[[Any], Any]] = {
    "twice": lambda lock: (lock.acquire(), lock.acquire(False), lock.acquire(timeout=0.01), lock.acquire(True, 0)),
    "freed": lambda lock: (lock.acquire(), lock.release(), lock.acquire(blocking=False), lock.release()),
    "with": lambda lock: lock.__enter__() and lock.__exit__(None, None, None),
    "not held": lambda lock: lock.release(),
    "below 0": lambda lock: lock.acquire(timeout=-2),
    "both": lambda lock: lock.acquire(False, 1),
    "no number": lambda lock: lock.acquire(timeout="1"),
    "condition": lambda lock: _waits(threading.Condition(lock)),
    "weak": lambda lock: weakref.ref(lock)() is lock,
    "fork": lambda lock: (lock.acquire(), lock._at_fork_reinit(), lock.acquire(False)),
    "shown": lambda lock: repr(lock).split(" at ")[0],
    "named": lambda lock: module_and_name(type(lock)),
}


def _waits(condition: threading.Condition) -> tuple[bool, bool]:
    with condition, condition:
        return condition.wait(0.01), condition.wait_for(lambda: True)


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_reentrant_lock_does_as_the_original(use: Callable[[Any], Any]) -> None:
    """Results, errors and looks."""
    made = threading.RLock()
    assert type(made) is locks.RLock
    assert _ended(lambda: use(made)) == _ended(lambda: use(locks._RLock()))


@pytest.mark.parametrize("use", [name for name in USES if name != "condition"])
def test_a_lock_does_as_the_original(use: str) -> None:
    """The same."""
    made = threading.Lock()
    assert type(made) is locks.Lock
    assert isinstance(made, LockType)
    assert _ended(lambda: USES[use](made)) == _ended(lambda: USES[use](allocate_lock()))


def test_what_is_made_elsewhere_is_an_original() -> None:
    """By the standard library, and when no replay runs."""
    assert type(queue.Queue[int]().mutex) is LockType
    assert type(threading.Condition()._lock) is locks.RLock  # type: ignore[attr-defined]
    assert type(threading.Event()._cond._lock) is LockType  # type: ignore[attr-defined]
    locks.leave()
    try:
        assert (type(threading.Lock()), type(queue.SimpleQueue())) == (LockType, locks._Queue)
        assert type(threading.RLock()) is locks._RLock
    finally:
        locks.enter()


def test_a_simple_queue_does_as_the_original() -> None:
    """Also one of a class that extends it."""

    class Own(queue.SimpleQueue):  # type: ignore[type-arg]
        """Of the application."""

    for kind in (queue.SimpleQueue, Own):
        _use_queue(kind())


def _use_queue(inbox: Any) -> None:
    inbox.put(1)
    inbox.put_nowait(None)
    assert (inbox.qsize(), inbox.get(), inbox.get_nowait(), inbox.empty()) == (2, 1, None, True)
    for ask in (lambda: inbox.get(False), lambda: inbox.get(timeout=0.01), lambda: inbox.get(True, 0)):
        assert _ended(ask) == (queue.Empty, "")
    assert _ended(lambda: inbox.get(timeout=-1))[0] is ValueError


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_threads_that_know_nothing_of_a_replay_share_it(kind: str) -> None:
    """Nothing is lost where many wait."""
    lock: Any = getattr(threading, kind)()
    count = [0]

    def add() -> None:
        for _ in range(2000):
            with lock:
                before = count[0]
                count[0] = before + 1

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert count == [16_000]
