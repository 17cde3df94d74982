"""The campaigns that raise faults reach all that a service runs: a function that is new has to be in one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.safety.elsewhere import excused
from tests.safety.services import ROOT


def test_each_function_of_a_service_is_reached(tmp_path: Path) -> None:
    """A service loads no function that no campaign reaches, that only others call, or that has no excuse."""
    done = subprocess.run([sys.executable, "-m", "tests.safety.reaching", str(tmp_path)], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded, reached = map(set, json.loads(done.stdout))
    assert len(loaded & reached) > 1_000
    excuses = excused()
    assert sorted(loaded - reached - set(excuses)) == []
    assert [each for each in excuses if each not in loaded or excuses.count(each) > 1] == []
