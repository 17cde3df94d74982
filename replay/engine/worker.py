"""A forked process that runs mutations until it is told to end, or the code under test ends it.

It is expendable: what it prints goes nowhere, it dies with its parent, and its memory has a limit. Where it is, and
since when, stands in a page of memory that the parent reads; the stack of a run that ends it is left in a file.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import struct
import sys
import warnings
from contextlib import suppress
from mmap import mmap
from time import perf_counter
from typing import Any, NoReturn

import msgspec

from replay.core.edits import Edit, read_edit
from replay.core.looking import address_of
from replay.core.recording import Recording
from replay.engine import memory
from replay.engine.deaths import EXIT_MARK
from replay.engine.failures import Failure, printable
from replay.engine.growth import Growth
from replay.engine.lines import Line, Lines
from replay.engine.mutation import Edits
from replay.engine.pipes import HEAD, take, write
from replay.engine.runs import Ran, examined, kept
from replay.engine.stage import Stage

try:
    import resource
except ImportError:  # Windows, where nothing is forked either
    pass

LOOK = signal.SIGUSR2 if hasattr(signal, "SIGUSR2") else None
"""Asks for the stack."""
FLUSH = 0.05
"""Seconds after which answers that are ready are sent."""
PLACE = struct.Struct("=qd")
"""Number of the mutation that runs (-1: none), and since when (`time.perf_counter`; 0: not yet)."""
_RESERVE = 16 << 20
"""Bytes that are given back when memory is used up, to tell it."""


class Task(msgspec.Struct, frozen=True, array_like=True):
    """Mutations to run: numbers, and edits as JSON."""

    numbers: list[int]
    batch: list[list[bytes]]
    keep: bool = False
    """Send the run as a recording too."""


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """What came of one mutation."""

    number: int
    ran: Ran
    fresh: list[Line] = []
    """Lines whose marks the parent does not know."""
    recording: Recording | None = None


class Worker:
    """The child's side."""

    def __init__(self, stage: Stage, lines: Lines, place: mmap, trace: int, most: int | None) -> None:
        self._stage, self._lines, self._place, self._trace = stage, lines, place, trace
        self._memory = most
        self._growth = Growth(stage)
        self._told = len(lines.lines)
        self._edits: dict[bytes, Edit] = {}
        self._number = -1
        self._reserve = bytearray()

    def serve(self, tasks: int, replies: int) -> NoReturn:
        """Do tasks until there are no more."""
        try:
            self._prepare()
            while task := take(tasks):
                self._do(msgspec.msgpack.decode(task, type=Task), replies)
        except BrokenPipeError:  # nobody is there any more
            pass
        except BaseException:
            faulthandler.dump_traceback(self._trace)
            os.kill(os.getpid(), signal.SIGKILL)
        _leave(0)

    def _prepare(self) -> None:
        os.setsid()
        _die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
        signal.setitimer(signal.ITIMER_REAL, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        warnings.simplefilter("ignore", ResourceWarning)
        faulthandler.enable(self._trace, all_threads=True)
        if LOOK is not None:
            faulthandler.register(LOOK, self._trace, all_threads=True, chain=False)
        os._exit = self._exit  # only here: the code under test must not leave unseen
        self._stage.expendable = True
        self._stage.on_start = self._starts
        self._stage.on_memory = self._reserve.clear
        self._limit()

    def _limit(self) -> None:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self._memory is not None:
            self._reserve.extend(bytes(_RESERVE))
            memory.limit(self._memory)

    def _starts(self) -> None:
        PLACE.pack_into(self._place, 0, self._number, perf_counter())

    def _exit(self, status: int = 0) -> NoReturn:
        os.write(self._trace, f"{EXIT_MARK}\n".encode())
        faulthandler.dump_traceback(self._trace, all_threads=True)
        _leave(status)

    def _do(self, task: Task, replies: int) -> None:
        with self._stage.holding():
            self._all(task, replies)

    def _all(self, task: Task, replies: int) -> None:
        waiting, since = bytearray(), perf_counter()
        for number, packed in zip(task.numbers, task.batch, strict=True):
            self._number = number
            PLACE.pack_into(self._place, 0, number, perf_counter())
            edits: Edits = tuple(self._edit(each) for each in packed)
            ran, recording = self._run(edits, keep=task.keep)
            fresh = self._lines.lines[self._told :]
            self._told = len(self._lines.lines)
            PLACE.pack_into(self._place, 0, number, 0.0)
            data = _encoded(Reply(number, ran, fresh, recording))
            waiting += HEAD.pack(len(data)) + data
            if ran.failure is not None or perf_counter() - since > FLUSH:
                write(replies, waiting)
                waiting, since = bytearray(), perf_counter()
        PLACE.pack_into(self._place, 0, -1, 0.0)
        write(replies, waiting)

    def _run(self, edits: Edits, *, keep: bool) -> tuple[Ran, Recording | None]:
        try:
            if keep:
                return kept(self._stage, self._lines, self._growth, edits)
            return examined(self._stage, self._lines, self._growth, edits)[0], None
        except MemoryError:
            self._reserve.clear()
            return Ran(b"", failure=Failure("memory", "MemoryError", "", ()), reason="out of memory"), None
        except Exception as error:  # ours: what it ran into says nothing of the code under test
            return Ran(b"", diverged=True, reason=printable(f"{type(error).__name__}: {error}"[:300])), None

    def _edit(self, packed: bytes) -> Edit:
        found = self._edits.get(packed)
        if found is None:
            found = self._edits[packed] = read_edit(msgspec.json.decode(packed))
        return found


_leave = os._exit


def _encoded(reply: Reply) -> bytes:
    try:
        return msgspec.msgpack.encode(reply)
    except (UnicodeEncodeError, OverflowError):  # a recording that no pipe takes
        return msgspec.msgpack.encode(msgspec.structs.replace(reply, recording=None))


def _die_with_parent() -> None:
    """Also where the parent is killed (Linux; elsewhere the pipe ends)."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)


def packed(edits: Edits) -> list[bytes]:
    """Edits as a task holds them."""
    return [_packed(edit) for edit in edits]


_kept: dict[int, tuple[Any, bytes]] = {}
_MOST = 100_000


def _packed(edit: Edit) -> bytes:
    """The same edits are sent again and again: kept by identity, since an argument may be of any kind."""
    found = _kept.get(address_of(edit))
    if found is not None and found[0] is edit:
        return found[1]
    if len(_kept) > _MOST:
        _kept.clear()
    data = msgspec.json.encode(edit.tree())
    _kept[address_of(edit)] = edit, data
    return data
