"""The demo's incidents, promoted: red on the service as it is, green on one with a fix for each bug."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from replay.surfaces.demo import demonstrate
from tests.surfaces import fixes, projects


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the project."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, cwd=folder,
                          env=projects.environment())  # fmt: skip


def test_the_incidents_of_the_demo(tmp_path: Path) -> None:
    """One of each of the twelve failures; what a fix asks further on is answered as in the others."""
    result = demonstrate(tmp_path / "demo", tickets=60, echo=lambda text: None)
    groups = result.failures.values()
    assert len(groups) == 12
    names = [str(group[0].path) for group in groups]
    project = tmp_path / "project"
    fixes.project(project)
    done = run(project, "-m", "replay.surfaces.cli", "promote", *names, "--answers-from", str(result.folder),
               "--answer", fixes.ANSWER, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert all("still fails with" in each["fails"] for each in told)
    tests = ("-m", "pytest", *projects.plugin(), "-q", "-p", "no:cacheprovider", "tests")
    assert run(project, *tests).stdout.strip().rpartition("\n")[2].startswith("12 failed in")
    fixes.repair(project)
    assert run(project, *tests).stdout.strip().rpartition("\n")[2].startswith("12 passed in")
    for command in (["ruff", "check", "--isolated"], ["ruff", "format", "--isolated", "--check"]):
        if find_spec("ruff") is not None:
            assert run(project, "-m", *command, "tests").returncode == 0
