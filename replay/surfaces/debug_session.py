"""One recording under a debugger: where it stops, and its runs, which begin again as often as wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

import msgspec

from replay.boundaries.environ import apply
from replay.boundaries.interpreter import variables
from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.engine.player import OnAsk
from replay.engine.targets import Targets
from replay.engine.user_code import UserCode
from replay.errors import ReplayError, UsageError
from replay.surfaces.config import load
from replay.surfaces.debug_process import Depart, Message, here
from replay.surfaces.debug_prompt import check_hook
from replay.surfaces.debug_steps import Steps
from replay.surfaces.debug_stops import AtAsk, AtLine, AtRaise, Raised, Scout, condition, entry_of, first_line, tracing
from replay.surfaces.debug_vscode import (
    break_at,
    place_to_stop,
    shield,
    wait_for_client,
)
from replay.surfaces.init import install, replaying
from replay.surfaces.page import Page
from replay.surfaces.printable import clip
from replay.surfaces.run import run as replay_recording
from replay.surfaces.text import headline

Work = Callable[[Depart], Message]
Say = Callable[[str], None]
TEXT = 300
"""Columns of a verdict's headline."""
CODES = {"reproduced": 0, "changed": 1, "diverged": 1, "unanswerable": 4}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Where to stop. With none of the three: at the line that raised, or at the entry."""

    at: int | None = None
    until: str | None = None
    steps: bool = False

    def check(self, recording: Recording) -> None:
        """Raises UsageError for what this recording cannot be stopped at."""
        if sum((self.at is not None, self.until is not None, self.steps)) > 1:
            raise UsageError("give one of --at, --until and --steps")
        number = len(recording.interactions)
        if self.at is not None and not 0 <= self.at < number:
            known = f"it has 0 to {number - 1}" if number else "it has none"
            raise UsageError(
                f"--at {self.at}: recording {recording.id} has no such interaction; {known} (see `replay show`)",
                slug="no-such-interaction",
            )
        if self.until is not None:
            self.code()

    def code(self) -> CodeType:
        """`until`, compiled."""
        try:
            return compile(self.until or "", "--until", "eval")
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"--until {self.until}: no Python expression: {error}", slug="until") from error


class Debugger:
    """One recording under a debugger. `options` are those of `replay.run`; `say` prints a line."""

    def __init__(self, recording: Recording, path: Path, plan: Plan, options: Mapping[str, Any], say: Say) -> None:
        plan.check(recording)
        check_hook()
        root = options.get("root")
        config = load(Path(root) if root is not None else Path.cwd())
        self._recording = recording
        self._path = path
        self.plan = plan
        self._options = dict(options)
        self._say = say
        self._config = config
        self._user = UserCode(config.root)

    @property
    def command(self) -> list[str]:
        """The arguments of `replay` that start this again."""
        words = ["debug", f"{self._path}::{self._recording.id}"]
        if self.plan.at is not None:
            words += ["--at", str(self.plan.at)]
        if self.plan.until is not None:
            words += ["--until", self.plan.until]
        if self._options.get("root"):
            words += ["--root", str(self._options["root"])]
        for name in ("allow", "live"):
            words += [word for value in self._options.get(name, ()) for word in (f"--{name}", value)]
        for recorded, new in (self._options.get("targets") or {}).items():
            words += ["--target", f"{recorded}={new}"]
        return words

    @property
    def environment(self) -> dict[str, str | None]:
        """The variables that the interpreter must be started with; None: not set."""
        return variables(self._recording)

    def target(self) -> Any:
        """Import what will run. Raises Unanswerable."""
        apply(self._recording)
        if str(self._config.root) not in sys.path:
            sys.path.insert(0, str(self._config.root))
        install()
        allow = (*self._config.allow, *self._options.get("allow", ()))
        replaced = {**self._config.targets, **(self._options.get("targets") or {})}
        with replaying():
            return Targets(self._config.root, allow, replaced).load(self._recording.entrypoint)

    def replay(self, on_ask: OnAsk | None = None) -> Verdict:
        """One run."""
        verdict = replay_recording(self._recording, **self._options, on_ask=on_ask, once=True)
        return msgspec.structs.replace(verdict, path=str(self._path))

    # A run that stops ------------------------------------------------------------------------------------------

    def session(self, process: Callable[[Work], Message], again: Callable[[Message], bool]) -> Message:
        """Scout, then run until the user has enough. `process` runs one of them."""
        stop = partial(self._stopping, raised=self._scouted(process))
        while True:
            message = process(stop)
            self._report(message)
            if message.end != "restart" and not again(message):
                return message

    def _scouted(self, process: Callable[[Work], Message]) -> Raised | None:
        """Where the error is raised, found by a run of its own; None: it is not asked for, or there is none."""
        if self._goes_elsewhere:
            return None
        message = process(self._scout)
        if message.end == "failed":
            raise RunError(message)
        if message.text:
            self._say(message.text)
        return None if message.raised is None else msgspec.convert(message.raised, Raised)

    def _scout(self, depart: Depart) -> Message:
        entry = first_line(self.target())
        scout = Scout(self._user)
        with tracing(scout.call), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            verdict = self.replay()  # what the code prints is for the run that stops
        if verdict.status == "unanswerable":
            return Message(end="failed", text=verdict.reason or "", slug="unanswerable", code=4)
        failed = self._recording.status == "error" or (verdict.outcome and verdict.outcome.state == "raised")
        found = scout.of(verdict.outcome) if failed else None
        text = "" if verdict.status == "reproduced" else clip(headline(verdict), TEXT)
        if self._recording.status == "error" and found is None:
            text = f"{text}\nNothing of the project raises in this run: stopping at the entry.".lstrip()
        return Message(
            end="done",
            text=text,
            raised=None if found is None else msgspec.to_builtins(found[0]),
            entry=None if entry is None else msgspec.to_builtins(entry),
            status=verdict.status,
        )

    def place(self, process: Callable[[Work], Message]) -> dict[str, Any]:
        """Where a run would stop: `{path, id, status, error_type, stop: {file, line, function} or None}`."""
        message = process(self._scout)
        if message.end == "failed":
            raise RunError(message)
        raised = message.raised
        found = raised or message.entry
        return {
            "path": str(self._path),
            "id": self._recording.id,
            "status": message.status,
            "error_type": None if raised is None else raised["error_type"],
            "stop": None if found is None else {name: found[name] for name in ("file", "line", "function")},
        }

    def attached(self, listen: int | None) -> int:
        """One run under debugpy, in this process; it waits for a client first if it should listen."""
        stop = {} if self._goes_elsewhere else place_to_stop(self.command)
        if listen is not None:
            wait_for_client(listen)
        shield()
        if stop:
            break_at(stop["file"], stop["line"])
        if self._goes_elsewhere:
            message = here(partial(self._stopping, raised=None))
            self._report(message)
            return message.code
        verdict = self.replay()
        self._report(self._ended(verdict, True))
        return CODES[verdict.status]

    @property
    def _goes_elsewhere(self) -> bool:
        return self.plan.at is not None or self.plan.until is not None

    def _stopping(self, depart: Depart, raised: Raised | None) -> Message:
        target = self.target()

        def leave(end: str) -> NoReturn:
            depart(Message(end=end))

        if self.plan.at is not None:
            at = AtAsk(self._user, self.plan.at, leave)
            return self._ended(self.replay(at.on_ask), at.reached)
        stop: AtLine | AtRaise
        if self.plan.until is not None:
            stop = AtLine(self._user, condition(self.plan.code()), leave)
        elif raised is not None:
            stop = AtRaise(self._user, raised, leave)
        else:
            stop = AtLine(self._user, entry_of(target), leave)
        with tracing(stop.call):
            verdict = self.replay()
        return self._ended(verdict, stop.reached)

    def _ended(self, verdict: Verdict, reached: bool) -> Message:
        if verdict.outcome is not None and verdict.outcome.payload.error_type == "bdb.BdbQuit":
            return Message(end="quit", reached=reached)  # another debugger's way out
        if verdict.status == "unanswerable":
            return Message(end="failed", text=verdict.reason or "", slug="unanswerable", code=4)
        code = CODES[verdict.status] if reached else 1
        return Message(end="done", text=clip(headline(verdict), TEXT), code=code, reached=reached)

    def _report(self, message: Message) -> None:
        if message.end == "failed":
            raise RunError(message)
        if message.end != "done":
            return
        if not message.reached:
            self._say(self._missed())
        self._say(f"The replay has ended: {message.text}")

    def _missed(self) -> str:
        if self.plan.at is not None:
            return f"Interaction {self.plan.at} was not asked in this run."
        if self.plan.until is not None:
            return f"`{self.plan.until}` was true at no line of the project."
        return "The run did not come by the place to stop at."

    # Steps ------------------------------------------------------------------------------------------------------

    def walk(self, process: Callable[[Work], Message], page: Page) -> Message:
        """Forwards and backwards between interactions, until the user has enough."""
        wanted = -1
        while True:
            message = process(partial(self._walking, wanted=wanted, page=page))
            if message.end == "failed":
                raise RunError(message)
            if message.end == "goto":
                wanted = message.seq
            elif message.end == "restart":
                wanted = -1
            else:
                return message

    def _walking(self, depart: Depart, wanted: int, page: Page) -> Message:
        self.target()
        steps = Steps(self._recording, self._user, page, depart, wanted)
        verdict = self.replay(steps.on_ask)
        if verdict.status == "unanswerable":
            return Message(end="failed", text=verdict.reason or "", slug="unanswerable", code=4)
        return steps.end(clip(headline(verdict), TEXT), CODES[verdict.status])

    def steps(self) -> tuple[list[dict[str, Any]], Verdict]:
        """All steps as a document, in the order in which they were asked, and the verdict."""
        self.target()
        steps = Steps(self._recording, self._user, Page(), None, -1)
        with redirect_stdout(sys.stderr):
            verdict = self.replay(steps.on_ask)
        return steps.documents, verdict


class RunError(ReplayError):
    """What another process said of its failure."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text, slug=message.slug)
        self.exit_code = message.code
