"""Another version of the code, in a process of its own, that runs mutations as they come.

The process imports the project from the given checkout, whatever this one has imported; what it runs there is in forked
workers, as here. Messages are msgpack, each after its length.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from tempfile import TemporaryFile
from typing import Any, NoReturn

import msgspec

from replay.boundaries.interpreter import variables
from replay.core.recording import Recording
from replay.engine.against import Theirs
from replay.engine.mutation import Edits
from replay.engine.pipes import put, take
from replay.engine.worker import packed
from replay.errors import ReplayError, UsageError
from replay.surfaces.git import Repository
from replay.surfaces.trial import end, moved_path

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from replay.surfaces.other import main; main()"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run."""

    recording: Recording
    root: str
    """Folder of the project, in the checkout."""
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}
    writable: tuple[str, ...] = ()
    limit: float = 5.0
    workers: int = 1
    memory: int | None = None


class Task(msgspec.Struct, frozen=True, array_like=True):
    """Mutations: edits as JSON."""

    batch: list[list[bytes]]
    whole: bool


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """How they ended."""

    ended: list[Theirs]
    error: str = ""
    """Why it cannot be run there."""


class Checkout(msgspec.Struct, frozen=True):
    """A revision in a worktree."""

    name: str
    commit: str
    repository: Repository
    place: Path

    def root(self, root: Path) -> Path:
        """The project's folder in it. Raises UsageError if it was not there then."""
        folder = root.resolve().relative_to(self.repository.top)
        if not (self.place / folder).is_dir():
            raise UsageError(f"{self.name} has no folder {folder}", slug="unknown-revision")
        return self.place / folder


@contextmanager
def checkout(repository: Repository, revision: str) -> Iterator[Checkout]:
    """A worktree of a revision; gone afterwards. Raises UsageError (`unknown-revision`)."""
    commit = repository.commit(revision)
    with repository.worktree(commit) as place:
        yield Checkout(revision, commit, repository, place)


class Version:
    """The process. An `Other`."""

    def __init__(self, setup: Setup, found: Checkout) -> None:
        """Raises ReplayError (`trial`) if the recording cannot be run there."""
        self.name = found.name
        path = [moved_path(Path(os.path.abspath(each)), found.repository.top, found.place) for each in sys.path]
        variables_now = {**os.environ, **variables(setup.recording), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {name: value for name, value in variables_now.items() if value is not None}
        theirs, self._tasks = os.pipe()
        self._replies, ours = os.pipe()
        self._said = TemporaryFile()  # noqa: SIM115  # closed with the process
        command = [sys.executable, "-c", _START, json.dumps(path), str(theirs), str(ours)]
        self._process = Popen(command, env=environment, cwd=setup.root, stdin=DEVNULL, stdout=DEVNULL,
                              stderr=self._said, pass_fds=(theirs, ours), start_new_session=True)  # fmt: skip
        os.close(theirs)
        os.close(ours)
        try:
            self._send(msgspec.msgpack.encode(setup))
            self._answer()
        except BaseException:
            self.close()
            raise

    def send(self, batch: Sequence[Edits], *, whole: bool = False) -> None:
        self._send(msgspec.msgpack.encode(Task([packed(edits) for edits in batch], whole)))

    def receive(self) -> list[Theirs]:
        return self._answer().ended

    def close(self) -> None:
        end(self._process)
        for descriptor in (self._tasks, self._replies):
            os.close(descriptor)
        self._said.close()

    def _send(self, data: bytes) -> None:
        try:
            put(self._tasks, data)
        except BrokenPipeError:
            raise self._dead() from None

    def _answer(self) -> Reply:
        data = take(self._replies)
        if not data:
            raise self._dead()
        reply = msgspec.msgpack.decode(data, type=Reply)
        if reply.error:
            raise ReplayError(f"--against {self.name}: {reply.error}", slug="trial")
        return reply

    def _dead(self) -> ReplayError:
        self._said.seek(0)
        last = self._said.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
        return ReplayError(f"the process that ran {self.name} ended: {last or 'without a word'}", slug="trial")


# In the process ---------------------------------------------------------------------------------------------------


def main() -> NoReturn:
    """Run what comes, until nothing more does."""
    tasks, replies = int(sys.argv[2]), int(sys.argv[3])
    for descriptor in (tasks, replies):
        os.set_inheritable(descriptor, False)
    sys.argv = ["replay"]
    setup = msgspec.msgpack.decode(take(tasks), type=Setup)
    try:
        runner: Any = _runner(setup)
    except ReplayError as error:
        put(replies, msgspec.msgpack.encode(Reply([], str(error))))
        os._exit(0)
    try:
        put(replies, msgspec.msgpack.encode(Reply([])))
        while data := take(tasks):
            put(replies, _done(runner, msgspec.msgpack.decode(data, type=Task)))
    finally:
        runner.close()
        os._exit(0)  # what the project registered for its exit is no part of it


def _runner(setup: Setup) -> Any:
    from replay.boundaries import ALL
    from replay.boundaries.clock import move_to, pauses, wait
    from replay.boundaries.environ import apply
    from replay.engine.lines import Lines
    from replay.engine.stage import Stage
    from replay.engine.targets import Targets
    from replay.engine.workers import runner
    from replay.entrypoints import RUNNERS
    from replay.surfaces.config import load
    from replay.surfaces.init import install, replaying

    config = load(setup.root)
    if str(config.root) not in sys.path:
        sys.path.insert(0, str(config.root))
    install()
    apply(setup.recording)
    replaying().__enter__()  # until this process ends
    targets = Targets(config.root, (*config.allow, *setup.allow), {**config.targets, **setup.targets})
    stage = Stage(setup.recording, boundaries=ALL, runners=RUNNERS, targets=targets, move=move_to, wait=wait,
                  pauses=pauses, folders=(*config.writable, *setup.writable), limit=setup.limit)  # fmt: skip
    stage.compares = True
    return runner(stage, Lines(stage.root), setup.workers, limit=setup.limit, memory=setup.memory)


def _done(runner: Any, task: Task) -> bytes:
    from replay.core.edits import read_edit

    batch = [tuple(read_edit(msgspec.json.decode(each)) for each in edits) for edits in task.batch]
    ended: list[Theirs] = []
    if task.whole:
        for edits in batch:
            ran, recording = runner.recorded(edits)
            ended.append(Theirs(b"" if ran.diverged else ran.result, None if recording is None else recording.outcome))
    else:
        ended = [Theirs(b"" if ran.diverged else ran.result) for ran in runner.run(batch)]
    return msgspec.msgpack.encode(Reply(ended))
