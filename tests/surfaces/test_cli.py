"""The command line, run as users run it: a process of its own in a project that recorded itself."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from replay.errors import UsageError
from replay.store.bundle import open_bundle
from replay.surfaces.config import load
from replay.surfaces.select import since_ns, split
from tests.surfaces import projects

COMMAND = [sys.executable, "-m", "replay.surfaces.cli"]
RUN_KEYS = [
    "path",
    "id",
    "status",
    "outcome",
    "divergence",
    "divergences",
    "difference",
    "served",
    "left_over",
    "unanswered",
    "seconds",
    "violations",
]


def replay(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`replay ARGUMENTS` in the current folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**projects.environment(), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def document(*arguments: str, code: int = 0) -> Any:
    """The `--json` document of a command that ends with `code`."""
    done = replay(*arguments, "--json")
    assert (code, "") == (done.returncode, done.stderr if code == 0 and "triage of" not in done.stderr else "")
    return json.loads(done.stdout)


def test_list_has_the_columns_of_the_table(project: Path) -> None:
    """`--json`: the recording table's column names and `path`, oldest first in a bundle."""
    rows = document("list", "captures")
    columns = open_bundle(project / "captures" / "good.replay.db").rows(whole=True)[0].keys()
    assert {"path", *columns} == set(rows[0])
    assert [Path(r["path"]).name.split(".")[0] for r in rows] == ["async", "bad", "good", "mixed", "mixed", "mixed"]
    assert [row["status"] for row in rows] == ["ok", "error", "ok", "ok", "error", "error"]


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (["--error"], 3),
        (["--status", "ok"], 3),
        (["--entrypoint", "later"], 1),
        (["--since", "1h"], 6),
        (["--since", "2999-01-01"], 0),
    ],
)
def test_list_filters(project: Path, arguments: list[str], number: int) -> None:
    """Error, status, entry point and time."""
    assert number == len(document("list", "captures", *arguments))


def test_each_line_of_a_list_stands_by_itself(project: Path) -> None:
    """In a pipe: the name that other verbs take, then columns without blanks, and nothing else."""
    done = replay("list", "captures")
    lines = [line.split() for line in done.stdout.splitlines()]
    rows = document("list", "captures")
    assert [line[0] for line in lines] == [f"{row['path']}::{row['id']}" for row in rows]
    assert {len(line) for line in lines} == {7}
    assert [line[1] for line in lines] == [row["status"] for row in rows]
    assert {line[4] for line in lines} == {"shop:triage", "shop:later"}
    assert [line[6] for line in lines if line[1] == "error"] == ["AttributeError"] * 3
    assert (len(lines), done.stderr) == (6, "")
    assert replay("show", lines[0][0]).returncode == 0


def test_run_reproduces_with_exit_zero(project: Path) -> None:
    """Results and incidents alike; what the code prints goes to stderr."""
    done = replay("run", "captures")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 recordings: 6 reproduced" in done.stdout
    assert "triage of bob" in done.stderr
    assert "triage of" not in done.stdout


def test_run_json_is_as_designed(project: Path) -> None:
    """One object each recording, with exactly the named keys."""
    row = document("run", "captures/bad.replay.db")[0]
    assert list(row) == RUN_KEYS
    assert (row["status"], row["served"], row["left_over"], row["unanswered"]) == ("reproduced", 1, 0, 0)
    assert (row["outcome"]["state"], row["outcome"]["error_type"]) == ("raised", "AttributeError")
    assert row["outcome"]["frames"][-1]["function"] == "triage"


def test_run_of_a_fixed_bug_is_changed(project: Path) -> None:
    """Exit 1, and the text has both outcomes."""
    projects.edit(project, 'customer["plan"].upper()', '(customer["plan"] or "none").upper()')
    done = replay("run", "captures/bad.replay.db")
    assert done.returncode == 1
    assert "changed" in done.stdout
    assert "AttributeError: 'NoneType' object has no attribute 'upper'" in done.stdout
    assert "{'label': 'NONE'}" in done.stdout


