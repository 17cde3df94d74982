"""Runs work in a fork of this process, so that each run begins from exactly the same state.

A module's globals, caches and threads of a run are gone with its process; leaving in the middle of a run undoes
nothing and runs no handler of the application.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from replay.errors import ReplayError

_START = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from replay.surfaces.cli import main
sys.exit(main())
"""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, said by its process."""

    end: str
    """`done`, `quit`, `restart`, `goto`, `failed`, `interrupted` or `crowded` (threads: it cannot be forked)."""
    text: str = ""
    slug: str = ""
    code: int = 0
    """The exit code that goes with it."""
    reached: bool = False
    """It came to the place where it should stop."""
    seq: int = -1
    """Of `goto`: the interaction to stop at."""
    raised: dict[str, Any] | None = None
    """Of a scout: see `replay.surfaces.debug_stops.Raised`."""
    entry: dict[str, Any] | None = None
    """Of a scout: the first line of the target, a `Frame`."""
    status: str = ""
    """Of a scout: the verdict's."""


class Left(BaseException):
    """Ends a run where it cannot be a process of its own."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.end)
        self.message = message


Depart = Callable[[Message], NoReturn]
"""Ends the run that calls it, from wherever it is, with this message."""


def can_fork() -> bool:
    """Forking copies this process whole: the platform has it, and there is one thread."""
    if not hasattr(os, "fork"):
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # no Linux
        return threading.active_count() == 1


def fresh(work: Callable[[Depart], Message]) -> Message:
    """The message of `work`, run in a fork. Raises ReplayError if its process dies without one."""
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(work, writing)
    os.close(writing)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to both: it is the child's
    try:
        with open(reading, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        return msgspec.json.decode(said, type=Message)
    except msgspec.DecodeError as error:
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise ReplayError(
            f"the process of this run ended {how} before it was done: the code under replay ended it. "
            "Set a stop before that (--at N, --until EXPR).",
            slug="debug-process",
        ) from error


def here(work: Callable[[Depart], Message]) -> Message:
    """The message of `work`, run in this process: for a debugger that is attached to it."""
    gone: list[Message] = []

    def depart(message: Message) -> NoReturn:
        gone.append(message)
        raise Left(message)

    try:
        message = work(depart)
    except Left as left:
        return left.message
    return gone[-1] if gone else message  # the code under replay may swallow `Left`


def _run(work: Callable[[Depart], Message], pipe: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lock = threading.Lock()

    def depart(message: Message) -> NoReturn:
        with lock:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):  # closed, or nobody reads it any more
                    pass
            left = msgspec.json.encode(message)
            while left:
                left = left[os.write(pipe, left) :]
            os._exit(0)

    try:
        depart(work(depart))
    except KeyboardInterrupt:
        depart(Message(end="interrupted", code=130))
    except ReplayError as error:
        depart(Message(end="failed", text=str(error), slug=error.slug, code=error.exit_code))
    except BaseException:
        depart(Message(end="failed", text=traceback.format_exc(), slug="debug-process", code=4))


def run_as(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run `replay COMMAND` in this terminal, with this environment; returns its exit code."""
    sys.stdout.flush()
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the other; a handler is not inherited
    try:
        words = [sys.executable, "-c", _START, json.dumps([*map(str, sys.path)]), *command]
        return subprocess.run(words, env=dict(environ), check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


class Lines:
    """A standard input that is no terminal, read line by line and no further: the next process reads on."""

    encoding = "utf-8"

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return False

    def readline(self, limit: int = -1) -> str:
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = os.read(self._descriptor, 1)
            if not byte:
                break
            line += byte
        return line.decode("utf-8", "replace")

    def read(self, size: int = -1) -> str:
        found = []
        while line := self.readline():
            found.append(line)
        return "".join(found)
