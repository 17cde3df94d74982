"""Runs the list: each library into a folder of its own, beside the application that uses it, and the search there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks.public.cases import CASES, GITHUB, Case
from tests.benchmarks.public.hunts import Hunted, hunted

ROOT = Path(__file__).parents[3]
SECONDS = 60.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case."""

    case: Case
    found: bool
    executions: int = 0
    seconds: float = 0.0
    edits: tuple[str, ...] = ()
    reproduced: bool = False
    """A strict replay of the find ends in the same way."""
    finds: tuple[str, ...] = ()
    """Whatever was found, for whoever looks why the crash was not."""
    problem: str = ""
    """Why it could not be run."""
    hunted: Hunted | None = None
    """What came of the hunt for the crash that was found."""


def run(
    folder: Path,
    *,
    cases: Sequence[Case] = CASES,
    seconds: float = SECONDS,
    install: bool = True,
    tell: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Search around each case, one after the other. `folder` keeps the libraries for the next time."""
    found = []
    for case in cases:
        found.append(one(case, folder.absolute(), seconds, install))
        tell(found[-1])
    return found


def one(case: Case, folder: Path, seconds: float, install: bool) -> Result:
    place = folder / case.app
    problem = prepared(case, place) if install else ""
    if problem:
        return Result(case=case, found=False, problem=problem)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (place, ROOT, place / "lib")))}
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.public.drive", case.app, str(seconds),
               case.error, case.function, case.message, *case.allowed]  # fmt: skip
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode:
        return Result(case=case, found=False, problem=done.stderr.strip().rpartition("\n")[2])
    shown: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    bundle = shown.get("bundle")
    return Result(
        case=case,
        found=shown["found"],
        executions=shown["executions"],
        seconds=shown["seconds"],
        edits=tuple(shown.get("edits", [])),
        reproduced=shown.get("reproduced", False),
        finds=tuple(shown["finds"]),
        problem="" if not shown["skipped"] else shown["skipped"][0][1],
        hunted=hunted(case.app, place, bundle, seconds, environment) if bundle else None,
    )


def prepared(case: Case, place: Path) -> str:
    """Install what a case needs, if it is not there; what went wrong, or nothing."""
    place.mkdir(parents=True, exist_ok=True)
    for old in ("captures", "finds"):
        shutil.rmtree(place / old, ignore_errors=True)
    shutil.copy(Path(__file__).parent / "apps" / f"{case.app}.py", place)
    (place / "pyproject.toml").write_text("[tool.replay-harness]\n")
    mark, wanted = place / "lib" / "installed", "\n".join(case.requires)
    if mark.exists() and mark.read_text() == wanted:
        return ""
    shutil.rmtree(place / "lib", ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-warn-conflicts", "--disable-pip-version-check",
               "--target", str(place / "lib"), *case.requires]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return f"pip cannot install it: {done.stderr.strip().rpartition(chr(10))[2]}"
    mark.write_text(wanted)
    return ""


def _hunt(found: Hunted | None) -> str:
    if found is None:
        return "|"
    return f"{found.executions:,} | {found.seconds:.1f}" if found.reproduced else "not reproduced |"


def rows(results: Sequence[Result]) -> list[str]:
    """A Markdown table."""
    lines = [
        "| library | reported crash | edit | executions | s | hunt: executions | s |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for result in results:
        case = result.case
        what = f"[`{case.error}`][{case.app}]"
        edit = "; ".join(f"`{each}`".replace("|", "\\|") for each in result.edits) if result.found else "not found"
        searched = f"{result.executions:,} | {result.seconds:.1f}"
        lines.append(f"| {case.name} | {what} | {edit} | {searched} | {_hunt(result.hunted)} |")
    return [*lines, "", *(f"[{result.case.app}]: {GITHUB}{result.case.report}" for result in results)]
