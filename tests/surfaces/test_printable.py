"""What strangers wrote drives no terminal, build server or reader: every field, in every output, byte by byte."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from replay.core.codec import Gap, Value, encode
from replay.core.recording import Interaction, Log, ModelCall, Outcome, Prediction, Recording
from replay.store.bundle import open_bundle, serialize
from replay.surfaces.printable import clip, columns, escape, pad
from tests.surfaces import projects

DRIVES = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\n::error file=a::text", "\n##[error]text", "\u202e",
          "\u2066", "\u200b", "\u2028", "\x00", "\ufeff", "\x7f", "\b")  # fmt: skip
MARK = "mark" + "".join(DRIVES)
"""Put into every field."""
SEEN = "mark\\x1b[2J"
"""How it is shown."""


@pytest.mark.parametrize("text", DRIVES)
def test_nothing_that_drives_is_left(text: str) -> None:
    """Escaped, each is plain; what is plain stays as it is."""
    assert text not in escape(text)
    assert escape(text).isprintable()
    assert escape(escape(text)) == escape(text)


@pytest.mark.parametrize(
    "text", ["::error::x", "a ::warning file=b,line=1::x", "##[group]x", "##vso[task.x]", "::ERROR::"]
)
def test_commands_to_a_build_server_are_broken(text: str) -> None:
    """Wherever they stand: a wrapped line may begin with any word."""
    assert not escape(text).lstrip().startswith("::")
    assert not re.search(r"##\[|##vso|::(error|warning)[: ]", escape(text), re.IGNORECASE)


@pytest.mark.parametrize(
    "text", ["std::error_code", "x.replay.db::error-1", "x.replay.db::rec", "a ## b", "größe 漢字 🙂"]
)
def test_plain_text_is_kept(text: str) -> None:
    """Names of recordings can still be copied."""
    assert text == escape(text)


def test_columns_of_wide_and_combining_characters() -> None:
    """Wide ones take two, combining ones none, and a cut never passes the width."""
    assert [columns(text) for text in ("ab", "漢字", "e\u0301")] == [2, 4, 1]
    assert (clip("漢字漢字", 5), pad("漢", 4)) == ("漢字…", "漢  ")


# Every field, every output ----------------------------------------------------------------------------------------


def _error(**body: Any) -> Value:
    return Value(json.dumps({"$error": {"type": "AttributeError", "message": "m", "args": [], "frames": [], **body}}))


def _put(value: Value, name: str, item: Any) -> Value:
    return Value(json.dumps({**value.tree, name: item}))


def _first(recording: Recording, **fields: Any) -> dict[str, Any]:
    one, *others = recording.interactions
    return {"interactions": (msgspec.structs.replace(one, **fields), *others)}


def _http(**answer: Any) -> Interaction:
    request = {"client": "httpx", "method": "GET", "url": "https://a/b", "headers": [[MARK, MARK]], "body": b""}
    return Interaction(seq=1, lane="0", boundary="http", target="GET https://a/b", request=encode(request),
                       answer=encode(answer), state="returned", offset_ns=1, duration_ns=1)  # fmt: skip


def _model(**fields: Any) -> ModelCall:
    return ModelCall(**{"seq": 0, "operation_name": "chat", "provider_name": "x", **fields})


def _prediction(**fields: Any) -> Prediction:
    return Prediction(**{"seq": 0, "name": "n", **fields})


FIELDS: dict[str, Callable[[Recording], dict[str, Any]]] = {
    "id": lambda r: {"id": MARK},
    "entrypoint": lambda r: {"entrypoint": f"shop:{MARK}"},
    "entrypoint-module": lambda r: {"entrypoint": f"{MARK}:triage"},
    **{name: lambda r, name=name: {name: MARK} for name in (
        "trace_id", "span_id", "sentry_event_id", "service_name", "service_version", "deployment_environment_name",
        "http_request_method", "http_route", "parent_digest")},
    "input": lambda r: {"input": Value(json.dumps({"args": [{"from": MARK}], "kwargs": {}}))},
    "input-key": lambda r: {"input": Value(json.dumps({"args": [{"from": "ann", MARK: 1}], "kwargs": {}}))},
    "input-keyword": lambda r: {"input": Value(json.dumps({"args": [], "kwargs": {MARK: 1}}))},
    "input-tag": lambda r: {"input": Value(json.dumps({"args": [{"$" + MARK: 1}], "kwargs": {}}))},
    "input-gap": lambda r: {"input": Value(r.input.text, (Gap(MARK, MARK, MARK),))},
    "outcome": lambda r: {"outcome": Outcome("returned", Value(json.dumps({MARK: MARK})))},
    "error-type": lambda r: {"outcome": Outcome("raised", _error(type=MARK))},
    "error-message": lambda r: {"outcome": Outcome("raised", _error(message=MARK))},
    "error-notes": lambda r: {"outcome": Outcome("raised", _error(notes=[MARK], args=[MARK]))},
    "error-cause": lambda r: {"outcome": Outcome("raised", _error(cause=_error(message=MARK).tree))},
    "frame": lambda r: {"outcome": Outcome("raised", _error(frames=[[MARK, 1, MARK, MARK]]))},
    "context-key": lambda r: {"context": _put(r.context, MARK, 1)},
    "notes": lambda r: {"context": _put(r.context, "notes", {MARK: MARK})},
    "zone": lambda r: {"context": _put(r.context, "zone", MARK)},
    "environ": lambda r: {"context": _put(r.context, "environ", {MARK: MARK})},
    "draws": lambda r: {"context": _put(r.context, "draws", {"0": {MARK: [1]}})},
    "lane": lambda r: {"interactions": (*_first(r, lane=MARK)["interactions"], _http(status=200))},
    "boundary": lambda r: _first(r, boundary=MARK),
    "target": lambda r: _first(r, target=MARK),
    "request": lambda r: _first(r, request=Value(json.dumps({"args": [MARK], "kwargs": {}}))),
    "answer": lambda r: _first(r, answer=Value(json.dumps({"plan": MARK}))),
    "answer-error": lambda r: _first(r, state="raised", answer=_error(type=MARK, message=MARK)),
    "http-header": lambda r: {"interactions": (*r.interactions, _http(status=200, headers=[[MARK, MARK]], pieces=[]))},
    "http-reason": lambda r: {"interactions": (*r.interactions, _http(status=MARK, reason=MARK, end=MARK))},
    "http-error": lambda r: {"interactions": (*r.interactions, _http(status=None, error={"type": MARK}))},
    "model": lambda r: {"model_calls": (_model(provider_name=MARK, operation_name=MARK, request_model=MARK),)},
    "finish-reason": lambda r: {"model_calls": (_model(finish_reasons=(MARK,)),)},
    "prediction": lambda r: {"predictions": (
        _prediction(name=MARK, label=MARK, decision=MARK, policy=MARK, owner=MARK),)},
    "log": lambda r: {"logs": (Log(offset_ns=1, level=MARK, logger=MARK, message=MARK),)},
    "gap": lambda r: {"gaps": (Gap(MARK, MARK, MARK),)},
    "edits": lambda r: {"edits": Value(json.dumps([MARK]))},
}  # fmt: skip
IN_LINE = ("id", "entrypoint", "service_name", "input", "error-message", "target", "answer", "log", "gap")
"""Fields that `show` prints from their first character on."""

OUTPUTS = ("list", "show", "run", "doctor", "diff")
_DIFF = """\
import sys
from replay.surfaces.cli import main
good, *others = sys.argv[1:]
for other in others:
    print(main(["diff", good, other]), main(["diff", good, other, "--json"]))
