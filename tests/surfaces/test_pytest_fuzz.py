"""`pytest --incident-fuzz`: whole projects, recorded for real, searched in a real pytest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from replay.store.bundle import open_bundle
from tests.surfaces import projects

Run = Callable[..., pytest.RunResult]
OPTIONS = ("--incident-fuzz", "60", "--incident-seed", "5")


@pytest.fixture
def run(pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`pytest ARGUMENTS` in the project, in a process of its own."""
    monkeypatch.chdir(project)

    def go(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(f"--rootdir={project}", *projects.plugin(), *arguments)

    return go


def shown(text: str) -> list[tuple[str, str]]:
    """What was changed and what the code did, of each find, in their order."""
    return re.findall(r"^\s*changed\s+(.*)$(?:\n.*)*?\n\s*did\s+(.*)$", text, re.MULTILINE)


def commanded(*arguments: str) -> str:
    """What `replay fuzz` says."""
    command = [sys.executable, "-m", "replay.surfaces.cli", "fuzz", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def test_each_recording_has_a_search_as_one_more_item(run: Run, project: Path) -> None:
    """Its failure lists the finds as the command does, in their order, also under xdist; statistics and junit too."""
    pytest.importorskip("xdist")
    result = run("captures/good.replay.db", "captures/bad.replay.db", *OPTIONS, "-n", "2", "--junitxml=report.xml",
                 "-rf")  # fmt: skip
    result.assert_outcomes(passed=1, xfailed=1, failed=2)
    ids = [open_bundle(project / f"captures/{name}.replay.db").ids()[0] for name in ("good", "bad")]
    cases = {f"{case.get('classname')} {case.get('name')}": case
             for case in ElementTree.parse("report.xml").iter("testcase")}  # fmt: skip
    for name, id in zip(("good", "bad"), ids, strict=True):
        case = cases[f"captures.{name}.replay.db.{id} fuzz"]
        failure = case.find("failure")
        assert failure is not None
        told = shown(failure.text or "")
        assert len(told) >= 4
        assert told == shown(commanded(f"captures/{name}.replay.db", "--executions", "60", "--seed", "5"))
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        assert (properties["incident_fuzz_finds"], properties["incident_fuzz_seed"]) == (str(len(told)), "5")
        result.stdout.fnmatch_lines(
            [f"captures/{name}.replay.db::{id}::fuzz  {len(told)} failures, * a second, *lines*"]
        )
    result.stdout.fnmatch_lines(["*again     replay run finds/*.replay.db", "--incident-seed 5 tries*"])
    finds = list(Path("finds").glob("*.replay.db"))
    assert {each.parent_digest for path in finds for each in open_bundle(path)} == {
        open_bundle(project / f"captures/{name}.replay.db")[id].digest
        for name, id in zip(("good", "bad"), ids, strict=True)
    }


def test_items_are_selected_and_finds_are_tried_first(run: Run, project: Path) -> None:
    """By id, by `-k` and by `--lf`; what was found before is found with another seed, in the first executions."""
    good = "captures/good.replay.db"
    id = open_bundle(project / good).ids()[0]
    first = run(f"{good}::{id}::fuzz", *OPTIONS)
    first.assert_outcomes(failed=1)
    again = run(good, "--lf", "--incident-fuzz", "1", "--incident-seed", "99")
    again.assert_outcomes(failed=1)
    assert shown(again.stdout.str()) == shown(first.stdout.str()) != []
    run(good, "-k", "not fuzz", *OPTIONS).assert_outcomes(passed=1, deselected=1)
    projects.edit(project, "customer = lookup", "return {'label': 'PRO'}\n    customer = lookup")
    fixed = run(f"{good}::{id}::fuzz", "--incident-fuzz", "1")
    assert shown(fixed.stdout.str()) == []
    assert list((project / ".hypothesis/replay-harness").rglob("?????*")) != []


def test_without_a_seed_each_run_tries_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in CI, where Hypothesis' own profile repeats the same examples for ever. Finds are not searched again."""
    monkeypatch.setenv("CI", "true")
    seeds = []
    for _ in range(2):
        result = run("captures/good.replay.db", "--incident-fuzz", "5")
        seeds += re.findall(r"--incident-seed (\d+) tries", result.stdout.str())
    assert len(set(seeds)) == 2
    if Path("finds").exists():
        run("finds", "--incident-fuzz", "5").stdout.no_fnmatch_line("*::fuzz*")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--incident-fuzz", "0"], "--incident-fuzz is a number of executions from 1"),
        (["--incident-seed", "3"], "--incident-seed is for --incident-fuzz"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(run: Run, arguments: list[str], message: str) -> None:
    """Said before anything runs."""
    result = run("captures/good.replay.db", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}*"])


def test_a_recording_that_cannot_be_run_fails_its_search(run: Run, project: Path) -> None:
    """With the reason."""
    projects.edit(project, "def triage", "def renamed")
    result = run("captures/good.replay.db", "-k", "fuzz", *OPTIONS)
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*cannot be searched: *has no 'triage' any more*"])


def test_the_plugin_loads_nothing_of_it(project: Path) -> None:
    """A run of pytest without the options loads neither the search nor Hypothesis for us."""
    code = "import sys; import replay.surfaces.pytest_plugin; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"import json; {code}"], capture_output=True, text=True, check=True)
    loaded: list[Any] = json.loads(done.stdout)
    assert [
        name for name in loaded if name.startswith(("hypothesis", "replay.engine", "replay.surfaces.pytest_f"))
    ] == []
