"""`replay bisect`: the commit since which an incident fails, found by `git bisect run` in a worktree of its own.

Each commit is tried in a fresh process, as `replay verify` tries one. It is bad if the incident fails there with the
type of error that it has on the bad revision, good if it passes; anything else cannot be judged and is skipped.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Literal

import msgspec

from replay.core.recording import Recording
from replay.errors import ReplayError, UsageError
from replay.surfaces.config import load
from replay.surfaces.git import Repository, call, repository, started
from replay.surfaces.trial import Ran, Task, end, trial
from replay.surfaces.verify import moved

GOOD, BAD, SKIP, STOP = 0, 1, 125, 130
"""Exit codes that `git bisect run` understands (git-bisect(1))."""
_ONLY_SKIPPED = 2
"""Its own exit code where skipped commits hide which is the first bad one. What it says has other words in each version
and language."""
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from replay.surfaces.bisect import main; main()"
STOPPING = 2.0
"""Seconds that a step may take to end."""
LOOK = 0.2
"""Seconds between two looks at how far it is."""
OnRun = Callable[[str, int, int], None]
Judgement = Literal["good", "bad", "skipped"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look."""

    good: str
    bad: str
    root: str | None = None
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}


class Step(msgspec.Struct, frozen=True):
    """One commit that was tried."""

    commit: str
    judgement: Judgement
    why: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    first: str | None
    """The first bad commit; None if skipped ones hide which it is."""
    candidates: tuple[str, ...]
    """Those that may be it, where commits were skipped or Ctrl-C ended it."""
    about: str
    """Of the first bad commit: author, date, subject, by line."""
    failure: Ran
    steps: tuple[Step, ...]
    interrupted: bool = False


class _Job(msgspec.Struct, frozen=True):
    """What each step is told."""

    task: Task
    top: str
    root: str
    checkout: str
    failure: Ran
    log: str


def bisect(recording: Recording, options: Options, on_run: OnRun = lambda what, done, most: None) -> Found:
    """Find the commit; Ctrl-C leaves those that it may be by then, while the ends are tried it is a KeyboardInterrupt.

    `on_run` is told what is tried, how many commits were, and about how many there will be.

    Raises UsageError (`no-repository`, `unknown-revision`, `bisect-ends`, `git`), ReplayError.
    """
    root = load(options.root).root.resolve()
    repo = repository(root)
    good, bad = repo.commit(options.good), repo.commit(options.bad)
    if call("merge-base", "--is-ancestor", good, bad, cwd=repo.top).returncode or good == bad:
        raise UsageError(f"{options.good} is no ancestor of {options.bad}: swap them, or name an older good commit",
                         slug="bisect-ends")  # fmt: skip
    task = Task(recording=recording, root=str(root), allow=options.allow, targets=options.targets)
    most = 2 + int(repo.git("rev-list", "--count", bad, f"^{good}", "--")).bit_length()
    with repo.worktree(bad) as place, TemporaryDirectory(prefix="replay-bisect-") as folder:
        on_run(options.bad, 0, most)
        failure = _tried(task, repo, root, place)
        if failure.ended != "failed":
            raise UsageError(f"the incident does not fail on {options.bad}: {failure}", slug="bisect-ends")
        repo.git("checkout", "--quiet", "--force", "--detach", good, cwd=place)
        on_run(options.good, 1, most)
        before = _tried(task, repo, root, place)
        if before.ended == "failed":
            raise UsageError(f"the incident fails on {options.good} too: {before}", slug="bisect-ends")
        log, file = Path(folder) / "log", Path(folder) / "job"
        job = _Job(task, str(repo.top), str(root), str(place), failure, str(log))
        file.write_bytes(msgspec.msgpack.encode(job))
        log.touch()
        return _run(repo, place, good, bad, file, log, failure,
                    lambda: on_run("the commits between", 2 + len(_steps(log)), most))  # fmt: skip


