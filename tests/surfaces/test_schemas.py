"""Every document and every line that a verb prints has the form that its schema says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from replay.surfaces import cli, schemas
from replay.surfaces.verbs import VERBS
from tests.surfaces import projects, repositories
from tests.surfaces.test_cli import replay

BAD, GOOD = "captures/bad.replay.db", "captures/good.replay.db"
PRINTED = {
    "list": ["list", "captures"],
    "list --group": ["list", "--group", "captures"],
    "show": ["show", "captures"],
    "run": ["run", "captures"],
    "run --check": ["run", "--check", "--no-save", BAD],
    "debug": ["debug", BAD],
    "debug --steps": ["debug", "--steps", BAD],
    "fuzz": ["fuzz", GOOD, "--executions", "60"],
    "hunt": ["hunt", GOOD, "--error", "AttributeError", "--at", "shop.py:triage", "--executions", "200"],
    "diff": ["diff", GOOD, BAD],
    "report": ["report", "--format", "junit", "captures"],
    "doctor": ["doctor", "--path", "captures"],
    "why": ["why", BAD],
    "minimize": ["minimize", BAD],
    "promote": ["promote", BAD],
    "verify": ["verify", BAD, "--base", "HEAD", "--neighbours", "20"],
    "verify --key": ["verify", BAD, "--base", "HEAD", "--neighbours", "2", "--key", "key.pem"],
    "bisect": ["bisect", BAD, "--good", "HEAD~1"],
    "scan": ["scan", "captures"],
    "scrub": ["scrub", BAD],
}
FIX = ('customer["plan"].upper()', '(customer["plan"] or "free").upper()')


def fits(text: str, form: Any) -> Any:
    """The document, if it has the form, or the one of several that its `kind` says, and no key more."""
    if isinstance(form, tuple):
        form = form[json.loads(text)["kind"] == "summary"]
    return msgspec.json.decode(text, type=form)


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_fits(project: Path, name: str) -> None:
    """With `--json`, in a project whose code parted from what was recorded, so that nothing is left empty."""
    if name == "run":
        projects.edit(project, 'lookup(ticket["from"])\n    print', 'lookup(ticket["from"] + "-2")\n    print')
    elif name == "scan":
        (project / "captures" / "settings.txt").write_text("GITHUB_TOKEN=ghp_" + "a1B2" * 9 + "\n")
    elif name.partition(" ")[0] in ("verify", "bisect"):
        _committed(project, name)
    done = replay(*PRINTED[name], "--json")
    assert fits(done.stdout, schemas.DOCUMENTS[name]), done.stderr


def _committed(project: Path, name: str) -> None:
    """A fix, then the bug; to be verified a fix that is none for other customers."""
    projects.edit(project, *FIX)
    repositories.init(project, "shop.py", "pyproject.toml")
    projects.edit(project, *reversed(FIX))
    repositories.commit(project, "simplify")
    if name == "verify":
        projects.edit(project, FIX[0], FIX[1].replace(' or "free"', ' or ["free"][ticket["from"] != "bob"]'))
    if name == "verify --key":
        pytest.importorskip("cryptography")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "key.pem"], check=True, timeout=60)


def test_what_the_demo_prints_fits(tmp_path: Path) -> None:
    """A short one."""
    done = replay("demo", str(tmp_path / "demo"), "--tickets", "20", "--json")
    assert fits(done.stdout, schemas.DOCUMENTS["demo"]).tickets == 20


@pytest.mark.parametrize("name", sorted(schemas.LINES))
def test_each_line_fits(project: Path, name: str) -> None:
    """With `--jsonl`: an object a line, as many as the document has; the last line of fuzz is its summary."""
    done = replay(*PRINTED[name], "--jsonl")
    lines = [fits(line, schemas.LINES[name]) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    if name == "fuzz":
        assert [type(line) for line in lines] == [schemas.Find] * (len(lines) - 1) + [schemas.Summary]
        assert len(lines) > 1
        return
    if name == "run --check":
        return  # its fresh processes take long
    document = json.loads(replay(*PRINTED[name], "--json").stdout)
    assert len(document) == len(lines)
    identity = "fingerprint" if name == "list --group" else "id"
    assert [one[identity] for one in document] == [getattr(line, identity) for line in lines]


def test_every_document_has_a_schema() -> None:
    """And is printed by a test above; each verb with `--jsonl` has one for its lines."""
    assert set(PRINTED) | {"demo"} == set(schemas.DOCUMENTS)
    assert {name.partition(" ")[0] for name in schemas.DOCUMENTS} <= set(VERBS)
    printing = {name for name in VERBS if "--json" in options(name)}
    assert printing - {"schema"} == {name.partition(" ")[0] for name in schemas.DOCUMENTS}
    streaming = {name for name in VERBS if "--jsonl" in options(name)}
    assert streaming == {name.partition(" ")[0] for name in schemas.LINES}


def options(name: str) -> set[str]:
    """Of a verb."""
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert command is not None
    return {option for one in command.params if isinstance(one, click.Option) for option in one.opts}


def test_schemas_are_printed() -> None:
    """All of them, one, that of a line; a verb that has none is a usage error that names those that have."""
    every = json.loads(replay("schema").stdout)
    assert set(every) == set(schemas.DOCUMENTS)
    (run,) = [json.loads(replay("schema", "run").stdout)]
    assert run == every["run"]
    assert run["$schema"] == schemas.DIALECT
    verdict = run["$defs"]["Verdict"]
    assert "reason" not in verdict["required"]
    assert verdict["properties"]["status"] == {"enum": ["changed", "diverged", "reproduced", "unanswerable"]}
    assert verdict["additionalProperties"] is False
    assert json.loads(replay("schema", "run", "check").stdout) == every["run --check"]
    assert json.loads(replay("schema", "list", "--lines").stdout)["title"] == "replay list --jsonl, each line"
    done = replay("schema", "completion")
    assert done.returncode == 2
    assert "doctor" in done.stderr
