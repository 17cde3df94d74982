"""`replay debug --steps`: forwards and backwards, each way the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.surfaces import debugged
from tests.surfaces.test_debug import debug, desk, recorded

__all__ = ["desk", "recorded"]  # fixtures


def steps(output: str) -> list[str]:
    """The steps that were shown, each as it was shown."""
    shown = re.split(r"\(steps\) ", output)
    return [part.strip() for part in shown if re.match(r"#\d+ of \d+ ", part)]


def numbers(output: str) -> list[int]:
    """Which interactions were shown, in order."""
    return [int(re.match(r"#(\d+)", step)[1]) for step in steps(output)]  # type: ignore[index]  # it is a step


@pytest.mark.parametrize("bundle", ["triage", "rate", "threaded", "pages"])
def test_backwards_is_what_forwards_was(desk: Path, bundle: str) -> None:
    """To the end, and back to the start: each step is shown as before, locals and all."""
    count = {"triage": 4, "rate": 3, "threaded": 2, "pages": 2}[bundle]
    done = debug(f"captures/{bundle}.replay.db", "--steps", typed="n\n" * count + "p\n" * count + "q\n")
    found = steps(done.stdout)
    assert done.returncode == 0, done.stderr
    assert 2 * count == len(found)
    assert found[:count] == found[count:][::-1]
    assert "The replay has ended: reproduced" in done.stdout


def test_a_step_shows_request_answer_stack_and_locals(desk: Path) -> None:
    """What was asked, what production got, the line of user code and what it held before the answer."""
    done = debug("captures/triage.replay.db", "--steps", typed="n\nq\n")
    shown = steps(done.stdout)[1]
    assert "call desk:lookup" in shown
    assert "['bob']" in shown
    assert "'plan': None" in shown
    assert f"desk.py:{debugged.line('ASKS')} in triage" in shown
    assert "found = ['PRO']" in shown
    assert "name = 'bob'" in shown


def test_going_to_a_number(desk: Path) -> None:
    """Forwards in this run, backwards in a fresh one; what is no number is said."""
    done = debug("captures/triage.replay.db", "--steps", typed="g 2\ngoto 0\ng 3\np\ng 9\nr\np\nq\n")
    assert numbers(done.stdout) == [0, 2, 0, 3, 2, 0]
    assert "goto needs a number from 0 to 3." in done.stdout
    assert "This is the first interaction." in done.stdout


def test_looking_closer(desk: Path) -> None:
    """All locals, the stack, the whole answer, an expression, pdb; what asks the world is refused."""
    typed = "l\ns\na\n! found + [1]\n! lookup('ann')\n! nothing\n?\nd\np name\nq\n"
    done = debug("captures/triage.replay.db", "--steps", typed=typed)
    text = done.stdout
    assert "names = ['ann', 'bob', 'eve', 'bob']" in text
    assert '"plan": "pro"' in text
    assert "[1]" in text
    assert "DivergenceError: replay: at the prompt" in text
    assert "NameError: name 'nothing' is not defined" in text
    assert "goto N" in text
    assert f"desk.py({debugged.line('ASKS')})triage()" in text
    assert "(replay) 'ann'" in text


def test_all_steps_as_a_document(desk: Path) -> None:
    """An array in the order of asking; what the service prints is not in it."""
    done = debug("captures/plain.replay.db", "--steps", "--json", typed="")
    (step,) = json.loads(done.stdout)
    assert list(step) == ["seq", "lane", "boundary", "target", "request", "answer", "state", "stack", "locals"]
    assert (step["seq"], step["boundary"], step["target"]) == (0, "call", "desk:lookup")
    assert step["request"] == {"args": ["ann"], "kwargs": {}}
    assert step["stack"][0]["function"] == "plain"
    assert step["locals"]["name"] == "'ann'"
    assert "printed by the service" in done.stderr
    assert done.returncode == 0


def test_tasks_have_their_own_locals(desk: Path) -> None:
    """Of a gather: each step in the frame of its own task."""
    found: Any = json.loads(debug("captures/rate.replay.db", "--steps", "--json", typed="").stdout)
    assert [(step["stack"][0]["function"], step["locals"]["text"]) for step in found] == [
        ("one", "'long'"),
        ("one", "'xx'"),
        ("one", "''"),
    ]


def test_nothing_recorded_drives_the_terminal(desk: Path) -> None:
    """Control characters and bidirectional marks are escaped, in steps and in the end's line."""
    done = debug("captures/silent.replay.db", "--steps", typed="q\n")
    assert "\\x1b[31mann\\u202e" in done.stdout
    assert not re.search("[\x1b\u202e]", done.stdout)
