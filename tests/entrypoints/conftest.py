"""Capture into memory through the real recorder, and replay in a player's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

from replay.core.recording import Outcome, Recording
from replay.core.world import current
from replay.engine import recorder
from replay.engine.keep import always
from replay.engine.player import Player
from replay.entrypoints import RUNNERS


class Recordings:
    """What was captured since the start of the test."""

    def __init__(self) -> None:
        self.captured: list[recorder.Captured] = []

    @property
    def all(self) -> list[Recording]:
        """Every recording, in the order of their ends."""
        return [each.settle() for each in self.captured]

    @property
    def one(self) -> Recording:
        """The only recording."""
        (captured,) = self.captured
        return captured.settle()


@pytest.fixture
def recordings() -> Iterator[Recordings]:
    """Capture is on and keeps everything."""
    found = Recordings()
    recorder.configure(recorder.Settings(service="test", keep=always(), sink=found.captured.append))
    yield found
    recorder.configure(None)


def resolve(module: str, qualname: str) -> object | None:
    """The classes of these tests, and builtins."""
    import importlib

    return getattr(importlib.import_module(module), qualname, None) if module.startswith("tests.") else None


@pytest.fixture
def again() -> Callable[..., Outcome]:
    """`again(recording, target)`: run it again, as a session does."""

    def run(recording: Recording, target: Any) -> Outcome:
        recorder.configure(None)
        player = Player(recording, shelves={}, resolve=resolve, move=lambda now: None, root=None, through=())

        def play() -> Outcome:
            current.set(player)
            return RUNNERS[recording.kind](recording, target, resolve)

        return copy_context().run(play)

    return run
