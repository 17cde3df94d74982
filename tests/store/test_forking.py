"""Nothing forks while a bundle is built, and a lock that was lost is not waited for twice."""

from __future__ import annotations

import os
import threading
from time import monotonic

import pytest

from replay.store import forking
from replay.store.forking import Still

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_fork_waits() -> None:
    """It comes after what another thread does."""
    inside, ended = threading.Event(), []

    def build() -> None:
        with Still():
            inside.set()
            threading.Event().wait(0.3)
            ended.append(True)

    thread = threading.Thread(target=build)
    thread.start()
    inside.wait(10)
    fork()
    assert ended == [True]
    thread.join()


def test_a_lost_lock_costs_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody gives back is replaced by whoever waited too long; a late release harms nobody."""
    monkeypatch.setattr(forking, "LONGEST_SECONDS", 0.5)
    lost = Still()
    lost.__enter__()
    began = monotonic()
    fork()
    assert monotonic() - began >= 0.5
    monkeypatch.setattr(forking, "LONGEST_SECONDS", 120)
    began = monotonic()
    for _ in range(20):
        with Still():
            pass
        fork()
    assert monotonic() - began < 120
    lost.__exit__()
    with Still():
        assert forking._lock.locked()
    assert not forking._lock.locked()


def test_a_fork_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's handler may fork in the middle: it waits its time, and both processes go on."""
    monkeypatch.setattr(forking, "LONGEST_SECONDS", 0.2)
    child = None
    try:
        with Still():
            child = os.fork()
        with Still():
            pass
    except Exception:
        if child != 0:
            raise
        os._exit(1)
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not forking._lock.locked()
