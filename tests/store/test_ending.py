"""What was kept is on disk when a process ends, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import replay

JOB = """
import os, sys
if sys.argv[1] == "before":
    import replay
    replay.init(service="jobs", spool="captures", keep=replay.on_error())
child = os.fork()
if child == 0:
    import replay
    if sys.argv[1] == "within":
        replay.init(service="jobs", spool="captures", keep=replay.on_error())

    @replay.capture
    def job():
        raise ValueError("no such order")

    try:
        job()
    except ValueError:
        os._exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("when", ["before", "within"])
def test_a_process_that_was_forked_for_a_job(tmp_path: Path, when: str) -> None:
    """It ends by `os._exit`, as those of RQ do, right after what failed; started before or after the fork."""
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", JOB, when]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    (bundle,) = (tmp_path / "captures").iterdir()
    assert [each.error_type for each in replay.open(bundle)] == ["ValueError"]


def test_it_ends_whatever_goes_wrong(tmp_path: Path) -> None:
    """A fault of ours as it flushes keeps no process alive."""
    code = (
        "import os, replay\n"
        "from replay.store import ending\n"
        f"replay.init(service='s', spool={str(tmp_path)!r})\n"
        "def broken(timeout): raise ValueError\n"
        "ending.flush_all = broken\n"
        "os._exit(status=7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 7
