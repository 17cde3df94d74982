"""The demo's incidents, promoted: red on the service as it is, green on one with a fix for each bug, which holds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from replay.store.bundle import open_bundle
from replay.surfaces.demo import demonstrate
from replay.surfaces.plainly import plain_input
from tests.surfaces import fixes, projects, repositories


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the project."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300, cwd=folder,
                          env=projects.environment())  # fmt: skip


@pytest.fixture(scope="module")
def _promoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the demo's service and one of each of its twelve failures promoted; what a fix asks further on is
    answered as in the others."""
    place = tmp_path_factory.mktemp("promoted")
    result = demonstrate(place / "demo", tickets=60, echo=lambda text: None)
    groups = result.failures.values()
    assert len(groups) == 12
    project = place / "project"
    fixes.project(project)
    done = run(project, "-m", "replay.surfaces.cli", "promote", *(str(group[0].path) for group in groups),
               "--answers-from", str(result.folder), "--answer", fixes.ANSWER, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all("still fails with" in each["fails"] for each in json.loads(done.stdout))
    return project


@pytest.fixture
def project(_promoted: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(_promoted, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))


def test_red_and_green(project: Path) -> None:
    """All twelve fail on the service as it is, and pass with the fixes."""
    tests = ("-m", "pytest", *projects.plugin(), "-q", "-p", "no:cacheprovider", "tests")
    assert run(project, *tests).stdout.strip().rpartition("\n")[2].startswith("12 failed in")
    fixes.repair(project)
    assert run(project, *tests).stdout.strip().rpartition("\n")[2].startswith("12 passed in")
    for command in (["ruff", "check", "--isolated"], ["ruff", "format", "--isolated", "--check"]):
        if find_spec("ruff") is not None:
            assert run(project, "-m", *command, "tests").returncode == 0


def verified(project: Path) -> dict[str, dict[str, Any]]:
    """What `replay verify` says of each incident, with forty neighbours."""
    found = {}
    for bundle in sorted((project / "captures").glob("*.replay.db")):
        done = run(project, "-m", "replay.surfaces.cli", "verify", str(bundle), "--base", "HEAD", "--neighbours", "40",
                   "--json")  # fmt: skip
        assert done.stdout, done.stderr
        found[bundle.name] = json.loads(done.stdout)["predicate"]
    return found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_fixes_are_verified(project: Path) -> None:
    """Each of the twelve; about a minute."""
    repositories.init(project, "service.py", "pyproject.toml")
    fixes.repair(project)
    assert {name: each["reasons"] for name, each in verified(project).items() if each["result"] != "verified"} == {}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_hides_the_incidents_is_refused(project: Path) -> None:
    """A service that only knows the twelve tickets passes its tests, and not one certificate; about a minute."""
    repositories.init(project, "service.py", "pyproject.toml")
    bundles = sorted((project / "captures").glob("*.replay.db"))
    fixes.hide(project, [plain_input(next(iter(open_bundle(bundle))))["body"] for bundle in bundles])
    found = verified(project)
    assert [each["head"]["outcome"] for each in found.values()] == ["passed"] * 12
    assert [each["result"] for each in found.values()] == ["refused"] * 12
    assert all("neighbours of the incident fail" in each["reasons"][0] for each in found.values())
