"""A replay under pytest that takes long is told while it runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from replay.surfaces import overdue
from replay.surfaces.overdue import Overdue

LONG = 20.0


@pytest.fixture
def pipe() -> tuple[int, int]:
    """What stands for the terminal."""
    return os.pipe()


def test_it_is_told_where_it_stands(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, by its name and the line of the project."""
    monkeypatch.setattr(overdue, "AFTER", 0.1)
    reads, writes = pipe
    with Overdue(writes, Path(__file__).parent).watching("captures/x.replay.db::a\x1b"):
        told = os.read(reads, 10_000).decode()  # it waits for the message
        time.sleep(0.5)
    os.close(writes)
    assert f"captures/x.replay.db::a\\x1b has run for 0 s, in {__file__}:" in told
    assert "told = os.read(reads" in told
    assert os.read(reads, 10_000) == b""
    os.close(reads)


def test_its_thread_ends(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing is replayed; what is replayed later is watched again, also one inside another."""
    monkeypatch.setattr(overdue, "AFTER", 0.1)
    reads, writes = pipe
    watch = Overdue(writes, Path(__file__).parent)
    with watch.watching("first"):
        pass
    until = time.monotonic() + LONG
    while watch._process and time.monotonic() < until:
        time.sleep(0.01)
    assert watch._process == 0
    with watch.watching("outer"), watch.watching("inner"):
        assert b"inner has run" in os.read(reads, 10_000)
    for end in pipe:
        os.close(end)
