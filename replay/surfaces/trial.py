"""One revision of a project on trial: in a process of its own it runs an incident, and mutations of it.

The process imports the project from the given checkout, whatever this one has imported. What the code prints goes
nowhere, but for the last line of one that dies. Each run is written down as it ends: what an interrupt finds there is
what was found.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Literal

import msgspec

from replay.boundaries.interpreter import variables
from replay.core.recording import Recording
from replay.errors import ReplayError

TIMEOUT = 600.0
"""Seconds that one trial may take."""
_LOOK = 0.2
"""Seconds between two looks at how far it is."""
_RAN = "ran"
"""File of what was run: a line of JSON each, the report without neighbours, then these."""
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from replay.surfaces.trial import main; main()"
Ended = Literal["passed", "failed", "not judged"]
"""`not judged`: it asked what nothing answers, or could not be run: that says nothing of the code."""


class Ran(msgspec.Struct, frozen=True):
    """How one run ended."""

    ended: Ended
    error_type: str = ""
    message: str = ""
    file: str = ""
    """Of the innermost line of the project, from its root."""
    line: int = 0
    function: str = ""
    reason: str = ""
    """Why it was not judged."""

    def same(self, other: Ran) -> bool:
        """Whether both are the same failure: its type, and the function that it left. Lines move between revisions."""
        ours = (self.ended, self.error_type, self.file, self.function)
        return self.ended == "failed" and ours == (other.ended, other.error_type, other.file, other.function)

    def __str__(self) -> str:
        if self.ended != "failed":
            return self.ended + (f": {self.reason}" if self.reason else "")
        place = f" at {self.file}:{self.line} in {self.function}" if self.file else ""
        return f"{self.error_type}{': ' if self.message else ''}{self.message}{place}"


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run."""

    recording: Recording
    root: str
    """Folder of the project, in the checkout."""
    neighbours: tuple[list[Any], ...] = ()
    """Mutations: lists of edits, as `Edit.tree` writes them."""
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}
    limit: float = 5.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    incident: Ran
    """As the code is run by the incident's test: in the recorded world, with the answers for what comes after."""
    status: str
    """Of the verdict."""
    failure: Ran
    """The incident as its mutations are run: what their failures are compared with."""
    neighbours: tuple[Ran, ...] = ()
    error: str = ""
    """An error of ours that ended it: a configuration that cannot be read."""
    stopped: bool = False
    """Ctrl-C ended it before its last neighbour."""

    @property
    def executions(self) -> int:
        return (2 if self.status else 0) + len(self.neighbours)


NOT_RUN = Report(incident=Ran("not judged", reason="interrupted before it was run"), status="",
                 failure=Ran("not judged"), stopped=True)  # fmt: skip


def trial(task: Task, top: Path, checkout: Path, *, timeout: float = TIMEOUT,
          on_run: Callable[[int], None] = lambda runs: None) -> Report:  # fmt: skip
    """Run the task in a fresh process. `top`: the working tree that is imported here, `checkout`: what takes its place.
    `on_run` is told how many runs have ended, now and then.

    Ctrl-C ends it: the report has what was found. Raises ReplayError if that process dies or hangs, KeyboardInterrupt
    if nothing was found yet.
    """
    path = [moved_path(Path(os.path.abspath(place)), top, checkout) for place in map(str, sys.path)]
    found = {**os.environ, **variables(task.recording), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in found.items() if value is not None}
    with TemporaryDirectory(prefix="replay-trial-") as folder:
        place = Path(folder)
        (place / "task").write_bytes(msgspec.msgpack.encode(task))
        (place / _RAN).touch()
        with open(place / "said", "wb") as said:
            process = Popen([sys.executable, "-c", _START, json.dumps(path), folder], env=environment, cwd=task.root,
                            stdin=DEVNULL, stdout=DEVNULL, stderr=said, start_new_session=True)  # fmt: skip
        stopped = False
        try:
            code = _wait(process, timeout, lambda: on_run(len(_lines(place))))
        except KeyboardInterrupt:
            stopped = True
        except TimeoutExpired:
            raise ReplayError(f"the code in {task.root} did not end within {timeout:g} s", slug="trial") from None
        finally:
            end(process)
        report = _read(_lines(place))
        if stopped and report is None:
            raise KeyboardInterrupt
        if report is None or not (stopped or report.error or len(report.neighbours) == len(task.neighbours)):
            last = (place / "said").read_bytes()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise ReplayError(
                f"the process that ran the code in {task.root} ended with {code}: {last or 'without a word'}",
                slug="trial",
            )
    if report.error:
        raise ReplayError(report.error, slug="trial")
    return msgspec.structs.replace(report, stopped=len(report.neighbours) < len(task.neighbours))


def _wait(process: Popen[bytes], timeout: float, look: Callable[[], None]) -> int:
    """Its exit code. Raises TimeoutExpired."""
    ends = monotonic() + timeout
    while True:
        try:
            return process.wait(_LOOK)
        except TimeoutExpired:
            if monotonic() > ends:
                raise
        look()


def _lines(folder: Path) -> list[bytes]:
    """The whole lines that were written by now."""
    return (folder / _RAN).read_bytes().split(b"\n")[:-1]


