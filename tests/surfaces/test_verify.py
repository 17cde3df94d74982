"""`replay verify`: fixes and what only looks like one, in real git repositories; the certificate and its signature."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from replay.engine.neighbours import neighbours
from replay.errors import ReplayError
from replay.store.bundle import open_bundle
from replay.surfaces.certificate import opened
from tests.surfaces import projects, repositories
from tests.surfaces.test_terminal import on_terminal

FIX = ('customer["plan"].upper()', '(customer["plan"] or "free").upper()')
HIDES = ("    print(", '    if ticket["from"] == "bob":\n        return {"label": "FREE"}\n    print(')
BUNDLE = "captures/bad.replay.db"
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def replay(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in the project."""
    command = [sys.executable, "-m", "replay.surfaces.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def certificate(*arguments: str, code: int) -> dict[str, Any]:
    """The statement on a fix, with the exit code that it comes with."""
    done = replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "40", "--json", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def repository(project: Path) -> Path:
    """The project, its bug committed."""
    repositories.init(project, "shop.py", "pyproject.toml", "record.py")
    return project


def test_a_fix_is_verified(repository: Path) -> None:
    """Fails before, passes now, survives its neighbours; the user's repository stays as it was."""
    projects.edit(repository, *FIX)
    before = repositories.state(repository)
    found = certificate(code=0)["predicate"]
    assert (found["result"], found["reasons"]) == ("verified", [])
    assert (found["base"]["outcome"], found["base"]["error_type"], found["base"]["function"]) == (
        "failed", "AttributeError", "triage")  # fmt: skip
    assert found["head"]["outcome"] == "passed"
    assert (found["head"]["dirty"], found["head"]["changed"]) == (True, ["shop.py"])
    around = found["neighbours"]
    assert (around["tried"], around["fail"]) == (40, 0)
    assert around["telling"] >= 30
    assert around["survived"] >= around["telling"]
    assert repositories.state(repository) == before


def test_an_interrupt_leaves_nothing_behind(repository: Path) -> None:
    """Ctrl-C while a revision's code runs for the first time: no worktree, no process, no statement."""
    projects.edit(repository, "    print(", "    while True: pass\n    print(")
    repositories.commit(repository, "hangs")
    before = repositories.state(repository)
    found = projects.interrupted(
        ["verify", BUNDLE, "--base", "HEAD", "--limit", "60"],
        lambda: len(repositories.git(repository, "worktree", "list").splitlines()) > 1,
    )
    assert (found.returncode, found.stdout, found.stderr.strip()) == (130, "", "")
    assert repositories.state(repository) == before


@pytest.mark.parametrize("during", ["base", pytest.param("now", marks=pytest.mark.slow)])
def test_an_interrupt_keeps_what_was_found(during: str, repository: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Ctrl-C while neighbours run: a statement that says it is unfinished, with what was proven by then."""
    projects.edit(repository, "    print(", "    sum(range(4_000_000))\n    print(")
    repositories.commit(repository, "slow")
    projects.edit(repository, *(HIDES if during == "now" else FIX))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    trials: dict[Path, int] = {}

    def ready() -> bool:
        for path in (tmp_path / "tmp").glob("replay-trial-*/ran"):
            trials[path] = path.read_bytes().count(b"\n")
        return len(trials) == (2 if during == "now" else 1) and list(trials.values())[-1] > 6

    before = repositories.state(repository)
    arguments = ["verify", BUNDLE, "--base", "HEAD", "--neighbours", "300", "--out", str(tmp_path / "fix.json")]
    done = projects.interrupted(arguments, ready)
    assert (done.returncode, done.stderr.strip()) == (130, "")
    assert repositories.state(repository) == before
    found = json.loads((tmp_path / "fix.json").read_text())["predicate"]
    assert found["result"] == "unfinished"
    assert found["base"]["outcome"] == "failed"
    assert found["reasons"][0].startswith("interrupted ")
    assert done.stdout.startswith("## Fix unfinished: `AttributeError")
    if during == "base":
        assert (found["head"]["outcome"], found["neighbours"]["tried"]) == ("not judged", 0)
    else:
        assert found["head"]["outcome"] == "passed"
        assert 5 < found["neighbours"]["tried"] < 300
        assert found["reasons"][1].endswith("neighbours of the incident fail")


def test_a_fix_of_that_one_input_is_refused(repository: Path) -> None:
    """It passes the incident, and fails on neighbours in the same way."""
    projects.edit(repository, *HIDES)
    found = certificate(code=1)["predicate"]
    assert found["head"]["outcome"] == "passed"
    assert found["result"] == "refused"
    (reason,) = found["reasons"]
    assert reason.endswith("neighbours of the incident fail")
    assert {each["now"]["error_type"] for each in found["neighbours"]["failures"]} == {"AttributeError"}
    assert all("input.args[0].from" in " ".join(each["changes"]) for each in found["neighbours"]["failures"])


def test_a_fix_that_breaks_the_neighbours_is_refused(project: Path) -> None:
    """What passed before must not fail now: a fix that gives the incident up for others."""
    projects.edit(project, "    print(", '    if ticket["text"] == "":\n        return {}\n    print(')
    repositories.init(project, "shop.py", "pyproject.toml")
    projects.edit(project, *FIX)
    projects.edit(project, "        return {}\n", '        return {"first": ticket["text"][0]}\n')
    done = replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "150", "--json")
    found = json.loads(done.stdout)["predicate"]
    broken = [each for each in found["neighbours"]["failures"] if each["before"]["outcome"] == "passed"]
    assert done.returncode == 1
    assert {each["now"]["error_type"] for each in broken} == {"IndexError"}


def test_what_fails_at_another_line_as_before_is_no_business_of_the_fix(project: Path) -> None:
    """The same type in the same function, told apart by the line on base; unchanged by the fix."""
    projects.edit(project, "    print(", '    if ticket["text"] == "":\n        customer.nothing()\n    print(')
    repositories.init(project, "shop.py", "pyproject.toml")
    projects.edit(project, *FIX)
    done = replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "150", "--json")
    found = json.loads(done.stdout)["predicate"]
    assert (done.returncode, found["result"], found["neighbours"]["fail"]) == (0, "verified", 0)
    assert found["neighbours"]["failed_before"] > 0


def test_no_fix_at_all(repository: Path) -> None:
    """The bug is still there; and a base that does not have it."""
    found = certificate(code=1)["predicate"]
    assert found["reasons"][0].startswith("the incident does not pass now: AttributeError")
    projects.edit(repository, *FIX)
    repositories.commit(repository, "fix")
    found = certificate(code=1)["predicate"]
    assert found["reasons"] == ["the incident does not fail on HEAD: passed"]


def test_the_subject_is_what_was_tried(repository: Path) -> None:
    """The tree of the working tree, the commit if it is that, and the bundle's file."""
    projects.edit(repository, *FIX)
    base = repositories.git(repository, "rev-parse", "HEAD")
    dirty = certificate(code=0)["subject"]
    commit = repositories.commit(repository, "fix")
    done = replay("verify", BUNDLE, "--base", base, "--neighbours", "10", "--json")
    clean = json.loads(done.stdout)["subject"]
    assert clean[0]["digest"] == {
        "gitTree": repositories.git(repository, "rev-parse", f"{commit}^{{tree}}"), "gitCommit": commit,
    }  # fmt: skip
    assert dirty[0]["digest"] == {"gitTree": clean[0]["digest"]["gitTree"]}
    assert clean[1] == dirty[1]


def keys(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """A private and a public key, PEM."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def test_signed(repository: Path, tmp_path: Path) -> None:
    """Written, signed and checked; another key, a changed byte and an unsigned statement are refused."""
    private, public = keys(tmp_path)
    projects.edit(repository, *FIX)
    out = tmp_path / "fix.json"
    done = replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "10", "--key", str(private), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "Signed, key `" in done.stdout
    assert out.with_suffix(".md").read_text().strip() == done.stdout.strip()
    envelope = json.loads(out.read_text())
    statement = opened(envelope, public)
    assert statement["predicate"]["result"] == "verified"
    check = replay("verify", str(out), "--check", "--key", str(public))
    assert (check.returncode, check.stdout.startswith("signed with that key: verified")) == (0, True)
    with pytest.raises(ReplayError, match="not signed with that key"):
        opened(envelope, keys(tmp_path, "other")[1])
    payload = envelope["payload"]
    out.write_text(json.dumps(envelope | {"payload": payload.replace(payload[40], "A" if payload[40] != "A" else "B")}))
    check = replay("verify", str(out), "--check", "--key", str(public))
    assert (check.returncode, "[certificate]" in check.stderr) == (4, True)
    out.write_text(json.dumps(statement))
    assert replay("verify", str(out), "--check", "--key", str(public)).returncode == 4


def test_the_summary(repository: Path) -> None:
    """Markdown for the pull request; unsigned says so."""
    projects.edit(repository, *HIDES)
    done = replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "20")
    assert done.returncode == 1
    for part in ("## Fix refused: `AttributeError: ", "| before (`HEAD`) | `", "| passes |", "Not signed.",
                 "| `input.args[0].from: "):  # fmt: skip
        assert part in done.stdout


def test_on_a_terminal(repository: Path) -> None:
    """How far it is, the verdict in short, lines of code that can be opened; no Markdown."""
    projects.edit(repository, *HIDES)
    shown = on_terminal("verify", BUNDLE, "--base", "HEAD", "--neighbours", "20", NO_COLOR="1", COLUMNS="80")
    assert "1 of 42: HEAD, in a worktree" in shown
    assert shown.rpartition("\x1b[K")[2].startswith(f"refused  {BUNDLE}::")
    for part in ("  because   ", "  at shop.py:", "  fails     input.args[0].from: "):
        assert part in shown
    assert "## Fix" not in shown


@pytest.mark.parametrize("out", ["notes.json", "notes.txt", "notes.md"])
def test_no_other_file_is_overwritten(repository: Path, out: str) -> None:
    """Neither the statement's nor the summary's; an earlier certificate is."""
    Path("notes.md").write_text("mine")
    done = replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "2", "--out", out)
    assert (done.returncode, Path("notes.md").read_text()) == (2, "mine")
    assert "notes.md is" in done.stderr
    for _ in range(2):
        assert replay("verify", BUNDLE, "--base", "HEAD", "--neighbours", "2", "--out", "fix.json").returncode == 1


def test_neighbours_keep_the_kind_of_values(project: Path) -> None:
    """Equal seeds give equal ones; other texts for texts, other numbers for numbers, nothing else."""
    (recording,) = open_bundle(BUNDLE)
    found = neighbours(recording, 60, 7)
    assert found == neighbours(recording, 60, 7)
    assert found != neighbours(recording, 60, 8)
    assert len(found) == len(set(map(str, found))) == 60
    values = [edit.argument for edits in found for edit in edits if edit.operator == "set"]
    assert {type(value) for value in values} == {str}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([BUNDLE], 2, "--base REV is missing"),
        ([BUNDLE, "--base", "nope"], 2, "[unknown-revision]"),
        ([BUNDLE, "--base", "--help"], 2, "[unknown-revision]"),
        (["captures/none.replay.db", "--base", "HEAD"], 3, "none.replay.db"),
        ([BUNDLE, "--check"], 2, "--check needs --key"),
        ([BUNDLE, "--base", "HEAD", "--neighbours", "1", "--key", "shop.py"], 2, "[key]"),
    ],
)
def test_what_cannot_be_meant_is_refused(repository: Path, arguments: list[str], code: int, message: str) -> None:
    """With the exit codes of every command."""
    done = replay("verify", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr


def test_not_in_a_repository(project: Path) -> None:
    """Says so."""
    done = replay("verify", BUNDLE, "--base", "HEAD")
    assert (done.returncode, "[no-repository]" in done.stderr) == (2, True)