def _tried(task: Task, repo: Repository, root: Path, place: Path) -> Ran:
    """How the incident ends on what is checked out; what cannot be run says so."""
    try:
        return trial(moved(task, repo, root, place), repo.top, place).incident
    except ReplayError as error:
        return Ran("not judged", reason=str(error))


def _left(repo: Repository, good: str, bad: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """The commits that may be the first bad one, after these steps; the newest first."""
    last = next((step.commit for step in reversed(steps) if step.judgement == "bad"), bad)
    passed = [f"^{step.commit}" for step in steps if step.judgement == "good"]
    return tuple(repo.git("rev-list", last, f"^{good}", *passed, "--").split())


def _run(repo: Repository, place: Path, good: str, bad: str, file: Path, log: Path, failure: Ran,
         look: Callable[[], None]) -> Found:  # fmt: skip
    path = json.dumps([os.path.abspath(each) for each in map(str, sys.path)])
    repo.git("bisect", "start", bad, good, cwd=place)
    with started("bisect", "run", sys.executable, "-c", _START, path, str(file), cwd=place, apart=True) as process:
        try:
            out, errors = _waited(process, look)
        except KeyboardInterrupt:
            _stop(process)
            steps = _steps(log)
            return Found(first=None, candidates=_left(repo, good, bad, steps), about="", failure=failure, steps=steps,
                         interrupted=True)  # fmt: skip
    steps = _steps(log)
    first = repo.git("rev-parse", "refs/bisect/bad", cwd=place).strip() if process.returncode == 0 else None
    candidates: tuple[str, ...] = ()
    if first is None:
        if process.returncode != _ONLY_SKIPPED:
            said = (errors or out).strip().splitlines() or [f"exit code {process.returncode}"]
            raise UsageError(f"git bisect failed in {repo.top}: {said[-1]}", slug="git")
        candidates = _left(repo, good, bad, steps)
    elif first not in (bad, *(step.commit for step in steps if step.judgement == "bad")):
        raise UsageError(f"git bisect named {first[:80]}, which was not tried", slug="git")
    about = "" if first is None else repo.git("show", "--no-patch", "--format=%an%n%aI%n%s", first, "--")
    return Found(first=first, candidates=candidates, about=about, failure=failure, steps=steps)


def _waited(process: Popen[str], look: Callable[[], None]) -> tuple[str, str]:
    """What it printed, at its end; `look` is called now and then before that."""
    while True:
        look()
        try:
            return process.communicate(timeout=LOOK)
        except TimeoutExpired:
            continue


def _stop(process: Popen[str]) -> None:
    """Ctrl-C for git and for the step at hand, which has a process of its own to end: that takes a moment."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGINT)
        until = monotonic() + STOPPING
        while _is_there(process) and monotonic() < until:
            sleep(0.02)
    end(process)


def _is_there(process: Popen[str]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _steps(log: Path) -> tuple[Step, ...]:
    return tuple(msgspec.json.decode(line, type=Step) for line in log.read_bytes().split(b"\n")[:-1])


# The process of one step ------------------------------------------------------------------------------------------


def main() -> None:
    """Judge what is checked out; the exit code tells git."""
    job = msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=_Job)
    place = Path(job.checkout)
    try:
        ran = _tried(job.task, Repository(Path(job.top)), Path(job.root), place)
    except KeyboardInterrupt:
        sys.exit(STOP)
    if ran.ended == "failed":
        code = BAD if ran.error_type == job.failure.error_type else SKIP
    else:
        code = GOOD if ran.ended == "passed" else SKIP
    judgement: Judgement = "good" if code == GOOD else "bad" if code == BAD else "skipped"
    commit = Repository(place).commit("HEAD")
    with open(job.log, "ab") as log:
        log.write(msgspec.json.encode(Step(commit, judgement, str(ran))) + b"\n")
    sys.exit(code)
