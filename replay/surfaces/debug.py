"""`replay debug`: a replay that stops in a debugger, in processes that all begin from the same state."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from replay.errors import Unanswerable, UsageError
from replay.surfaces.debug_process import Depart, Lines, Message, can_fork, fresh, here, run_as
from replay.surfaces.debug_session import CODES, Debugger, RunError, Work
from replay.surfaces.debug_vscode import check_port, is_attached, launch_configurations
from replay.surfaces.page import Page


def debug(debugger: Debugger, work: Callable[[Callable[[Work], Message]], Message]) -> Message:
    """`work` with each run in a process of its own, where that can be.

    The target is imported once, in a process that is forked for each run. If importing it starts threads, which a
    fork would lose, each run imports it again. A debugger that is attached to this process debugs this process.
    """
    if not can_fork() or is_attached():
        return work(here)
    with ExitStack() as stack:
        if not sys.stdin.isatty():
            stack.callback(setattr, sys, "stdin", sys.stdin)
            sys.stdin = Lines()

        def nursery(depart: Depart) -> Message:
            debugger.target()
            return work(fresh) if can_fork() else Message(end="crowded")

        message = fresh(nursery)
        if message.end == "crowded":
            message = work(fresh)
    if message.end == "failed":
        raise RunError(message)
    return message


def ask_again(message: Message) -> bool:
    """After a run: does the user want the same one again? pdb's own `quit` is the end."""
    if message.end == "interrupted" or (message.end == "quit" and not message.reached):
        return False
    try:
        return input("r restarts, q ends: ").strip().lower() in ("r", "restart", "run")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def run_command(
    debugger: Debugger,
    page: Page,
    emit: Callable[[Any], None],
    *,
    vscode: bool = False,
    listen: int | None = None,
    as_json: bool = False,
) -> int:
    """What `replay debug` does; returns the exit code. Raises ReplayError."""
    plan = debugger.plan
    if as_json and (plan.at is not None or plan.until is not None):
        raise UsageError("--json goes with --steps, or alone: it prints where a run would stop")
    if listen is not None and plan.steps:
        raise UsageError("--steps is for a terminal: leave --listen out")
    if listen is not None:
        check_port(listen)
    wanted = debugger.environment
    if vscode:
        emit(launch_configurations(debugger.command, {k: v for k, v in wanted.items() if v is not None}))
        return 0
    if not is_attached() and any(os.environ.get(name) != value for name, value in wanted.items()):
        words = [*debugger.command, *(["--steps"] if plan.steps else []), *(["--json"] if as_json else [])]
        words += [] if listen is None else ["--listen", str(listen)]
        environ = {name: value for name, value in {**os.environ, **wanted}.items() if value is not None}
        return run_as(words, environ)
    if as_json and not plan.steps:

        def scout(process: Callable[[Work], Message]) -> Message:
            return Message(end="done", text=json.dumps(debugger.place(process)))

        emit(json.loads(debug(debugger, scout).text))
        return 0
    if as_json:
        documents, verdict = debugger.steps()
        if verdict.status == "unanswerable":
            raise Unanswerable(verdict.reason or "it cannot be run")
        emit(documents)
        return CODES[verdict.status]
    if listen is not None or (is_attached() and not plan.steps):
        return debugger.attached(listen)
    if plan.steps:
        return debug(debugger, lambda process: debugger.walk(process, page)).code
    return debug(debugger, lambda process: debugger.session(process, ask_again)).code
