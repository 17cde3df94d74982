"""The pytest plugin: whole projects, recorded for real, run in a real pytest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from replay.store.bundle import open_bundle
from tests.surfaces import projects

FIX = ('customer["plan"].upper()', '(customer["plan"] or "none").upper()')


Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, project: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`pytest ARGUMENTS` in the project, in a process of its own."""
    monkeypatch.chdir(project)

    def go(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(f"--rootdir={project}", *projects.plugin(), *arguments)

    return go


def test_a_result_passes_and_an_open_incident_xfails(run: Run) -> None:
    """One item a recording, named by bundle and id; `-rx` says what the incident is."""
    result = run("captures", "-v", "-rx")
    result.assert_outcomes(passed=3, xfailed=3)
    result.stdout.fnmatch_lines(
        ["captures/good.replay.db::* PASSED*", "XFAIL captures/bad.replay.db::* - *AttributeError*"]
    )


def test_bundles_are_collected_without_being_named(run: Run, project: Path) -> None:
    """Wherever pytest looks; `incident_paths` narrows it; a named bundle is always run."""
    run().assert_outcomes(passed=3, xfailed=3)
    (project / "pytest.ini").write_text("[pytest]\nincident_paths = captures/g*.replay.db\n")
    run().assert_outcomes(passed=1)
    run("captures/bad.replay.db").assert_outcomes(xfailed=1)


def test_a_fixed_incident_fails_and_says_so(run: Run, project: Path) -> None:
    """Strict: no longer failing is a failure, with what production saw and what happened now, and no traceback."""
    projects.edit(project, *FIX)
    result = run("captures/bad.replay.db", "-rf")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "open incident no longer fails: delete the bundle, or*@pytest.mark.incident*",
            "What production saw",
            "*AttributeError: 'NoneType' object has no attribute 'upper'*",
            "What happened now",
            "*{'label': 'NONE'}*",
            "FAILED captures/bad.replay.db::* - open incident no longer fails*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_items.py*")


def test_a_changed_result_fails_with_the_difference(run: Run, project: Path) -> None:
    """The world as recorded, another outcome."""
    projects.edit(project, ".upper()", ".title()")
    result = run("captures/good.replay.db")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*differs*label*recorded 'PRO', now 'Pro'*"])


@pytest.mark.parametrize("bundle", ["good", "bad"])
def test_a_diverged_replay_fails_in_either_case(run: Run, project: Path, bundle: str) -> None:
    """Also for an open incident: an error of the harness is not the recorded error."""
    projects.edit(project, 'lookup(ticket["from"])\n    print', 'lookup(ticket["from"] + "-2")\n    print')
    result = run(f"captures/{bundle}.replay.db")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Where they part*", "*shop.py:14 in triage*"])


def test_a_missing_target_fails_unless_it_is_redirected(run: Run, project: Path) -> None:
    """`incident_targets` names the new place; so does `targets` of the project, which the message names."""
    projects.edit(project, "def triage", "def renamed")
    result = run("captures/good.replay.db")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unanswerable*", '*targets = {"shop:triage" = *'])
    (project / "pytest.ini").write_text("[pytest]\nincident_targets =\n    shop:triage = shop:renamed\n")
    run("captures/good.replay.db").assert_outcomes(passed=1)
    (project / "pytest.ini").unlink()
    (project / "pyproject.toml").write_text('[tool.replay-harness]\ntargets = {"shop:triage" = "shop:renamed"}\n')
    run("captures/good.replay.db").assert_outcomes(passed=1)


def test_runxfail_shows_open_incidents_as_failures(run: Run) -> None:
    """`--runxfail` asks what really fails."""
    run("captures/bad.replay.db", "--runxfail").assert_outcomes(failed=1)


def test_a_damaged_bundle_is_a_collection_error_without_traceback(run: Run, project: Path) -> None:
    """Its message and nothing else; never an empty, green run."""
    bundle = project / "captures" / "bad.replay.db"
    bundle.write_bytes(bundle.read_bytes()[:5000])
    result = run("captures/bad.replay.db")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting captures/bad.replay.db*", "*bad.replay.db*"])
    result.stdout.no_fnmatch_line("*.py:*")