"""


@pytest.fixture(scope="module")
def folder(_recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a bundle for each field that holds the mark, one whose file has such a name, and a damaged one."""
    folder = tmp_path_factory.mktemp("printable")
    projects.shop(folder)
    (folder / "captures").mkdir()
    (recording,) = open_bundle(_recorded / "captures" / "good.replay.db")
    for name, change in FIELDS.items():
        data = serialize([msgspec.structs.replace(recording, **change(recording))])
        (folder / "captures" / f"{name}.replay.db").write_bytes(data)
    strange = MARK.replace("/", "").replace("\0", "")
    (folder / "captures" / f"{strange}.replay.db").write_bytes(serialize([recording]))
    (folder / "captures" / f"{strange}-damaged.replay.db").write_bytes(serialize([recording])[:5000])
    return folder


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environ = {**projects.environment(), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, timeout=120,
                          check=False)  # fmt: skip


def _command(folder: Path, output: str, *more: str) -> subprocess.CompletedProcess[bytes]:
    if output == "diff":
        files = [f"captures/{name}.replay.db" for name in ("http-error", *FIELDS)]
        return _run(folder, "-c", _DIFF, *files)
    arguments = {"doctor": ["doctor", "--path", "captures"], "run": ["run", "--in-process", "captures"]}
    return _run(folder, "-m", "replay.surfaces.cli", *arguments.get(output, [output, "captures"]), *more)


