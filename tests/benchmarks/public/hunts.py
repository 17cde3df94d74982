"""The hunt: from the log of a crash and the benign capture, nothing else, to a bundle that fails in the same way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

import replay
from replay.core.fingerprint import places
from replay.core.signature import Signature, is_type, plain
from replay.core.tracebacks import read_traceback
from replay.core.verdict import Frame
from replay.engine.failures import error_of

PRODUCTION = "/srv/app"
"""Where the log says that the code is."""


class Hunted(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one hunt."""

    reproduced: bool = False
    """The bundle that came of it replays, and fails by the signature: its type, and its frames in the application and
    its library."""
    executions: int = 0
    seconds: float = 0.0
    edits: tuple[str, ...] = ()
    problem: str = ""
    """Why it was not reproduced."""


def hunted(app: str, place: Path, bundle: str, seconds: float, environment: Mapping[str, str]) -> Hunted:
    """Let it crash as the find in `bundle` says, then hunt for what the log holds. `place` has the benign capture."""
    log = _ran(["tests.benchmarks.public.crash", app, bundle], place, environment).stdout
    if "Traceback" not in log:
        return Hunted(problem="it does not crash outside of a replay")
    (place / "crash.log").write_text(log.replace(str(place), PRODUCTION), "utf-8")
    shutil.rmtree(place / "hunted", ignore_errors=True)
    done = _ran(["replay.surfaces.cli", "hunt", "captures", "--signature", "crash.log", "--seconds", str(seconds),
                 "--workers", "1", "--out", "hunted", "--json"], place, environment)  # fmt: skip
    if not done.stdout:
        return Hunted(problem=done.stderr.strip().rpartition("\n")[2])
    report: dict[str, Any] = json.loads(done.stdout)
    if not report["finds"]:
        return Hunted(executions=report["executions"], seconds=report["seconds"], problem=report["nearest"]["told"])
    (found,) = report["finds"]
    again = json.loads(_ran(["replay.surfaces.cli", "run", found["bundle"], "--json"], place, environment).stdout)
    signature = read_traceback((place / "crash.log").read_text("utf-8"))
    problem = "" if again[0]["status"] == "reproduced" else f"its replay is {again[0]['status']}"
    return Hunted(
        reproduced=not (problem := problem or unlike(signature, place / found["bundle"], place)),
        executions=found["executions"],
        seconds=found["seconds"],
        edits=tuple(each["edit"] for each in found["changes"]),
        problem=problem,
    )


def unlike(signature: Signature, bundle: Path, place: Path) -> str:
    """How the failure in a bundle differs from a signature in its type or its frames; nothing if it does not."""
    (recording,) = replay.open(bundle)
    failure = error_of(recording.outcome, place)
    if failure is None or not is_type(signature.error_type, failure.error_type):
        return f"another type: {failure and failure.error_type}"
    wanted, found = places(_own(signature.frames), lines=True), places(plain(failure.frames), lines=True)
    return "" if wanted == found else f"other frames: {found} instead of {wanted}"


def _own(frames: Iterable[Frame]) -> Iterable[Frame]:
    """Those of the application and its library."""
    start = f"{PRODUCTION}/"
    return plain(Frame(frame.file.removeprefix(start), frame.line, frame.function)
                 for frame in frames if frame.file.startswith(start))  # fmt: skip


def _ran(command: list[str], place: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "ignore", "-m", *command], cwd=place, env=environment,
                          capture_output=True, text=True)  # fmt: skip