def test_incident_option_runs_what_it_names(run: Run, project: Path) -> None:
    """A bundle elsewhere, or one recording by a prefix of its id, in a folder too; a missing one is a usage error."""
    ids = open_bundle(project / "captures" / "mixed.replay.db").ids()
    (project / "captures" / "mixed.replay.db").rename(project / "elsewhere.replay.db")
    run("captures/good.replay.db", "--incident", f"elsewhere.replay.db::{ids[0][:8]}").assert_outcomes(passed=2)
    run("captures/good.replay.db", "--incident", "elsewhere.replay.db").assert_outcomes(passed=2, xfailed=2)
    (project / "other").mkdir()
    (project / "elsewhere.replay.db").rename(project / "other" / "mixed.replay.db")
    run("captures/good.replay.db", "--incident", f"other::{ids[0][:8]}").assert_outcomes(passed=2)
    assert run("--incident", "nowhere.replay.db").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("where", [(), (".",), ("captures/async.replay.db",)])
def test_incident_option_runs_what_incident_paths_leave_out(run: Run, project: Path, where: tuple[str, ...]) -> None:
    """Whatever else is named, the folder around it too: a folder, a bundle, or one recording of it alone."""
    ids = open_bundle(project / "captures" / "mixed.replay.db").ids()
    (project / "pytest.ini").write_text("[pytest]\nincident_paths = captures/open\n")
    also = 1 if where[-1:] == ("captures/async.replay.db",) else 0
    run(*where, "--incident", f"captures::{ids[0][:8]}").assert_outcomes(passed=1 + also)
    run(*where, "--incident", "captures/mixed.replay.db").assert_outcomes(passed=1 + also, xfailed=2)
    run(*where, "--incident", "captures").assert_outcomes(passed=3, xfailed=3)
    if where == (".",):
        run(*where, "captures/bad.replay.db").assert_outcomes(xfailed=1)


def test_only_a_boundary_can_be_live(run: Run) -> None:
    """Another name would be taken for one that nothing asks: a usage error, before anything is run."""
    result = run("captures/good.replay.db", "--incident-live", "htp")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--incident-live: 'htp' is no boundary; there are http, *"])


def test_xdist_runs_each_recording_once(run: Run, project: Path) -> None:
    """`-n 2`, with `--incident` on top."""
    pytest.importorskip("xdist")
    id = open_bundle(project / "captures" / "bad.replay.db").ids()[0]
    result = run("captures/mixed.replay.db", "--incident", f"captures/bad.replay.db::{id}", "-n", "2", "-rx")
    result.assert_outcomes(passed=1, xfailed=3)


def test_last_failed_and_keywords(run: Run, project: Path) -> None:
    """`--lf` runs the failed recording only; `-k` and `-m` select."""
    projects.edit(project, ".upper()", ".title()")
    run("captures/good.replay.db", "captures/async.replay.db").assert_outcomes(passed=1, failed=1)
    run("captures/good.replay.db", "captures/async.replay.db", "--lf").assert_outcomes(failed=1)
    id = open_bundle(project / "captures" / "good.replay.db").ids()[0]
    run("captures", "-k", id, "-m", "incident").assert_outcomes(failed=1, deselected=5)


def test_junit_report_has_the_text(run: Run, project: Path) -> None:
    """The failure's message and text, and the incidents as skipped with their reason."""
    projects.edit(project, ".upper()", ".upper() + '!'")
    run("captures/good.replay.db", "captures/bad.replay.db", "--junitxml=report.xml")
    cases = list(ElementTree.parse(project / "report.xml").iter("testcase"))
    failure, skipped = cases[0].find("failure"), cases[1].find("skipped")
    assert failure is not None
    assert "changed: recorded" in failure.attrib["message"]
    assert "What production saw" in (failure.text or "")
    assert skipped is not None
    assert "AttributeError" in skipped.attrib["message"]


