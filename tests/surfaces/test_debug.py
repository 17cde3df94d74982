"""`replay debug`, driven as users drive it: a process of its own, commands on its input or through a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from select import select

import pytest

from tests.surfaces import debugged, projects

COMMAND = [sys.executable, "-m", "replay.surfaces.cli", "debug"]
CUSTOM = """\
import pdb, sys

def set_trace():
    print("CUSTOM DEBUGGER")
    pdb.Pdb(nosigint=True, readrc=False).set_trace(sys._getframe().f_back)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded project. The tests do not change it."""
    folder = tmp_path_factory.mktemp("desk")
    debugged.make(folder)
    (folder / "custom.py").write_text(CUSTOM)
    return folder


@pytest.fixture
def desk(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recorded project as the current folder."""
    monkeypatch.chdir(recorded)
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return recorded


def debug(*arguments: str, typed: str = "q\n", **environ: str) -> subprocess.CompletedProcess[str]:
    """`replay debug ARGUMENTS` with `typed` on its input."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**projects.environment(), "PYTHONWARNINGS": "default", **environ},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def stops(output: str) -> list[tuple[int, str]]:
    """Where it stopped: line and function of `desk.py`, in order."""
    return [
        (int(line), name) for line, name in re.findall(r"^(?:\(\S+\) )?> \S*desk\.py\((\d+)\)(\S+)\(\)", output, re.M)
    ]


def test_it_stops_at_the_line_that_raised(desk: Path) -> None:
    """In the frame that raised, with what it held; errors of the same line that were caught before are passed by."""
    done = debug("captures/triage.replay.db", typed="p customer\nup\np found, name\nq\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [(debugged.line("RAISES"), "label")] == stops(done.stdout)[:1]
    assert "AttributeError: 'NoneType' object has no attribute 'upper'" in done.stdout
    assert "{'name': 'bob', 'plan': None}" in done.stdout
    assert "(['PRO', 'none', 'PRO'], 'bob')" in done.stdout


def test_the_stack_is_that_of_user_code(desk: Path) -> None:
    """`where` shows the project's frames and not how the replay called them."""
    done = debug("captures/triage.replay.db", typed="where\nq\n")
    assert re.findall(r"(\w+)\.py\(\d+\)(\w+)", done.stdout)[-2:] == [("desk", "triage"), ("desk", "label")]
    assert "replay/engine" not in done.stdout


@pytest.mark.parametrize("word", ["restart", "run"])
def test_each_run_is_the_same(desk: Path, word: str) -> None:
    """Restarted twice: the same place, the same values, the globals of the module as they were."""
    look = "p customer\np __import__('time').time()\np SEEN\n"
    done = debug("captures/triage.replay.db", typed=f"{look}SEEN.append('mine')\n{word}\n{look}{word}\n{look}q\n")
    runs = done.stdout.split("AttributeError: ")[1:]
    assert [len(runs), len({run.replace("(replay) ", "").strip() for run in runs})] == [3, 1]
    assert "[['ann', 'bob', 'eve', 'bob']]" in runs[2]


def test_the_clock_stands_at_the_prompt(desk: Path) -> None:
    """A long look changes nothing: the time there is the recording's, and the run goes on to the same end."""
    until = ("captures/plain.replay.db", "--until", "customer['name']")
    done = debug(*until, typed="p time.time()\nq\n")
    looked = subprocess.Popen(
        [*COMMAND, *until],
        env=projects.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert looked.stdin is not None
    looked.stdin.write("p time.time()\n")
    looked.stdin.flush()
    time.sleep(2.5)
    out, _ = looked.communicate("p time.time()\nc\n", timeout=60)
    times = re.findall(r"\(replay\) (\d+\.\d+)", out)
    assert (len(times), len(set(times))) == (2, 1)
    assert "The replay has ended: reproduced: 0.0" in out
    assert times[0] in done.stdout


def test_what_is_typed_cannot_reach_the_world_or_the_recording(desk: Path, tmp_path: Path) -> None:
    """A boundary, a socket and a process are refused; nothing of it counts, the run still reproduces."""
    typed = (
        "lookup('ann')\n"
        "import socket; socket.create_connection(('127.0.0.1', 9))\n"
        f"import os; os.system('touch {tmp_path}/escaped')\n"
        "import random; random.random() < 2\n"
        "c\nq\n"
    )
    done = debug("captures/plain.replay.db", "--at", "0", typed=typed)
    assert "DivergenceError: replay: at the prompt the world is not asked (call desk:lookup)" in done.stdout
    assert "refused connect 127.0.0.1:9" in done.stdout
    assert "refused" in done.stdout.split("127.0.0.1:9")[1]
    assert not (tmp_path / "escaped").exists()
    assert "The replay has ended: reproduced: 0.0" in done.stdout
    assert done.returncode == 0


def test_a_result_stops_at_the_entry(desk: Path) -> None:
    """At the first line of what ran; `step` and `next` stay in user code to the end of the run."""
    done = debug("captures/plain.replay.db", typed="p name\nn\ns\nn\nn\nn\nq\n")
    first = next(number for number, text in enumerate(debugged.DESK.splitlines(), 1) if "started = time" in text)
    assert [(first + number, "plain") for number in (0, 1, 2, 3, 3)] == stops(done.stdout)
    assert "'ann'" in done.stdout
    assert "printed by the service ann" in done.stdout
    assert "--Return--" in done.stdout
    assert "The replay has ended: reproduced: 0.0" in done.stdout
    assert "replay/" not in done.stdout


@pytest.mark.parametrize(
    ("bundle", "mark", "function"),
    [("rate", "RATES", "one"), ("pages", "YIELDS", "pages"), ("threaded", "STARTS", "threaded")],
)
def test_coroutines_generators_and_threads(desk: Path, bundle: str, mark: str, function: str) -> None:
    """The stop is in the task's or generator's own frame; of a result, at the entry."""
    done = debug(f"captures/{bundle}.replay.db", typed="where\nc\n")
    assert (debugged.line(mark), function) == stops(done.stdout)[0]
    assert "The replay has ended: reproduced" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("bundle", "number", "mark", "value"),
    [
        ("triage", 0, "ASKS", "'ann'"),
        ("triage", 2, "ASKS", "'eve'"),
        ("threaded", 1, "WORKS", "'eve'"),
        ("pages", 1, "YIELDS", "'bob'"),
    ],
)
def test_at_stops_where_an_interaction_was_asked(desk: Path, bundle: str, number: int, mark: str, value: str) -> None:
    """In the frame that asked, before the answer: `next` gets it. Twice the same."""
    done = debug(f"captures/{bundle}.replay.db", "--at", str(number), typed="p name\nrestart\np name\nc\nq\n")
    found = stops(done.stdout)
    assert [debugged.line(mark)] * 2 == [line for line, _ in found]
    assert done.stdout.count(f"(replay) {value}") == 2
    assert "The replay has ended: reproduced" in done.stdout


