"""A small service that records itself while it fails: the example project of the surface tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

SHOP = """\
import asyncio
import replay

ANSWERS = {"ann": {"plan": "pro"}, "bob": {"plan": None}, "eve": {"plan": None}}


@replay.boundary
def lookup(customer):
    return ANSWERS[customer]


@replay.capture
def triage(ticket):
    customer = lookup(ticket["from"])
    print("triage of", ticket["from"])
    return {"label": customer["plan"].upper()}


@replay.capture
async def later(ticket):
    await asyncio.sleep(0)
    return {"plan": lookup(ticket["from"])["plan"]}
"""

RECORD = """\
import asyncio
import sys
import replay

replay.init(service="shop", spool="spool", keep=replay.always())
import shop

if sys.argv[1] == "later":
    asyncio.run(shop.later({"from": "ann"}))
else:
    for name in sys.argv[1:]:
        try:
            shop.triage({"from": name, "text": "\\x1b[31mhelp \\u202e" + "x" * 500})
        except AttributeError:
            pass
assert replay.flush()
"""


def environment() -> dict[str, str]:
    """What a subprocess needs to find this checkout."""
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "100", "PYTHONWARNINGS": "error"}


def plugin() -> list[str]:
    """How pytest is told of our plugin where the package is not installed."""
    return [] if entry_points(group="pytest11", name="replay_harness") else ["-p", "replay.surfaces.pytest_plugin"]


def shop(folder: Path) -> None:
    """The project itself."""
    (folder / "shop.py").write_text(SHOP)
    (folder / "record.py").write_text(RECORD)
    (folder / "pyproject.toml").write_text("[tool.replay-harness]\n")


def record(folder: Path, bundle: str, *customers: str) -> Path:
    """Run the service for these customers and gather what it recorded into one bundle `captures/NAME.replay.db`."""
    from replay.store.bundle import open_bundle, write_bundle

    done = subprocess.run(
        [sys.executable, "record.py", *customers], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    parts = sorted((folder / "spool").rglob("*.replay.db"))
    recordings = [recording for part in parts for recording in open_bundle(part)]
    recordings.sort(key=lambda recording: recording.started_at)
    for part in parts:
        part.unlink()
    (folder / "captures").mkdir(exist_ok=True)
    return write_bundle(recordings, folder / "captures" / f"{bundle}.replay.db")


def edit(folder: Path, before: str, after: str) -> None:
    """Change the service's code as a developer would, who takes more than a second.

    Python tells by the size and the second whether compiled code is still that of a file, and a test may edit and run
    twice within one.
    """
    text = (folder / "shop.py").read_text()
    assert before in text
    (folder / "shop.py").write_text(text.replace(before, after))
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


def interrupted(arguments: list[str], ready: Callable[[], bool]) -> subprocess.CompletedProcess[str]:
    """Our command, and Ctrl-C as soon as it is `ready`."""
    program = (
        "import signal, sys; from replay.surfaces.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in what a shell runs with `&`
        f"sys.exit(main({arguments!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", program], env=environment(), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as running:  # fmt: skip
        for _ in range(1200):
            if ready() or running.poll() is not None:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, errors = running.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, running.returncode, out, errors)
