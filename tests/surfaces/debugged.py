"""A service that recorded itself for the debugger's tests: one entry point for each way to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.surfaces import projects

DESK = """\
import asyncio
import queue
import threading
import time

import replay

SEEN = []


@replay.boundary
def lookup(customer):
    return {"name": customer, "plan": None if customer == "bob" else "pro"}


@replay.boundary
async def score(text):
    return len(text)


def label(customer):
    text = customer["plan"]
    return text.upper()  # RAISES


@replay.capture
def triage(names):
    found = []  # ENTRY
    SEEN.append(names)
    for name in names:
        customer = lookup(name)  # ASKS
        try:
            found.append(label(customer))
        except AttributeError:
            if len(found) == len(names) - 1:
                raise
            found.append("none")
    return found


@replay.capture
async def rate(texts):
    async def one(text):
        points = await score(text)  # SCORES
        return 10 / points  # RATES

    return await asyncio.gather(*map(one, texts))


@replay.capture
def pages(names):
    for name in names:
        yield lookup(name)["plan"].upper()  # YIELDS


@replay.capture
def threaded(names):
    answers = queue.Queue()  # STARTS

    def work(name):
        answers.put(lookup(name))  # WORKS

    for name in names:
        threading.Thread(target=work, args=(name,)).start()
    return sorted(answers.get(timeout=60)["name"] for _ in names)


@replay.capture
def plain(name):
    started = time.monotonic()
    customer = lookup(name)
    print("printed by the service", customer["name"])
    return round(time.monotonic() - started, 1)


@replay.capture
def silent(name):
    return name
"""

RECORD = """\
import asyncio
import replay

replay.init(service="desk", spool="spool", keep=replay.always())
import desk

for work in (
    lambda: desk.triage(["ann", "bob", "eve", "bob"]),
    lambda: asyncio.run(desk.rate(["long", "xx", ""])),
    lambda: list(desk.pages(["ann", "bob"])),
    lambda: desk.threaded(["ann", "eve"]),
    lambda: desk.plain("ann"),
    lambda: desk.silent("\\x1b[31mann\\u202e"),
):
    try:
        work()
    except (AttributeError, ZeroDivisionError):
        pass
assert replay.flush()
"""


def line(mark: str) -> int:
    """The number of the line of `desk.py` with this mark."""
    return next(number for number, text in enumerate(DESK.splitlines(), 1) if text.endswith(f"# {mark}"))


def make(folder: Path) -> None:
    """Write the project and record it: `captures/ENTRY.replay.db` for each entry point."""
    from replay.store.bundle import open_bundle, write_bundle

    (folder / "desk.py").write_text(DESK)
    (folder / "record.py").write_text(RECORD)
    (folder / "pyproject.toml").write_text("[tool.replay-harness]\n")
    done = subprocess.run(
        [sys.executable, "record.py"], cwd=folder, env=projects.environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "captures").mkdir()
    for part in sorted((folder / "spool").rglob("*.replay.db")):
        for recording in open_bundle(part):
            name = recording.entrypoint.partition(":")[2]
            write_bundle([recording], folder / "captures" / f"{name}.replay.db")
