"""Names under which a replay finds entry points again."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import replay
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


SERVICE = """
import dataclasses, enum, replay
replay.init(service="shop", spool="captures", keep=replay.always())
class Bad(Exception): ...
class Color(enum.Enum):
    RED = 1
class Box:
    def __init__(self, item): self.item = item
@dataclasses.dataclass
class Item:
    number: int
    def double(self): return self.number * 2
@replay.boundary
def send(value): return Item(3)
@replay.boundary
def fails(box): raise Bad("too heavy")
@replay.capture
def raises(number): raise Bad("x")
@replay.capture
def uses(item): return send(item).double()
@replay.capture
def catches(number):
    try: fails(Box(Item(number)))
    except Bad as error: return [Color.RED, Item(1), error, Box(2)]
if __name__ == "__main__":
    for work, given in ((uses, Item(2)), (catches, 1), (raises, 1)):
        try: work(given)
        except Bad: pass
    assert replay.flush(20)
"""


@pytest.mark.parametrize("run", [["shop_main.py"], ["-m", "shop_main"]])
def test_classes_of_a_script_are_those_of_its_module(tmp_path: Path, run: list[str]) -> None:
    """What a script's own classes hold, raise and answer replays, where they are imported."""
    (tmp_path / "shop_main.py").write_text(SERVICE)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}

    def ran(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    assert ran(*run) == ""
    told = json.loads(ran("-c", "from replay.surfaces.cli import main; main()", "run", "captures", "--json"))
    assert [each["status"] for each in told] == ["reproduced"] * 3, told


SPAWNED = """
import multiprocessing, replay
replay.init(service="shop", spool="captures", keep=replay.always())
class Bad(Exception): ...
@replay.boundary
def send(number): raise Bad(number)
@replay.capture
def job(number):
    try: send(number)
    except Bad as error: return repr(error)
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(job, (3,)) == "Bad(3)"
        pool.close()
        pool.join()
"""


@pytest.mark.parametrize("run", [["shop_main.py"], ["-m", "shop_main"]])
def test_a_script_in_a_process_that_was_spawned(tmp_path: Path, run: list[str]) -> None:
    """Its name there is `__mp_main__`, which says nothing at replay either."""
    (tmp_path / "shop_main.py").write_text(SPAWNED)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, *run], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
    (bundle,) = (tmp_path / "captures").iterdir()
    (recording,) = replay.open(bundle)
    assert recording.entrypoint == "shop_main:job"
    assert '"type":"shop_main.Bad"' in recording.interactions[0].answer.text


def test_what_has_no_name() -> None:
    """A partial has none; a value that is no global is `?`."""
    assert function_name(partial(print)) is None
    assert function_name(Path.exists) == f"{Path.exists.__module__}:{Path.exists.__qualname__}"
    assert global_name(object(), [globals()]) == f"{__name__}:?"
    assert global_name(SCRIPT, [{}, globals()]) == f"{__name__}:SCRIPT"
    assert module_name({"__name__": "__main__"}) == "__main__"
