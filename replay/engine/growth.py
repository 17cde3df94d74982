"""Growth: a run that takes far more work or memory than the recording's own, for no more data.

A look at the clock after each run costs a tenth of a microsecond, and only says which runs to look at: the processor's
own clock and the peak of memory are system calls, which sandboxes make dear. Those runs are made again and *counted*:
lines of Python that were executed, and bytes that were allocated. What is compared does not depend on the machine or on
its load, unless the work is done in C.
"""

from __future__ import annotations

import sys
import tracemalloc
from time import perf_counter, thread_time
from typing import Any

from replay.core.recording import Recording
from replay.engine.execution import Execution
from replay.engine.failures import Failure
from replay.engine.mutation import Edits
from replay.engine.stage import Stage

try:
    import resource
except ImportError:  # Windows: there is no peak to be had
    resource = None  # type: ignore[assignment]

FACTOR = 30
"""Times the baseline's work, for as much data, that count as growth."""
SLOW = 0.1
"""Seconds below which a run is not looked at."""
QUICK = 0.002
"""Seconds more than the quickest run, within which nobody fills so much memory that it is looked at."""
LARGE = 48 << 20
"""Bytes below which a run's memory is not looked at."""
AGAIN = 3
"""Runs that must all take too long where only time can be measured: a busy machine makes any of them slow."""
MOST_LINES = 20_000_000
"""Lines that are counted."""
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


class Growth:
    """Looks at each run of one process."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._began = 0.0
        self._least = SLOW
        """Seconds of the quickest run so far."""
        self._peak = _peak()
        self._base: tuple[int, int, float] | None = None
        self._looking = False

    def start(self) -> None:
        """A run begins."""
        self._began = perf_counter()

    def judge(self, edits: Edits, execution: Execution) -> Failure | None:
        """Whether the run that has just ended grew."""
        took, grown = perf_counter() - self._began, 0
        self._least = min(self._least, took)
        if took - self._least >= QUICK:
            before, self._peak = self._peak, _peak()
            grown = self._peak - before
        if (took < SLOW and grown < LARGE) or self._looking or not edits:
            return None
        self._looking = True
        try:
            spent = self._seconds(edits) if took >= SLOW else 0.0
            return self._counted(edits, execution, spent, grown)
        finally:
            self._looking = False
            self._peak = _peak()

    def _counted(self, edits: Edits, execution: Execution, spent: float, grown: int) -> Failure | None:
        if spent < SLOW and grown < LARGE:
            return None  # the machine was busy, or something waited
        if self._base is None:
            seconds = max(self._seconds(()), 0.0005)
            self._base = (max(100, self._lines((), MOST_LINES)), max(4096, self._memory(())), seconds)
        more = FACTOR * max(1.0, _size(execution.mutated) / max(1, _size(self._stage.recording)))
        base_lines, base_memory, base_seconds = self._base
        if spent >= SLOW and self._lines(edits, int(more * base_lines)) >= int(more * base_lines):
            return _failure("time", "executes", "lines")
        if grown >= LARGE and self._memory(edits) > max(more * base_memory, LARGE / 2):
            return _failure("memory", "holds", "memory")
        most = max(more * base_seconds, SLOW)
        if spent > most and all(self._seconds(edits) > most for _ in range(AGAIN)):  # its work is done in C
            return _failure("time", "takes", "time")
        return None

    def _seconds(self, edits: Edits) -> float:
        """Of the processor's time."""
        began = thread_time()
        self._stage.execute(edits)
        return thread_time() - began

    def _lines(self, edits: Edits, most: int) -> int:
        """Lines of Python that it executes; no more than `most` are counted, since counting is slow."""
        count = 0

        def traced(frame: Any, event: str, argument: Any) -> Any:
            nonlocal count
            count += 1
            if count < most:
                return traced
            sys.settrace(None)
            return None

        before = sys.gettrace()
        sys.settrace(traced)
        try:
            self._stage.execute(edits)
        finally:
            sys.settrace(before)
        return count

    def _memory(self, edits: Edits) -> int:
        """The most bytes that it holds at a time."""
        running = tracemalloc.is_tracing()
        if not running:
            tracemalloc.start(1)
        try:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            self._stage.execute(edits)
            return max(0, tracemalloc.get_traced_memory()[1] - before)
        finally:
            if not running:
                tracemalloc.stop()


def _failure(what: str, does: str, measure: str) -> Failure:
    message = f"{does} more than {FACTOR} times the baseline's {measure} for as much data"
    return Failure("growth", f"growth of {what}", message, ())


def _peak() -> int:
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def _size(recording: Recording) -> int:
    return len(recording.input.text) + sum(len(each.answer.text) for each in recording.interactions)
