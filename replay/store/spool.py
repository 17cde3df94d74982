"""The queue between the request path and the writer: what is handed over becomes bundles, and troubles nobody.

The request path appends to a queue that is bounded in bytes; one thread of the system settles (encodes, redacts) and
writes, incidents first. Everything fails open: what cannot be kept is counted by reason and said once in the log.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Hashable
from contextvars import Context
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any, Protocol
from weakref import ref

from replay.core import pace
from replay.core.world import lost
from replay.store import ending, native
from replay.store.bundle import get_ready
from replay.store.limiter import Limiter, Limits
from replay.store.quota import Quota
from replay.store.writer import Settling, Writer

_LOCK_SECONDS = 0.05
"""Longest wait of the request path."""
GIVE_WAY_SECONDS = 50e-6
"""Longest work of the writer before it lets others have the interpreter. A writer of pure Python that never does was
measured to lift the median of a request from 3 to 35 ms, since each wake-up then waits for a switch interval."""
_PRESSING_SECONDS = 1e-3
"""The same over incidents: to have the interpreter again may take a switch interval each time, and on a busy service
one incident would take seconds."""
_CONTENDED_SECONDS = 20e-6
"""The interpreter let go and had again after this time: somebody else wanted it. Alone it takes one microsecond."""
_BUSY_SECONDS = 0.02
"""The service counts as busy for this time after it wanted the interpreter."""
_RESTS = 40
"""Times the length of its work that the writer rests over a sample while the service is busy. Letting go is not enough:
each wake-up of a request, some 50 in one of three calls, still meets a writer at work, and the median was measured to
grow from 6 to 24 ms. With a fortieth of the interpreter for the writer it stays. Incidents are few, and cannot wait."""
_REST_SECONDS = 0.05
"""Longest rest."""
_AGAIN_SECONDS = 60.0
"""Least time between two warnings of the folder."""

_log = logging.getLogger("replay")


class Captured(Settling, Protocol):
    """What the request path hands over."""

    @property
    def size(self) -> int:
        """About how many bytes it holds in memory."""
        ...

    @property
    def fingerprint(self) -> Hashable:
        """Of an incident: equal for the same failure."""
        ...


def _measured(captured: Captured) -> tuple[int, Hashable]:
    """Its bytes (-1: it does not say), its fingerprint if it is an incident. By itself, so that `put` is short: see
    `replay.core.encoder.Encoder._written`."""
    try:
        return max(0, int(captured.size)), captured.fingerprint if captured.urgent else None
    except Exception:
        return -1, None


class Spool:
    """Writes captured recordings as bundles into `folder`, off the request path. Safe to use from any thread, from a
    signal handler and from a finalizer.

    `max_queue_bytes` bounds what is captured and not yet written; more is dropped and counted as `queue-full`.
    `max_bytes` and `max_files` bound the bundles of this service in the folder: the oldest make room. `limits` bounds
    the incidents of a storm of failures. `each` is called on the writer's thread after each round of work.
    """

    def __init__(self, folder: str | os.PathLike[str], *, service: str, max_queue_bytes: int = 64 << 20,
                 max_bytes: int = 1 << 30, max_files: int = 10_000, limits: Limits | None = None,
                 producer: str | None = None, each: Callable[[], None] | None = None,
                 seal: Callable[[bytes], bytes] | None = None) -> None:  # fmt: skip
        self.folder = _fixed(Path(folder))
        self._service = re.sub(r"[^A-Za-z0-9._]+", "-", service).strip("-.")[:64] or "service"
        self._producer = producer
        self._seal = seal
        self._max = max_queue_bytes
        self._quota = (max_bytes, max_files)
        self._limits = limits or Limits()
        self._each = each
        get_ready()
        self._said = False
        self._told: str | None = None
        """Why the folder could not be written, as it was said last; None: that it can."""
        self._told_at = -_AGAIN_SECONDS
        self._reset()
        ending.watch(self)

    def _reset(self) -> None:
        """An empty queue and no thread: as new, and as a forked child needs it."""
        self._lock = native.new_rlock()
        """Reentrant: a signal handler or finalizer that captures while its thread is in `put` goes on. The few
        statements it may interrupt there hold no call, so that none of them is ever half done."""
        self._writing = native.new_lock()
        """Held by whoever settles and writes: the thread, or `flush` where no thread can run."""
        self._wake = native.new_lock()
        """A binary semaphore; releasing it is safe in a signal handler, which Event and Condition are not."""
        self._wake.acquire()
        self._incidents: deque[tuple[Captured, int]] = deque()
        self._samples: deque[tuple[Captured, int]] = deque()
        self._taken = 0
        """Bytes put so far; those that the writer has released are counted by it: neither needs the other's lock."""
        self._captured = self._kept = 0
        self._refused: Counter[str] = Counter()
        self._limiter = Limiter(self._limits, monotonic())
        self._writer = Writer(self.folder, self._service, most_bytes=self._max // 4, producer=self._producer,
                              quota=Quota(self.folder, self._service, *self._quota), dropped=self._dropped,
                              seal=self._seal)  # fmt: skip
        self._writer.refused = self._told
        self._thread: object | None = None
        self._life: Callable[[], _Life | None] = _ended
        """Of the thread, as long as it lives; None of one that died, also before its first instruction."""
        self._asked = self._answered = 0
        """Flushes."""
        self._closed = self._hurried = False
        self._urgent = False
        """An incident is at the writer."""

    # The request path.

    def put(self, captured: Captured) -> None:
        """Take a captured recording. Never raises; waits 50 ms at the very most, for another thread's put."""
        size, kind = _measured(captured)
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            self._captured += 1
            self._refused["spool-busy"] += 1
            return
        try:
            self._count(captured, size, kind)
        finally:
            self._lock.release()
        self._ring()
        if ending.exited():
            self.flush(ending.EXIT_SECONDS)

    def _count(self, captured: Captured, size: int, kind: Hashable) -> None:
        """It is taken, or counted by reason. By itself, so that `put` is short: see
        `replay.core.encoder.Encoder._written`."""
        self._captured += 1
        try:
            reason = "spool-failed" if size < 0 else self._put(captured, size, kind)
        except Exception:
            reason = "spool-failed"
        if reason is not None:
            self._refused[reason] += 1

    def _put(self, captured: Captured, size: int, kind: Hashable) -> str | None:
        """Why it was not taken, or None."""
        if self._closed:
            return "closed"
        urgent = captured.urgent
        if urgent and not self._limiter.admits(kind, monotonic()):
            return "storm"
        if self._held + size > self._max and not (urgent and self._sacrifice(size)):
            return "queue-full"
        self._taken += size
        self._kept += 1
        (self._incidents if urgent else self._samples).append((captured, size))
        if self._thread is None or self._life() is None:
            self._start()
        return None

    def _sacrifice(self, size: int) -> bool:
        """Give up samples, the latest first, until an incident of that size fits."""
        while self._held + size > self._max:
            try:
                _, freed = self._samples.pop()
            except IndexError:
                return False
            self._taken -= freed
            self._refused["queue-full"] += 1
        return True

    @property
    def _held(self) -> int:
        return self._taken - self._writer.released

    def _start(self) -> None:
        """Start the thread. Where the interpreter no longer allows it, `flush` at exit does the work."""
        if ending.exited():
            return
        life = _Life()
        self._life = ref(life)
        self._thread = mine = object()  # before the start, which may run a signal handler that captures
        try:
            ending.at_the_first_of_a_child()
            native.new_thread(self._begin, (mine, life))
        except (RuntimeError, MemoryError):
            self._thread = None

    def _ring(self) -> None:
        try:
            if self._wake.locked():
                self._wake.release()
        except RuntimeError:  # another thread was first
            pass

    # The service's own thread.

    def stats(self) -> dict[str, Any]:
        """Counts since the start of this process: `captured` (put), `kept` (queued), `written`, `files`, `evicted`
        (files removed to make room), `dropped` (by reason), `queued` (captured and not yet written, now) and
        `queue_bytes` (what they hold). `captured` = `written` + `queued` + all `dropped`, while nothing is written.
        """
        writer = self._writer
        return {
            "captured": self._captured,
            "kept": self._kept,
            "written": writer.counts["written"],
            "files": writer.counts["files"],
            "evicted": writer.evicted,
            "dropped": self._dropped(),
            "queued": len(self._incidents) + len(self._samples) + writer.waiting,
            "queue_bytes": self._held,
        }

    def _dropped(self) -> dict[str, int]:
        return dict(self._refused.copy() + self._writer.dropped.copy())

    def flush(self, timeout: float = ending.EXIT_SECONDS) -> bool:
        """Wait until all that was put before is on disk or counted as dropped.

        `timeout` in seconds; False if it was too short.
        """
        deadline = monotonic() + timeout
        self._asked += 1
        mine = self._asked
        if self._idle() and not self._writing.locked():
            return True
        self._ring()
        while self._answered < mine:
            if self._thread is None or self._life() is None:
                failed = self._work_here(deadline)
                if failed and not self._idle():
                    return False
            if self._answered >= mine:
                break
            if monotonic() >= deadline:
                return False
            sleep(0.002)
        return True

    def _work_here(self, deadline: float) -> bool:
        """Do the work of a thread that there is not: it may not start any more, or its memory ran out. Whether a defect
        of ours or the lack of memory ended it: then what is left waits for the next flush."""
        left = len(self._incidents) + len(self._samples) + 1
        for _ in range(left):  # what was lost is no longer queued, and the writer has counted it
            try:
                Context().run(self._work, deadline)
                return False
            except Exception:
                self._urgent = False
                lost("writer-failed")
        return True

    def _idle(self) -> bool:
        return not self._incidents and not self._samples and not self._writer.waiting and not self._held

    def hurry(self) -> None:
        """The process is about to end: from now on samples do not wait for company. Safe in a signal handler."""
        self._hurried = True
        self._ring()

    def close(self, timeout: float = ending.EXIT_SECONDS) -> bool:
        """Take no more, flush, and end the thread."""
        self._closed = True
        done = self.flush(timeout)
        self._ring()
        return done

    def in_child(self) -> None:
        """After a fork: what is queued is the parent's to write; the counts are its own."""
        self._reset()

    # The writer's thread.

    def _begin(self, mine: object, life: _Life) -> None:
        """`life` is only held here, and so tells of an end that came before this could say anything."""
        try:
            Context().run(self._run)
        except SystemExit:  # from the code of a value; the next `put` starts another thread
            pass
        finally:  # whatever ended it, memory that ran out above all
            if self._thread is mine:
                self._thread = None

    def _run(self) -> None:
        turns = _Turns(self)
        pace.pause.set(turns.give_way)
        while not self._closed or self._incidents or self._samples or self._writer.waiting:
            try:
                wait = self._work()
                if self._each is not None:
                    self._each()
            except Exception:  # a defect of ours, which lost nothing that is not counted; the service goes on
                lost("writer-failed")
                wait = 1.0
            if not self._closed:
                self._wake.acquire(True, wait)
                turns.begin()

    def _work(self, deadline: float | None = None) -> float:
        """Settle what is queued and write what is due. Returns the seconds until more is due, -1: nothing is."""
        if not self._writing.acquire(True, -1 if deadline is None else max(0.0, deadline - monotonic())):
            return -1
        try:
            asked = self._asked
            writer = self._writer
            give_way = pace.pauses()
            for _ in range(len(self._incidents) + len(self._samples)):
                if deadline is not None and monotonic() > deadline:
                    return -1
                try:  # incidents first, also those that came meanwhile
                    captured, size = (self._incidents or self._samples).popleft()
                except IndexError:  # given up by `put`
                    break
                self._urgent = captured.urgent
                begun = writer.begun
                try:
                    writer.take(captured, size, len(self._incidents))
                finally:
                    if writer.begun == begun:  # no memory to call it
                        writer.released += size
                        writer.dropped["spool-failed"] += 1
                self._urgent = False
                del captured
                if give_way is not None:
                    give_way()
            if asked > self._answered or self._closed or self._hurried or writer.wait == 0:
                writer.write_samples()
            self._tell()
            self._answered = asked
            return writer.wait
        finally:
            self._writing.release()

    @property
    def presses(self) -> bool:
        """Whether somebody waits for the writer, or an incident does."""
        incidents = self._urgent or bool(self._incidents)
        return incidents or self._asked > self._answered or self._closed or self._hurried

    def _tell(self) -> None:
        """Warn of the first loss, and whenever the folder can be written no longer, or again. Here: a log handler may
        be slow, or capture."""
        trouble = self._writer.trouble or next((reason for reason in self._refused if reason != "closed"), None)
        if trouble is not None and not self._said:
            self._said = True
            _warn("replay: a recording was dropped: %s. Said once; replay.stats() counts them.", trouble)
        refused, now = self._writer.refused, monotonic()
        if (refused is None) != (self._told is None) and now - self._told_at >= _AGAIN_SECONDS:
            self._told, self._told_at = refused, now
            if refused is None:
                _warn("replay: recordings are written to %s again.", self.folder)
            else:
                _warn("replay: nothing can be written to %s (%s): recordings are dropped, and counted in "
                      "replay.stats(). Make the folder writable, or make room; each one is tried.",
                      self.folder, refused)  # fmt: skip


