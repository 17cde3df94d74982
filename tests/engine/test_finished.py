"""A run as properties see it, and what of a property makes a failure."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from replay.engine.explorer import Explorer
from replay.engine.finished import Run, broken
from replay.store.bundle import open_bundle, write_bundle
from tests.engine import desk
from tests.engine.test_explorer import ROOT, stage

Record = Callable[..., list[Recording]]


@pytest.fixture
def order(record: Record) -> Recording:
    """The benign order."""
    return record(desk.record_order)[0]


def test_a_run_tells_what_it_was_given_and_did(order: Recording) -> None:
    """Input, outcome, interactions and edits of the mutation that ran, and itself as a recording."""
    from replay.core.edits import Edit

    edits = (Edit("input.args[0].items[0]", "twice"),)
    here = stage(order)
    run = here.finished(here.execute(edits), edits)
    assert len(run.input["args"][0]["items"]) == len(order.input.decode()["args"][0]["items"]) + 1
    assert (run.outcome.state, run.outcome.value["plan"]) == ("returned", "PRO")
    assert [each.target for each in run.interactions] == [each.target for each in run.recording.interactions]
    assert len(run.interactions) == len(order.interactions) + 1
    assert run.recording.parent_digest == order.digest
    assert repr(run) == f"<run of {order.entrypoint}: input.args[0].items[0]: twice>"
    assert isinstance(run, replay.Run)


def test_a_recording_is_a_run_of_its_own(order: Recording) -> None:
    """Without a search."""
    run = Run(order, order.outcome)
    assert (run.recording, run.interactions, run.edits) == (order, order.interactions, ())


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (lambda run: None, None),
        (lambda run: True, None),
        (lambda run: False, "gave False"),
        (lambda run: pytest.fail("no good"), "no good"),
        (lambda run: pytest.skip("not about this one"), None),
        (lambda run: (_ for _ in ()).throw(unittest.SkipTest("nor this")), None),
        (lambda run: run.outcome.value["nothing"], "'nothing'"),
    ],
)
def test_what_breaks_a_property(order: Recording, does: Callable[[Run], Any], message: str | None) -> None:
    """It raises or gives False; a skip says that it is not about this run."""
    found = broken(Run(order, order.outcome), [does], ROOT)
    assert (found is None) == (message is None)
    if found is not None:
        assert found.kind == "invariant"
        assert found.message.endswith(str(message))


def total_is_small(run: Run) -> None:
    """A property that some mutations break."""
    assert run.outcome.value["total"] < 100


def test_a_search_finds_what_breaks_a_property(order: Recording, tmp_path: Any) -> None:
    """With its place in the property; the find is the run as it ended."""
    progress = Explorer(stage(order, properties=[total_is_small]), executions=600).explore()
    find = next(each for each in progress.finds if each.failure.kind == "invariant")
    assert find.failure.frames[-1].function == "total_is_small"
    assert find.recording is not None
    assert find.recording.outcome.value["total"] >= 100
    path = write_bundle([find.recording], tmp_path / "x.replay.db")
    assert replay.run(next(iter(open_bundle(path))), root=ROOT).status == "reproduced"


def test_a_property_that_the_recording_itself_breaks_is_a_find(order: Recording) -> None:
    """Of no edit."""

    def never(run: Run) -> bool:
        return False

    progress = Explorer(stage(order, properties=[never]), executions=60).explore()
    assert [(each.failure.kind, each.edits) for each in progress.finds if each.failure.kind == "invariant"] == [
        ("invariant", ())
    ]
