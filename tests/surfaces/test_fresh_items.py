"""Items of pytest share a process: what does not reproduce there is replayed in a fresh one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

import replay
from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.surfaces.pytest_fresh import MOST, settled
from tests.surfaces import projects

RATES = """\
from functools import lru_cache
import replay


@replay.boundary
def fetch(currency):
    return {"eur": 2}[currency]


@lru_cache
def rate(currency):
    return fetch(currency)


@replay.capture
def price(currency, number):
    found = rate(currency) * number
    if number > 9:
        raise ValueError("too many")
    return found
"""
RECORD = """\
import sys
import replay

replay.init(service="rates", spool="captures", keep=replay.always())
import rates

try:
    rates.price("eur", int(sys.argv[1]))
except ValueError:
    pass
assert replay.flush()
"""
ONCE = """\
    import sys
    from replay.errors import Unanswerable
    if hasattr(sys, "was_run"):
        raise Unanswerable("only once")
    sys.was_run = True
"""
WARM = """\
import rates

rates.rate("eur")
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    """Three recordings, each of a process that had nothing in its cache; the last one failed."""
    (tmp_path / "rates.py").write_text(RATES)
    (tmp_path / "record.py").write_text(RECORD)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    for number, name in ((1, "a"), (2, "b"), (10, "c")):
        subprocess.run([sys.executable, "record.py", str(number)], cwd=tmp_path, check=True, timeout=60)
        (made,) = (tmp_path / "captures").glob("rates-*.replay.db")
        made.rename(made.with_name(f"{name}.replay.db"))
    return tmp_path


@pytest.fixture
def run(pytester: pytest.Pytester, rates: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`pytest ARGUMENTS` in the project, in a process of its own."""
    monkeypatch.chdir(rates)

    def go(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(f"--rootdir={rates}", *projects.plugin(), "captures", *arguments)

    return go


def test_a_cache_that_another_item_filled(run: Run) -> None:
    """The verdict is that of a fresh process, in any order; what it was in the shared one is said."""
    result = run("-rx", "--junitxml=found.xml")
    result.assert_outcomes(passed=2, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*reproduced in a fresh process only*",
            "captures/b.replay.db::*: in the process of pytest it is diverged: *rates:fetch*",
            "captures/c.replay.db::*: in the process of pytest it is diverged: *rates:fetch*",
            "*incident_fresh = false*",
            "XFAIL captures/c.replay.db::*ValueError*this is in a fresh process: in that of pytest*",
        ]
    )
    assert len(ElementTree.parse("found.xml").getroot().findall(".//property")) == 2
    run("captures/b.replay.db", "captures/a.replay.db").assert_outcomes(passed=2, xfailed=1)


def test_what_was_there_before_the_first_item(run: Run, rates: Path) -> None:
    """The project fills its cache as it is imported: the first item is no other than those after it."""
    (rates / "conftest.py").write_text(WARM)
    run().assert_outcomes(passed=2, xfailed=1)


def test_what_cannot_be_run_twice_in_a_process(run: Run, rates: Path) -> None:
    """Where a second run is no run at all, that of a fresh process is the verdict."""
    (rates / "rates.py").write_text(RATES.replace("@lru_cache\n", "").replace("    found =", ONCE + "    found ="))
    run().assert_outcomes(passed=2, xfailed=1)


def test_under_xdist(run: Run) -> None:
    """The controller has no recordings, and says it all the same."""
    pytest.importorskip("xdist")
    result = run("-n1")
    result.assert_outcomes(passed=2, xfailed=1)
    result.stdout.fnmatch_lines(["captures/b.replay.db::*: in the process of pytest it is diverged: *"])


def test_it_is_switched_off(run: Run, rates: Path) -> None:
    """`incident_fresh = false`: the verdict of this process counts."""
    (rates / "pytest.ini").write_text("[pytest]\nincident_fresh = false\n")
    run("captures").assert_outcomes(passed=1, failed=2)


def test_what_changed_is_changed_in_any_process(run: Run, rates: Path) -> None:
    """Nothing is excused, and the summary says nothing."""
    (rates / "rates.py").write_text(RATES.replace("* number", "* number + 1").replace("@lru_cache\n", ""))
    result = run("captures/a.replay.db", "captures/b.replay.db")
    result.assert_outcomes(failed=2, xfailed=1)
    result.stdout.no_fnmatch_line("*fresh*")


def test_another_end_in_a_fresh_process_is_the_one(run: Run, rates: Path) -> None:
    """Red in both: what the change does is told, not what the cache does."""
    (rates / "rates.py").write_text(RATES.replace("* number", "* number + 1"))
    result = run()
    result.assert_outcomes(failed=2, xfailed=1)
    result.stdout.fnmatch_lines(["changed: recorded 4; now 5; this is in a fresh process*it is diverged: *"])


class Red:
    """Replays that never reproduce, and how many there were."""

    def __init__(self, status: Any) -> None:
        self.count = 0
        self.status = status

    def fresh(self, recording: Recording) -> Verdict:
        self.count += 1
        return Verdict(id=recording.id, status=self.status, recorded=recording.outcome)


@pytest.mark.parametrize(("status", "count"), [("diverged", MOST), ("reproduced", 3 * MOST)])
def test_what_ails_all_of_them_is_not_tried_again_for_each(rates: Path, status: str, count: int) -> None:
    """Where code moved, each item costs a process: after some that confirm it no more are started."""
    recording = next(iter(replay.open(rates / "captures" / "a.replay.db")))
    item: Any = SimpleNamespace(config=SimpleNamespace(stash=pytest.Stash()), user_properties=[])
    red = Red(status)
    for _ in range(3 * MOST):
        settled(item, recording, Verdict(id="x", status="diverged", recorded=recording.outcome), red)
    assert red.count == count
