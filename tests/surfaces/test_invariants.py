"""Invariants of a project: found by its configuration, asked by `replay run`, by pytest items and by `replay fuzz`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.surfaces import projects
from tests.surfaces.test_cli import replay

CHECKS = """\
import replay


@replay.invariant("shop:triage")
def label_is_known(run):
    assert run.outcome.value["label"] in ("PRO", "FREE"), f"no such label: {run.outcome.value['label']}"
"""


@pytest.fixture
def checked(project: Path) -> Path:
    """The project with an invariant, in a module that nothing of it imports."""
    (project / "shop_checks.py").write_text(CHECKS)
    (project / "pyproject.toml").write_text('[tool.replay-harness]\nimports = ["shop_checks"]\n')
    return project


def test_replay_run_asks_them(checked: Path) -> None:
    """It reproduces and breaks one: exit code 1, with its name, its message and its line."""
    assert replay("run", "captures/good.replay.db").returncode == 0
    (checked / "shop_checks.py").write_text(CHECKS.replace('"PRO"', '"BASIC"'))
    done = replay("run", "captures/good.replay.db")
    assert done.returncode == 1
    assert "broken    label_is_known: no such label: PRO (shop_checks.py:6)" in done.stdout
    assert "1 recording: 1 reproduced, 1 breaking an invariant" in done.stdout
    (row,) = json.loads(replay("run", "captures/good.replay.db", "--json").stdout)
    assert row["status"] == "reproduced"
    assert row["violations"] == [
        {"invariant": "label_is_known", "message": "no such label: PRO", "file": "shop_checks.py", "line": 6}
    ]


def test_a_pytest_item_fails_with_its_message(checked: Path) -> None:
    """One that holds changes nothing."""

    def ran() -> str:
        command = [sys.executable, "-m", "pytest", *projects.plugin(), "-q", "captures/good.replay.db"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout

    assert "1 passed" in ran()
    (checked / "shop_checks.py").write_text(CHECKS.replace('"PRO"', '"BASIC"'))
    said = ran()
    assert "1 failed" in said
    assert "breaks an invariant: label_is_known: no such label: PRO" in said


def test_a_search_finds_what_breaks_them(checked: Path) -> None:
    """With the line that says so; the bundle of the find is one that `replay run` shows it with."""
    done = replay("fuzz", "captures/good.replay.db", "--executions", "60", "--kinds", "invariant", "--json")
    (find,) = json.loads(done.stdout)["finds"]
    assert (find["kind"], find["error_type"]) == ("invariant", "AssertionError")
    assert find["message"].startswith("label_is_known: no such label:")
    assert find["frames"][-1] == {"file": "shop_checks.py", "line": 6, "function": "label_is_known"}
    assert find["reproduced"] is True
    assert replay("run", find["bundle"]).returncode == 1


@pytest.mark.parametrize(
    ("checks", "slug", "said"),
    [
        (CHECKS.replace("shop:triage", "shop:triag"), "invariant", "did you mean shop:triage?"),
        ("import nowhere_at_all\n", "config", "names shop_checks, whose import failed with ModuleNotFoundError"),
    ],
)
def test_what_is_wrong_with_them_is_told(checked: Path, checks: str, slug: str, said: str) -> None:
    """A usage error, with what to correct."""
    (checked / "shop_checks.py").write_text(checks)
    found: Any = replay("run", "captures/good.replay.db")
    assert (found.returncode, found.stdout) == (2, "")
    assert said in found.stderr
    assert f"[{slug}]" in found.stderr
