"""`replay fuzz --ci` in real repositories: what comes first, what fails a build, what is kept for the next."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.core.edits import Edit
from replay.engine.mutation import Mutations
from replay.errors import UsageError
from replay.store.bundle import open_bundle
from replay.surfaces import cli, corpus, schemas
from replay.surfaces.changes import base_of
from replay.surfaces.ci import weights
from tests.surfaces import projects, repositories
from tests.surfaces.test_cli import replay

SHOP = """\
import replay

PLANS = {"pro": 10}


@replay.boundary
def lookup(customer):
    return {"plan": "pro", "seats": 3, "country": "DE", "notes": []}


@replay.capture
def quote(ticket):
    customer = lookup(ticket["from"])
    price = PLANS.get(str(customer.get("plan")), 5)
    if customer.get("seats") is None:
        price = 0
        if not customer.get("country"):
            price -= 1
    if customer.get("notes"):
        price += 1
    return {"price": price}


@replay.capture
def ship(parcel):
    weight = parcel["weight"]
    if weight == "":
        weight = 0
    return {
        "cost": weight * 2,
    }
"""
RECORD = """\
import sys
import replay

replay.init(service="shop", spool="spool", keep=replay.always())
import shop

getattr(shop, sys.argv[1])({"from": "ann", "weight": 2})
assert replay.flush()
"""
BUILD = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")


@pytest.fixture(scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    (folder / "record.py").write_text(RECORD)
    (folder / "pyproject.toml").write_text("[tool.replay-harness]\n")
    for name in ("quote", "ship"):
        projects.record(folder, name, name)
    shutil.rmtree(folder / "spool")
    return folder


@pytest.fixture
def shop(_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, as the current folder; nothing of a build server around it."""
    folder = shutil.copytree(_shop, tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(folder)
    for name, value in projects.environment().items():
        monkeypatch.setenv(name, value)
    for name in BUILD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return folder


def build(*arguments: str, code: int) -> dict[str, Any]:
    """The JSON document of a run, which has the form that the schema says."""
    done = replay("fuzz", "--ci", "--json", "--workers", "1", *arguments)
    assert (done.returncode, done.stderr) == (code, "")
    msgspec.json.decode(done.stdout, type=schemas.Fuzzed)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def searched(document: dict[str, Any]) -> list[str]:
    """The bundles whose recordings had finds, in order."""
    names = [find["recording"].partition("::")[0].rpartition("/")[2] for find in document["finds"]]
    return list(dict.fromkeys(names))


def test_recordings_that_execute_what_changed_come_first(shop: Path) -> None:
    """A line in the middle of a statement, committed or not; the others come later, or not at all."""
    start = repositories.init(shop, "shop.py", "pyproject.toml")
    repositories.commit(shop, "nothing")
    found = build("--executions", "40", code=1)
    assert (found["ci"]["base"], found["ci"]["first"]) == ({"commit": start, "told": "HEAD^", "note": ""}, [])
    assert searched(found) == ["quote.replay.db", "ship.replay.db"]
    projects.edit(shop, '"cost": weight * 2', '"cost": weight * 3')
    found = build("--executions", "40", "--base", "HEAD", code=1)
    (first,) = found["ci"]["first"]
    assert first.startswith("captures/ship.replay.db::")
    assert searched(found) == ["ship.replay.db", "quote.replay.db"]
    repositories.commit(shop, "dearer")
    projects.edit(shop, "weight = 0", "weight = 1")
    found = build("--executions", "40", "--changed-only", code=1)
    assert found["ci"]["first"] == [first]
    assert [name.partition("::")[0] for name in found["ci"]["left_out"]] == ["captures/quote.replay.db"]
    assert searched(found) == ["ship.replay.db"]
    assert found["ci"]["unreached"] == ["shop.py:28"]
    repositories.commit(shop, "odd")
    (shop / "README").write_text("new")
    done = replay("fuzz", "--ci", "--changed-only", "--base", "HEAD", "--executions", "40")
    assert done.returncode == 0
    assert "none of 2 recordings executes what changed, so nothing was searched" in done.stdout


def test_changed_code_gets_most_of_the_time() -> None:
    """Four fifths of it, however many other recordings there are."""
    assert weights(2, 8) == pytest.approx([0.4, 0.4, *[0.025] * 8])
    assert weights(0, 2) == weights(2, 0) == [1.0, 1.0]


def test_the_base(shop: Path) -> None:
    """A revision that is given, the branch that a build server names, the commit before; else it is said why not."""
    environment: dict[str, str] = {}
    outside = base_of(shop, None, environment)[0]
    assert outside.commit is None
    assert "is not in the working tree of a git repository" in outside.told
    with pytest.raises(UsageError) as caught:
        base_of(shop, "main", environment)
    assert caught.value.slug == "no-repository"
    start = repositories.init(shop, "shop.py")
    root = base_of(shop, None, environment)[0]
    assert (root.commit, root.told) == (None, "no changed lines are known: HEAD has no parent in this clone")
    repositories.git(shop, "checkout", "--quiet", "-b", "target")
    repositories.commit(shop, "of the target")
    repositories.git(shop, "checkout", "--quiet", "-b", "topic", start)
    repositories.commit(shop, "one")
    last = repositories.commit(shop, "two")
    repositories.commit(shop, "three")
    assert base_of(shop, None, environment)[0].commit == last
    for name in ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        named = base_of(shop, None, {name: "target"})[0]
        assert (named.commit, named.told) == (start, f"merge base with target, of {name}")
    missing = base_of(shop, None, {"GITHUB_BASE_REF": "gone"})[0]
    assert (missing.commit, missing.told) == (last, "HEAD^")
    assert "gone, of GITHUB_BASE_REF, is not in this clone" in missing.note
    assert base_of(shop, "target", environment)[0].commit == start
    with pytest.raises(UsageError) as caught:
        base_of(shop, "nowhere", environment)
    assert caught.value.slug == "unknown-revision"


def test_known_finds_fail_no_build(shop: Path) -> None:
    """Accepted they are known, wherever their code moves; a new one fails; one that is fixed is told."""
    run = ("captures/ship.replay.db", "--executions", "60")
    found = build(*run, "--accept", code=0)
    assert found["ci"]["base"]["commit"] is None
    assert all(not find["known"] for find in found["finds"])
    assert found["ci"]["new"] == len(found["finds"]) > 1
    known = json.loads(Path("captures/known-finds.json").read_text())["known"]
    assert {each["fingerprint"] for each in known} == {find["fingerprint"] for find in found["finds"]}
    entry = next(each for each in known if each["what"] == "KeyError: 'weight'")
    assert (entry["where"], entry["kind"]) == ("ship in shop.py", "error")
    projects.edit(shop, "@replay.capture\ndef ship", "# moved\n\n\n@replay.capture\ndef ship")
    again = build(*run, code=0)
    assert (again["ci"]["new"], again["ci"]["known"], again["ci"]["gone"]) == (0, len(known), [])
    assert all(find["known"] for find in again["finds"])
    projects.edit(shop, 'if weight == "":', 'if weight < 0 or weight == "":')
    worse = build(*run, code=1)
    assert [find["frames"][-1]["line"] for find in worse["finds"] if not find["known"]] == [30] * worse["ci"]["new"]
    projects.edit(shop, 'if weight < 0 or weight == "":', 'if weight == "":')
    projects.edit(shop, 'parcel["weight"]', '(parcel or {}).get("weight", 0)')
    done = replay("fuzz", "--ci", *run, "--accept")
    assert f"gone      {entry['fingerprint']}  fixed? KeyError: 'weight' in ship in shop.py was not" in done.stdout
    left = json.loads(Path("captures/known-finds.json").read_text())["known"]
    assert "KeyError: 'weight'" not in [each["what"] for each in left]


def test_annotations_and_summary(shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where GitHub runs it: an error at the line that failed, a summary at the end of the job's own; none of what was
    recorded is a command or markup."""
    hostile = "::error file=x::owned%0A`<b>@everyone"
    projects.edit(shop, 'weight = parcel["weight"]', f'weight = parcel["weight"]\n    assert weight == 2, {hostile!r}')
    (tmp_path / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    repositories.init(shop, "shop.py", "pyproject.toml")
    run = ("fuzz", "--ci", "captures/ship.replay.db", "--executions", "30")
    done = replay(*run)
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert lines
    assert all(line.startswith("::error file=shop.py,line=") for line in lines)
    (own,) = [line for line in lines if "AssertionError" in line.partition("title=")[2].partition("::")[0]]
    assert own.startswith("::error file=shop.py,line=27,title=AssertionError%3A %3A\\x3aerror file=x%3A%3Aowned%250A")
    assert "::owned" not in own
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("before\n<!-- replay-harness report -->\n## \U0001f534 replay fuzz: ")
    assert "``AssertionError: :\\x3aerror file=x::owned%0A`<b>@everyone``" in summary
    assert "replay run finds/AssertionError-ship-" in summary
    plain = replay(*run, "--format", "text", "--summary", "mine.md")
    assert [line for line in plain.stdout.splitlines() if line.startswith("::")] == []
    assert Path("mine.md").read_text().startswith("<!-- replay-harness report -->\n")
    assert (tmp_path / "summary.md").read_text() == summary
    Path("mine.md").write_text("my own")
    refused = replay(*run, "--summary", "mine.md")
    assert (refused.returncode, "[report-exists]" in refused.stderr, refused.stdout) == (2, True, "")


def test_a_run_begins_where_the_last_one_ended(shop: Path) -> None:
    """Few mutations reach all that the first run reached; without the corpus as many executions reach less."""
    run = ("captures/quote.replay.db", "--kinds", "invariant")
    first = build(*run, "--executions", "600", code=0)
    kept = first["ci"]["corpus"]["kept"]
    (path,) = Path(".replay-corpus").iterdir()
    assert len(json.loads(path.read_text())["mutations"]) == kept > 1
    assert first["ci"]["corpus"]["loaded"] == 0
    second = build(*run, "--executions", str(kept + 2), code=0)
    assert (second["lines"], second["ci"]["corpus"]["loaded"]) == (first["lines"], kept)
    without = build(*run, "--executions", str(kept + 2), "--corpus", "other", code=0)
    assert without["lines"] < first["lines"]
    assert json.loads(path.read_text())["mutations"][-1]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "[" * 100_000, '{"format": 1, "recording": "x", "mutations": []}', " " * (2 << 20),
     '{"format": 1, "recording": "DIGEST", "mutations": [[["nowhere", "set", 1]]]}',
     '{"format": 1, "recording": "DIGEST", "mutations": [[1]], "more": 1}'],
)  # fmt: skip
def test_a_corpus_is_untrusted(shop: Path, text: str) -> None:
    """What is no corpus file is refused before anything runs, with its name."""
    (recording,) = open_bundle("captures/ship.replay.db")
    path = corpus.place(Path("kept"), recording)
    path.parent.mkdir()
    path.write_text(text.replace("DIGEST", recording.digest))
    with pytest.raises(UsageError) as caught:
        corpus.read(Path("kept"), recording)
    assert (caught.value.slug, str(path) in str(caught.value)) == ("corpus", True)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UsageError):
        corpus.read(Path("kept"), recording)


def test_a_hostile_mutation_does_nothing(shop: Path) -> None:
    """Arguments that no operator takes, and one that multiplies a long text: they reach nothing and are dropped."""
    (recording,) = open_bundle("captures/ship.replay.db")
    path = "input.args[0].from"
    odd = [("long", None), ("long", [1000, "x" * 1000]), ("cut", {}), ("put", 1), ("no such operator", 1)]
    for each in odd:
        assert Mutations(recording).quick([Edit(path, *each)]) == recording
    corpus.write(Path("kept"), recording, [(Edit(path, *each),) for each in odd])
    assert len(corpus.read(Path("kept"), recording)) == len(odd)
    run = ("captures/ship.replay.db", "--kinds", "error,crash,memory", "--corpus", "kept")
    assert build(*run, "--executions", str(1 + len(odd)), code=0)["ci"]["corpus"] == {
        "folder": "kept", "loaded": len(odd), "kept": 0,
    }  # fmt: skip


@pytest.mark.parametrize("option", [("--accept",), ("--base", "HEAD"), ("--corpus", "x"), ("--summary", "x.md")])
def test_options_of_ci_alone(option: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--ci` they are a mistake, and so is no PATH."""
    assert cli.main(["fuzz", "captures", *option]) == 2
    assert f"{option[0]} is for --ci" in capsys.readouterr().err
    assert cli.main(["fuzz"]) == 2
    assert "name a recording, a bundle or a folder" in capsys.readouterr().err


def test_damaged_known_finds(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Are told with their file, and nothing is run."""
    Path("captures/known-finds.json").write_text('{"format": 1, "known": [{"fingerprint": 3}]}')
    assert cli.main(["fuzz", "--ci", "--executions", "10"]) == 2
    said = capsys.readouterr().err
    assert "captures/known-finds.json: no file of known finds" in said
    assert "[known-finds]" in said
