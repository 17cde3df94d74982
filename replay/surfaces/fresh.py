"""Replaying one recording in a fresh process: its hash seed, time zone, locale and environment are the recording's.

Whatever becomes of that process, there is a verdict: one that dies, hangs or sends nonsense is `unanswerable`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from secrets import token_hex
from selectors import EVENT_READ, DefaultSelector
from socket import MSG_WAITALL, socket, socketpair
from subprocess import DEVNULL, Popen, TimeoutExpired
from tempfile import TemporaryFile, gettempdir
from time import monotonic
from typing import TYPE_CHECKING

from msgspec.structs import replace

from replay.boundaries.interpreter import variables
from replay.core.recording import Recording
from replay.core.verdict import Divergence, Verdict
from replay.engine.guard import temporary, with_refusals
from replay.errors import ReplayError, Unanswerable
from replay.surfaces.config import load
from replay.surfaces.job import Job, Options, Probe, Reply, missing, pack_job, unpack_reply

if TYPE_CHECKING:
    from replay.engine.supervisor import Supervisor

TIMEOUT = 300.0
"""Seconds that one replay may take."""
AVAILABLE = os.name == "posix"
"""Descriptors can be handed to a new process."""
_running: set[Popen[bytes]] = set()
"""Of all threads."""
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from replay.surfaces.child import main; main({}, {})"


def replay_fresh(
    recording: Recording,
    options: Options,
    *,
    timeout: float = TIMEOUT,
    hard: bool = False,
    probe: Probe | None = None,
    hear: Callable[[Reply], object] | None = None,
) -> Verdict:
    """Replay in a process of its own. `timeout` in seconds. `hear` is told what a `probe` found out beside the verdict.
    Raises ReplayError for a configuration that is refused."""
    started = monotonic()
    place = gettempdir()
    folders = temporary(place, *load(options.root).writable, *options.writable)
    job = Job(token=token_hex(16), recording=recording, options=options, temporary=place, folders=folders, probe=probe)
    refused: Sequence[Divergence] = ()
    try:
        process = _Process(job, hard=hard)
        try:
            reply = process.reply(started + timeout)
        finally:
            refused = process.refused
    except _Died as error:
        reason = f"{recording.entrypoint}: {error}"
    except _Late:
        reason = f"{recording.entrypoint}: no verdict after {timeout:g} s (--timeout); the process was ended"
    except Unanswerable as error:
        reason = str(error)
    else:
        if reply.failure is not None:
            raise _error(reply)
        assert reply.verdict is not None
        if hear is not None:
            hear(reply)
        return with_refusals(reply.verdict, refused)
    seconds = monotonic() - started
    verdict = Verdict(
        id=recording.id, status="unanswerable", recorded=recording.outcome, reason=reason, seconds=seconds
    )
    return with_refusals(verdict, refused)


class _Died(Exception):
    """The process ended, or talked nonsense, before there was a verdict."""


class _Late(Exception):
    """It took too long."""


class _Process:
    """One fresh process, from start to end."""

    def __init__(self, job: Job, *, hard: bool) -> None:
        wanted = variables(job.recording)
        found = {**os.environ, **wanted, **(job.probe.environment if job.probe else {})}
        self._environment = {name: value for name, value in found.items() if value is not None}
        self._job = job
        self._hard = hard
        self._supervisor: Supervisor | None = None

    @property
    def refused(self) -> Sequence[Divergence]:
        """What the kernel refused."""
        return () if self._supervisor is None else self._supervisor.refused

    def reply(self, deadline: float) -> Reply:
        """The reply; raises _Died or _Late. The process and all that it started in its group are gone then."""
        with ExitStack() as stack:
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            ours: socket | None = None
            try:
                handed = [writing]
                if self._hard:
                    ours, theirs = socketpair()
                    stack.enter_context(ours)
                    stack.enter_context(theirs)
                    handed.append(theirs.fileno())
                process = self._start(handed)
            finally:
                os.close(writing)
            _running.add(process)
            stack.callback(_end, process)
            if ours is not None:
                theirs.close()
                self._supervise(ours, process, deadline)
                if self._supervisor is not None:
                    stack.callback(os.close, self._supervisor.listener)
            return self._read(reading, process, deadline)

    def _start(self, handed: list[int]) -> Popen[bytes]:
        control = handed[1] if self._hard else None
        path = [os.path.abspath(place) for place in map(str, sys.path)]  # it may start in another folder
        with TemporaryFile() as file:  # not a pipe: the process may die before it reads
            file.write(pack_job(replace(self._job, control=control)))
            file.seek(0)
            return Popen(
                [sys.executable, "-c", _START.format(file.fileno(), handed[0]), json.dumps(path)],
                env=self._environment,
                cwd=self._job.probe.folder if self._job.probe else None,
                stdin=DEVNULL,
                stdout=2,  # what the code under test prints is not our document
                pass_fds=(file.fileno(), *handed),
                process_group=0,  # Ctrl-C is for us: we end it
            )

    def _supervise(self, ours: socket, process: Popen[bytes], deadline: float) -> None:
        """Take the filter's listener over. A process that could not lock itself down says so in its reply."""
        from replay.engine.supervisor import Supervisor, take  # Linux only

        ours.settimeout(max(0.001, deadline - monotonic()))
        try:
            number = ours.recv(4, MSG_WAITALL)
            if len(number) == 4:
                self._supervisor = Supervisor(
                    take(process.pid, int.from_bytes(number, "big")), process.pid, self._job.folders
                )
                ours.send(b"+")
        except TimeoutError as error:
            raise _Late from error
        except OSError as error:
            raise _Died(f"hard isolation failed: {error}") from error

    def _read(self, reading: int, process: Popen[bytes], deadline: float) -> Reply:
        data = bytearray()
        with DefaultSelector() as selector:
            selector.register(reading, EVENT_READ)
            if self._supervisor is not None:
                selector.register(self._supervisor.listener, EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(max(0.0, deadline - monotonic()))}
                if not ready:
                    raise _Late
                if reading not in ready:
                    self._supervisor.answer()  # type: ignore[union-attr]  # nothing else is registered
                    continue
                piece = os.read(reading, 1 << 20)
                data += piece
                try:
                    if not missing(data):
                        return unpack_reply(data, self._job.token)
                except ValueError as error:  # msgspec's errors too
                    raise _Died(f"its process sent something that is no verdict ({error})") from error
                if not piece:
                    raise _Died(_how_it_ended(process))


def _how_it_ended(process: Popen[bytes]) -> str:
    """In words. The pipe is closed: it has ended or is about to, unless the code under test closed the pipe."""
    try:
        code = process.wait(2.0)
    except TimeoutExpired:
        return "its process closed the pipe to us before there was a verdict"
    if code >= 0:
        return f"its process ended with exit code {code} before there was a verdict"
    name = next((each.name for each in signal.Signals if each == -code), "?")
    return f"its process died of signal {-code} ({name})"


def end_all() -> None:
    """End the processes of all replays under way; their threads give a verdict."""
    for process in tuple(_running):
        _kill(process)


def _end(process: Popen[bytes]) -> None:
    _kill(process)
    _running.discard(process)
    process.wait()


def _kill(process: Popen[bytes]) -> None:
    """The whole group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # it has ended; macOS says it in the second way
        pass


def _error(reply: Reply) -> ReplayError:
    assert reply.failure is not None
    error = ReplayError(reply.failure.message, slug=reply.failure.slug)
    error.exit_code = reply.failure.exit_code
    return error
