"""From incident to cause to regression test, shown whole: the demo's twelve failures and the planted ones, as a table.

Slow: about ten minutes. `why` names what was planted, in a bounded number of runs, or says that it did not isolate it;
`minimize` keeps the failure, at least halves the bytes, and leaves no private value that does not matter; `promote`
makes a test that is red on the code as it is and green on the fixed one; `verify` takes the fixes, and none that knows
the incidents only. The demo's causes are those of `replay.surfaces.demo.tickets.SURPRISES` and `servers.COHORTS`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from replay.core.recording import Recording
from replay.engine.minimize import minimize
from replay.store.bundle import open_bundle, write_bundle
from replay.surfaces.demo import demonstrate
from replay.surfaces.demo.result import DemoResult
from replay.surfaces.plainly import plain_input
from replay.surfaces.why import Options, at_work
from tests.surfaces import fixes, planted_fixes, projects, repositories
from tests.surfaces.test_minimize import whole
from tests.surfaces.test_promote import checked, last_line, promote
from tests.surfaces.test_why import PLANTED, ROOT, caused, parted, recorded

pytestmark = pytest.mark.slow

CAUSES: dict[str, set[str]] = {
    "trial_ended": {"http[0].body.plan"},
    "billing_moved": {"http[2].body.data[*].amount_due"},
    "code_pasted": {"http[3].stream.text"},
    "stream_dropped": {"http[3]"},
    "long_cjk": {"http[3].stream.text"},
    "around_the_clock": {"input.body.timezone", "http[3].stream.json.priority"},  # late there, and urgent
    "half_an_emoji": {"input.body.subject"},
    "no_customer": {"http[0].body.account_id"},  # what the CRM answers where no customer is named
    "enterprise_form": {"input.body.seats", "http[0].body.plan"},
    "wants_spanish": {"http[3].stream.json.label"},
    "accented_sender": {"input.body.from"},
    "slow_crm": {"http[0]"},
}
"""By the shape of the ticket: the values that it failed by."""
TABLE: dict[str, dict[str, str]] = {}
"""What was shown of each incident."""


def tell(incident: str, **facts: object) -> None:
    """A few cells of the table."""
    TABLE.setdefault(incident, {}).update({name: str(fact) for name, fact in facts.items()})


@pytest.fixture(scope="module", autouse=True)
def _table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Printed at the end, whatever became of it."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    names = ("cause", "runs", "bytes", "file", "test", "fix", "hidden")
    with capture.global_and_fixture_disabled():
        print(f"\n{'incident':17} " + " | ".join(names))
        for incident, facts in TABLE.items():
            print(f"{incident:17} " + " | ".join(facts.get(name, "-") for name in names))
        isolated = sum(facts.get("right") == "True" for facts in TABLE.values())
        halved = sum(facts.get("halved") == "True" for facts in TABLE.values())
        print(f"{isolated} causes right and {halved} halved, of {len(TABLE)} incidents")


def shape_of(path: Path) -> str:
    """The shape of the ticket that a recording began with."""
    (recording,) = open_bundle(path)
    ticket: Any = plain_input(recording)["body"]
    if not isinstance(ticket, dict):
        return "half_an_emoji"  # no JSON that plain text could hold
    cohort = {"2": "trial_ended", "3": "billing_moved", "6": "slow_crm", "7": "stream_dropped", "8": "enterprise_form"}
    subject, customer = str(ticket["subject"]), str(ticket["customer_id"] or "")
    if not customer:
        return "no_customer"
    if customer[4] in cohort:
        return cohort[customer[4]]
    if not ticket["from"].isascii():
        return "accented_sender"
    named = {"Export fails": "code_pasted", "Outage": "around_the_clock", "Factura": "wants_spanish"}
    return named.get(subject) or ("half_an_emoji" if "\ud83d" in subject else "long_cjk")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """The demo as a user runs it."""
    return demonstrate(tmp_path_factory.mktemp("demo") / "demo", tickets=300, echo=lambda text: None)


@pytest.fixture(scope="module")
def incidents(demo: DemoResult) -> Mapping[str, Path]:
    """The first recording of each failure, by shape."""
    found = {shape_of(group[0].path): group[0].path for group in demo.failures.values()}
    assert set(found) == set(CAUSES)
    return found


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of ours in that folder."""
    return subprocess.run([sys.executable, "-m", "replay.surfaces.cli", *arguments], cwd=folder, capture_output=True,
                          text=True, timeout=300, env=projects.environment())  # fmt: skip


