"""What the code handled when an error was raised is compared; nothing of ours is among it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from tests.engine import handling

Record = Callable[..., list[Recording]]
WAYS: list[Any] = [handling.asks, handling.reads, handling.awaits, handling.fails, handling.gives_up]


@pytest.fixture(autouse=True)
def _as_in_production() -> Iterator[None]:
    handling.HANDLES.clear()
    yield
    handling.HANDLES.clear()


def run(way: Any) -> Any:
    """Of a coroutine function in a loop of its own."""
    return asyncio.run(way()) if inspect.iscoroutinefunction(way) else way()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_is_as_in_production(record: Record, way: Any) -> None:
    """The same, and nothing told."""
    (recording,) = record(lambda: run(way))
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    assert [each for each in verdict.difference if each.path != "$.frames"] == []


@pytest.mark.parametrize("way", WAYS[:4], ids=lambda way: way.__name__)
def test_another_one_is_a_change(record: Record, way: Any) -> None:
    """With type and message as in production."""
    (recording,) = record(lambda: run(way))
    handling.HANDLES.append(RuntimeError)
    verdict = replay.run(recording)
    assert verdict.status == "changed"
    assert [each.path for each in verdict.difference if each.note is None] == ["$.context"]


def test_what_the_caller_handled_is_no_change(record: Record) -> None:
    """It called while it handled something: that is outside of the recording."""

    def work() -> None:
        try:
            raise RuntimeError
        except RuntimeError:
            asyncio.run(handling.awaits())

    def call() -> None:
        try:
            raise RuntimeError
        except RuntimeError:
            handling.plain()

    (recording,) = record(call)
    verdict = replay.run(recording)
    assert verdict.status == "reproduced"
    assert [(each.path, each.kind) for each in verdict.difference] == [("$.context", "removed")]
    (recording,) = record(work)
    assert replay.run(recording).status == "reproduced"