def test_run_of_code_that_asks_otherwise_is_diverged(project: Path) -> None:
    """Exit 1, with the line that asked and the differing field."""
    projects.edit(project, 'lookup(ticket["from"])\n    print', 'lookup(ticket["from"] + "-2")\n    print')
    done = replay("run", "captures/good.replay.db")
    assert done.returncode == 1
    assert "recorded 'ann', now 'ann-2'" in done.stdout
    assert "shop.py:14 in triage" in done.stdout
    assert document("run", "captures/good.replay.db", code=1)[0]["status"] == "diverged"


def test_run_without_its_target_is_unanswerable(project: Path) -> None:
    """Exit 4 with the reason; `--target` names the replacement; a difference outweighs it."""
    projects.edit(project, "def triage", "def renamed")
    assert replay("run", "captures/good.replay.db").returncode == 4
    row = document("run", "captures/good.replay.db", code=4)[0]
    assert "triage" in row["reason"]
    assert replay("run", "captures/good.replay.db", "--target", "shop:triage=shop:renamed").returncode == 0
    projects.edit(project, '{"plan": lookup', '{"other": lookup')
    assert replay("run", "captures").returncode == 1


def test_a_recording_is_named_by_a_prefix(project: Path) -> None:
    """`PATH::ID-prefix`; an unknown id is exit 3, an ambiguous one exit 2, each with the ids."""
    bundle = project / "captures" / "mixed.replay.db"
    ids = open_bundle(bundle).ids()
    length = next(n for n in range(1, 17) if len({id[:n] for id in ids}) == len(ids))
    assert [ids[1]] == [row["id"] for row in document("run", f"{bundle}::{ids[1][:length]}")]
    missing, ambiguous = replay("show", f"{bundle}::nothing"), replay("diff", str(bundle), str(bundle))
    assert (missing.returncode, ambiguous.returncode) == (3, 2)
    assert ids[0] in missing.stderr
    assert ids[2] in ambiguous.stderr


@pytest.mark.parametrize("damage", ["cut", "text", "missing"])
def test_refused_bundles_are_exit_three(project: Path, damage: str) -> None:
    """Cut in half, not a bundle, or not there: a clear line on stderr, nothing on stdout."""
    path = project / "captures" / "bad.replay.db"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "text":
        path.write_text("not a bundle\n")
    else:
        path.unlink()
    done = replay("run", "captures/bad.replay.db")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("replay: ")
    assert "bad.replay.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_goes_on_after_a_refused_bundle(project: Path) -> None:
    """The others are listed, the refused one is named on stderr, and the exit code says so."""
    (project / "captures" / "bad.replay.db").write_text("not a bundle\n")
    done = replay("list", "captures", "--json")
    assert (done.returncode, len(json.loads(done.stdout))) == (3, 5)
    assert done.stderr.count("bad.replay.db") == 1


def test_show_has_input_interactions_and_outcome(project: Path) -> None:
    """In text and as a document; the hostile ticket is escaped."""
    text = replay("show", "captures/bad.replay.db").stdout
    assert "\x1b" not in text
    assert "\\x1b[31mhelp \\u202e" in text
    assert "shop:lookup" in text
    assert "AttributeError" in text
    shown = document("show", "captures/bad.replay.db")
    assert (shown[0]["entrypoint"], shown[0]["interactions"][0]["target"]) == ("shop:triage", "shop:lookup")


def test_show_of_an_empty_folder_says_so(project: Path) -> None:
    """Exit 3, as of the other verbs that are told what to look at; nothing on stdout."""
    (project / "empty").mkdir()
    for options in ([], ["--json"]):
        done = replay("show", "empty", *options)
        assert (done.returncode, done.stdout) == (3, "")
        assert "empty: no recordings there to show [no-recording]" in done.stderr


def test_diff_aligns_two_recordings(project: Path) -> None:
    """Exit 1 and the fields of input, answer and outcome; a recording does not differ from itself."""
    done = replay("diff", "captures/good.replay.db", "captures/bad.replay.db")
    assert done.returncode == 1
    assert "A 'ann', B 'bob'" in done.stdout
    assert "A 'pro', B None" in done.stdout
    assert "Outcome" in done.stdout
    found = document("diff", "captures/good.replay.db", "captures/bad.replay.db", code=1)
    assert (found["same"], len(found["interactions"])) == (False, 1)
    assert document("diff", "captures/good.replay.db", "captures/good.replay.db")["same"]
    shutil.copy("captures/bad.replay.db", "captures/again.replay.db")
    assert replay("why", "captures/again.replay.db").returncode == 0
    assert document("diff", "captures/bad.replay.db", "captures/again.replay.db")[
        "same"
    ]  # what was found out is no part