def harmless(output: bytes) -> None:
    """Nothing but printable text and ends of lines, and no line that is a command."""
    text = output.decode("utf-8")
    strange = {(repr(c), text[max(0, at - 60) : at]) for at, c in enumerate(text) if not c.isprintable() and c != "\n"}
    assert strange == set()
    assert [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line] == []


@pytest.mark.parametrize("output", OUTPUTS)
def test_text_is_harmless(folder: Path, output: str) -> None:
    """Every field, in the text of every command; the exit code says that a bundle was refused, never a traceback."""
    done = _command(folder, output)
    harmless(done.stdout + done.stderr)
    assert b"Traceback (most" not in done.stderr
    assert done.returncode == {"doctor": 1, "diff": 0}.get(output, 3)
    assert SEEN.encode() in done.stdout


@pytest.mark.parametrize("output", ["list", "show", "run", "doctor"])
def test_json_is_harmless(folder: Path, output: str) -> None:
    """ASCII, one document, and the mark is in it whole."""
    done = _command(folder, output, "--json")
    harmless(done.stdout + done.stderr)
    assert done.stdout.isascii()
    found = json.loads(done.stdout)
    assert len(found) >= {"doctor": 10}.get(output, len(FIELDS))
    assert any(MARK in text or escape(MARK) in text for text in _texts(found))


def _texts(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    items = [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []
    return [text for item in items for text in _texts(item)]


@pytest.mark.parametrize("field", IN_LINE)
def test_fields_are_shown_escaped(folder: Path, field: str) -> None:
    """The mark is not lost: a reader sees that something odd is there."""
    done = _run(folder, "-m", "replay.surfaces.cli", "show", f"captures/{field}.replay.db")
    assert (done.returncode, done.stderr) == (0, b"")
    assert SEEN.encode() in done.stdout


def test_pytest_and_junit_are_harmless(folder: Path) -> None:
    """The terminal of pytest, every report on; and the XML is XML, its text harmless too."""
    done = _run(folder, "-m", "pytest", *projects.plugin(), "captures", "-vv", "-rA", "--tb=long", "--junitxml=out.xml",
                "-p", "no:cacheprovider", "--continue-on-collection-errors")  # fmt: skip
    harmless(done.stdout + done.stderr)
    assert done.returncode == 1
    assert done.stdout.count(b".replay.db::") > len(FIELDS)
    text = (folder / "out.xml").read_text("utf-8")
    cases = ElementTree.fromstring(text).findall(".//testcase")
    assert len(cases) == len(FIELDS) + 2
    for case in cases:
        for node in case.iter():
            for found in (*node.attrib.values(), node.text or ""):
                harmless(found.replace("\t", " ").encode())


@pytest.mark.parametrize("column", ["status", "error_type", "entrypoint", "id", "http_route"])
def test_cells_that_a_list_does_not_check(folder: Path, tmp_path: Path, column: str) -> None:
    """`list` reads no digests: what was written into a cell afterwards is shown, escaped."""
    path = tmp_path / "x.replay.db"
    path.write_bytes((folder / "captures" / "log.replay.db").read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"UPDATE recording SET {column} = ?", (MARK,))
    for arguments in (["list", str(path)], ["list", "--json", str(path)]):
        done = _run(folder, "-m", "replay.surfaces.cli", *arguments)
        harmless(done.stdout + done.stderr)
