"""`replay bisect`: the commit is named, and the user's repository is left alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.surfaces import projects, repositories
from tests.surfaces.test_terminal import on_terminal

BUG, FIXED = 'customer["plan"].upper()', '(customer["plan"] or "free").upper()'
BUNDLE = "captures/bad.replay.db"
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def bisect(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in the project."""
    command = [sys.executable, "-m", "replay.surfaces.cli", "bisect", BUNDLE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def step(project: Path, subject: str) -> str:
    """A commit that changes nothing that matters."""
    with (project / "shop.py").open("a") as file:
        file.write(f"# {subject}\n")
    return repositories.commit(project, subject)


@pytest.fixture
def history(project: Path) -> dict[str, str]:
    """Commits by name: good, broken (cannot be imported), culprit, bad."""
    projects.edit(project, BUG, FIXED)
    found = {"good": repositories.init(project, "shop.py", "pyproject.toml", "record.py")}
    step(project, "one")
    with (project / "shop.py").open("a") as file:
        file.write("def (\n")
    found["broken"] = repositories.commit(project, "broken")
    projects.edit(project, "def (\n", "")
    found["mended"] = repositories.commit(project, "mended")
    projects.edit(project, FIXED, BUG)
    found["culprit"] = repositories.commit(project, "simplify\x1b[31m")
    found["bad"] = step(project, "two")
    return found


def test_the_first_bad_commit(project: Path, history: dict[str, str]) -> None:
    """Named, with what was tried; the repository is as it was, though a worktree and a bisection were in it."""
    before = repositories.state(project)
    done = bisect("--good", history["good"], "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["first_bad"]["commit"] == history["culprit"]
    assert (found["first_bad"]["author"], found["candidates"]) == ("Ann", [])
    assert found["failure"].startswith("AttributeError: 'NoneType' object has no attribute 'upper' at shop.py:")
    judged = {step["commit"]: step["judgement"] for step in found["steps"]}
    assert judged[history["culprit"]] == "bad"
    assert judged.get(history["broken"], "skipped") == "skipped"
    assert repositories.state(project) == before
    shown = bisect("--good", history["good"]).stdout
    assert f"first bad {history['culprit']}" in shown
    assert "\x1b" not in shown


def test_how_far_it_is(project: Path, history: dict[str, str]) -> None:
    """On a terminal, of about how many commits."""
    shown = on_terminal("bisect", BUNDLE, "--good", history["good"])
    assert "\r\x1b[K1 of 5: HEAD" in shown
    assert re.search(r"[345] of 5, about \d+ s left: the commits between", shown)
    assert history["culprit"] in shown.rpartition("\x1b[K")[2]


def test_an_interrupt_keeps_what_was_tried(project: Path, history: dict[str, str], tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Ctrl-C after the first step: what was tried, and the commits that it may be by now; no worktree stays."""
    projects.edit(project, "    print(", "    sum(range(60_000_000))\n    print(")
    ends = [step(project, f"late {number}") for number in range(6)]
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    before = repositories.state(project)
    logs = (tmp_path / "tmp").glob
    done = projects.interrupted(["bisect", BUNDLE, "--good", history["good"], "--json"],
                                lambda: any(path.stat().st_size for path in logs("replay-bisect-*/log")))  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (130, "")
    found = json.loads(done.stdout)
    assert (found["first_bad"], found["interrupted"]) == (None, True)
    assert found["steps"]
    assert history["culprit"] in found["candidates"]
    assert ends[-1] not in found["candidates"]
    assert repositories.state(project) == before


def test_commits_that_cannot_be_run(project: Path, history: dict[str, str]) -> None:
    """If they hide the answer, all that it may be are named."""
    repositories.git(project, "checkout", "--quiet", "--detach", history["broken"])
    text = (project / "shop.py").read_text().replace(FIXED, BUG)
    (project / "shop.py").write_text(text)
    hidden = repositories.commit(project, "also broken")
    projects.edit(project, "def (\n", "")
    last = repositories.commit(project, "mended, bug and all")
    done = bisect("--good", f"{history['broken']}^", "--bad", last, "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["first_bad"] is None
    assert set(found["candidates"]) == {history["broken"], hidden, last}


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("culprit", "bad", "fails on"),
        ("good", "mended", "does not fail on"),
        ("bad", "good", "no ancestor"),
        ("good", "good", "the same commit"),
    ],
)
def test_ends_that_cannot_be_meant(project: Path, history: dict[str, str], good: str, bad: str, message: str) -> None:
    """A good commit that is bad, a bad one that is good, the wrong order."""
    done = bisect("--good", history[good], "--bad", history[bad])
    assert (done.returncode, "[bisect-ends]" in done.stderr) == (2, True)
    assert message in done.stderr


def test_an_unknown_revision(project: Path, history: dict[str, str]) -> None:
    """Says so."""
    done = bisect("--good", "nope")
    assert (done.returncode, "[unknown-revision]" in done.stderr) == (2, True)