def test_doctor_names_what_is_wrong(project: Path) -> None:
    """All well here, a spool that its first bundle makes too; a target that is gone and a file as a spool fail, with
    advice."""
    (project / "spool").mkdir()
    for spool, state in (("spool", "spool: writable"), ("later/spool", "later/spool: not there yet")):
        well = replay("doctor", "--path", "captures", "--spool", spool)
        assert well.returncode == 0, well.stdout
        assert "shop:triage (5 recordings)" in well.stdout
        assert state in well.stdout
    assert not (project / "later").exists()
    projects.edit(project, "def triage", "def renamed")
    checks = document("doctor", "--path", "captures", "--spool", "pyproject.toml", code=1)
    assert [check["name"] for check in checks if check["level"] == "fail"] == ["spool", "target"]
    assert "targets = {" in checks[-1]["advice"]


def test_usage_errors_are_exit_two(project: Path) -> None:
    """Unknown verbs and options, half a name, a time that is none, a bad configuration."""
    codes = [
        replay(*arguments).returncode
        for arguments in (["nonsense"], ["run"], ["run", "captures", "--nope"], ["show", "captures/bad.replay.db::"])
    ]
    assert codes == [2, 2, 2, 2]
    (project / "pyproject.toml").write_text("[tool.replay-harness]\nallows = []\n")
    done = replay("run", "captures")
    assert done.returncode == 2
    assert "did you mean `allow`" in done.stderr


def test_help_is_fast_and_lists_only_what_exists(project: Path) -> None:
    """`replay --help` imports neither the store nor pytest; verbs that are not built are not shown."""
    code = "import sys; from replay.surfaces.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=projects.environment(), capture_output=True, text=True)
    text, _, modules = done.stdout.rpartition("\n\n")[0], None, done.stdout.splitlines()[-1].split()
    assert not {"pytest", "hypothesis", "vcr", "deepdiff", "sqlite3", "replay.store", "asyncio"} & set(modules)
    assert "drift" not in text
    for verb in ("demo", "list", "show", "run", "diff", "doctor", "completion"):
        assert f"\n  {verb} " in done.stdout
    assert "..." not in text.partition("Commands:")[2]


def test_a_closed_pipe_is_quiet(project: Path) -> None:
    """`replay show ... | head -0` writes no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "show", "captures", "--json"], env=projects.environment(), stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupt_is_quiet(project: Path) -> None:
    """Ctrl-C ends with 130 and no traceback."""
    projects.edit(
        project,
        "    print(",
        "    open('started', 'w').close()\n    while True: pass\n    print(",
    )
    done = projects.interrupted(["run", "captures/bad.replay.db"], (project / "started").exists)
    assert (done.returncode, done.stderr.strip()) == (130, "")


def test_bash_completes_ids_after_the_colons(project: Path) -> None:
    """bash splits at colons; what is offered is what it will insert."""
    id = open_bundle(project / "captures" / "bad.replay.db").ids()[0]
    words = ["replay", "show", "captures/bad.replay.db", "::", id[:3]]
    done = replay(COMP_WORDS="\n".join(words), COMP_CWORD="4", _REPLAY_COMPLETE="bash_complete")
    assert f"plain,{id}\n" == done.stdout
    done = replay(COMP_WORDS="replay\nshow\ncaptures/b", COMP_CWORD="2", _REPLAY_COMPLETE="bash_complete")
    assert done.stdout == "path,captures/bad.replay.db\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    """Each shell's script names our command and variable."""
    done = replay("completion", shell)
    assert done.returncode == 0
    assert f"_REPLAY_COMPLETE={shell}_complete" in done.stdout


def test_version() -> None:
    """The package's own."""
    from replay import __version__

    assert f"replay-harness {__version__}\n" == replay("--version").stdout


def test_since() -> None:
    """Ages and ISO times; anything else is a usage error."""
    now = 10**18
    assert (now - 900 * 10**9, 1_767_225_600 * 10**9) == (since_ns("15m", now), since_ns("2026-01-01"))
    with pytest.raises(UsageError, match="--since yesterday"):
        since_ns("yesterday")


