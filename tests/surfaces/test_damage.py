"""Finds that end well: each is told with a test, which is red until the damage is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from replay.core.damage import Damage, damage, with_damage
from replay.store.bundle import open_bundle
from tests.core.test_parts import recording
from tests.surfaces import projects
from tests.surfaces.test_cli import replay

CODE = """\
import logging

import replay

log = logging.getLogger("till")
refunds = replay.Policy("refunds", owner="payments", acts=["till:refund"])


@replay.boundary
def rate(order):
    return {"rate": 5}


@replay.boundary
def book(order):
    return None


@replay.boundary
def refund(order):
    return "done"


@replay.model("fraud", score=lambda out: out["score"], threshold=0.9, policy=refunds)
def fraud(order):
    return {"score": 0.97}


@replay.capture
def quote(order) -> dict[str, int]:
    return {"price": rate(order)["rate"]}


@replay.capture
def settle(order):
    return refund(order) if fraud(order)["score"] > 0.5 else "a person looks at it"


@replay.capture
def store(order):
    try:
        book(order)
    except Exception:
        pass
    return "stored"


@replay.capture
def tell(order):
    try:
        return rate(order)["rate"] + 1
    except Exception:
        log.error("no rate")
        return 0


@replay.capture
def guess(order):
    try:
        return rate(order)["rate"] + 1
    except Exception:
        return 0


@replay.capture
def twice(order):
    book(order)
    if rate(order)["rate"] != 5:
        book(order)
    return "stored"


@replay.capture
def reduce(order):
    return rate(order)["rate"]


@replay.invariant("till:reduce")
def positive(run):
    assert run.outcome.value is None or not isinstance(run.outcome.value, int) or run.outcome.value >= 0
"""
RECORD = """\
import replay
replay.init(service="till", spool="captures", keep=replay.always())
import till
for work in (till.quote, till.settle, till.store, till.tell, till.guess, till.twice, till.reduce):
    work("a")
assert replay.flush()
"""
FIXES = (
    ('return {"price": rate(order)["rate"]}', 'price = rate(order).get("rate")\n'
     '    return {"price": price if type(price) is int else 0}'),
    ('["score"] > 0.5', '["score"] >= 0.9'),
    ('        pass\n    return "stored"', '        return "to be stored"\n    return "stored"'),
    ('        log.error("no rate")\n', ""),
    ("    except Exception:\n        return 0\n", "    except (KeyError, TypeError, OSError):\n        return 0\n"),
    ('    if rate(order)["rate"] != 5:\n        book(order)\n', '    rate(order)\n'),
    ('    return rate(order)["rate"]\n', '    return max(0, rate(order)["rate"] or 0)\n'),
)  # fmt: skip
KINDS = {"invariant", "policy", "schema", "silent"}


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with a recording of each unit of work."""
    (tmp_path / "till.py").write_text(CODE)
    (tmp_path / "pyproject.toml").write_text("[tool.replay-harness]\n")
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", RECORD], check=True, env=projects.environment(), timeout=60)
    return tmp_path


def summary() -> str:
    """The last line of the promoted tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *projects.plugin(), "tests"]
    done = subprocess.run(command, capture_output=True, text=True, env=projects.environment(), timeout=120)
    return done.stdout.splitlines()[-1]


def test_each_kind_is_told_with_a_test_that_demands_the_fix(till: Path) -> None:
    """The same command as of a failure; red on the damage, green on the fix."""
    kinds = "invariant,policy,schema,silent"
    done = replay("fuzz", "captures", "--executions", "60", "--workers", "0", "--kinds", kinds)
    assert done.returncode == 1, done.stderr
    finds = sorted(Path("finds").glob("*.replay.db"))
    assert sorted(set(KINDS)) == sorted({line.split()[1].rstrip(",") for line in done.stdout.splitlines()
                                         if line.startswith("error ")})  # fmt: skip
    assert all(f"test      replay promote --from-fuzz {bundle}" in done.stdout for bundle in finds)
    rules = {found.rule for (each,) in map(open_bundle, finds) if (found := damage(each)) is not None}
    assert rules == {"", "lost", "logged", "repeated", "swallowed"}
    again = json.loads(replay("run", "finds", "--json", "--in-process").stdout)
    assert {each["status"] for each in again} == {"reproduced"}
    assert all(each["violations"] for each in again)
    assert replay("promote", "--from-fuzz").returncode == 0
    assert summary().startswith(f"{len(finds)} failed")
    code = CODE
    for before, after in FIXES:
        assert before in code
        code = code.replace(before, after)
    (till / "till.py").write_text(code)
    assert summary().startswith(f"{len(finds)} passed")


def test_a_note_of_another_form_is_none() -> None:
    """A bundle is untrusted: what is there counts only as what was written."""
    plain = recording(given={"args": [], "kwargs": {}})
    noted = with_damage(plain, Damage(kind="silent", rule="lost", target="till:book", result="00"))
    assert damage(plain) is None
    assert damage(noted) == Damage(kind="silent", rule="lost", target="till:book", result="00")
    assert noted.id == plain.id
    for odd in ({"damage": 3}, {"damage": {"kind": "other"}}, {"damage": {"kind": "silent", "made": "x"}}):
        assert damage(recording(given={"args": [], "kwargs": {}}, context=odd)) is None
