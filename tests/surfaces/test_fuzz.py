"""`replay fuzz` on a project of its own: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from replay.core.recording import Recording
from replay.engine.mutation import read_edits
from replay.store.bundle import open_bundle, write_bundle
from tests.surfaces import projects

WEB = """\
import json
import replay


@replay.boundary
def plan_of(customer):
    return {"plan": "pro"}


async def site(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    body = (await receive())["body"]
    try:
        ticket = json.loads(body)
        customer = ticket["from"]
    except (ValueError, TypeError, KeyError):
        status, answer = 400, {"error": "bad request"}
    else:
        status, answer = answered(customer)
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def answered(customer):
    try:
        return 200, {"plan": plan_of(customer)["plan"].lower()}
    except Exception:
        return 500, {"error": "sorry"}


app = replay.ASGI(site, target="web:app")
"""

RECORD_WEB = """\
import asyncio
import replay

replay.init(service="web", spool="spool", keep=replay.always())
import web


async def main():
    body = [{"type": "http.request", "body": b'{"from": "ann"}', "more_body": False}]

    async def receive():
        return body.pop()

    async def send(message):
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "scheme": "http",
             "server": None, "client": None, "http_version": "1.1", "root_path": ""}
    await web.app(scope, receive, send)

asyncio.run(main())
assert replay.flush()
"""


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own, as a user runs it."""
    command = [sys.executable, "-m", "replay.surfaces.cli", "fuzz", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def document(*arguments: str, code: int = 1) -> dict[str, Any]:
    """Its JSON document."""
    done = fuzz(*arguments, "--json")
    assert (done.returncode, done.stderr) == (code, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_find_is_told_written_and_replayed(project: Path) -> None:
    """The null plan next door: its edit, its bundle, and the command that shows it again."""
    done = fuzz("captures/good.replay.db", "--executions", "200", "--out", "found")
    assert done.returncode == 1, done.stderr
    bundle = next(Path("found").glob("AttributeError-triage-*.replay.db"))
    for part in (
        "error  AttributeError: 'NoneType' object has no attribute 'upper'",
        "changed   call[0].plan: null",
        'recorded  "pro"  of shop:lookup',
        "raised AttributeError at shop.py:",
        f"again     replay run {bundle}",
        f"test      replay promote --from-fuzz {bundle}",
    ):
        assert part in done.stdout
    again = subprocess.run(
        [sys.executable, "-m", "replay.surfaces.cli", "run", str(bundle)], capture_output=True, text=True, timeout=120
    )
    assert (again.returncode, again.stdout.split()[0]) == (0, "reproduced")
    command = [sys.executable, "-m", "replay.surfaces.cli", "promote", "--from-fuzz", str(bundle)]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    (test,) = Path("tests").glob("test_*.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *projects.plugin(), str(test)]
    assert "1 failed" in subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    projects.edit(project, 'customer["plan"].upper()', '(customer["plan"] or "none").upper()')
    assert "1 passed" in subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def test_a_find_that_cannot_be_written_is_told(project: Path) -> None:
    """A search took its time: what it found is not lost with the disk. Where it can be seen before, nothing is run."""
    done = fuzz("captures/good.replay.db", "--executions", "50", "--out", "n" * 300)
    assert (done.returncode, done.stderr.rpartition(" ")[2]) == (3, "[bundle-unwritable]\n")
    assert "changed   call[0].plan: null" in done.stdout
    assert "it is in no bundle" in done.stdout
    done = fuzz("captures/good.replay.db", "--executions", "50", "--out", "shop.py/finds")
    assert (done.returncode, done.stdout) == (3, "")
    assert "shop.py is no folder" in done.stderr


def test_an_interrupt_keeps_what_was_found(project: Path) -> None:
    """It is told and written; the exit code says that the search did not come to its end."""
    mark = project / "mark"
    found = f"open({str(mark)!r}, 'a').write('x') if customer['plan'] is None else None"
    projects.edit(project, '    print("triage of"', f'    {found}\n    print("triage of"')
    done = projects.interrupted(
        ["fuzz", "captures/good.replay.db", "--seconds", "60", "--workers", "0"],
        lambda: mark.exists() and mark.stat().st_size > 3,  # the first of them has ended
    )
    assert done.returncode == 130, done.stderr
    assert "changed   call[0].plan: null" in done.stdout
    assert "ended by interrupted" in done.stdout
    assert list(Path("finds").glob("AttributeError-triage-*.replay.db"))


def test_kinds_of_the_project_and_of_the_command_line(project: Path) -> None:
    """`-error` for good and `+silent` once leave errors out; a name that is none is said to be the project's."""
    (project / "pyproject.toml").write_text("[tool.replay-harness]\nkinds = ['-error']\n")
    assert fuzz("captures/good.replay.db", "--executions", "60", "--kinds", "+silent").returncode == 0
    assert fuzz("captures/good.replay.db", "--executions", "60", "--kinds", "error").returncode == 1
    (project / "pyproject.toml").write_text("[tool.replay-harness]\nkinds = ['bogus']\n")
    done = fuzz("captures/good.replay.db", "--executions", "60")
    assert "replay: `kinds` in [tool.replay-harness]: 'bogus' is no kind of failure. There are: all" in done.stderr
    assert (done.returncode, done.stderr.rpartition(" ")[2]) == (2, "[config]\n")


def test_the_json_document(project: Path) -> None:
    """The fields that the design names, and a find's bundle with its lineage."""
    found = document("captures/good.replay.db", "--executions", "200", "--seed", "7")
    assert {"finds", "executions", "seconds", "seed", "lines"} <= found.keys()
    assert found["seed"] == 7
    find = next(each for each in found["finds"] if each["edits"] == [["call[0].plan", "set", None]])
    assert {"kind", "error_type", "message", "frames", "edits", "executions", "seconds", "bundle"} <= find.keys()
    assert (find["kind"], find["error_type"], find["reproduced"]) == ("error", "AttributeError", True)
    assert [frame["file"] for frame in find["frames"]] == ["shop.py"] * len(find["frames"])
    recording: Recording = next(iter(open_bundle(find["bundle"])))
    parent = next(iter(open_bundle("captures/good.replay.db")))
    assert recording.parent_digest == parent.digest
    assert [edit.tree() for edit in read_edits(recording.edits)] == find["edits"]


def test_equal_seeds_give_equal_documents(project: Path) -> None:
    """But for times."""

    def told() -> list[Any]:
        found = document("captures/good.replay.db", "--executions", "300", "--seed", "5")
        return [{name: value for name, value in each.items() if name != "seconds"} for each in found["finds"]]

    first = told()
    assert len(first) >= 2
    assert told() == first


def test_nothing_found_is_the_expected_end(project: Path) -> None:
    """Exit code 0, where each failure is declared, or what it is derived from."""
    declared = ("AttributeError", "TypeError", "builtins.LookupError", "OSError", "ValueError")
    found = document(
        "captures/good.replay.db", "--executions", "150", *(f"--allowed={kind}" for kind in declared), code=0
    )
    assert found["finds"] == []
    assert not Path("finds").exists()


def test_a_recording_that_cannot_be_run_is_said(project: Path) -> None:
    """Exit code 4, with the reason."""
    projects.edit(project, "def triage", "def renamed")
    found = document("captures/good.replay.db", "--executions", "10", code=4)
    assert "has no 'triage' any more" in found["skipped"][0]["reason"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["captures/none.replay.db"], 3, "none.replay.db"),
        (["captures/good.replay.db", "--executions", "0"], 2, "--executions"),
        (["captures/good.replay.db", "--seconds", "-1"], 2, "--seconds"),
        (["captures/good.replay.db", "--seconds", "x"], 2, "--seconds"),
        ([], 2, "PATH"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Path, arguments: list[str], code: int, message: str) -> None:
    """With the exit codes of every command."""
    done = fuzz(*arguments)
    assert done.returncode == code
    assert message in done.stderr


def test_what_the_code_prints_is_not_our_output(project: Path) -> None:
    """`triage` prints at each of a hundred runs."""
    done = fuzz("captures/good.replay.db", "--executions", "100")
    assert "triage of" not in done.stdout + done.stderr


def test_a_web_application_may_refuse_but_not_break(project: Path) -> None:
    """Answers of 400 are right; a 500 is a find, with the place of the error that was swallowed."""
    (project / "web.py").write_text(WEB)
    (project / "record_web.py").write_text(RECORD_WEB)
    subprocess.run([sys.executable, "record_web.py"], check=True, capture_output=True)
    recordings = [each for path in Path("spool").rglob("*.replay.db") for each in open_bundle(path)]
    path = write_bundle(recordings, "captures/web.replay.db")
    found = document(str(path), "--executions", "400")
    assert {find["error_type"] for find in found["finds"]} == {"HTTP 500"}
    places = [(frame["file"], frame["function"]) for find in found["finds"] for frame in find["frames"]]
    assert set(places) == {("web.py", "answered")}
    assert ["call[0].plan: null"] in [[each["edit"] for each in find["changes"]] for find in found["finds"]]
    assert all(find["reproduced"] for find in found["finds"])


def test_the_project_declares_errors(project: Path) -> None:
    """In its configuration, for every search."""
    with (project / "pyproject.toml").open("a") as file:
        file.write('allowed = ["AttributeError", "KeyError", "TypeError", "UnicodeEncodeError"]\n')
    kinds = {find["error_type"] for find in document("captures/good.replay.db", "--executions", "100")["finds"]}
    assert kinds == {"TimeoutError", "ConnectionRefusedError", "ConnectionResetError"}


WARES = """\
def price(code):
    if code == "ZX-81":
        raise LookupError(code)
    return len(code)
"""
TILL = """\
import replay
import wares


@replay.capture
def total(codes):
    return sum(map(wares.price, codes))
"""


def test_an_installed_package_is_searched_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it compares with is tried, and its lines count; by option or for good. Without: nothing is found."""
    installed = tmp_path / "site-packages" / "wares"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text(WARES)
    project = tmp_path / "till"
    project.mkdir()
    (project / "till.py").write_text(TILL)
    settings = project / "pyproject.toml"
    settings.write_text("[tool.replay-harness]\n")
    record = "import replay; replay.init(service='till', spool='captures', keep=replay.always()); import till; " \
             "till.total(['ab', 'cde']); assert replay.flush()"  # fmt: skip
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(project), str(installed.parent), str(projects.ROOT))))
    subprocess.run([sys.executable, "-c", record], check=True, timeout=60)
    command = ("captures", "--executions", "200", "--allowed", "TypeError")

    def found(*more: str) -> tuple[bool, int]:
        told = json.loads(fuzz(*command, *more, "--json").stdout)
        return any(each["error_type"] == "LookupError" for each in told["finds"]), told["lines"]

    without, lines = found()
    assert not without
    assert found("--package", "wares") == (True, lines + 3)
    settings.write_text('[tool.replay-harness]\npackages = ["wares"]\n')
    assert found() == (True, lines + 3)
    missing = fuzz(*command, "--package", "nowares")
    assert (missing.returncode, "--package nowares" in missing.stderr) == (2, True)
