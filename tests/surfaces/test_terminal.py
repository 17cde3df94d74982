"""On a terminal: tables, how far it is, links; and that none of it is there without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from pty import openpty
from select import select

import pytest
from msgspec.structs import replace

from replay.core.codec import encode
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.standins import Gap
from replay.core.verdict import Frame
from replay.store.bundle import open_bundle, write_bundle
from replay.surfaces.page import Page
from replay.surfaces.printable import columns
from replay.surfaces.progress import Bar
from replay.surfaces.quiet import line
from replay.surfaces.shortened import Shortened
from replay.surfaces.tables import Cell, Column, drawn
from replay.surfaces.text import frame_lines
from replay.surfaces.waterfall import recording_text
from tests.surfaces import projects
from tests.surfaces.test_cli import COMMAND, replay

PLAIN = {"TERM": "xterm-256color", "NO_COLOR": "", "FORCE_HYPERLINK": "0"}
LINK = re.compile(r"\x1b\]8;;(.*?)\x1b\\(.*?)\x1b\]8;;\x1b\\")


def on_terminal(*arguments: str, **environ: str) -> str:
    """What `replay ARGUMENTS` shows on a terminal, stderr included."""
    ours, theirs = openpty()
    process = subprocess.Popen([*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
                               env={**projects.environment(), "COLUMNS": "130", **PLAIN, **environ})  # fmt: skip
    os.close(theirs)
    shown = b""
    while select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    process.wait(60)
    return shown.decode()


def test_tables_on_a_terminal(project: Path) -> None:
    """`list` and `list --group` draw one; with NO_COLOR without colours; in a pipe there is none."""
    shown = on_terminal("list", "captures")
    assert "───" in shown
    assert "\x1b[1;31merror" in shown
    plain = on_terminal("list", "captures", NO_COLOR="1")
    assert "───" in plain
    assert "\x1b[" not in plain
    groups = on_terminal("list", "--group", "--no-run", "captures")
    assert "look at" in groups
    assert "───" not in replay("list", "captures").stdout
    assert "───" not in on_terminal("list", "captures", TERM="dumb")


@pytest.mark.parametrize("width", ["80", "130"])
@pytest.mark.parametrize("arguments", [("list",), ("list", "--group"), ("run",), ("show",)])
def test_names_are_never_cut(project: Path, arguments: tuple[str, ...], width: str) -> None:
    """They are copied: a table that has no room for one is not drawn, and of a line something else is cut."""
    path = Path("captures") / f"{'a' * 60}.replay.db"
    Path("captures/bad.replay.db").rename(path)
    shown = on_terminal(*arguments, str(path), COLUMNS=width)
    assert str(path) in shown
    assert "AttributeError" in shown


@pytest.mark.parametrize("width", ["80", "100"])
@pytest.mark.parametrize("arguments", [("list",), ("list", "--group", "--no-run"), ("run",)])
def test_where_there_is_little_room_names_are_short_and_whole(
    project: Path, arguments: tuple[str, ...], width: str
) -> None:
    """Long names of files are told by their folder and the beginning of the id, which every verb takes; of an error its
    class is whole."""
    path = Path("captures") / f"{'a' * 50}.replay.db"
    Path("captures/bad.replay.db").rename(path)
    (recording,) = open_bundle(path)
    shown = on_terminal(*arguments, "captures", COLUMNS=width, NO_COLOR="1")
    names = set(re.findall(r"captures::[0-9a-f]+", shown))
    assert f"captures::{recording.id[:8]}" in names
    assert len(names) == (6 if arguments != ("list", "--group", "--no-run") else 1)
    assert "AttributeError" in shown
    for name in names:
        assert replay("show", name).returncode == 0
    if arguments[0] == "list":
        assert "───" in shown


def test_names_are_as_short_as_they_can_be(project: Path) -> None:
    """A folder's by its ids, a bundle's by its own; one that two bundles hold keeps its whole name."""
    ids = [recording.id for recording in open_bundle("captures/mixed.replay.db")]
    short = Shortened.of(["captures/mixed.replay.db", "captures/bad.replay.db"])
    assert short("captures/mixed.replay.db", ids[0]) == f"captures/mixed.replay.db::{ids[0][:8]}"
    assert short("captures/bad.replay.db", "whatever") == "captures/bad.replay.db"
    (bad,) = open_bundle("captures/bad.replay.db")
    write_bundle([bad], Path("captures/copy of bad.replay.db"))
    short = Shortened.of(["captures"])
    assert short("captures/mixed.replay.db", ids[0]) == f"captures::{ids[0][:8]}"
    assert short("captures/copy of bad.replay.db", bad.id) == f"'captures/copy of bad.replay.db::{bad.id}'"
    done = replay("show", f"captures::{bad.id[:8]}")
    assert (done.returncode, "captures/bad.replay.db::" in done.stderr) == (2, True)
    assert replay("show", "captures::zz").returncode == 3


def test_tables_show_text_as_it_is() -> None:
    """Nothing in a cell is markup of rich, and no line is wider than the page."""
    page = Page(width=60, terminal=True)
    rows = [[Cell("[red]not red[/red]"), Cell("[link=https://evil.example]x[/link] " + "word" * 40)]]
    text = drawn((Column("one"), Column("two", ratio=2)), rows, page)
    assert text is not None
    assert "[red]" in text
    assert max(map(len, text.splitlines())) <= 60
    assert drawn((Column("one"),), [[Cell("x")]], Page(width=60)) is None


def test_how_far_it_is(project: Path) -> None:
    """While recordings are replayed the terminal says which of how many; at the end the line is gone."""
    shown = on_terminal("run", "captures")
    assert re.search(r"\r\x1b\[K1 of 6: captures/async", shown)
    assert re.search(r"of 6, about .* left: captures", shown)
    assert shown.rstrip().endswith("6 recordings: 6 reproduced")
    assert " of 6" not in replay("run", "captures").stderr


def test_how_long_a_search_or_check_takes(project: Path) -> None:
    """A search says what is left of its seconds; a check which recording it is at."""
    shown = on_terminal("fuzz", "captures/good.replay.db", "--seconds", "3")
    assert re.search(r"executions, .* a second, .*, \d.* left", shown)
    assert "1 of 1: captures/bad" in on_terminal("run", "--check", "--no-save", "captures/bad.replay.db")


@pytest.mark.parametrize(("verb", "most"), [("why", "600"), ("minimize", "3,000")])
def test_how_many_runs_a_cause_takes(project: Path, verb: str, most: str) -> None:
    """Runs made, and the most there may be; at the end the line is gone."""
    shown = on_terminal(verb, "captures/bad.replay.db")
    assert re.search(rf"\r\x1b\[K\d+ of at most {most} runs", shown)
    assert "runs" in shown.rpartition("\x1b[K")[2]


def test_the_time_left() -> None:
    """Goes by what was done so far; unknown at the first step, and without a total."""
    bar = Bar(4)
    assert bar.line("a", 0.0) == "1 of 4: a"
    bar.done = 1
    assert bar.line("b\x1b[2J", 2.0) == "2 of 4, about 6 s left: b\\x1b[2J"
    assert Bar(0).line("a", 1.0) == "1: a"
    assert line(1, 600, "runs", 1.6) == "1 of at most 600 runs"  # which the import of the code took
    assert line(12, 600, "runs", 10.0) == "12 of at most 600 runs, at most 10 min left"


def test_an_interrupted_run_keeps_what_it_found(project: Path) -> None:
    """Ctrl-C in the third of three: two verdicts are in the document, exit 130."""
    projects.edit(project, "    print(", "    if ticket['from'] == 'eve':\n        open('started', 'w').close()\n"
                                         "        while True: pass\n    print(")  # fmt: skip
    done = projects.interrupted(["run", "captures/mixed.replay.db", "--json"], (project / "started").exists)
    assert done.returncode == 130
    assert [row["status"] for row in json.loads(done.stdout)] == ["reproduced", "reproduced"]


def test_lines_of_code_are_links_where_they_can_be(project: Path) -> None:
    """Only on a terminal that shows them, and never with NO_COLOR; the text is the same."""
    projects.edit(project, "].upper()", "].lower()")
    arguments = ("run", "captures/bad.replay.db")
    shown = on_terminal(*arguments, TERM_PROGRAM="WezTerm", FORCE_HYPERLINK="")
    assert (f"{(project / 'shop.py').resolve().as_uri()}#16", "shop.py:16") in LINK.findall(shown)
    for environ in ({"FORCE_HYPERLINK": "0", "TERM_PROGRAM": "WezTerm"}, {"NO_COLOR": "1", "FORCE_HYPERLINK": "1"}, {}):
        without = on_terminal(*arguments, **environ)
        assert "\x1b]8" not in without
        assert "shop.py:16" in without
    assert "\x1b" not in replay(*arguments, FORCE_HYPERLINK="1", TERM_PROGRAM="WezTerm").stdout


@pytest.mark.parametrize("file", ["/etc/passwd", "missing.py", "a\x1b\\b.py", "x" * 5000])
def test_no_link_leaves_the_project(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording names the file: what is not there, or not below the current folder, is only text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    page = Page(links=True)
    assert "\x1b]8" in "".join(frame_lines([Frame("a.py", 3, "f", "x = 1")], page))
    assert "\x1b" not in "".join(frame_lines([Frame(file, 3, "f", "x = 1")], page))


def test_a_place_outside_the_project_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What terminals, editors and `grep` find; on the narrowest page too."""
    monkeypatch.chdir(tmp_path)
    file = f"/srv/{'release' * 20}/lib/python3.11/site-packages/httpx/_client.py"
    assert f"{file}:30 in send" in "\n".join(frame_lines([Frame(file, 30, "send", "x = 1")], Page(width=60)))


