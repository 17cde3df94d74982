"""Where a replay stops: at the entry, at the line that raised, at an interaction, where a condition holds.

Only what cannot be known otherwise is traced: exceptions of user code, its lines for a condition.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from linecache import getline
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.looking import dotted
from replay.core.recording import Interaction, Outcome
from replay.core.snapshot import snapshot_error
from replay.core.verdict import Frame
from replay.engine.user_code import UserCode
from replay.surfaces.config import load
from replay.surfaces.debug_prompt import Leave, stop, stop_outside_trace
from replay.surfaces.debug_world import sealed

MOST_RAISED = 2_000
"""Exceptions of user code that are kept until it is known which of them was the outcome."""
_PASSING = (StopIteration, StopAsyncIteration, GeneratorExit)


class Raised(msgspec.Struct, frozen=True):
    """One raising in user code, such that the same run finds it again."""

    error_type: str
    file: str
    line: int
    function: str
    number: int
    """How many of the same type came from this line before, in this run."""


@contextmanager
def tracing(call: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    """`call` traces this thread and those that are started meanwhile."""
    before = sys.gettrace()
    sys.settrace(call)
    threading.settrace(call)
    try:
        yield
    finally:
        threading.settrace(None)
        sys.settrace(before)


class Scout:
    """Notes what user code raises, to find the raising that became the outcome."""

    def __init__(self, user: UserCode) -> None:
        self._user = user
        self._seen: Counter[tuple[str, str, int, str]] = Counter()
        self._raised: deque[tuple[Raised, BaseException]] = deque(maxlen=MOST_RAISED)

    def call(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not self._user(frame):
            return None
        frame.f_trace_lines = False
        return self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "exception":
            raised = self.noted(frame, *arg[1:])
            if raised is not None:
                self._raised.append((raised, arg[1]))
        return self._local

    def noted(self, frame: FrameType, error: BaseException, traceback: TracebackType | None) -> Raised | None:
        """What is raised here for the first time; None for what only passes through."""
        traceback = traceback and traceback.tb_next
        while traceback is not None:
            if self._user(traceback.tb_frame):
                return None
            traceback = traceback.tb_next
        key = (dotted(type(error)), frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        self._seen[key] += 1
        return Raised(*key, self._seen[key] - 1)

    def of(self, outcome: Outcome | None) -> tuple[Raised, BaseException] | None:
        """The raising that is this outcome; of one that is no error (an answer of status 500), the last one."""
        if outcome is not None and outcome.state == "raised":
            for raised, error in reversed(self._raised):
                if snapshot_error(error).settle().text == outcome.payload.text:
                    return raised, error
            for raised, error in reversed(self._raised):
                if raised.error_type == outcome.payload.error_type:
                    return raised, error
        return next((pair for pair in reversed(self._raised) if not isinstance(pair[1], _PASSING)), None)


@contextmanager
def following(root: Path) -> Iterator[Callable[[Outcome | None], TracebackType | None]]:
    """Follow what the project at `root` raises; afterwards gives the traceback of an outcome, to its line there."""
    user = UserCode(load(root).root)
    scout = Scout(user)

    def raised(outcome: Outcome | None) -> TracebackType | None:
        found = scout.of(outcome)
        return None if found is None else _to_user_code(found[1].__traceback__, user)

    with tracing(scout.call):
        yield raised


def _to_user_code(traceback: TracebackType | None, user: UserCode) -> TracebackType | None:
    """A copy that ends at the innermost frame of user code."""
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    while entries and not user(entries[-1].tb_frame):
        entries.pop()
    copy: TracebackType | None = None
    for entry in reversed(entries):
        copy = TracebackType(copy, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return copy


class AtRaise:
    """Stops at a raising that a scout found."""

    def __init__(self, user: UserCode, wanted: Raised, leave_run: Leave) -> None:
        self._scout = Scout(user)
        self._user = user
        self._wanted = wanted
        self._leave = leave_run
        self.reached = False

    def call(self, frame: FrameType, event: str, arg: Any) -> Any:
        if self.reached or not self._user(frame):
            return None
        frame.f_trace_lines = False
        return self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Any:
        if self.reached:
            return None
        if event == "exception" and self._scout.noted(frame, *arg[1:]) == self._wanted:
            self.reached = True
            threading.settrace(None)
            return stop(frame, event, arg, self._user, self._leave)
        return self._local


class AtLine:
    """Stops before the first line of user code for which `wanted(frame)` is true."""

    def __init__(self, user: UserCode, wanted: Callable[[FrameType], bool], leave_run: Leave) -> None:
        self._user = user
        self._wanted = wanted
        self._leave = leave_run
        self.reached = False

    def call(self, frame: FrameType, event: str, arg: Any) -> Any:
        return None if self.reached or not self._user(frame) else self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Any:
        if self.reached:
            return None
        if event == "line" and self._wanted(frame):
            self.reached = True
            threading.settrace(None)
            return stop(frame, event, arg, self._user, self._leave)
        return self._local


class AtAsk:
    """Stops where an interaction was asked, before it is served."""

    def __init__(self, user: UserCode, seq: int, leave_run: Leave) -> None:
        self._user = user
        self._seq = seq
        self._leave = leave_run
        self.reached = False

    def on_ask(self, interaction: Interaction, asked: Value) -> None:
        if interaction.seq == self._seq and not self.reached:
            self.reached = True
            stop_outside_trace(self._user.asking(sys._getframe(1)), self._user, self._leave)


def entry_of(target: Any) -> Callable[[FrameType], bool]:
    """True for a line of the target itself; of an application object, of any user code."""
    code = _code(target)
    return (lambda frame: True) if code is None else (lambda frame: frame.f_code is code)


def _code(target: Any) -> CodeType | None:
    function = getattr(inspect.unwrap(target), "__func__", inspect.unwrap(target))
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def first_line(target: Any) -> Frame | None:
    """Where the target's body begins; None of an application object."""
    code = _code(target)
    if code is None:
        return None
    lines = [line for _, _, line in code.co_lines() if line and line > code.co_firstlineno]
    line = min(lines, default=code.co_firstlineno)
    return Frame(code.co_filename, line, code.co_name, getline(code.co_filename, line).strip())


def condition(code: CodeType) -> Callable[[FrameType], bool]:
    """True where the expression is true; where it cannot be evaluated, false."""

    def holds(frame: FrameType) -> bool:
        with sealed():
            try:
                return bool(eval(code, frame.f_globals, frame.f_locals))  # noqa: S307  # the user's own, from argv
            except Exception:  # a name that is not there yet: false
                return False

    return holds
