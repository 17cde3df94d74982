"""`@replay.fuzz` in a project of its own, and the finds that are remembered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.edits import Edit
from replay.engine.failures import Failure
from replay.engine.progress import Find
from replay.errors import UsageError
from replay.store.bundle import open_bundle
from replay.surfaces.remembered import Remembered

TESTS = """\
import asyncio
import unittest

import pytest
import replay
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "captures/good.replay.db"
FAULTS = (OSError, TypeError, LookupError, "AttributeError", "UnicodeEncodeError")


@replay.fuzz(NAME, executions=25, seed=1, allowed=FAULTS)
def test_wrong(run, tmp_path):
    assert tmp_path.exists()
    assert run.outcome.value["label"] == run.interactions[0].answer.decode()["plan"], "shouted"
    assert run.recording.outcome == run.outcome
    assert set(run.input) == {"args", "kwargs"}


@replay.fuzz(NAME, executions=25, seed=1, allowed=FAULTS)
def test_right(run):
    assert run.outcome.value["label"] == run.outcome.value["label"].upper()


@replay.fuzz(NAME, executions=25, seed=1)
def test_errors(run):
    pass


@replay.fuzz(NAME, executions=25, seed=1, allowed=[Exception])
async def test_async(run):
    await asyncio.sleep(0)
    assert run.edits == () or run.outcome.value["label"] == "PRO"


class TestCase(unittest.TestCase):
    @replay.fuzz(NAME, executions=25, seed=1, allowed=[Exception])
    def test_in_unittest(self, run):
        self.assertEqual(run.outcome.value["label"], "PRO")


@settings(max_examples=5, deadline=None, database=None, derandomize=True)
@given(most=st.integers(0, 9))
@replay.fuzz(NAME, executions=20, seed=1, workers=0, allowed=FAULTS)
def test_given(run, most):
    assert most < 6


@replay.fuzz("captures/none.replay.db")
def test_missing(run):
    pass
"""


def test_a_test_is_told_of_each_run(project: Path) -> None:
    """Plain, async, in unittest, with fixtures and `@given`: each fails with the smallest edit of what it forbids."""
    (project / "tests").mkdir()
    (project / "tests/test_shop.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "--rootdir=."]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    assert "6 failed, 1 passed" in told
    names = ("wrong", "errors", "async", "in_unittest", "given", "missing")
    parts = {name: told.split(f"test_{name} ___")[1].partition("\n____")[0] for name in names}
    assert "1 failure next to captures/good.replay.db" in parts["wrong"]
    assert "invariant, test_wrong: shouted" in parts["wrong"]
    assert "broke an invariant (AssertionError) at tests/test_shop.py:16 in test_wrong" in parts["wrong"]
    assert "changed" not in parts["wrong"]
    assert "error  AttributeError: 'NoneType' object has no attribute 'upper'" in parts["errors"]
    assert "changed   call[0].plan: null" in parts["errors"]
    for name in ("async", "in_unittest"):
        assert 'changed   call[0].plan: ""' in parts[name]
    assert "most=6" in parts["given"]
    assert "none.replay.db" in parts["missing"]
    bundles = Path("finds").glob("AssertionError-test_async-*.replay.db")
    finds = [each for path in bundles for each in open_bundle(path)]
    assert [(each.parent_digest, replay.run(each, root=project).status) for each in finds] == [
        (next(iter(open_bundle("captures/good.replay.db"))).digest, "reproduced")
    ]


def test_a_test_without_the_argument_is_refused() -> None:
    """At once."""
    with pytest.raises(UsageError, match="has no argument `run`"):

        @replay.fuzz("captures/good.replay.db")
        def test(other: Any) -> None:
            pass


def find(kind: str, *edits: Edit) -> Find:
    """A find of these edits."""
    failure = Failure(kind, "ValueError", "", ())  # type: ignore[arg-type]
    return Find(failure=failure, edits=edits, executions=1, seconds=0.0, stretched=0, recording=None)


def test_finds_are_remembered_in_their_order(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By recording and scope; what is found no more goes; what comes and goes is not kept."""
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY", raising=False)
    recording = next(iter(open_bundle("captures/good.replay.db")))
    kept = Remembered(project, recording, "one")
    one, two, three = Edit("input.args[0]", "set", "\ud800"), Edit("input.args[0]", "drop"), Edit("call[0]", "set", 1.5)
    kept.keep([find("error", two), find("nondeterminism", one), find("error", one, three), find("error")])
    again = Remembered(project, recording, "one")
    assert again.edits() == [(two,), (one, three)]
    assert Remembered(project, recording, "two").edits() == []
    other = msgspec.structs.replace(recording, started_at=recording.started_at + 1)
    assert Remembered(project, other, "one").edits() == []
    again.keep([find("error", three)])
    assert kept.edits() == [(three,)]
    for path in (project / ".hypothesis/replay-harness").glob(f"{recording.digest[:32]}/*/*"):
        path.write_bytes(b"something else")
    assert Remembered(project, recording, "one").edits() == []
    assert (project / ".hypothesis/replay-harness/.gitignore").read_text() == "*\n"


def test_where_nothing_can_be_written_nothing_is_remembered(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing fails for it."""
    (project / "file").write_text("")
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(project / "file"))
    kept = Remembered(project, next(iter(open_bundle("captures/good.replay.db"))))
    kept.keep([find("error", Edit("input.args[0]", "drop"))])
    assert kept.edits() == []
