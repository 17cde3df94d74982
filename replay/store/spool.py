"""The background writer: what the request path hands over becomes bundles in a folder, and never troubles the service.

The request path appends to a queue that is bounded in bytes; one daemon thread settles (encodes, redacts) and writes.
Everything fails open: what cannot be kept is counted by reason and said once in the log.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import weakref
from _thread import allocate_lock  # the originals, whatever the service patches later
from collections import Counter, deque
from collections.abc import Callable
from contextvars import Context
from os import urandom
from pathlib import Path
from threading import Thread
from time import gmtime, monotonic, sleep, strftime
from typing import Any, Protocol

from replay.core.recording import Recording
from replay.errors import BundleError, RedactionError
from replay.store.bundle import SUFFIX, write_bundle

SEGMENT = 200
"""Most recordings of one segment of samples."""
SEGMENT_SECONDS = 5.0
"""Longest time that a sample waits for its segment to fill."""
EXIT_SECONDS = 5.0
"""Longest delay of the end of the process, all spools together."""
_LOCK_SECONDS = 0.05
"""Longest wait of the request path. It also ends a wait of a signal handler for its own thread."""

_log = logging.getLogger("replay")


class Captured(Protocol):
    """What the request path hands over."""

    @property
    def size(self) -> int:
        """About how many bytes it holds in memory."""
        ...

    @property
    def urgent(self) -> bool:
        """An incident: written at once, in a bundle of its own."""
        ...

    def settle(self) -> Recording:
        """The recording. Called once, on the writer's thread. What it raises drops this recording."""
        ...


class _Segment:
    """Settled samples that wait to be written together."""

    def __init__(self) -> None:
        self.recordings: dict[str, Recording] = {}
        self.size = 0
        self.due = 0.0


