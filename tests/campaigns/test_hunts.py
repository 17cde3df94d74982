"""The planted failures, hunted from their tracebacks alone: a few, and all of them where time does not matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns import hunts
from tests.surfaces.test_why import PLANTED

QUICK = ("label", "input_date", "variable")


@pytest.mark.parametrize("name", QUICK)
def test_a_traceback_and_benign_captures_give_the_incident(name: str, tmp_path: Path) -> None:
    """The value that the message quotes, at its place; a strict replay of the find ends as the traceback says."""
    report = hunts.hunted(name, tmp_path, executions=400, workers=0)
    (kept,) = report.finds
    assert kept.reproduced
    assert {edit.path for edit in kept.find.edits} == PLANTED[name][1]
    assert kept.find.failure.message == report.signature.message


@pytest.mark.slow
def test_all_planted_failures_are_reproduced(capsys: pytest.CaptureFixture[str]) -> None:
    """At least 28 of 32: no hunt changes the zone."""
    assert hunts.main(["--at-least", "28"]) == 0, capsys.readouterr().out
