"""Names under which a replay finds entry points again."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from replay.core.naming import module_name
from replay.entrypoints.naming import function_name, global_name

SCRIPT = """
from replay.boundaries.call import target_of
from replay.entrypoints.function import capture
from replay.entrypoints.asgi import ASGI
@capture
def work(): ...
async def inner(*call): ...
app = ASGI(inner)
print(work.__replay_entry__, app._replay_name.of(app), target_of(inner))
"""


@pytest.mark.parametrize("run", [["shop_main.py"], ["-m", "shop_main"]])
def test_a_main_module_has_its_files_name(tmp_path: Path, run: list[str]) -> None:
    """A script is named by its file, however it is started: `__main__` says nothing at replay."""
    (tmp_path / "shop_main.py").write_text(SCRIPT)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, *run], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("shop_main:work shop_main:app shop_main:inner\n", "")


def test_what_has_no_name() -> None:
    """A partial has none; a value that is no global is `?`."""
    assert function_name(partial(print)) is None
    assert function_name(Path.exists) == f"{Path.exists.__module__}:{Path.exists.__qualname__}"
    assert global_name(object(), [globals()]) == f"{__name__}:?"
    assert global_name(SCRIPT, [{}, globals()]) == f"{__name__}:SCRIPT"
    assert module_name({"__name__": "__main__"}) == "__main__"
