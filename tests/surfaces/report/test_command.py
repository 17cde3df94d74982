"""`replay report`, run as users run it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.surfaces import projects
from tests.surfaces.report.test_html import Page
from tests.surfaces.test_cli import replay

BAD = "captures/bad.replay.db"


def test_a_page_of_one_incident(project: Path) -> None:
    """Replayed first; written to the usual place; what was recorded is escaped in it."""
    done = replay("report", BAD)
    assert (done.returncode, done.stdout) == (0, "replay-report.html: 1 recording (1 reproduced)\n")
    text = (project / "replay-report.html").read_text()
    page = Page(text)
    said = " ".join(" ".join(page.texts).split())
    assert "AttributeError: 'NoneType' object has no attribute 'upper'" in said
    assert "reproduced" in said
    assert "1 served, 0 left over" in said
    assert "help \\u202e" in said
    assert "\u202e" not in text
    assert f"replay debug {BAD}::" in said


def test_a_page_of_a_folder(project: Path) -> None:
    """All recordings, the failures grouped; a fixed bug is `changed` and exit 1."""
    projects.edit(project, 'customer["plan"].upper()', '(customer["plan"] or "none").upper()')
    done = replay("report", "captures", "--out", "all.html")
    assert (done.returncode, done.stdout) == (1, "all.html: 6 recordings (3 reproduced, 3 changed)\n")
    page = Page((project / "all.html").read_text())
    assert [tag for tag, _ in page.elements].count("article") == 6
    assert "What happened now" in page.texts


def test_nothing_is_overwritten_unasked(project: Path) -> None:
    """A page of ours is; any other file, a bundle first of all, needs --force."""
    assert replay("report", "--no-run", BAD).returncode == 0
    assert replay("report", "--no-run", BAD).returncode == 0
    before = (project / BAD).read_bytes()
    for name in (BAD, "shop.py"):
        done = replay("report", "--no-run", BAD, "--out", name)
        assert done.returncode == 2
        assert "[report-exists]" in done.stderr
    assert (project / BAD).read_bytes() == before
    for form in ("markdown", "junit"):
        assert replay("report", "--no-run", BAD, "--format", form, "--out", "out.txt", "--force").returncode == 0
        assert replay("report", "--no-run", BAD, "--format", form, "--out", "out.txt").returncode == 0
    done = replay("report", "--no-run", BAD, "--out", "no/such/folder.html")
    assert (done.returncode, "[report-unwritable]" in done.stderr) == (2, True)


def test_other_forms_go_to_stdout(project: Path) -> None:
    """JUnit says pass and fail; an annotation names the line of the checkout."""
    text = replay("report", "captures", "--format", "junit").stdout
    root = ElementTree.fromstring(text)
    assert (root.get("tests"), root.get("failures")) == ("6", "0")
    lines = replay("report", BAD, "--format", "github").stdout
    assert lines.startswith("::error file=shop.py,line=16,title=reproduced%3A AttributeError")
    assert replay("report", BAD, "--format", "markdown").stdout.startswith("<!-- replay-harness report -->\n## ")
    assert replay("report", BAD, "--no-run", "--out", "-").stdout.startswith("<!DOCTYPE html>")
    assert not (project / "replay-report.html").exists()


def test_without_a_run_nothing_is_imported(project: Path) -> None:
    """The recording is shown though the code is gone; with one, it is unanswerable and exit 4."""
    (project / "shop.py").unlink()
    assert replay("report", BAD, "--no-run").returncode == 0
    assert replay("report", BAD).returncode == 4
    said = " ".join(Page((project / "replay-report.html").read_text()).texts)
    assert "replay doctor --path" in said


def test_what_fuzz_found_is_told(project: Path) -> None:
    """In the page of the recording; its finds alone make a campaign."""
    (project / "fuzz.json").write_text(replay("fuzz", "captures/good.replay.db", "--executions", "60", "--json").stdout)
    finds = json.loads((project / "fuzz.json").read_text())["finds"]
    assert finds
    assert replay("report", "captures/good.replay.db", "--fuzz", "fuzz.json").returncode == 0
    said = " ".join(" ".join(Page((project / "replay-report.html").read_text()).texts).split())
    assert "mutations run" in said
    assert all(find["changes"][0]["edit"] in said for find in finds)
    done = replay("report", "--fuzz", "fuzz.json", "--no-run", "--json")
    assert len(json.loads(done.stdout)["recordings"]) == len([find for find in finds if find["bundle"]])
    said = " ".join(" ".join(Page((project / "replay-report.html").read_text()).texts).split())
    assert "This recording is a mutation" in said


WHY = {
    "incident": "captures/bad.replay.db::ID", "isolated": True, "runs": 12, "most_runs": 600,
    "values": [{"path": "call[0].plan", "value": "null", "others": [{"value": '"pro"', "ended": "passed"}],
                "good": 1, "tried": 1}],
}  # fmt: skip


@pytest.mark.parametrize("several", [False, True])
def test_the_cause_is_told(project: Path, several: bool) -> None:
    """As `replay why` isolated it."""
    (row,) = json.loads(replay("list", BAD, "--json").stdout)
    document = {**WHY, "incident": f"{BAD}::{row['id']}"}
    (project / "why.json").write_text(json.dumps([document] if several else document))
    assert replay("report", BAD, "--no-run", "--why", "why.json").returncode == 0
    said = " ".join(" ".join(Page((project / "replay-report.html").read_text()).texts).split())
    assert "call[0].plan" in said
    assert 'Passes with "pro" Fails with null' in said
    assert "12 of at most 600" in said


def test_a_stored_cause_is_told(project: Path) -> None:
    """What `replay why` has found is on the page without its document, and `replay show` says it in words."""
    assert replay("why", "captures/bad.replay.db").returncode == 0
    shown = replay("report", "captures/bad.replay.db", "--format", "markdown").stdout
    assert "### Cause\n\nIt fails with this value, and passes with others in its place.\n" in shown
    assert '`call[0].plan`: passes with `"pro"`, fails with `null`' in shown
    assert "cause     call[0].plan = null, of shop:lookup" in replay("show", "captures/bad.replay.db").stdout


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"incident": 3}', "[" * 100_000, "\ud800"])
def test_a_document_that_is_none_is_refused(project: Path, text: str) -> None:
    """With the file's name and what it should be."""
    (project / "other.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    for option, verb in (("--why", "why"), ("--fuzz", "fuzz")):
        done = replay("report", BAD, "--no-run", option, "other.json")
        assert done.returncode == 2
        assert f"other.json: not what `replay {verb} --json` printed" in done.stderr
        assert "[report-document]" in done.stderr
    assert replay("report", BAD, "--why", "nowhere.json").returncode == 2


def test_what_cannot_be_reported(project: Path) -> None:
    """No recording, no bundle, no name."""
    (project / "empty").mkdir()
    assert [replay(*words).returncode for words in (["report", "empty"], ["report", "x.replay.db"], ["report"])] == [
        3, 3, 2,
    ]  # fmt: skip


def test_without_jinja2_the_other_forms_work(project: Path) -> None:
    """A page says what to install."""
    (project / "jinja2.py").write_text("raise ImportError('not here')\n")
    done = replay("report", BAD, "--no-run", PYTHONPATH=f"{project}:{projects.environment()['PYTHONPATH']}")
    assert done.returncode == 4
    assert "pip install 'path/to/checkout[report]'" in done.stderr
    done = replay("report", BAD, "--no-run", "--format", "markdown",
                  PYTHONPATH=f"{project}:{projects.environment()['PYTHONPATH']}")  # fmt: skip
    assert done.returncode == 0