MARKED = """\
import pytest

@pytest.mark.incident("captures/bad.replay.db")
def test_one(incident):
    assert incident.input["args"][0]["from"] == "bob"
    assert incident.outcome.state == "raised"
    assert incident.recording.entrypoint == "shop:triage"
    assert incident.run().status == "reproduced"

@pytest.mark.incident("captures/mixed.replay.db")
def test_each(incident):
    assert incident.run().green

@pytest.mark.incident("captures/async.replay.db")
def test_of_a_coroutine(incident):
    assert incident.run().green
"""


def test_marker_and_fixture(run: Run, project: Path) -> None:
    """One recording: one test; several: one each, named by id."""
    (project / "test_it.py").write_text(MARKED)
    result = run("test_it.py", "-v")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["test_it.py::test_one PASSED*", "test_it.py::test_each[[]*[]] PASSED*"])


UNITTEST = """\
import unittest
import pytest

@pytest.mark.usefixtures("incident")
class Triage(unittest.TestCase):
    @pytest.mark.incident("captures/bad.replay.db")
    def test_it(self):
        self.assertTrue(self.incident.run().green)
"""


def test_unittest_cases_get_the_incident(run: Run, project: Path) -> None:
    """As `self.incident`."""
    (project / "test_case.py").write_text(UNITTEST)
    run("test_case.py").assert_outcomes(passed=1)


LOOP = """\
import asyncio
import pytest

@pytest.mark.incident("captures/async.replay.db")
def test_it(incident):
    async def body():
        return incident.run()
    assert asyncio.run(body()).green
"""


def test_run_inside_a_running_loop(run: Run, project: Path) -> None:
    """A coroutine is replayed although a loop is running here."""
    (project / "test_loop.py").write_text(LOOP)
    run("test_loop.py").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("", "*mark the test with*"),
        ('@pytest.mark.incident("captures/nowhere.replay.db")', "*nowhere.replay.db*"),
        ('@pytest.mark.incident("captures/bad.replay.db::zzz")', "*no recording of that id*"),
    ],
)
def test_a_test_without_its_recording_is_a_clear_error(run: Run, project: Path, marker: str, message: str) -> None:
    """No marker, no bundle, no such id."""
    (project / "test_it.py").write_text(f"import pytest\n{marker}\ndef test_it(incident): pass\n")
    result = run("test_it.py")
    assert result.ret != 0
    shown = result.stdout if result.outlines and "rror" in result.stdout.str() else result.stderr
    shown.fnmatch_lines([message])
    shown.no_fnmatch_line("*pluggy/*.py*")


def test_the_plugin_costs_next_to_nothing_at_import() -> None:
    """It loads nothing of ours but itself: every pytest run of every user imports it."""
    code = (
        "import pytest, sys; before = set(sys.modules); import replay.surfaces.pytest_plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=projects.environment(), capture_output=True, text=True)
    assert done.stdout == "['replay', 'replay.surfaces', 'replay.surfaces.pytest_plugin']\n"


LOCKED = """\
import threading
import replay
from replay.surfaces import overdue

overdue.AFTER = 0.5
LOCK = threading.Lock()


@replay.boundary
def ask(seconds):
    return seconds


@replay.capture
def waits(seconds):
    with LOCK:
        return LOCK.acquire(timeout=ask(seconds))
"""


def test_a_wait_in_real_time_is_told_while_it_lasts(run: Run, project: Path) -> None:
    """By the line that waits; what pytest keeps back does not hold it up."""
    (project / "locked.py").write_text(LOCKED)
    (project / "conftest.py").write_text("import locked\n")
    line = (
        "import replay; replay.init(service='l', spool='waits', keep=replay.always()); import locked; locked.waits(2.0)"
    )
    subprocess.run([sys.executable, "-c", line], cwd=project, env=projects.environment(), check=True)
    result = run("waits")
    result.assert_outcomes(passed=1)
    result.stderr.fnmatch_lines(
        ["replay: waits/*.replay.db::* has run for 0 s, in *locked.py:* waits: return LOCK.acquire*"]
    )
