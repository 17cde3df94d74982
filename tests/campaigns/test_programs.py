"""Concurrent services: a replay reproduces, or says that it may end otherwise and why; an edited one is never green."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
import pytest

import replay
from replay.core.codec import encode
from replay.core.recording import TURNS
from tests.campaigns import programs, statements
from tests.recordings import record

UNEXPLAINED = 0.01
"""Share of programs that may end otherwise without a reason, where there were many: of two threads that ask nothing, no
recording says which was first."""


@pytest.fixture(autouse=True)
def unedited() -> Iterator[None]:
    """The program as it was recorded."""
    yield
    programs.EDITED.clear()


SEEDS = pytest.mark.parametrize(
    "seeds", [range(12), pytest.param(range(12, 250), marks=pytest.mark.slow)], ids=["few", "many"]
)


@SEEDS
def test_random_programs(tmp_path: Path, seeds: range) -> None:
    """Three replays of each end alike; then one of its questions is another one."""
    _replay(tmp_path, seeds)


@SEEDS
def test_random_programs_of_other_statements(tmp_path: Path, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues, conditions, groups of which one fails, shields, generators that are left, barriers, timers, contexts."""
    for table, more in (("TASKS", statements.TASKS), ("THREADS", statements.THREADS)):
        monkeypatch.setattr(programs, table, {"one by one": getattr(programs, table)["one by one"], **more})
    _replay(tmp_path, seeds)


def _replay(folder: Path, seeds: range) -> None:
    ends: Counter[str] = Counter()
    for seed in seeds:
        kind, part = programs.program(seed)
        (recording,) = record(folder, partial(programs.run, kind, part))
        verdicts = [replay.run(recording) for _ in range(3)]
        red = [each for each in verdicts if not each.green]
        ends["reproduced"] += not red
        ends["unexplained"] += any(not (each.reason or "").startswith("nondeterministic") for each in red)
        alike = {str((each.status, each.outcome)) for each in verdicts}
        ends["varied"] += len(alike) > 1
        names = sorted({each.request.decode()["args"][0] for each in recording.interactions})
        if names:
            programs.EDITED[names[seed % len(names)]] = "another"
            assert not replay.run(recording).green, seed
            programs.EDITED.clear()
    assert ends["unexplained"] <= max(1, UNEXPLAINED * len(seeds)), ends
    assert ends["varied"] <= max(1, 0.03 * len(seeds)), ends
    assert ends["reproduced"] > len(seeds) / 4


@pytest.mark.parametrize("seed", range(4))
def test_coroutines_start_in_the_order_in_which_they_are_given(tmp_path: Path, seed: int) -> None:
    """`asyncio.as_completed` starts a set of them, in the order of their addresses: there, too, what one draws and asks
    is its own at replay."""
    parts = [["draw"], ["look", "q0"], ["draw"], ["look", "q1"], ["draw"], ["draw"]]
    (recording,) = record(tmp_path, partial(programs.run, "tasks", ["as completed", 0, parts]))
    asked = [each.request.decode()["args"][0] for each in recording.interactions]
    assert asked == ["q0", "q1"]
    assert replay.run(recording).status == "reproduced"


def test_coroutines_start_in_one_order(tmp_path: Path) -> None:
    """Each replay of a recording, of an older one too, has the same."""
    parts = [["draw"], ["ask", "q0"], ["draw"], ["ask", "q1"], ["sleep", 0.001], ["draw"], ["ask", "q2"], ["draw"]]
    (recording,) = record(tmp_path, partial(programs.run, "tasks", ["as completed", 0, parts]))
    ends = Counter(str((each.status, each.outcome)) for each in (replay.run(recording) for _ in range(12)))
    assert len(ends) == 1, ends


def test_what_comes_in_the_turn_in_which_it_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer was there as the other task failed: a replay that gives it up says that it may have come first."""
    monkeypatch.setattr(programs, "_latency", lambda: 0.0)
    monkeypatch.setattr(programs, "_NUMBERS", count())
    part = ["first", 0, [["ask", "q0"], ["ask", "q1"], ["fail"]]]
    (recording,) = record(tmp_path, partial(programs.run, "tasks", part))
    assert recording.outcome.value == ["q0 as number 0", "q1 as number 1", ""]
    assert replay.run(recording).status == "reproduced"  # it says that each answer took one turn of the loop
    context = recording.context.decode()
    del context[TURNS]
    verdict = replay.run(msgspec.structs.replace(recording, context=encode(context)))
    assert verdict.status == "changed"
    assert (verdict.reason or "").startswith("nondeterministic: ")
    assert "what waited for it was given up" in (verdict.reason or "")