def _warn(text: str, *values: object) -> None:
    try:
        _log.warning(text, *values)
    except Exception:  # a service's handler
        pass


def _fixed(folder: Path) -> Path:
    """The same one wherever the process goes: a service that changes its folder would leave bundles in each."""
    try:
        return folder.absolute()
    except OSError:  # the current folder is gone: writes say so
        return folder


class _Life:
    """Held by the thread alone."""

    __slots__ = ("__weakref__",)


def _ended() -> None:
    return None


class _Turns:
    """The writer and the service take turns at the interpreter."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._busy_until = 0.0
        self.begin()

    def begin(self) -> None:
        """A piece of work begins."""
        self._began = perf_counter()

    def give_way(self) -> None:
        """Let others have the interpreter, where this piece of work was long enough."""
        now = perf_counter()
        worked = now - self._began
        if worked <= GIVE_WAY_SECONDS or ending.is_near():
            return
        presses = self._spool.presses
        if presses and worked <= _PRESSING_SECONDS:
            return
        native.sleep(0)
        self._began = perf_counter()
        if self._began - now > _CONTENDED_SECONDS:
            self._busy_until = self._began + _BUSY_SECONDS
        if self._began < self._busy_until and not presses:
            native.sleep(min(worked * _RESTS, _REST_SECONDS))
            self._began = perf_counter()
