"""The real recorder and the real player, around nothing but HTTP; and what a client did, as plain data."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from contextvars import copy_context
from time import perf_counter_ns, time_ns
from typing import Any

from replay.boundaries.http import http
from replay.core.codec import encode
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.snapshot import snapshot
from replay.core.verdict import Window
from replay.core.world import current
from replay.engine.keep import always
from replay.engine.lanes import Lanes
from replay.engine.player import Player
from replay.engine.recorder import Captured, Recorder, Settings

ANY_TIME = Window(0, 1 << 62)
SETTINGS = Settings(service="test", keep=always(), sink=lambda captured: None)


class Taping(Recorder):
    """Goes live and keeps what it is told."""

    def interactions(self) -> tuple[Interaction, ...]:
        """What was recorded, settled."""
        return Captured(self, "returned", snapshot(None), perf_counter_ns(), False).settle().interactions


def new_tape(kind: type[Taping] = Taping) -> Taping:
    """A recorder that listens."""
    return kind(SETTINGS, "block", "test", snapshot(None), [], time_ns(), perf_counter_ns(), Lanes())


class Playback(Player):
    """Answers from interactions."""

    def __init__(self, interactions: Sequence[Interaction], window: Window = ANY_TIME) -> None:
        recording = Recording(
            id="test", kind="block", entrypoint="test", started_at=window.start, duration_ns=window.end - window.start,
            input=encode(None), outcome=Outcome("returned", encode(None)), context=encode({}),
            interactions=tuple(interactions),
        )  # fmt: skip
        http.playing(recording)
        super().__init__(recording, shelves={"http": http.shelf(interactions, window)})

    @property
    def waiting(self) -> list[Interaction]:
        """What was not asked for."""
        return self.left_over

    def draw(self, kind: str, live: Callable[[], Any]) -> Any:
        """The draws of the clients themselves (boundaries of forms, jitter) are let through: these tests have none."""
        return live()


def run_in(world: Any, work: Callable[..., Any], *args: Any) -> Any:
    """`work(*args)` with `world` as the current one; coroutine functions in a loop of their own."""

    def inside() -> Any:
        current.set(world)
        return asyncio.run(work(*args)) if inspect.iscoroutinefunction(work) else work(*args)

    return copy_context().run(inside)


def seen(world: Any, work: Callable[..., Any], *args: Any) -> tuple[Any, ...]:
    """What the application saw: the result, or the exception's type and message."""
    try:
        return ("returned", run_in(world, work, *args))
    except Exception as error:
        return ("raised", type(error).__module__, type(error).__qualname__, str(error))
