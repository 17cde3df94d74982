"""The demo's incidents, promoted: red on the service as it is, green on one with a fix for each bug.

Whether the fixes hold is in `test_evidence`, which is slow.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from replay.surfaces.demo import demonstrate
from replay.surfaces.demo.result import DemoResult
from tests.surfaces import fixes, projects

pytestmark = pytest.mark.slow


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the project."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=300, cwd=folder,
                          env=projects.environment())  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """A short one, with each of its twelve failures."""
    result = demonstrate(tmp_path_factory.mktemp("demo") / "demo", tickets=60, echo=lambda text: None)
    assert len(result.failures) == 12
    return result


def names(demo: DemoResult) -> list[str]:
    """One of each failure."""
    return [group[0].path.name for group in demo.failures.values()]


def promote(project: Path, folder: Path, names: list[str]) -> list[dict[str, Any]]:
    """These; what a fix asks further on is answered as in the others."""
    paths = [str(folder / name) for name in names]
    done = run(project, "-m", "replay.surfaces.cli", "promote", *paths, "--answers-from", str(folder),
               "--answer", fixes.ANSWER, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    made: list[dict[str, Any]] = json.loads(done.stdout)
    assert all("still fails with" in each["fails"] for each in made)
    return made


@pytest.fixture(scope="module")
def _promoted(demo: DemoResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the demo's service and its failures promoted."""
    project = tmp_path_factory.mktemp("promoted") / "project"
    fixes.project(project)
    promote(project, demo.folder, names(demo))
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


def test_minimal_red_and_green(demo: DemoResult, tmp_path: Path) -> None:
    """All twelve after `why` and `minimize`, too: what the fixes read is still there, each in its own way."""
    project, folder = tmp_path / "project", tmp_path / "demo"
    fixes.project(project)
    shutil.copytree(demo.folder, folder, ignore=shutil.ignore_patterns("run"))
    for name in names(demo):
        for verb in (["why"], ["minimize", "--answer", fixes.ANSWER]):
            done = run(project, "-m", "replay.surfaces.cli", *verb, str(folder / name))
            assert done.returncode == 0, done.stdout + done.stderr
    assert all(each["minimal"] for each in promote(project, folder, names(demo)))
    tests = ("-m", "pytest", *projects.plugin(), "-q", "-p", "no:cacheprovider", "tests")
    assert run(project, *tests).stdout.strip().rpartition("\n")[2].startswith("12 failed in")
    fixes.repair(project)
    done = run(project, *tests)
    assert done.stdout.strip().rpartition("\n")[2].startswith("12 passed in"), done.stdout