def test_split_prefers_a_file_of_that_name(tmp_path: Path) -> None:
    """Two colons in a file's own name are not a separator."""
    odd = tmp_path / "a::b.replay.db"
    odd.touch()
    assert ((odd, None), (tmp_path / "x", "id")) == (split(str(odd)), split(f"{tmp_path / 'x'}::id"))


def test_configuration_is_read_from_the_nearest_file(tmp_path: Path) -> None:
    """Values, the default root, and errors that name file and key."""
    file = tmp_path / "pyproject.toml"
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    file.write_text(
        '[tool.replay-harness]\nallow = ["shared"]\nroot = "a"\n[tool.replay-harness.targets]\n"m:a" = "m:b"\n'
    )
    config = load(below)
    assert (tmp_path / "a", file, ("shared",), {"m:a": "m:b"}) == (
        config.root,
        config.file,
        config.allow,
        config.targets,
    )
    file.write_text('[tool.replay-harness]\nallow = "shared"\n')
    with pytest.raises(UsageError, match=r"allow") as caught:
        load(below)
    assert str(file) in str(caught.value)


def test_a_run_of_nothing_is_not_green(project: Path) -> None:
    """A folder without bundles: exit 3, not a silent 0."""
    (project / "empty").mkdir()
    done = replay("run", "empty")
    assert done.returncode == 3
    assert "nothing was checked" in done.stderr
    assert document("list", "empty") == []


def test_zero_on_the_command_line_overrules_the_tolerance_of_the_project(project: Path) -> None:
    """Numbers are compared exactly, for once."""
    (project / "pyproject.toml").write_text("[tool.replay-harness]\ntolerance = 0.5\n")
    lines = "import replay\n\n\n@replay.capture\ndef rate():\n    return {'rate': 1.0}\n"
    (project / "rates.py").write_text(lines)
    code = "import replay; replay.init(service='s', spool='spool', keep=replay.always()); import rates; rates.rate()"
    subprocess.run([sys.executable, "-c", code], env=projects.environment(), check=True, timeout=60)
    (project / "rates.py").write_text(lines.replace("1.0", "1.125"))
    assert replay("run", "spool").returncode == 0
    assert replay("run", "spool", "--tolerance", "0").returncode == 1


def test_one_document_or_lines(project: Path) -> None:
    """Not both: a usage error."""
    for verb in (["list"], ["run"], ["fuzz", "--executions", "1"]):
        assert replay(*verb, "captures", "--json", "--jsonl").returncode == 2


def test_doctor_looks_at_what_the_configuration_names(project: Path) -> None:
    """A module, a document, a package, a kind, a pattern or a root that is not there is found before it is needed."""
    wrong = """root = "nowhere"\nimports = ["no_module"]\ncontracts = ["no.yaml"]\nkinds = ["errors"]
    packages = ["no_package"]\nredaction.patterns = {badge = "("}\n"""
    (project / "pyproject.toml").write_text(f"[tool.replay-harness]\n{wrong}")
    checks = document("doctor", code=1)
    found = [check["found"] for check in checks if check["level"] == "fail"]
    words = ["nowhere", "badge", "no_module", "no.yaml", "errors", "no_package"]
    assert [word in said for word, said in zip(words, found, strict=True)] == [True] * 6


def test_help_of_verbs_that_hand_on(project: Path) -> None:
    """`demo` and `bench` say what they take, as all others do."""
    assert "--tickets" in replay("demo", "--help").stdout
    for option in ("--help", "-h"):
        assert replay("bench", option).returncode == 0
    done = replay("bench", "cost", "--help")
    assert "--items" in done.stdout, done.stderr


