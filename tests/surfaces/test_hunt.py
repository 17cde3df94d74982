"""`replay hunt` on a project of its own: from a signature in any form to a bundle that replays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from replay.store.bundle import open_bundle

GOOD = "captures/good.replay.db"
TEXT = """\
web-1  | 2026-11-01 10:00:00,123 ERROR triage failed
web-1  | Traceback (most recent call last):
web-1  |   File "/srv/app/releases/123/worker.py", line 10, in main
web-1  |     shop.triage(ticket)
web-1  |   File "/srv/app/releases/123/shop.py", line 99, in triage
web-1  |     return {"label": customer["plan"].upper()}
web-1  |                      ^^^^^^^^^^^^^^^^^^^^^^
web-1  | AttributeError: 'NoneType' object has no attribute 'upper'
web-1  | 2026-11-01 10:00:01,123 INFO all is well
"""
EVENT = {"exception": {"values": [{"type": "KeyError", "value": "'plan'", "stacktrace": {"frames": [
    {"filename": "shop.py", "abs_path": "/srv/app/shop.py", "function": "triage", "lineno": 7, "in_app": True,
     "context_line": '    return {"label": customer["plan"].upper()}'}]}}]}}  # fmt: skip


def hunt(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own, as a user runs it."""
    command = [sys.executable, "-m", "replay.surfaces.cli", "hunt", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120)


def document(*arguments: str, code: int = 0, given: str | None = None) -> dict[str, Any]:
    """Its JSON document."""
    done = hunt(*arguments, "--json", given=given)
    assert (done.returncode, done.stderr) == (code, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_log_and_a_benign_capture_give_the_incident(project: Path) -> None:
    """Its edit, its bundle, and the command that shows it, which ends as the traceback says."""
    Path("log.txt").write_text(TEXT)
    done = hunt(GOOD, "--signature", "log.txt", "--out", "found")
    assert (done.returncode, done.stderr) == (0, "")
    bundle = next(Path("found").glob("AttributeError-triage-*.replay.db"))
    for part in (
        "hunted    AttributeError: 'NoneType' object has no attribute 'upper'",
        "raised in triage of /srv/app/releases/123/shop.py:99",
        "changed   call[0].plan: null",
        'recorded  "pro"  of shop:lookup',
        f"again     replay run {bundle}",
        "found in ",
    ):
        assert part in done.stdout
    assert "note" not in done.stdout
    again = subprocess.run(
        [sys.executable, "-m", "replay.surfaces.cli", "run", str(bundle), "--json"], capture_output=True, text=True
    )
    (verdict,) = json.loads(again.stdout)
    assert verdict["status"] == "reproduced"
    assert next(iter(open_bundle(bundle))).error_type == "AttributeError"


def test_a_sentry_event_is_hunted(project: Path) -> None:
    """From stdin; the fields of its document."""
    found = document("captures", "--signature", "-", given=json.dumps({"event": EVENT}))
    assert [each["edits"] for each in found["finds"]] == [[["call[0].plan", "drop", None]]]
    assert found["finds"][0]["reproduced"]
    assert found["finds"][0]["message"] == found["signature"]["message"] == "'plan'"
    assert (found["stopped"], found["unlike"], found["boundary"]) == ("found", None, None)
    assert found["nearest"]["told"] == "reached 1 of 1 frames; it failed there so"
    assert found["finds"][0]["recording"] in found["tried"]


def test_a_type_and_a_place_are_enough(project: Path) -> None:
    """With what it said, if that is known; equal seeds give equal finds."""
    asked = [GOOD, "--error", "TypeError", "--at", "shop.py:triage", "--message", "'NoneType' object is not x"]
    one, two = (document(*asked, "--seed", "4", "--executions", "400") for _ in range(2))
    assert [find["edits"] for find in one["finds"]] == [[["call[0]", "set", None]]]
    assert [find["edits"] for find in two["finds"]] == [find["edits"] for find in one["finds"]]
    assert one["finds"][0]["executions"] == two["finds"][0]["executions"]


def test_what_was_not_found_is_told_with_how_near_it_came(project: Path) -> None:
    """Exit code 1, and nothing is written."""
    done = hunt(GOOD, "--error", "ZeroDivisionError", "--at", "shop.py:triage", "--executions", "60")
    assert done.returncode == 1
    assert "nearest   reached 1 of 1 frames; it failed there, but not with ZeroDivisionError" in done.stdout
    assert "not found in " in done.stdout
    assert not Path("finds").exists()


def test_recordings_that_do_not_come_near_are_tried_last(project: Path) -> None:
    """The entry point of the signature first."""
    wanted = ["--error", "ZeroDivisionError", "--at", "shop.py:triage"]
    found = document("captures", *wanted, "--executions", "120", code=1)
    bundles = Path("captures").glob("*.db")
    entries = {f"{path}::{one.id}": one.entrypoint for path in bundles for one in open_bundle(path)}
    tried = [entries[name] for name in found["tried"]]
    assert tried == sorted(tried, key=lambda entry: entry != "shop:triage")
    assert set(tried) == {"shop:triage", "shop:later"}


@pytest.mark.parametrize(
    ("arguments", "given", "code", "slug"),
    [
        ([GOOD], None, 2, "signature"),
        ([GOOD, "--error", "KeyError"], None, 2, "signature"),
        ([GOOD, "--signature", "-"], "", 2, "signature"),
        ([GOOD, "--signature", "-"], "all is well", 2, "signature"),
        ([GOOD, "--signature", "-"], '{"a": 1}', 2, "signature"),
        ([GOOD, "--signature", "-", "--at", "shop.py:triage"], TEXT, 2, "signature"),
        ([GOOD, "--error", "KeyError", "--at", "shop.py"], None, 2, "signature"),
        ([GOOD, "--error", "KeyError", "--at", "shop.py:lookup"], None, 2, "signature"),
        ([GOOD, "--error", "KeyError", "--at", "other.py:triage"], None, 2, "signature-foreign"),
        ([GOOD, "--error", "KeyError", "--at", "shop.py:triage", "--executions", "0"], None, 2, "usage"),
        (["captures/none.replay.db", "--error", "KeyError", "--at", "shop.py:triage"], None, 3, "bundle-missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    project: Path, arguments: list[str], given: str | None, code: int, slug: str
) -> None:
    """With a name that the README explains."""
    done = hunt(*arguments, given=given)
    assert (done.returncode, done.stdout) == (code, "")
    assert f"[{slug}]" in done.stderr


def test_a_cut_traceback_is_completed_by_its_type(project: Path) -> None:
    """Without it, the message says what to add."""
    cut = TEXT[: TEXT.index("web-1  | AttributeError")]
    done = hunt(GOOD, "--signature", "-", given=cut)
    assert (done.returncode, "add --error TYPE" in done.stderr) == (2, True)
    found = document(GOOD, "--signature", "-", "--error", "AttributeError", given=cut)
    assert found["finds"][0]["edits"] == [["call[0].plan", "set", None]]