def test_at_then_next_has_the_answer(desk: Path) -> None:
    """The request is not served while somebody looks: the variable comes with `next`, once."""
    done = debug("captures/triage.replay.db", "--at", "1", typed="p customer\nn\np customer\nq\n")
    assert re.findall(r"\{'name': '(\w+)'", done.stdout) == ["ann", "bob"]


def test_until_a_condition_holds(desk: Path) -> None:
    """At the first line of user code where it is true; a name that is not there yet is no error."""
    done = debug("captures/triage.replay.db", "--until", "len(found) == 2 and name == 'eve'", typed="p found\nq\n")
    assert [name for _, name in stops(done.stdout)] == ["triage"]
    assert "['PRO', 'none']" in done.stdout


def test_until_never_true(desk: Path) -> None:
    """Said so, exit 1."""
    done = debug("captures/triage.replay.db", "--until", "no_such_name", typed="q\n")
    assert "`no_such_name` was true at no line of the project." in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "slug"),
    [
        (["captures/triage.replay.db", "--at", "4"], 2, "no-such-interaction"),
        (["captures/silent.replay.db", "--at", "0"], 2, "no-such-interaction"),
        (["captures/triage.replay.db", "--until", "1 +"], 2, "until"),
        (["captures/triage.replay.db", "--until", "True", "--at", "0"], 2, "usage"),
        (["captures/triage.replay.db", "--json", "--at", "0"], 2, "usage"),
        (["captures"], 2, "ambiguous"),
        (["captures/nothing.replay.db"], 3, "bundle-missing"),
        (["captures/triage.replay.db::zzz"], 3, "no-recording"),
        (["captures/triage.replay.db", "--target", "desk:triage=desk:gone"], 4, "target-missing"),
        (["captures/triage.replay.db", "--target", "desk:triage=desk:gone", "--steps"], 4, "target-missing"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Path, arguments: list[str], code: int, slug: str) -> None:
    """One line with its slug, and the exit code."""
    done = debug(*arguments)
    assert (code, f"[{slug}]") == (done.returncode, done.stderr.rstrip().rpartition(" ")[2])
    assert "Traceback" not in done.stderr + done.stdout


def test_debuggers_turned_off(desk: Path) -> None:
    """PYTHONBREAKPOINT=0 is a usage error."""
    done = debug("captures/triage.replay.db", PYTHONBREAKPOINT="0")
    assert (done.returncode, "[debugger-off]" in done.stderr) == (2, True)


@pytest.mark.parametrize("at", [(), ("--at", "2")])
def test_another_debugger(desk: Path, at: tuple[str, ...]) -> None:
    """PYTHONBREAKPOINT's debugger stops at the same line; after its `quit`, `r` restarts."""
    done = debug(
        "captures/triage.replay.db",
        *at,
        typed="p name\nup\np name\nq\nr\np name\nup\np name\nq\nq\n",
        PYTHONBREAKPOINT="custom.set_trace",
        PYTHONPATH=f"{desk}{os.pathsep}{projects.environment()['PYTHONPATH']}",
    )
    assert done.stdout.count("CUSTOM DEBUGGER") == 2
    expected = (debugged.line("ASKS"), "triage") if at else (debugged.line("RAISES"), "label")
    assert [expected] * 2 == [stop for stop in stops(done.stdout) if stop == expected]
    assert ("'eve'" if at else "'bob'") in done.stdout


def test_a_run_whose_code_ends_the_process(desk: Path) -> None:
    """The debugger outlives it and says what happened, exit 4."""
    (desk / "ends.py").write_text("import os\nimport replay\n\n\n@replay.capture\ndef gone(names):\n    os._exit(9)\n")
    done = debug("captures/triage.replay.db", "--target", "desk:triage=ends:gone", typed="")
    assert (done.returncode, "ended with exit code 9" in done.stderr) == (4, True)


def test_code_that_changed_since_stops_where_it_raises_now(desk: Path, tmp_path: Path) -> None:
    """The verdict comes first; a fix that raises no more stops at the entry, and says so."""
    folder = tmp_path / "changed"
    shutil.copytree(desk, folder)
    os.chdir(folder)
    (folder / "desk.py").write_text(debugged.DESK.replace("text.upper()", "(text or 'none').upper()"))
    done = debug("captures/triage.replay.db", typed="c\nq\n")
    assert done.stdout.startswith("changed: recorded AttributeError")
    assert [(debugged.line("ENTRY"), "triage")] == stops(done.stdout)
    assert done.returncode == 1


def test_the_place_as_a_document(desk: Path) -> None:
    """`--json` without `--steps`: where a run would stop, for editors."""
    done = debug("captures/triage.replay.db", "--json", typed="")
    found = json.loads(done.stdout)
    assert list(found) == ["path", "id", "status", "error_type", "stop"]
    assert (found["status"], found["error_type"]) == ("reproduced", "AttributeError")
    assert {"file": str(desk / "desk.py"), "line": debugged.line("RAISES"), "function": "label"} == found["stop"]


def test_the_launch_configuration(desk: Path) -> None:
    """A launch.json whose module and arguments run as they are printed."""
    printed = json.loads(debug("captures/triage.replay.db", "--at", "1", "--vscode", typed="").stdout)
    (configuration,) = printed["configurations"]
    assert tuple(configuration[key] for key in ("type", "request", "justMyCode")) == ("debugpy", "launch", True)
    done = subprocess.run(
        [sys.executable, "-m", configuration["module"], *configuration["args"]],
        env={**projects.environment(), **configuration["env"]},
        input="p name\nq\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [(debugged.line("ASKS"), "triage")] == stops(done.stdout)
    assert "'bob'" in done.stdout


class Terminal:
    """What a terminal shows, read on from where the last thing that was waited for ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0
        self.seen = b""

    def until(self, text: str) -> None:
        """Read until it shows `text`. Fails after a minute without news."""
        while (found := self.seen.find(text.encode(), self._at)) < 0:
            assert select([self._descriptor], [], [], 60.0)[0], self.seen.decode(errors="replace")
            piece = os.read(self._descriptor, 4096)
            assert piece, self.seen.decode(errors="replace")
            self.seen += piece
        self._at = found + len(text.encode())

    def interrupt(self, text: str) -> None:
        """Press Ctrl-C until it shows `text`: Python misses one that comes just before it begins to read."""
        for _ in range(20):
            self.type(b"\x03")
            while self.seen.find(text.encode(), self._at) < 0 and select([self._descriptor], [], [], 2.0)[0]:
                self.seen += os.read(self._descriptor, 4096)
            if self.seen.find(text.encode(), self._at) >= 0:
                break
        self.until(text)

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self._descriptor, keys)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a terminal needs a POSIX system")
def test_in_a_terminal(desk: Path) -> None:
    """Through a pty: prompts, restart, Ctrl-C at the prompt, quit."""
    import pty

    child, descriptor = pty.fork()
    if child == 0:
        os.execvpe(COMMAND[0], [*COMMAND, "captures/triage.replay.db"], {**projects.environment(), "TERM": "dumb"})
    terminal = Terminal(descriptor)
    terminal.until("(replay) ")
    terminal.type(b"p customer\n")
    terminal.until("'plan': None}")
    terminal.until("(replay) ")
    terminal.interrupt("(replay) ")
    terminal.type(b"restart\n")
    terminal.until("(replay) ")
    terminal.type(b"c\n")
    terminal.until("r restarts, q ends: ")
    terminal.type(b"r\n")
    terminal.until("(replay) ")
    terminal.type(b"q\n")
    _, status = os.waitpid(child, 0)
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(status) == 0
    assert terminal.seen.count(b"> " + str(desk / "desk.py").encode()) == 3


def test_pytest_pdb_stops_in_user_code(desk: Path) -> None:
    """`pytest --pdb` on a recording's item: its debugger is at the line that raised, with what it held."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *projects.plugin(), "captures/triage.replay.db", "--pdb", "--runxfail", "-q"],
        env=projects.environment(),
        input="p customer\nup\np name, found\nq\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert [(debugged.line("RAISES"), "label")] == stops(done.stdout)[:1]
    assert "{'name': 'bob', 'plan': None}" in done.stdout
    assert "('bob', ['PRO', 'none', 'PRO'])" in done.stdout
    assert "open incident: it still fails with AttributeError" in done.stdout
