"""A debugger inside a replay: it runs outside the recording's world, and what is evaluated at its prompt is sealed.

While somebody sits at the prompt nothing of the recording may be used up, and what the debugger itself does (files,
terminal, sockets, time) is not the code's doing. What the user evaluates there is answered by nobody, and refused.
"""

from __future__ import annotations

import bdb
import os
import pdb
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from replay.engine.user_code import UserCode, is_machinery
from replay.errors import UsageError
from replay.surfaces.debug_vscode import is_attached, suspend
from replay.surfaces.debug_world import outside, sealed

Leave = Callable[[str], NoReturn]
"""Ends this run: `restart` or `quit`."""


class Prompt(pdb.Pdb):
    """pdb, stopped at a frame of the replay. `restart` and `run` begin the same run again, `quit` ends it."""

    def __init__(self, user: UserCode, leave_run: Leave) -> None:
        super().__init__(nosigint=True)
        self.prompt = "(replay) "
        self._user = user
        self._leave = leave_run

    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Stop now. Called inside a trace callback, so that pdb's own code is not traced."""
        self.reset()
        running = list(self._user.outward(frame)) or [frame]
        self.botframe = running[-1]
        for outer in _until(frame, self.botframe):
            outer.f_trace, outer.f_trace_lines = self.trace_dispatch, True
        self.set_step()
        sys.settrace(self.trace_dispatch)
        return self.trace_dispatch(frame, event, arg)

    def stop_here(self, frame: FrameType) -> bool:
        """Steps stay in user code and in what it calls: not in our machinery, nor in the loop that runs a task."""
        outer: FrameType | None = frame
        while outer is not None and not self._user(outer):
            if is_machinery(outer):
                return False
            outer = outer.f_back
        return outer is not None and super().stop_here(frame)

    def interaction(self, *args: Any, **kwargs: Any) -> None:
        with outside():
            super().interaction(*args, **kwargs)

    def default(self, line: str) -> Any:
        with sealed():
            return super().default(line)

    def _getval(self, arg: str) -> Any:
        with sealed():
            return super()._getval(arg)

    def _getval_except(self, arg: str, *args: Any, **kwargs: Any) -> Any:
        with sealed():
            return super()._getval_except(arg, *args, **kwargs)

    def do_run(self, arg: str) -> NoReturn:
        """Begin the same run again, from its start: r(estart)/run."""
        self._leave("restart")

    def do_quit(self, arg: str) -> NoReturn:
        """End the run and the debugger."""
        self._leave("quit")

    def do_EOF(self, arg: str) -> NoReturn:
        """End of the input: quit."""
        self.message("")
        self._leave("quit")

    do_restart = do_run
    do_q = do_exit = do_quit


def _until(frame: FrameType, outermost: FrameType) -> Iterator[FrameType]:
    found: FrameType | None = frame
    while found is not None:
        yield found
        found = None if found is outermost else found.f_back


def check_hook() -> None:
    """Raise UsageError if PYTHONBREAKPOINT turns debuggers off."""
    if os.environ.get("PYTHONBREAKPOINT") == "0":
        raise UsageError(
            "PYTHONBREAKPOINT=0 turns debuggers off: unset it, or name one (PYTHONBREAKPOINT=ipdb.set_trace)",
            slug="debugger-off",
        )


def is_own() -> bool:
    """No other debugger is asked for, as `breakpoint()` would have it: pdb, in our form."""
    named = os.environ.get("PYTHONBREAKPOINT", "")
    return sys.breakpointhook is sys.__breakpointhook__ and named in ("", "pdb.set_trace")


def stop(frame: FrameType, event: str, arg: Any, user: UserCode, leave_run: Leave) -> Any:
    """Stop at `frame` in the debugger; returns the trace function from here on. Called inside a trace callback."""
    if is_attached():
        suspend(frame)
        return frame.f_trace
    if is_own():
        return Prompt(user, leave_run).enter(frame, event, arg)
    return _hand_over(frame, event, arg)


def stop_outside_trace(frame: FrameType, user: UserCode, leave_run: Leave) -> None:
    """Stop at `frame`, which is some calls up the stack, now: what it called goes on afterwards."""

    def spring(_: FrameType, __: str, ___: Any) -> None:
        frame.f_trace_lines = True
        tracer = stop(frame, "line", None, user, leave_run)
        if tracer is not None:
            frame.f_trace = tracer

    before = sys.gettrace()
    sys.settrace(spring)
    _sprung()
    if sys.gettrace() is spring:  # the debugger did not ask for more
        sys.settrace(before)


def _sprung() -> None:
    """Called to make the interpreter run a trace callback."""


def _hand_over(frame: FrameType, event: str, arg: Any) -> Any:
    """Call the debugger as `breakpoint()` does, then give it this very event: it would stop only at the next one."""
    before = sys.gettrace()
    with outside():
        sys.breakpointhook()
        tracer: Any = sys.gettrace()
        if tracer is None or tracer is before:
            return None
        debugger = getattr(tracer, "__self__", None)
        if isinstance(debugger, bdb.Bdb):
            tracer = _outside_tracer(debugger, frame)
        return tracer(frame, event, arg)


def _outside_tracer(debugger: bdb.Bdb, frame: FrameType) -> Any:
    """Its later prompts are outside the world too."""
    original = debugger.trace_dispatch

    def trace_dispatch(frame: FrameType, event: str, arg: Any) -> Any:
        with outside():
            return original(frame, event, arg)

    debugger.trace_dispatch = trace_dispatch  # type: ignore[method-assign]  # bdb hands out the attribute everywhere
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_trace is not None:
            outer.f_trace = None if is_machinery(outer) else trace_dispatch
        outer = outer.f_back
    sys.settrace(trace_dispatch)
    return trace_dispatch
