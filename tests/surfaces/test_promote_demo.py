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

import pytest

from replay.surfaces.demo import demonstrate
from tests.surfaces import fixes, projects

pytestmark = pytest.mark.slow


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
