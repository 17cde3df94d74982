"""The search for one failure: it is found, shrunk, whole, and the same each time; near misses are no finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from replay.boundaries import ALL
from replay.boundaries.clock import move_to, wait
from replay.core.recording import Recording
from replay.core.signature import Signature
from replay.core.verdict import Frame
from replay.engine.constants import constants_of
from replay.engine.goal import Goal
from replay.engine.hunter import Hunt
from replay.engine.session import Session
from replay.entrypoints import RUNNERS
from tests.engine import desk
from tests.engine.test_explorer import ROOT, TARGETS, stage

Record = Callable[..., list[Recording]]
GIFT = Frame("/srv/app/tests/engine/desk.py", 1, "order", 'raise ArithmeticError("gifts have cents")')
PLAN = Frame("/srv/app/tests/engine/desk.py", 1, "order", 'plan = found["plan"].upper()')


@pytest.fixture
def order(record: Record) -> Recording:
    """The benign order."""
    return record(desk.record_order)[0]


def hunted(recording: Recording, error: str, *frames: Frame, **more: Any) -> Hunt:
    """A hunt that has ended."""
    options = {name: more.pop(name) for name in ("executions", "seed", "depth", "workers") if name in more}
    targets = {each.target for each in recording.interactions}
    goal = Goal(Signature(error_type=error, frames=frames, **more), ROOT, targets, [recording.entrypoint])
    found = Hunt(stage(recording), goal, constants=constants_of, **{"executions": 2000, **options})
    found.explore()
    return found


def edits(hunt: Hunt) -> list[list[str]]:
    return [[str(edit) for edit in find.edits] for find in hunt.progress.finds]


def test_two_edits_that_the_conditions_name_are_found_at_once(order: Recording) -> None:
    """Within a few executions, and the find replays strictly."""
    hunt = hunted(order, "ArithmeticError", GIFT, message="gifts have cents")
    assert edits(hunt) == [['input.args[0].currency: "JPY"', "input.args[0].gift: true"]]
    assert hunt.progress.stopped == "found"
    (find,) = hunt.progress.finds
    assert find.executions < 50
    session = Session(boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait)
    assert find.recording is not None
    assert session.run(find.recording).status == "reproduced"
    assert find.recording.error_type == "ArithmeticError"
    assert find.recording.parent_digest == order.digest


def test_only_the_failure_of_the_signature_is_a_find(order: Recording) -> None:
    """The same line fails with two types: each is found alone."""
    null = hunted(order, "AttributeError", PLAN, message="'NoneType' object has no attribute 'upper'")
    gone = hunted(order, "KeyError", PLAN, message="'plan'")
    assert (edits(null), edits(gone)) == ([["call[0].plan: null"]], [["call[0].plan: drop"]])


def test_what_it_does_not_find_it_says_how_near_it_came(order: Recording) -> None:
    """The furthest milestone of any run."""
    hunt = hunted(order, "OverflowError", GIFT, executions=300)
    assert hunt.progress.finds == []
    assert hunt.progress.nearest == hunt.goal.told(hunt.best)
    assert hunt.progress.nearest == "reached 1 of 1 frames; it failed there, but not with OverflowError"
    assert hunt.base < hunt.best


def test_the_error_of_a_boundary_is_its_answer(order: Recording) -> None:
    """Of the type and with the message that the signature has."""
    call = Frame("/srv/app/tests/engine/desk.py", 1, "order", 'found = customer(given.get("customer"))')
    inside = Frame("/srv/app/tests/engine/desk.py", 1, "customer", "return {")
    hunt = hunted(order, "PermissionError", call, inside, message="no such key")
    assert edits(hunt) == [['call[0]: raise "PermissionError", "no such key"']]
    assert hunt.progress.finds[0].failure.message == "no such key"


def test_a_failure_with_another_cause_is_no_find(order: Recording) -> None:
    """It is told, as the nearest miss."""
    elsewhere = Frame("/usr/lib/python3.12/json/decoder.py", 3, "raw_decode")
    hunt = hunted(order, "AttributeError", PLAN, elsewhere, executions=200)
    assert hunt.progress.finds == []
    assert hunt.unlike == "it does not end in raw_decode of json/decoder.py"


def test_the_incident_itself_is_found_without_edits(record: Record) -> None:
    """If it is among the recordings."""
    broken = record(lambda: desk.drawing(0))[0]
    hunt = hunted(broken, "ValueError", Frame("desk.py", 0, "drawing"), message="nothing drawn")
    assert edits(hunt) == [[]]


@pytest.mark.parametrize("workers", [0, 2])
def test_equal_seeds_hunt_in_equal_order(order: Recording, workers: int) -> None:
    """With any number of workers."""
    one, two = (hunted(order, "OverflowError", GIFT, executions=400, seed=3, workers=each) for each in (0, workers))
    assert (one.progress.executions, one.progress.lines, one.best) == (
        two.progress.executions, two.progress.lines, two.best,
    )  # fmt: skip


def test_a_look_runs_the_recording_once(order: Recording) -> None:
    """And says how near it comes."""
    hunt = hunted(order, "AttributeError", PLAN, depth="look")
    assert (hunt.progress.executions, hunt.progress.finds) == (1, [])
    assert hunt.base.reached == len(hunt.goal.milestones)
