"""Hunting planted failures from the text of their traceback alone: `python -m tests.campaigns.hunts`.

Each failing input runs once, unrecorded, for its traceback; benign runs of the same function are recorded. A hunt is
given both, and has to make a bundle whose strict replay ends in the same error at the same place.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import tempfile
import traceback
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep, tzset
from typing import Any

from replay.core.recording import Recording
from replay.surfaces.fuzz_report import watching
from replay.surfaces.hunt import Options, Report, hunt
from replay.surfaces.signature import read_signature
from tests.recordings import record
from tests.surfaces import planted
from tests.surfaces.test_why import PLANTED

ROOT = str(Path(__file__).parent.parent.parent)
BEFORE = {"file": f'File "{ROOT}/', "elsewhere": 'File "/srv/app/releases/123/'}
"""Where the traceback says that the code lay."""


@contextmanager
def environment(run: dict[str, Any]) -> Iterator[None]:
    """The world of one run of a planted function."""
    for key in ("headers", "status"):
        planted.WORLD.pop(key, None)
    planted.WORLD.update({key: list(told) if isinstance(told, list) else told for key, told in run.items()})
    zone = os.environ.get("TZ")
    os.environ.pop("PLANTED_REGION", None)
    os.environ.update({"PLANTED_REGION": run["region"]} if "region" in run else {})
    os.environ.update(PLANTED_LIMIT=run.get("variable", "1"), PLANTED_OTHER="other", TZ=run.get("zone", "UTC"))
    tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        os.environ.update({} if zone is None else {"TZ": zone})
        tzset()


def call(name: str, number: int, run: dict[str, Any]) -> None:
    """Run a planted function."""
    ticket = {"id": number, "note": f"wrote {number} times. " * 20, "tags": ["a", "b"], **run.get("ticket", {})}
    with environment(run):
        found = getattr(planted, name)(ticket)
        if inspect.isawaitable(found):
            asyncio.run(found)  # type: ignore[arg-type]


def failing(name: str) -> str:
    """The text of the traceback, as a log of another machine has it."""
    runs = PLANTED[name][0]
    for _ in range(1000):
        sleep(0.0003)  # one of them fails at every other millisecond
        try:
            call(name, 0, runs[0])
        except Exception:
            lines = traceback.format_exc().replace(BEFORE["file"], BEFORE["elsewhere"]).splitlines()
            return "\n".join(f"2026-11-01T10:00:{n % 60:02d}.1Z web-1  | {line}" for n, line in enumerate(lines))
    raise AssertionError(f"{name} did not fail")


def benign(name: str, folder: Path) -> list[tuple[str, Recording]]:
    """Recordings of the runs that do not fail."""

    def work() -> None:
        for number, run in enumerate(PLANTED[name][0][1:], 1):
            try:
                call(name, number, run)
            except Exception:
                continue

    return [(name, each) for each in record(folder, work, environ=("PLANTED_*",)) if each.status == "ok"]


def hunted(name: str, folder: Path, **options: Any) -> Report:
    """One hunt."""
    with planted.api():
        text = failing(name)
        recordings = benign(name, folder / "spool")
    assert recordings, name
    with watching():
        return hunt(recordings, read_signature(text), Options(root=ROOT, out=folder / "finds", **options))


def line(name: str, report: Report) -> str:
    """A row of the table."""
    if not report.finds:
        return f"{name:16} not found       {report.executions:7,} {report.seconds:7.2f} s  {report.nearest}"
    kept = report.finds[0]
    again = "reproduced" if kept.reproduced else "not reproduced"
    edits = "; ".join(map(str, kept.find.edits))
    return f"{name:16} {again:15} {kept.find.executions:7,} {kept.find.seconds:7.2f} s  {edits}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt all of them; 0 if as many as demanded were reproduced."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*PLANTED], metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--at-least", type=int, default=15)
    given = parser.parse_args(arguments)
    good = 0
    for name in given.names:
        with tempfile.TemporaryDirectory() as folder:
            report = hunted(name, Path(folder), seed=given.seed, seconds=given.seconds, workers=given.workers)
        good += any(kept.reproduced for kept in report.finds)
        print(line(name, report), flush=True)
    print(f"{good} of {len(given.names)} reproduced from the traceback alone, seed {given.seed}")
    return 0 if good >= min(given.at_least, len(given.names)) else 1


if __name__ == "__main__":
    sys.exit(main())
