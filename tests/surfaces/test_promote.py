"""`replay promote`: what it writes, what that demands, and that nothing captured can alter it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.core.cause import Cause, with_cause
from replay.core.codec import Value, encode
from replay.core.promoted import promoted, with_promotion
from replay.core.recording import Interaction, Outcome, Recording
from replay.store.bundle import open_bundle, write_bundle
from replay.surfaces.demand import unclaimed
from replay.surfaces.promote_text import Oracle, compose
from tests.surfaces import kinds, projects

FIX = ('customer["plan"].upper()', '(customer["plan"] or "free").upper()')


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the project."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120, cwd=cwd,
                          env=projects.environment())  # fmt: skip


def promote(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command, as a user runs it."""
    return run("-m", "replay.surfaces.cli", "promote", *arguments, cwd=cwd)


def document(*arguments: str) -> dict[str, Any]:
    """Its document of one incident."""
    done = promote(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def last_line(*arguments: str, cwd: Path | None = None) -> str:
    """The last line of a pytest run."""
    done = run("-m", "pytest", *projects.plugin(), "-q", "-p", "no:cacheprovider", *arguments, cwd=cwd)
    return done.stdout.strip().rpartition("\n")[2]


def checked(place: Path, config: Path, *, types: bool = True) -> None:
    """Ruff and mypy, where they are installed, have nothing to say of the generated files."""
    tool = ["--config", str(config)]
    mypy = [["mypy", "--strict", "--no-incremental", "."]] if types else []
    for command in (["ruff", "check", *tool, "."], ["ruff", "format", *tool, "--check", "."], *mypy):
        if find_spec(command[0]) is None:
            continue
        done = run("-m", *command, cwd=place)
        assert done.returncode == 0, done.stdout + done.stderr


def test_red_on_the_bug_green_on_the_fix(project: Path) -> None:
    """The incident's own failure is what the test fails with; its bundle is no open incident any more."""
    told = document("captures/bad.replay.db")
    assert (told["expect"], told["status"]) == ("no-exception", "reproduced")
    assert told["fails"] == "it still fails with AttributeError: 'NoneType' object has no attribute 'upper'"
    done = run("-m", "pytest", *projects.plugin(), "-q", "tests", "captures/bad.replay.db")
    assert "1 failed, 1 skipped" in done.stdout
    assert "it still fails with AttributeError: 'NoneType' object has no attribute 'upper'" in done.stdout
    projects.edit(project, *FIX)
    assert last_line("tests", "captures/bad.replay.db").startswith("1 passed, 1 skipped")
    assert document("captures/bad.replay.db")["fails"] is None


def test_the_test_is_readable(project: Path) -> None:
    """The input is in it, what production saw is in its docstring, long text is beside it."""
    told = document("captures/bad.replay.db", "--dry-run")
    names = {node.name: node for node in ast.walk(ast.parse(told["code"])) if isinstance(node, ast.FunctionDef)}
    said = ast.get_docstring(names["test_triage_attribute_error"]) or ""
    for part in ("AttributeError: 'NoneType' object has no attribute 'upper'", "shop.py:16 in triage", "When: 20",
                 "Where: shop:triage", "Service: shop"):  # fmt: skip
        assert part in said
    assert '"from": "bob",' in told["code"]
    assert told["code"].isascii()
    assert [file["state"] for file in told["files"]] == ["new", "new", "marked"]


def test_dry_run_writes_nothing(project: Path) -> None:
    """It shows the test and the names of the files."""
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = promote("captures/bad.replay.db", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "def test_triage_attribute_error(incident: replay.Incident) -> None:" in done.stdout
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_again_changes_nothing(project: Path) -> None:
    """The same files, to the byte; also of the promoted bundle."""
    document("captures/bad.replay.db")
    files = [*(project / "tests").iterdir(), project / "captures" / "bad.replay.db"]
    before = {path: path.read_bytes() for path in files}
    again = document("captures/bad.replay.db")
    assert [file["state"] for file in again["files"]] == ["unchanged"] * 3
    assert {path: path.read_bytes() for path in files} == before


def states(*arguments: str) -> list[str]:
    """Of the test, what is beside it, and the bundle."""
    return [file["state"] for file in document(*arguments)["files"]]


def test_other_words_change_nothing(project: Path) -> None:
    """A minimal recording that is made once more, a promoted one itself, a cause found later: the test stays as it is,
    comments too; other code in it is refused."""
    bad, open_ = project / "captures" / "bad.replay.db", project / "open" / "bad.replay.db"
    open_.parent.mkdir()
    bad.rename(open_)
    assert states(str(open_)) == ["new", "new", "new"]
    for command in (["why"], ["minimize"]):
        done = run("-m", "replay.surfaces.cli", *command, str(open_))
        assert done.returncode == 0, done.stdout + done.stderr
    assert states(str(open_), "--whole") == ["kept", "unchanged", "kept"]
    assert states(str(open_)) == ["new", "new"]
    assert "and its test are of the same incident, whole: one is enough" in promote(str(open_)).stdout
    run("-m", "replay.surfaces.cli", "why", str(open_), "--runs", "300")
    run("-m", "replay.surfaces.cli", "minimize", str(open_), "--overwrite")
    assert states(str(open_)) == ["unchanged", "unchanged"]
    small = min((project / "captures").glob("triage_*.replay.db"), key=lambda path: path.stat().st_size)
    assert states(str(small)) == ["kept", "unchanged"]
    test = project / "tests" / f"test_{small.name.removesuffix('.replay.db')}.py"
    code = test.read_text()
    test.write_text(code.replace("    incident.answer()", "    # as of today\n    incident.answer( )"))
    commented = test.read_text()
    assert states(str(open_)) == ["kept", "unchanged"]
    assert test.read_text() == commented != code
    test.write_text(code.replace("incident.answer()", "assert incident.answer()"))
    done = promote(str(open_))
    assert (done.returncode, "[promote-exists]" in done.stderr) == (2, True)
    assert states(str(open_), "--force") == ["differs", "unchanged"]
    assert test.read_text() == code


def test_nothing_is_overwritten_unasked(project: Path) -> None:
    """An edited test stays, and so does all else; `--force` replaces it."""
    told = document("captures/bad.replay.db", "--dry-run")
    test = Path(told["files"][0]["path"])
    test.parent.mkdir()
    test.write_text("# mine\n")
    bundle = (project / "captures" / "bad.replay.db").read_bytes()
    done = promote("captures/bad.replay.db")
    assert done.returncode == 2
    assert "[promote-exists]" in done.stderr
    assert test.read_text() == "# mine\n"
    assert [each.name for each in test.parent.iterdir()] == [test.name]
    assert (project / "captures" / "bad.replay.db").read_bytes() == bundle
    assert promote("captures/bad.replay.db", "--force").returncode == 0
    assert test.read_text() == told["code"]


def test_one_of_several(project: Path) -> None:
    """The others in the bundle stay what they are."""
    ids = open_bundle("captures/mixed.replay.db").ids()
    before = list(open_bundle("captures/mixed.replay.db"))
    document(f"captures/mixed.replay.db::{ids[1]}")
    after = list(open_bundle("captures/mixed.replay.db"))
    assert [promoted(each) is not None for each in after] == [False, True, False]
    assert (after[0], with_promotion(after[1], None), after[2]) == tuple(before)
    assert last_line("tests", "captures/mixed.replay.db").startswith("1 failed, 1 passed, 1 skipped, 1 xfailed")


def test_a_promise_without_a_test_fails(project: Path) -> None:
    """A bundle that only says that it is promoted is not believed: deleted tests, and a stranger's bundle."""
    told = document("captures/bad.replay.db")
    test = Path(told["files"][0]["path"])
    text = test.read_text()
    test.write_text(text.replace("captures/bad.replay.db", "captures/good.replay.db"))
    assert last_line("captures/bad.replay.db").startswith("1 failed")
    test.unlink()
    done = run("-m", "pytest", *projects.plugin(), "-q", "captures/bad.replay.db")
    assert "there is no such file" in done.stdout
    assert "1 failed" in done.stdout
    (recording,) = open_bundle("captures/bad.replay.db")
    note = promoted(recording)
    assert note is not None
    outside = project.parent / "x.py"
    outside.write_text('@pytest.mark.incident("captures/bad.replay.db")')
    for name in (str(outside), "../x.py", "a\0b"):
        assert unclaimed(msgspec.structs.replace(note, test=name), Path("captures/bad.replay.db"))


@pytest.mark.slow
def test_a_fix_may_ask_less_and_not_something_else(project: Path) -> None:
    """Not asking at all is fine; asking what nothing answers fails with the divergence, and can be answered."""
    document("captures/bad.replay.db")
    projects.edit(project, '    customer = lookup(ticket["from"])\n', '    customer = {"plan": "pro"}\n')
    assert last_line("tests").startswith("1 passed")
    projects.edit(project, 'customer = {"plan": "pro"}', 'customer = {"plan": lookup("eve")["plan"] or "free"}')
    done = run("-m", "pytest", *projects.plugin(), "-q", "tests")
    assert "1 failed" in done.stdout
    assert "asked call shop:lookup with other values than recorded" in done.stdout
    swallowed = "customer = {}\n    try:\n        customer = lookup('eve')\n    except Exception:\n        pass"
    code = (project / "shop.py").read_text()
    projects.edit(project, 'customer = {"plan": lookup("eve")["plan"] or "free"}', swallowed)
    projects.edit(project, 'customer["plan"].upper()', '"free"')
    assert "other values than recorded" in document("captures/bad.replay.db")["fails"]
    (project / "shop.py").write_text(code)
    told = document("captures/bad.replay.db", "--force", "--answer", 'shop:lookup={"plan": "pro"}')
    assert (told["answers"], told["fails"]) == (1, None)
    assert "call shop:lookup" in told["code"]
    assert last_line("tests").startswith("1 passed")
    assert document("captures/bad.replay.db")["answers"] == 1


def test_answers_of_another_recording(project: Path) -> None:
    """A fix that looks up where production had failed already gets what another recording was answered."""
    code = (project / "shop.py").read_text()
    second = code.replace(
        '    return {"label": customer["plan"].upper()}',
        '    plan = (customer["plan"] or "free").upper()\n    return {"label": plan, "seats": seats(ticket["from"])}',
    ).replace("@replay.capture\ndef triage", "@replay.boundary\ndef seats(name):\n    return 7\n\n\n"
              "@replay.capture\ndef triage")  # fmt: skip
    (project / "shop.py").write_text(second)
    projects.record(project, "seats", "ann")
    assert "asked call shop:seats" in document("captures/bad.replay.db")["fails"]
    told = document("captures/bad.replay.db", "--force", "--answers-from", "captures/seats.replay.db")
    assert (told["answers"], told["fails"]) == (1, None)


def test_the_right_result(project: Path) -> None:
    """`--expect result` demands that value; of a good recording the recorded one."""
    told = document("captures/bad.replay.db", "--expect", "result", "--result", '{"label": "FREE"}')
    assert "    assert incident.answer() == RESULT" in told["code"]
    projects.edit(project, *FIX)
    assert last_line("tests").startswith("1 passed")
    projects.edit(project, 'or "free"', 'or "pro"')
    assert last_line("tests").startswith("1 failed")
    told = document("captures/good.replay.db")
    assert 'RESULT: Any = {"label": "PRO"}' in told["code"]


def test_a_property(project: Path) -> None:
    """A function of the project that looks at the verdict."""
    (project / "rules.py").write_text(
        "def is_loud(verdict) -> bool:\n    return verdict.outcome.value['label'].isupper()\n"
    )
    (project / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    document("captures/bad.replay.db", "--expect", "property", "--property", "rules:is_loud")
    assert last_line("tests").startswith("1 failed")
    projects.edit(project, *FIX)
    assert last_line("tests").startswith("1 passed")
    projects.edit(project, ".upper()", ".lower()")
    assert last_line("tests").startswith("1 failed")


def test_from_fuzz(project: Path) -> None:
    """What mutation found becomes a test that says so."""
    done = run("-m", "replay.surfaces.cli", "fuzz", "captures/good.replay.db", "--executions", "60")
    assert done.returncode == 1
    finds = len(list((project / "finds").iterdir()))
    done = promote("--from-fuzz", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == finds > 0
    assert all("Not as production saw it" in each["code"] for each in told)
    sure = [each for each in told if "UnicodeEncodeError" not in each["code"]]  # that is stdout's, another in pytest
    assert int(last_line("tests").split()[0]) >= len(sure) > 0


def test_the_minimal_recording_is_taken(project: Path) -> None:
    """One made from the incident that fails in the same way and lies beside it."""
    (recording,) = open_bundle("captures/bad.replay.db")
    answered = msgspec.structs.replace(recording, http_response_status_code=500)  # as a server did for the error
    write_bundle([answered], "captures/bad.replay.db", overwrite=True)
    small = msgspec.structs.replace(
        recording, id="small", input=encode({"args": [{"from": "bob"}], "kwargs": {}}), parent_digest=answered.digest
    )
    write_bundle([small], "captures/small.replay.db")
    told = document("captures/bad.replay.db")
    assert (told["minimal"], told["id"]) == (True, "small")
    assert 'INPUT: Any = {"args": [{"from": "bob"}], "kwargs": {}}' in told["code"]
    assert "captures/bad.replay.db is still an open incident: delete it" in promote("captures/bad.replay.db").stdout


def test_the_docstring_says_why_it_failed(project: Path) -> None:
    """The cause that was found, as the promoted recording has it, and that the recording is minimal; --whole: not."""
    assert run("-m", "replay.surfaces.cli", "why", "captures/bad.replay.db").returncode == 0
    assert run("-m", "replay.surfaces.cli", "minimize", "captures/bad.replay.db").returncode == 0
    told = document("captures/bad.replay.db")
    assert "\n    Cause: plan = null, of call shop:lookup\n" in told["code"]
    assert "\n    Minimal: what the failure does not need is left out" in told["code"]
    whole = document("captures/bad.replay.db", "--whole", "--dry-run")
    assert ("Minimal:" in whole["code"], "Cause: plan = null" in whole["code"], whole["minimal"]) == (
        False,
        True,
        False,
    )


def test_the_docstring_says_what_is_not_as_in_production(project: Path) -> None:
    """Of a value that a neutral one stands for its kind and size, and not its text; of the message too."""
    (recording,) = open_bundle("captures/bad.replay.db")
    cause = with_cause(recording, Cause(values=(("input.args[0].from", ""),)))
    write_bundle([cause], "captures/bad.replay.db", overwrite=True)
    body = recording.outcome.payload.text.replace("'NoneType' object", "no object")
    ended = msgspec.structs.replace(recording.outcome, payload=Value(body))
    small = msgspec.structs.replace(
        recording, id="small", input=encode({"args": [{"from": ""}], "kwargs": {}}), parent_digest=recording.digest,
        outcome=ended,
    )  # fmt: skip
    write_bundle([small], "captures/small.replay.db")
    code = document("captures/bad.replay.db", "--dry-run")["code"]
    assert 'Cause: input.args[*].from = "" (in production a text of 3 characters)' in code
    assert "(in production a message of 42 characters, which is left out here)" in code
    assert "bob" not in code


def test_the_minimal_recording_of_an_error_from_a_boundary_is_taken(project: Path) -> None:
    """What raised it in production, below the boundary, is run by no replay: the place is where the code asked."""
    (recording,) = open_bundle("captures/bad.replay.db")
    live = ["/srv/replay/boundaries/call.py", 107, "call", ""], ["/srv/shop.py", 5, "looked_up", "raise"]
    tree = recording.outcome.payload.tree
    frames = [*tree["$error"]["frames"], *live]
    payload = Value(json.dumps({"$error": {**tree["$error"], "frames": frames}}))
    incident = msgspec.structs.replace(recording, outcome=msgspec.structs.replace(recording.outcome, payload=payload))
    write_bundle([incident], "captures/bad.replay.db", overwrite=True)
    small = msgspec.structs.replace(recording, id="small", parent_digest=incident.digest)
    write_bundle([small], "captures/small.replay.db")
    assert document("captures/bad.replay.db", "--dry-run")["minimal"] is True


def test_a_fix_that_lacks_something_is_told_of_the_whole(project: Path) -> None:
    """Of a minimal recording: mended code reads what is not in it any more."""
    assert run("-m", "replay.surfaces.cli", "minimize", "captures/bad.replay.db").returncode == 0
    document("captures/bad.replay.db")
    projects.edit(project, *FIX)
    projects.edit(project, '    return {"label"', '    len(ticket["text"])\n    return {"label"')
    done = run("-m", "pytest", *projects.plugin(), "-q", "tests")
    assert "it fails with KeyError: 'text'. If that is for want of something: the recording is minimal" in done.stdout
    projects.edit(project, '    len(ticket["text"])\n', '    lookup("ann")\n')
    done = run("-m", "pytest", *projects.plugin(), "-q", "tests")
    assert "The recording is minimal: give `replay minimize --overwrite` the same answers first" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "name the incident"),
        (["captures/none.replay.db"], 3, "none.replay.db"),
        (["captures/mixed.replay.db"], 2, "holds 3 recordings"),
        (["captures/bad.replay.db", "--expect", "result"], 2, "--result JSON"),
        (["captures/bad.replay.db", "--result", "{"], 2, "not JSON"),
        (["captures/bad.replay.db", "--expect", "property", "--property", "a;b:c"], 2, "MODULE:NAME"),
        (["captures/bad.replay.db", "--expect", "property", "--property", "import:c"], 2, "MODULE:NAME"),
        (["captures/bad.replay.db", "--answer", "save=1"], 2, "TARGET=JSON"),
        (["captures/bad.replay.db", "--answer", "shop:save=nope"], 2, "not JSON"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Path, arguments: list[str], code: int, message: str) -> None:
    """With the exit codes of every command, and nothing written."""
    done = promote(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
    assert not (project / "tests").exists()


@pytest.mark.slow
def test_entry_points_of_every_kind(tmp_path: Path) -> None:
    """Functions, coroutines, generators, methods, ASGI and WSGI: red, then green; Ruff and mypy content."""
    project = kinds.record(tmp_path)
    incidents = open_bundle(tmp_path / "incidents.replay.db")
    done = promote(*(f"../incidents.replay.db::{id}" for id in incidents.ids()), cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fails on the code as it is: it still fails with AttributeError") == len(kinds.KINDS) - 1
    assert "fails on the code as it is: it answered 500 after AttributeError: 'NoneType'" in " ".join(
        done.stdout.split()
    )
    assert last_line(cwd=project).startswith(f"{len(kinds.KINDS)} failed, {len(kinds.KINDS)} skipped")
    code = (project / "kinds.py").read_text()
    (project / "kinds.py").write_text(code.replace(kinds.BUG, kinds.FIX))
    assert last_line(cwd=project).startswith(f"{len(kinds.KINDS)} passed, {len(kinds.KINDS)} skipped")
    checked(project / "tests", project / "pyproject.toml")


# Hostile text -----------------------------------------------------------------------------------------------------

_SHARP = ('"', "'", '"""', "'''", "\\", "\n", "\r", "\0", "\u202e", "\ud83d", "\u2028", "{", "}", "#", "%", "é", " ",
          "\x1b[31m", "import os", '"\n\nimport os\nos.abort()\n"', "::error::", "a" * 90)  # fmt: skip
hostile = st.lists(st.sampled_from(_SHARP) | st.text(max_size=5), min_size=1, max_size=8).map("".join)


def recording_of(said: list[str]) -> Recording:
    """A recording of fixed shape with these texts in every field that holds text."""
    texts = cycle(said)

    def one() -> str:
        return next(texts)

    value = {"args": [{"a": one(), "b": [one(), one()]}, None, 1.5], "kwargs": {"c": one()}}
    error = RuntimeError(one())
    stored = encode(error)
    tree = stored.tree
    body = tree["$error"] if "$error" in tree else tree["$id"][1]["$error"]
    body["type"], body["message"] = encode(one()).tree, encode(one()).tree
    body["type"] = one().encode("utf-8", "replace").decode()
    file, function = (one().encode("utf-8", "replace").decode() for _ in range(2))
    body["frames"] = [[file, 3, function, ""]]
    payload = msgspec.structs.replace(stored, text=msgspec.json.encode(tree).decode())
    asked = encode({"args": [one()], "kwargs": {}})
    interaction = Interaction(seq=0, lane="0", boundary="call", target=one(), request=asked, answer=encode(one()),
                              state="returned", offset_ns=0, duration_ns=0)  # fmt: skip
    return Recording(
        id=one(), kind="function", entrypoint=one(), started_at=10**18, duration_ns=5, input=encode(value),
        outcome=Outcome("raised", payload), context=encode({one(): one()}), interactions=(interaction,),
        service_name=one(), service_version=one(), deployment_environment_name=one(), http_route=one(),
    )  # fmt: skip


def shape(code: str) -> str:
    """The syntax tree with every constant and the name of the test blanked."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        if isinstance(node, ast.FunctionDef):
            assert re.fullmatch(r"test_[a-z0-9_]+", node.name)
            node.name = "test"
    return ast.dump(tree)


PLAIN = recording_of(["plain"])


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(hostile, min_size=1, max_size=20), hostile)
def test_hostile_text_cannot_alter_the_code(said: list[str], bundle: str) -> None:
    """The shape of the syntax tree is that of a harmless recording, and the input is what was recorded."""
    recording = recording_of(said)
    for oracle in (Oracle("no-exception"), Oracle("result", result=said[0][:300])):
        harmless = msgspec.structs.replace(oracle, result="plain" if oracle.expect == "result" else None)
        cause = Cause(values=(("input.args[0].a", ""), (f"http[0][{json.dumps(said[-1])}]", said[0])))
        written = compose(recording, oracle, bundle, 88, recording.interactions, cause)
        expected = compose(PLAIN, harmless, "captures/x.replay.db", 88, PLAIN.interactions, cause)
        if written.long is None:
            assert shape(written.code) == shape(expected.code)
        assert written.code.isascii()
        names = {node.target.id: node.value for node in ast.parse(written.code).body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
        if written.long is None:
            assert ast.literal_eval(names["INPUT"])["args"][0]["a"] == said[0]


@pytest.mark.slow
def test_hostile_text_passes_the_linters(tmp_path: Path) -> None:
    """A few of them, with Ruff's formatter and mypy in strict mode, at the line lengths that projects use."""
    for width in (79, 88, 120):
        place = tmp_path / str(width)
        place.mkdir()
        for number, first in enumerate(_SHARP):
            said = [first * 3, *_SHARP]
            for oracle in (Oracle("no-exception"), Oracle("property", function="rules:is_loud")):
                written = compose(recording_of(said), oracle, "captures/" + first * 20, width, (),
                                  Cause(values=((f"input[{json.dumps(first)}]", first * 40),)))  # fmt: skip
                (place / f"test_{number}_{oracle.expect.replace('-', '_')}.py").write_text(written.code)
        (place / "rules.py").write_text("def is_loud(verdict: object) -> bool:\n    return True\n")
        (place / "ruff.toml").write_text(f"line-length = {width}\n")
        checked(place, place / "ruff.toml", types=width == 88)
