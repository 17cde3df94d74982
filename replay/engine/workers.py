"""Running mutations in forked processes: what the code does to its process is a failure of the code, not ours.

Each worker is a fork of the prepared process. It gets a few mutations at a time and answers each; a batch is answered
in its own order, so that a search does not see how many workers there are. A run that takes too long is looked at and
its worker killed; one that ended its worker (or used up memory) is tried once more in a fresh worker, alone, before it
counts: what ran before it may have been the cause.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from mmap import mmap
from time import perf_counter, sleep

import msgspec

from replay.core.recording import Recording
from replay.engine.deaths import died, hung
from replay.engine.lines import Line, Lines
from replay.engine.memory import MOST
from replay.engine.mutation import Edits
from replay.engine.pipes import HEAD, put
from replay.engine.runs import Here, Ran, Runner
from replay.engine.stage import Stage
from replay.engine.worker import LOOK, PLACE, Reply, Task, Worker, packed

CHUNK = 8
"""Mutations of one task."""
LIFE = 5_000
"""Runs after which a worker is replaced: what the code keeps from run to run must not count as its failure."""
LOOKS = 25
"""At the stack of a run that does not end."""


def available() -> bool:
    """Whether processes can be forked here."""
    return hasattr(os, "fork") and LOOK is not None


def runner(stage: Stage, lines: Lines, workers: int, *, limit: float, memory: int | None = MOST) -> Runner:
    """As many workers as wanted; with 0, or where there is no fork, this process."""
    if workers < 1 or not available():
        return Here(stage, lines)
    return Workers(stage, lines, workers, limit=limit, memory=memory)


class _Process:
    """The parent's side of one worker."""

    def __init__(self, pid: int, tasks: int, replies: int, place: mmap, trace: int, shared: int) -> None:
        self.pid, self.tasks, self.replies, self.place, self.trace = pid, tasks, replies, place, trace
        self.shared = shared
        """Marks that both sides number alike: those before the fork."""
        self.pending: list[int] = []
        """Numbers that it has not answered."""
        self.data = bytearray()
        self.lines: list[int] = []
        """Our numbers of the marks that it made itself."""
        self.runs = 0

    def close(self) -> int:
        """Kill it, if it still is; gives its status."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        for descriptor in (self.tasks, self.replies, self.trace):
            os.close(descriptor)
        self.place.close()
        return status


class Workers:
    """Some forked workers. A `Runner`."""

    def __init__(self, stage: Stage, lines: Lines, workers: int, *, limit: float, memory: int | None) -> None:
        self.workers = workers
        self._stage, self._lines = stage, lines
        self._limit, self._memory = limit, memory
        lines.prepare()
        self._known: dict[Line, int] = {line: number for number, line in enumerate(lines.lines)}
        self._processes: list[_Process] = []
        self._raw: list[list[bytes]] = []

    def run(self, batch: Sequence[Edits], *, until: float | None = None, together: bool = False) -> list[Ran]:
        found = self._answers(batch, until, together, keep=False)
        answers: list[Ran] = []
        for number in range(len(batch)):
            if number not in found:
                break
            answers.append(found[number].ran)
        return answers

    def recorded(self, edits: Edits) -> tuple[Ran, Recording | None]:
        reply = self._answers([edits], None, True, keep=True)[0]
        return reply.ran, reply.recording

    def close(self) -> None:
        while self._processes:
            self._processes.pop().close()

    # Inside -----------------------------------------------------------------------------------------------------

    def _answers(self, batch: Sequence[Edits], until: float | None, together: bool, *, keep: bool) -> dict[int, Reply]:
        size = len(batch) if together else max(1, min(CHUNK, -(-len(batch) // (2 * self.workers))))
        numbers = list(range(len(batch)))
        waiting = deque(numbers[at : at + size] for at in range(0, len(numbers), size))
        found: dict[int, Reply] = {}
        again: set[int] = set()
        """What ended a worker once."""
        self._raw = [packed(edits) for edits in batch]
        try:
            while len(found) < len(batch) and (until is None or perf_counter() < until):
                self._hand_out(waiting, again, keep)
                busy = {process.replies: process for process in self._processes if process.pending}
                for descriptor in select.select(list(busy), [], [], 0.05)[0]:
                    self._hear(busy[descriptor], found, again, waiting)
                for process in busy.values():
                    self._watch(process, found, waiting)
        finally:
            for process in [each for each in self._processes if each.pending]:
                self._end(process)  # given up in the middle: its answers must not be taken for others
        return found

    def _hand_out(self, waiting: deque[list[int]], again: set[int], keep: bool) -> None:
        while waiting:
            process = next((each for each in self._processes if not each.pending), None)
            alone = waiting[0][0] in again
            if process is not None and process.runs and (process.runs > LIFE or alone):
                self._end(process)
                process = None
            if process is None:
                if len(self._processes) >= self.workers:
                    return
                process = self._fork()
            numbers = waiting.popleft()
            data = msgspec.msgpack.encode(Task(numbers, [self._raw[number] for number in numbers], keep))
            process.pending, process.runs = list(numbers), process.runs + len(numbers)
            PLACE.pack_into(process.place, 0, numbers[0], perf_counter())
            try:
                put(process.tasks, data)
            except BrokenPipeError:  # it is dead: read from it to hear how
                pass

    def _hear(self, process: _Process, found: dict[int, Reply], again: set[int], waiting: deque[list[int]]) -> None:
        data = os.read(process.replies, 1 << 20)
        process.data += data
        while len(process.data) >= HEAD.size:
            (size,) = HEAD.unpack_from(process.data)
            if len(process.data) < HEAD.size + size:
                break
            reply = msgspec.msgpack.decode(process.data[HEAD.size : HEAD.size + size], type=Reply)
            del process.data[: HEAD.size + size]
            self._take(process, reply, found, again, waiting)
            if process not in self._processes:
                return
        if not data:
            number = PLACE.unpack_from(process.place)[0]
            rest, trace = process.pending, _text(process.trace)
            failure = died(self._end(process), trace, self._stage.root)
            number = number if number in rest else rest[0]
            if number in again:
                found[number] = Reply(number, Ran(b"", failure=failure, reason=failure.message))
            else:
                again.add(number)
                waiting.append([number])
            self._return([each for each in rest if each != number], waiting)

    def _take(self, process: _Process, reply: Reply, found: dict[int, Reply], again: set[int],
              waiting: deque[list[int]]) -> None:  # fmt: skip
        number, failure = reply.number, reply.ran.failure
        for line in reply.fresh:
            if line not in self._known:
                self._known[line] = len(self._lines.lines)
                self._lines.learn(line)
            process.lines.append(self._known[line])
        process.pending.remove(number)
        if failure is not None and failure.kind == "memory":  # what it left behind is in the way of the next ones
            rest = process.pending
            self._end(process)
            self._return(rest, waiting)
            if number not in again:
                again.add(number)
                waiting.append([number])
                return
        found[number] = msgspec.structs.replace(reply, ran=self._translated(process, reply.ran))

    def _translated(self, process: _Process, ran: Ran) -> Ran:
        """With our numbers of its lines."""
        if len(ran.lines) <= process.shared:
            return ran
        marks = bytearray(ran.lines[: process.shared].ljust(len(self._lines.lines), b"\0"))
        for ours, mark in zip(process.lines, ran.lines[process.shared :], strict=False):
            marks[ours] |= mark
        return msgspec.structs.replace(ran, lines=bytes(marks).rstrip(b"\0"))

    def _watch(self, process: _Process, found: dict[int, Reply], waiting: deque[list[int]]) -> None:
        if process not in self._processes or not process.pending:
            return
        number, since = PLACE.unpack_from(process.place)
        if not since or perf_counter() - since <= self._limit or number not in process.pending:
            return
        looks = []
        for _ in range(LOOKS):
            looks.append(_look(process))
        if PLACE.unpack_from(process.place) != (number, since):
            return  # it has just ended
        rest = [each for each in process.pending if each != number]
        self._end(process)
        failure = hung(self._limit, looks, self._stage.root)
        found[number] = Reply(number, Ran(b"", failure=failure, reason=failure.message))
        self._return(rest, waiting)

    def _return(self, numbers: list[int], waiting: deque[list[int]]) -> None:
        if numbers:
            waiting.appendleft(numbers)

    def _end(self, process: _Process) -> int:
        self._processes.remove(process)
        return process.close()

    def _fork(self) -> _Process:
        place = mmap(-1, PLACE.size)
        theirs, tasks = os.pipe()
        replies, ours = os.pipe()
        trace, name = tempfile.mkstemp(prefix="replay-", suffix=".trace")
        os.unlink(name)
        append = (
            os.open(f"/proc/self/fd/{trace}", os.O_RDWR | os.O_APPEND) if sys.platform == "linux" else os.dup(trace)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads: none of ours hold locks
            pid = os.fork()
        if pid == 0:
            for other in self._processes:
                for descriptor in (other.tasks, other.replies, other.trace):
                    os.close(descriptor)
            os.close(tasks)
            os.close(replies)
            Worker(self._stage, self._lines, place, append, self._memory).serve(theirs, ours)
        for descriptor in (theirs, ours, append):
            os.close(descriptor)
        process = _Process(pid, tasks, replies, place, trace, len(self._lines.lines))
        self._processes.append(process)
        return process


def _look(process: _Process) -> str:
    """The stack of what it runs now; nothing if it does not answer in time."""
    os.ftruncate(process.trace, 0)
    os.kill(process.pid, LOOK)  # type: ignore[arg-type]  # there is one where there is fork
    found = ""
    for _ in range(20):
        sleep(0.002)
        before, found = found, _text(process.trace)
        if found and found == before:
            break
    return found


def _text(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")