def test_an_altered_bundle_of_a_folder_hides_no_other(project: Path) -> None:
    """That its content is another one is seen as it is read: it is named, the others are replayed, exit code 3."""
    for name in ("async", "mixed"):
        Path(f"captures/{name}.replay.db").unlink()
    altered = shutil.copy("captures/bad.replay.db", "captures/a.replay.db")
    with sqlite3.connect(altered) as database:
        database.execute("UPDATE recording SET entrypoint = 'shop:later'")
    database.close()
    (id,) = open_bundle(altered).ids()
    for verb in (["run"], ["list", "--group", "--no-run"], ["report", "--no-run", "--format", "junit", "--out", "-"]):
        done = replay(*verb, "captures")
        assert (done.returncode, done.stdout.count("captures/good.replay.db") > 0) == (3, verb[0] != "list")
        assert done.stderr.count(f"captures/a.replay.db: digest of {id} is not that of the content") == 1
    told = document("run", "captures", "--check", "--no-save", code=3)
    assert [row["path"] for row in told] == ["captures/bad.replay.db", "captures/good.replay.db"]
    assert replay("run", "captures/a.replay.db").returncode == 3
    assert replay("fuzz", "captures/good.replay.db", "--executions", "20").returncode == 1
    Path("captures/bad.replay.db").write_bytes(b"text")
    found = [check["found"] for check in document("doctor", "--path", "captures", code=1) if check["name"] == "bundle"]
    assert [said.count("captures/bad.replay.db") for said in found] == [1]


def test_a_report_is_refused_before_anything_is_replayed(project: Path) -> None:
    """Where it would replace another file: replays of a campaign take minutes. A cause of another recording is said."""
    projects.edit(project, 'print("triage', 'open("ran", "w").close(); print("triage')
    assert replay("report", "captures", "--out", "shop.py").returncode == 2
    assert not Path("ran").exists()
    Path("why.json").write_text(replay("why", "captures/bad.replay.db", "--json").stdout)
    for bundle, said in (("good", ["replay: --why tells of captures/bad.replay.db::"]), ("bad", [])):
        done = replay("report", f"captures/{bundle}.replay.db", "--no-run", "--why", "why.json")
        assert [line[:47] for line in done.stderr.splitlines()] == said


def test_what_to_do_next_works_where_it_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command after `promote`, in another folder of the project."""
    (project / "docs").mkdir()
    monkeypatch.chdir(project / "docs")
    done = replay("promote", "../captures/bad.replay.db")
    command = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("  next"))
    assert Path(command[1]).is_file()


def test_commands_that_are_shown_find_the_same_code(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of fuzz, why and minimize, where the code was named by options: from another folder, of another name."""
    projects.edit(project, "def triage", "def renamed")
    (project / "else where").mkdir()
    (project / "else where" / "pyproject.toml").write_text("[tool.replay-harness]\n")
    monkeypatch.chdir(project / "else where")
    code = ["--root", "..", "--target", "shop:triage=shop:renamed"]
    for number, arguments in enumerate((["fuzz", "../captures/good.replay.db", "--executions", "40"],
                                        ["why", "../captures/bad.replay.db"],
                                        ["minimize", "../captures/bad.replay.db"])):  # fmt: skip
        done = replay(*arguments, *code)
        label = "  next" if arguments[0] == "why" else "  again"
        shown = next(line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith(label))
        assert replay(*shlex.split(shown)[1:]).returncode == 0, (number, shown)
        Path("../captures/bad.min.replay.db").unlink(missing_ok=True)


def test_where_nothing_can_be_written_nothing_is_run(project: Path) -> None:
    """A search, a minimal recording, a certificate: the work takes its time."""
    projects.edit(project, 'print("triage', 'open("ran", "w").close(); print("triage')
    bad = "captures/bad.replay.db"
    for arguments in (["fuzz", bad, "--out", "shop.py/finds"], ["minimize", bad, "--out", "nowhere/x.replay.db"],
                      ["verify", bad, "--base", "HEAD", "--out", "nowhere/fix.json"]):  # fmt: skip
        done = replay(*arguments)
        assert (done.returncode, done.stderr.rpartition(" ")[2]) == (3, "[bundle-unwritable]\n"), done.stderr
    assert not Path("ran").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_behind_stdout_is_no_verdict(project: Path) -> None:
    """Exit code 4 and one line, where 1 would say that something changed. A closed stdout changes no exit code."""
    for verb in (["list"], ["run", "--json"], ["show"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([*COMMAND, *verb, "captures/good.replay.db"], env=projects.environment(), stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60)  # fmt: skip
        assert done.returncode == 4
        assert done.stderr.splitlines()[-1].startswith("replay: stdout cannot be written: No space left on device")
    shell = f"{sys.executable} -m replay.surfaces.cli list captures >&-"
    closed = subprocess.run(["sh", "-c", shell], env=projects.environment(), capture_output=True, timeout=60)
    assert (closed.returncode, closed.stderr) == (0, b"")