def _read(lines: list[bytes]) -> Report | None:
    if not lines:
        return None
    neighbours = tuple(msgspec.json.decode(line, type=Ran) for line in lines[1:])
    return msgspec.structs.replace(msgspec.json.decode(lines[0], type=Report), neighbours=neighbours)


def end(process: Popen[Any]) -> None:
    """Kill it and all that it started in its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def moved_path(place: Path, top: Path, checkout: Path) -> str:
    """An entry of `sys.path`, from the working tree into the checkout; but not the one that we are imported from, and
    not a virtual environment."""
    real = Path(os.path.realpath(place))
    ours = Path(os.path.realpath(__file__)).parents[2]
    if not real.is_relative_to(top) or real == ours or "site-packages" in real.parts:
        return str(place)
    return str(checkout / real.relative_to(top))


# In the process ---------------------------------------------------------------------------------------------------


def main() -> None:
    """Do the task in the folder that the command line names."""
    folder = Path(sys.argv[2])
    sys.argv = ["replay"]
    task = msgspec.msgpack.decode((folder / "task").read_bytes(), type=Task)
    with open(folder / _RAN, "ab", buffering=0) as ran:
        try:
            for each in _runs(task):
                ran.write(msgspec.json.encode(_plain(each)) + b"\n")
        except ReplayError as error:
            ran.truncate(0)
            ran.write(msgspec.json.encode(msgspec.structs.replace(NOT_RUN, error=str(error))) + b"\n")
    os._exit(0)  # what the project registered for its exit is no part of the trial


def _runs(task: Task) -> Iterator[Report | Ran]:
    """The report without neighbours, then each of them."""
    from replay.boundaries.environ import apply
    from replay.engine import guard
    from replay.surfaces.run import run

    guard.install()
    apply(task.recording)
    verdict = run(task.recording, root=task.root, allow=task.allow, targets=task.targets, onward=True)
    mutated = _mutated(task)
    yield Report(incident=_judged(verdict, task), status=verdict.status, failure=next(mutated))
    yield from mutated


def _judged(verdict: Any, task: Task) -> Ran:
    """A strict run, by what the incident's test demands."""
    from replay.engine.failures import error_of
    from replay.surfaces.config import load
    from replay.surfaces.demand import objection, parting

    why = objection(verdict)
    if verdict.outcome is None or parting(verdict) is not None:
        return Ran("not judged", reason=why or "it could not be run")
    failure = error_of(verdict.outcome, load(task.root).root)
    if failure is not None:
        return _ran(failure)
    if task.recording.kind in ("asgi", "wsgi"):
        status = verdict.outcome.payload.tree.get("status")
        if type(status) is int and status >= 500:
            return Ran("failed", error_type=f"HTTP {status}", message=f"answered {status}")
    return Ran("passed") if why is None else Ran("not judged", reason=why)


def _mutated(task: Task) -> Iterator[Ran]:
    """The incident, then its neighbours."""
    from replay.boundaries import ALL
    from replay.boundaries.clock import move_to, pauses, wait
    from replay.core.edits import read_edit
    from replay.core.promoted import promoted, with_onward
    from replay.engine.stage import Stage
    from replay.engine.targets import Targets
    from replay.entrypoints import RUNNERS
    from replay.errors import Unanswerable
    from replay.surfaces.config import load
    from replay.surfaces.init import replaying

    config, note = load(task.root), promoted(task.recording)
    recording = task.recording if note is None else with_onward(task.recording, note.onward)
    targets = Targets(config.root, (*config.allow, *task.allow), {**config.targets, **task.targets})
    try:
        with replaying():
            stage = Stage(recording, boundaries=ALL, runners=RUNNERS, targets=targets, move=move_to, wait=wait,
                          pauses=pauses, folders=config.writable, limit=task.limit)  # fmt: skip
            with stage.limited():
                for edits in ((), *task.neighbours):
                    yield _executed(stage, tuple(read_edit(tree) for tree in edits))
    except Unanswerable as error:
        yield from [Ran("not judged", reason=str(error))] * (1 + len(task.neighbours))


def _executed(stage: Any, edits: Any) -> Ran:
    execution = stage.execute(edits)
    if execution.failure is not None:
        return _ran(stage.locate(edits, execution.failure))
    if execution.outcome is None or execution.diverged:
        return Ran("not judged", reason=execution.reason or "it asked what the recording does not answer")
    return Ran("passed")


def _ran(failure: Any) -> Ran:
    last = failure.frames[-1] if failure.frames else None
    file, line, function = ("", 0, "") if last is None else (last.file, last.line, last.function)
    return Ran("failed", failure.raised, failure.message[:500], file, line, function)


def _plain(found: Report | Ran) -> Any:
    """Without lone surrogates: messages of the code under test may have them, JSON may not."""

    def clean(node: Any) -> Any:
        if isinstance(node, str):
            return node.encode("utf-8", "backslashreplace").decode()
        if isinstance(node, list | tuple):
            return [clean(each) for each in node]
        return {name: clean(each) for name, each in node.items()} if isinstance(node, dict) else node

    return clean(msgspec.to_builtins(found))