def test_in_a_pipe_no_text_is_broken(project: Path) -> None:
    """A text has one line, however narrow; on a terminal it has as many as it takes, and no word in it is cut."""
    said = "the code of `replay` asked what /a/place/that/is/longer/than/thirty/columns.py:3 says, and more than that"
    assert len(list(Page(width=60, pipe=True).wrapped("why", said))) == 1
    lines = list(Page(width=60).wrapped("why", said))
    assert len(lines) > 1
    assert any("/a/place/that/is/longer/than/thirty/columns.py:3" in line for line in lines)
    done = replay("why", "captures/bad.replay.db", "--no-save", COLUMNS="60")
    (proof,) = (line for line in done.stdout.splitlines() if line.strip().startswith("proof"))
    assert len(proof) > 60
    ran = replay("run", "captures/bad.replay.db", COLUMNS="60").stdout.splitlines()
    (line,) = (line for line in ran if ".db" in line)
    assert "AttributeError: 'NoneType' object has no attribute 'upper'" in line


def test_in_a_pipe_nothing_is_cut(tmp_path: Path) -> None:
    """Of what was asked and answered, of values, names and labels; on a terminal that is narrow they are."""
    target = f"GET http://crm.example/{'customers/' * 20}7"
    long = {"text": "x" * 900, "items": [{"deep": [[[[[1, 2]]]]]}] * 40}
    asked = Interaction(seq=0, lane="0.0.0.0.0.0.0.0.0", boundary="http", target=target, request=encode({}),
                        answer=encode(long), state="returned", offset_ns=0, duration_ns=5)  # fmt: skip
    gaps = tuple(Gap(f"$.a[{at}]", "truncated-count", "thing") for at in range(40))
    recording = Recording(
        id="r1", kind="function", entrypoint="shop:triage", started_at=1, duration_ns=9,
        input=encode({"args": [long], "kwargs": {}}), outcome=Outcome("returned", encode(long)),
        context=encode({"a_name_of_many_letters": long}), interactions=(asked, replace(asked, seq=1, lane="0")),
        gaps=gaps,
    )  # fmt: skip
    path = tmp_path / "long.replay.db"
    write_bundle([recording], path)
    piped = recording_text(recording, Page(width=60, pipe=True), str(path))
    assert "…" not in piped
    assert (piped.count(target), piped.count("x" * 900), piped.count("truncated-count")) == (2, 5, 40)
    assert "a_name_of_many_letters {" in piped
    assert max(map(columns, recording_text(recording, Page(width=60), str(tmp_path)).splitlines())) < 200