class Spool:
    """Writes captured recordings as bundles into `folder`, off the request path. Safe to use from any thread.

    `max_queue_bytes` bounds what is captured and not yet written; more is dropped and counted as `queue-full`.
    """

    def __init__(self, folder: str | os.PathLike[str], *, service: str, max_queue_bytes: int = 64 << 20,
                 producer: str | None = None, seal: Callable[[bytes], bytes] | None = None) -> None:  # fmt: skip
        self.folder = Path(folder)
        self._service = re.sub(r"[^A-Za-z0-9._]+", "-", service).strip("-.")[:64] or "service"
        self._producer = producer
        self._seal = seal
        self._max = max_queue_bytes
        self._unsaid: str | None = None
        self._said = False
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._reset()
        _spools.add(self)

    def _reset(self) -> None:
        """An empty queue and no thread: as new, and as a forked child needs it."""
        self._lock = allocate_lock()
        self._writing = allocate_lock()
        """Held by whoever settles and writes: the thread, or `flush` where no thread can run."""
        self._wake = allocate_lock()
        """A binary semaphore; releasing it is safe in a signal handler, which Event and Condition are not."""
        self._wake.acquire()
        self._queue: deque[tuple[Captured, int]] = deque()
        self._bytes = 0
        self._segment = _Segment()
        self._thread: Thread | None = None
        self._asked = self._answered = 0
        """Flushes."""
        self._closed = False

    # The request path.

    def put(self, captured: Captured) -> None:
        """Take a captured recording. Never raises; waits 50 ms at the very most."""
        try:
            reason = self._put(captured)
        except Exception:
            reason = "spool-failed"
        if reason is not None:
            self._drop(reason)

    def _put(self, captured: Captured) -> str | None:
        """Why it was not taken, or None."""
        size = max(0, int(captured.size))
        if not self._lock.acquire(timeout=_LOCK_SECONDS):
            return "spool-busy"
        try:
            self._counts["captured"] += 1
            if self._closed:
                return "closed"
            if self._bytes + size > self._max:
                return "queue-full"
            self._bytes += size
            self._counts["kept"] += 1
            self._queue.append((captured, size))
            if self._thread is None:
                self._start()
        finally:
            self._lock.release()
        self._ring()
        return None

    def _start(self) -> None:
        """Start the thread. Where the interpreter no longer allows it, `flush` at exit does the work."""
        if sys.is_finalizing():
            return
        thread = Thread(target=Context().run, args=(self._run,), name="replay-spool", daemon=True)
        self._thread = thread  # before the start, which may run a signal handler that captures
        _at_exit_of_a_child()
        try:
            Context().run(thread.start)
        except RuntimeError:
            self._thread = None

    def _ring(self) -> None:
        try:
            if self._wake.locked():
                self._wake.release()
        except RuntimeError:  # another thread was first
            pass

    def _drop(self, reason: str, error: BaseException | None = None) -> None:
        self._dropped[reason] += 1
        if self._unsaid is None and reason != "closed":
            # The error by its type only: its text may quote what redaction has not seen. Ours is safe.
            what = "" if error is None else f" ({error if isinstance(error, BundleError) else type(error).__name__})"
            self._unsaid = f"{reason}{what}"

    def _say(self) -> None:
        """Warn once, on the writer's thread: a log handler may be slow, or capture."""
        if self._unsaid is None or self._said:
            return
        self._said = True
        try:
            _log.warning("replay: a recording was dropped: %s. Said once; replay.stats() counts them.", self._unsaid)
        except Exception:  # a service's handler
            pass

    # The service's own thread.

    def stats(self) -> dict[str, Any]:
        """Counts since the start of this process: `captured` (put), `kept` (queued), `written`, `files`, `dropped`
        (by reason), and `queue_bytes` (captured and not yet written, now)."""
        counts: dict[str, Any] = {name: self._counts[name] for name in ("captured", "kept", "written", "files")}
        return {**counts, "dropped": dict(self._dropped), "queue_bytes": self._bytes}

    def flush(self, timeout: float = EXIT_SECONDS) -> bool:
        """Wait until all that was put before is on disk or counted as dropped.

        `timeout` in seconds; False if it was too short.
        """
        deadline = monotonic() + timeout
        if not self._lock.acquire(timeout=max(0.0, timeout)):
            return False
        self._asked += 1
        mine = self._asked
        idle = not self._queue and not self._bytes and not self._segment.recordings
        self._lock.release()
        if idle and not self._writing.locked():
            return True
        self._ring()
        while self._answered < mine:
            if self._thread is None or not self._thread.is_alive():
                Context().run(self._work, deadline)
            if self._answered >= mine:
                break
            if monotonic() >= deadline:
                return False
            sleep(0.002)
        return True

    def close(self, timeout: float = EXIT_SECONDS) -> bool:
        """Take no more, flush, and end the thread."""
        self._closed = True
        done = self.flush(timeout)
        self._ring()
        return done

    # The writer.

    def _run(self) -> None:
        mine = self._thread
        try:
            while not self._closed or self._queue or self._segment.recordings:
                try:
                    wait = self._work()
                except Exception as error:  # a defect of ours; the service goes on
                    self._drop("spool-failed", error)
                    wait = 1.0
                if not self._closed:
                    self._wake.acquire(timeout=wait)
        finally:
            if self._thread is mine:  # a SystemExit from a value's code: the next `put` starts another
                self._thread = None

    def _work(self, deadline: float | None = None) -> float:
        """Settle what is queued and write what is due. Returns the seconds until more is due, -1: nothing is."""
        with self._writing:
            asked = self._asked
            for _ in range(len(self._queue)):
                if deadline is not None and monotonic() > deadline:
                    return -1
                self._take(*self._queue.popleft())
            segment = self._segment
            if segment.recordings and (asked > self._answered or self._closed or monotonic() >= segment.due):
                self._write_segment()
            self._answered = asked
            self._say()
            if not self._segment.recordings:
                return -1
            return max(0.0, self._segment.due - monotonic())

    def _take(self, captured: Captured, size: int) -> None:
        """Settle one; write an incident, add a sample to its segment."""
        try:
            recording = captured.settle()
        except Exception as error:
            self._release(size)
            self._drop("redaction" if isinstance(error, RedactionError) else "settle-failed", error)
            return
        if captured.urgent:
            self._write([recording])
            self._release(size)
            return
        if recording.id in self._segment.recordings:  # ids differ within a bundle
            self._write_segment()
        segment = self._segment
        if not segment.recordings:
            segment.due = monotonic() + SEGMENT_SECONDS
        segment.recordings[recording.id] = recording
        segment.size += size
        if len(segment.recordings) >= SEGMENT or segment.size > self._max // 4:
            self._write_segment()

    def _write_segment(self) -> None:
        segment, self._segment = self._segment, _Segment()
        try:
            self._write(list(segment.recordings.values()))
        finally:
            self._release(segment.size)

    def _release(self, size: int) -> None:
        with self._lock:
            self._bytes -= size

    def _write(self, recordings: list[Recording]) -> None:
        """One bundle of them. Where one does not fit, the others are still written, each alone."""
        try:
            self._write_file(recordings)
        except Exception as error:
            full = isinstance(error, OSError) or getattr(error, "slug", None) == "bundle-unwritable"
            if len(recordings) > 1 and not full:
                for recording in recordings:
                    self._write([recording])
                return
            for _ in recordings:
                self._drop("write-failed", error)

    def _write_file(self, recordings: list[Recording]) -> None:
        first = recordings[0]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = strftime("%Y%m%dT%H%M%S", gmtime(first.started_at / 1e9))
        safe = re.sub(r"[^A-Za-z0-9_]+", "-", first.id).strip("-")[:32] or "recording"
        name = f"{self._service}-{stamp}-{safe}"
        try:
            write_bundle(recordings, self.folder / (name + SUFFIX), producer=self._producer, seal=self._seal)
        except BundleError as error:
            if error.slug != "bundle-exists":
                raise
            write_bundle(
                recordings, self.folder / f"{name}-{urandom(4).hex()}{SUFFIX}", producer=self._producer, seal=self._seal
            )
        self._counts["files"] += 1
        self._counts["written"] += len(recordings)

    def _in_child(self) -> None:
        """After a fork: what is queued is the parent's to write; the counts are its own."""
        self._reset()
        self._counts = Counter()
        self._dropped = Counter()


_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _at_exit() -> None:
    deadline = monotonic() + EXIT_SECONDS
    for spool in list(_spools):
        try:
            if not spool.flush(max(0.0, deadline - monotonic())):
                _log.warning("replay: the process ended before all recordings were written.")
        except Exception:  # the process is ending: nobody is left to tell
            pass


def _after_fork() -> None:
    for spool in list(_spools):
        spool._in_child()


atexit.register(_at_exit)
_finalized: set[int] = set()
"""Processes whose end is heard of."""


def _at_exit_of_a_child() -> None:
    """A child of `multiprocessing` ends without atexit, by its own finalizers, which it forgets when it is forked."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and os.getpid() not in _finalized:
        _finalized.add(os.getpid())
        util.Finalize(None, _at_exit, exitpriority=10)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
