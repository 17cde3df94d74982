"""What holds around a run may hold for the next one: no run notices the one before, and nobody else is in its time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

import replay
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.finished import Run
from replay.engine.stage import Stage
from tests.engine.test_explorer import stage

Record = Callable[..., list[Recording]]
LONG_AGO = 1_000_000_000 * 10**9
"""In 2001."""


@replay.capture
def seen(step: str) -> list[Any]:
    """Does something with time, and tells what it sees of it first."""
    found = [time.time(), time.localtime().tm_hour]
    if step == "sleep":
        time.sleep(5000)
    elif step == "look":
        time.monotonic()
    elif step == "zone":
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
    return found


@pytest.fixture
def here(record: Record) -> Stage:
    """A recording of long ago."""
    (recording,) = record(lambda: seen(""))
    return stage(msgspec.structs.replace(recording, started_at=LONG_AGO))


@pytest.fixture(autouse=True)
def own_zone() -> Iterator[None]:
    """The process gets its zone back."""
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    os.environ.update({} if before is None else {"TZ": before})
    time.tzset()


def after(here: Stage, *steps: str) -> list[str]:
    """What each run saw."""
    runs = [here.execute((Edit("input.args[0]", "set", step),)) for step in steps]
    return ["" if run.outcome is None else run.outcome.payload.text for run in runs]


def test_no_run_sees_what_another_did_with_time(here: Stage) -> None:
    """Time that passed, was looked at, or another zone."""
    steps = ("", "", "sleep", "", "look", "", "zone", "", "other")
    with here.holding():
        held = after(here, *steps)
    assert len(set(held)) == 1
    assert after(here, *steps) == held
    assert msgspec.json.decode(held[0])[0] == LONG_AGO / 1e9


def test_its_time_ends_with_it(here: Stage) -> None:
    """While runs are held the clock is theirs, until it is let go."""
    with here.holding():
        after(here, "")
        assert time.time() == LONG_AGO / 1e9
        here.let_go()
        assert time.time() > LONG_AGO / 1e9 + 1e8
        after(here, "")
    assert time.time() > LONG_AGO / 1e9 + 1e8


def test_a_run_at_another_time_is_on_its_own(here: Stage) -> None:
    """An edited clock holds for one run."""
    with here.holding():
        (before,) = after(here, "")
        moved = here.execute((Edit("clock.started_at", "set", LONG_AGO + 10**9),)).outcome
        (behind,) = after(here, "")
    assert moved is not None
    assert msgspec.json.decode(moved.payload.text)[0] == LONG_AGO / 1e9 + 1
    assert before == behind


def test_properties_are_in_the_time_of_the_process(here: Stage) -> None:
    """They are no part of the run."""
    times: list[float] = []

    def is_now(run: Run) -> None:
        times.append(time.time())

    here.properties = (is_now,)
    with here.holding():
        after(here, "", "")
    assert len(times) == 2
    assert min(times) > LONG_AGO / 1e9 + 1e8