def told(*arguments: str) -> dict[str, Any]:
    """The document of a command that is content."""
    done = run(projects.ROOT, *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def general(path: str) -> str:
    """Without the number of an item; billing is asked first or second, at the same time as the history."""
    return path.replace("data[0]", "data[*]").replace("http[1].", "http[2].")


@pytest.mark.parametrize("shape", CAUSES)
def test_the_cause_is_named(incidents: Mapping[str, Path], shape: str) -> None:
    """Exactly what the ticket or the bad day was made of, proved both ways, in a bounded number of runs."""
    found = told("why", str(incidents[shape]))
    paths = {general(value["path"]) for value in found["values"]}
    tell(shape, cause=", ".join(sorted(paths)), runs=found["runs"], right=paths == CAUSES[shape])
    assert paths == CAUSES[shape]
    assert {value["fails_with"] for value in found["values"]} == {"same"}
    assert {value["passes_without"] for value in found["values"]} <= {"passed", "past"}
    assert found["runs"] <= found["most_runs"] == 600
    assert found["reproduced_again"] is True


def private_of(recording: Recording) -> set[str]:
    """What a customer would not want to be in a repository: who wrote, what, and what the CRM says of its owner."""
    ticket: Any = plain_input(recording)["body"]
    found = {"owner@crm.example", "Lovelace", "O'Brien", "usr_17"}
    if isinstance(ticket, dict):
        found |= {str(ticket.get(name) or "") for name in ("from", "subject", "body", "customer_id")}
    return {each for each in found if len(each) > 4}


@pytest.mark.parametrize("shape", CAUSES)
def test_the_rest_goes(incidents: Mapping[str, Path], tmp_path: Path, shape: str) -> None:
    """It reproduces, with half the bytes at most, and no private value that does not matter in any form."""
    (incident,) = open_bundle(incidents[shape])
    out = tmp_path / "small.replay.db"
    found = told("minimize", str(incidents[shape]), "--out", str(out))
    sizes, files = found["bytes"], found["file_bytes"]
    halved = sizes["after"] * 2 <= sizes["before"]
    tell(shape, bytes=f"{sizes['before']:,} -> {sizes['after']:,}", file=f"{files['before']:,} -> {files['after']:,}",
         halved=halved)  # fmt: skip
    assert found["status"] == "reproduced"
    assert halved
    held = whole(out).decode("utf-8", "replace")
    assert [private for private in private_of(incident) if private in held or json.dumps(private)[1:-1] in held] == []


@pytest.fixture(scope="module")
def _promoted(incidents: Mapping[str, Path], demo: DemoResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the demo's service, each failure promoted; what a fix asks further on is answered as in others."""
    project = tmp_path_factory.mktemp("promoted") / "project"
    fixes.project(project)
    done = run(project, "promote", *map(str, incidents.values()), "--answers-from", str(demo.folder),
               "--answer", fixes.ANSWER, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all("still fails with" in each["fails"] for each in json.loads(done.stdout))
    return project


@pytest.fixture
def project(_promoted: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(_promoted, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))


def of_test(incidents: Mapping[str, Path], bundle: Path) -> str:
    """The shape that a promoted bundle was made of."""
    id = bundle.name.removesuffix(".replay.db")[-8:]
    return next(shape for shape, path in incidents.items() if next(iter(open_bundle(path))).id.startswith(id))


def test_red_and_green(project: Path, incidents: Mapping[str, Path]) -> None:
    """All twelve fail on the service as it is, and pass with the fixes; Ruff and mypy have nothing to say."""
    number = len(CAUSES)
    assert last_line("tests", cwd=project).startswith(f"{number} failed in")
    fixes.repair(project)
    assert last_line("tests", cwd=project).startswith(f"{number} passed in")
    checked(project / "tests", project / "pyproject.toml")
    for shape in incidents:
        tell(shape, test="red, green")


def verified(project: Path) -> dict[Path, dict[str, Any]]:
    """What `replay verify` says of each incident, with forty neighbours."""
    found = {}
    for bundle in sorted((project / "captures").glob("*.replay.db")):
        done = run(project, "verify", str(bundle), "--base", "HEAD", "--neighbours", "40", "--json")
        assert done.stdout, done.stderr
        found[bundle] = json.loads(done.stdout)["predicate"]
    return found


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_fixes_are_verified(project: Path, incidents: Mapping[str, Path]) -> None:
    """Each of the twelve."""
    repositories.init(project, "service.py", "pyproject.toml")
    fixes.repair(project)
    found = verified(project)
    for bundle, each in found.items():
        tell(of_test(incidents, bundle), fix=each["result"])
    assert {path.name: each["reasons"] for path, each in found.items() if each["result"] != "verified"} == {}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_hides_the_incidents_is_refused(project: Path, incidents: Mapping[str, Path]) -> None:
    """A service that only knows the twelve tickets passes its tests, and not one certificate."""
    repositories.init(project, "service.py", "pyproject.toml")
    bundles = sorted((project / "captures").glob("*.replay.db"))
    fixes.hide(project, [plain_input(next(iter(open_bundle(bundle))))["body"] for bundle in bundles])
    found = verified(project)
    for bundle, each in found.items():
        tell(of_test(incidents, bundle), hidden=each["result"])
    assert [each["head"]["outcome"] for each in found.values()] == ["passed"] * len(CAUSES)
    assert [each["result"] for each in found.values()] == ["refused"] * len(CAUSES)
    assert all("neighbours of the incident fail" in each["reasons"][0] for each in found.values())


@pytest.mark.parametrize("name", PLANTED)
def test_planted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each planted failure the cause, and the smallest recording."""
    incident, passing = parted(recorded(name, PLANTED[name][0], tmp_path / "spool", monkeypatch))
    before = write_bundle([incident], tmp_path / "whole.replay.db")
    found = caused(incident, passing)
    paths = {value.path for value in found.values}
    right = paths in ({"timing[0]"}, {"timing[1]"}) if name == "order" else paths == PLANTED[name][1]
    with at_work(incident, Options(root=ROOT)) as stage:
        small = minimize(incident, stage, runs=3000)
    assert small.recording is not None, small.reason
    after = write_bundle([small.recording], tmp_path / "small.replay.db")
    halved = 2 * small.after <= small.before
    tell(name, cause=", ".join(sorted(paths)) or found.reason, runs=found.runs, right=right,
         bytes=f"{small.before:,} -> {small.after:,}", halved=halved,
         file=f"{before.stat().st_size:,} -> {after.stat().st_size:,}")  # fmt: skip
    assert right
    assert halved
    assert b"Byron" not in whole(after)


@pytest.mark.parametrize("minimal", [False, True], ids=["whole", "minimal"])
def test_planted_red_and_green(minimal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of each, of the incident whole and of what `why` and `minimize` leave of it: red on the code as it was
    recorded, green on the fixed one; Ruff and mypy have nothing to say."""
    assert set(planted_fixes.FIXES) == set(PLANTED)
    project = planted_fixes.project(tmp_path / "project")
    bundles = []
    for name, (runs, _) in PLANTED.items():
        incident, passing = parted(recorded(name, runs, tmp_path / "spool" / name, monkeypatch))
        (tmp_path / name).mkdir()
        bundles.append(write_bundle([incident], tmp_path / name / f"{name}.replay.db"))
        for number, (_, each) in enumerate(passing):
            write_bundle([each], tmp_path / name / f"passing{number}.replay.db")
    for name, value in projects.environment().items():
        monkeypatch.setenv(name, value)
    for bundle, verb in product(bundles, ("why", "minimize") if minimal else ()):
        done = run(project, verb, str(bundle))
        assert done.returncode == 0, done.stdout + done.stderr
    for start in range(0, len(bundles), 4):
        done = promote(*map(str, bundles[start : start + 4]), "--json", cwd=project)
        assert done.returncode == 0, done.stderr
        assert all("still fails with" in each["fails"] for each in json.loads(done.stdout))
        assert {each["minimal"] for each in json.loads(done.stdout)} == {minimal}
    assert last_line("tests", cwd=project).startswith(f"{len(PLANTED)} failed in")
    planted_fixes.repair(project)
    assert last_line("tests", cwd=project).startswith(f"{len(PLANTED)} passed in")
    checked(project / "tests", project / "pyproject.toml")
    for name in PLANTED:
        tell(name, test="red, green", minimal="red, green" if minimal else "-")
