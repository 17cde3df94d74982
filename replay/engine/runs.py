"""What a search learns of each run, and the runner that makes them in this process.

A runner takes batches: the same mutations give the same answers in the same order, whoever runs them and in how many
processes (`replay.engine.workers`), as long as the code under test keeps nothing from one run to the next.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import blake2b
from time import perf_counter
from typing import Protocol

import msgspec

from replay.core.behind import apart, body_of, error_behind, type_of
from replay.core.recording import Outcome, Recording
from replay.engine.execution import Execution
from replay.engine.failures import Failure, printable
from replay.engine.growth import Growth
from replay.engine.lines import Lines
from replay.engine.mutation import Edits
from replay.engine.stage import Stage

_LOADS = 3
"""Runs of one mutation, where each loads modules."""
_SHOWN = 200
_SHORT = 64
"""Characters of how a run ended."""


class Ran(msgspec.Struct, frozen=True, array_like=True):
    """One run, as far as a search needs it."""

    effect: bytes
    """Equal for runs that did the same, as far as the world sees it."""
    lines: bytes = b""
    """The lines it reached: a byte, 1 or 0, for each; without the zeros at the end."""
    failure: Failure | None = None
    diverged: bool = False
    stretched: int = 0
    returned: bool = False
    ended: str = ""
    """How, for people: `returned 3`, `raised KeyError: 'x'`."""
    reason: str | None = None
    """Why it could not be run."""
    result: bytes = b""
    """Equal for runs of any version of the code that ended in the same way; empty where none came to an end, and where
    the stage does not compare."""

    @property
    def does(self) -> tuple[bytes, bytes]:
        """What the run did, inside and outside."""
        return self.effect, self.lines

    @property
    def reached(self) -> int:
        """The lines as a number."""
        return int.from_bytes(self.lines, "little")


class Runner(Protocol):
    """Runs mutations."""

    workers: int
    """Processes; 0: this one."""

    def run(self, batch: Sequence[Edits], *, until: float | None = None, together: bool = False) -> list[Ran]:
        """One answer a mutation, in their order. Fewer where `until` (`time.perf_counter`) comes first. `together`: one
        after the other in the same process."""
        ...

    def recorded(self, edits: Edits) -> tuple[Ran, Recording | None]:
        """One run and, if it came to an end, the run as a recording."""
        ...

    def close(self) -> None:
        """End it. Nothing of the search is left in this process."""
        ...


class Here:
    """Runs in this process: no cost for each run, and no protection from what the code does."""

    def __init__(self, stage: Stage, lines: Lines) -> None:
        self.workers = 0
        self._stage, self._lines = stage, lines
        self._growth = Growth(stage)
        self._stack = ExitStack()
        self._stack.enter_context(stage.limited())

    def run(self, batch: Sequence[Edits], *, until: float | None = None, together: bool = False) -> list[Ran]:
        found: list[Ran] = []
        with self._stage.holding():
            for edits in batch:
                if until is not None and perf_counter() > until:
                    break
                found.append(examined(self._stage, self._lines, self._growth, edits)[0])
        return found

    def recorded(self, edits: Edits) -> tuple[Ran, Recording | None]:
        return kept(self._stage, self._lines, self._growth, edits)

    def close(self) -> None:
        self._stack.close()


def examined(stage: Stage, lines: Lines, growth: Growth, edits: Edits) -> tuple[Ran, Execution]:
    """Run a mutation and tell what it did, and whether that is a failure. One that loaded modules is run again: the
    lines of those count too."""
    for _ in range(_LOADS):
        lines.prepare()
        loaded = len(sys.modules)
        lines.start()
        growth.start()
        execution = stage.execute(edits)
        reached = lines.marks()
        if len(sys.modules) == loaded:
            break
    failure = execution.failure
    if failure is None and not execution.diverged:
        failure = growth.judge(edits, execution)
        if failure is None and stage.judges is not None:
            failure = stage.judges.judge(edits, execution, lines, int.from_bytes(reached, "little"))
    elif failure is not None:
        failure = stage.locate(edits, failure)
    outcome = execution.outcome
    ran = Ran(
        _digest(execution.effect),
        reached,
        failure,
        execution.diverged,
        execution.stretched,
        outcome is not None and outcome.state == "returned",
        "" if outcome is None else ended(outcome),
        None if execution.reason is None else printable(execution.reason),
        b"" if outcome is None or not stage.compares else _digest("\0".join(said(outcome))),
    )
    return ran, execution


def kept(stage: Stage, lines: Lines, growth: Growth, edits: Edits) -> tuple[Ran, Recording | None]:
    """Run a mutation; the run as a recording too, if it came to an end."""
    ran, execution = examined(stage, lines, growth, edits)
    if ran.failure is not None:
        ran = msgspec.structs.replace(ran, failure=stage.placed(edits, ran.failure))
    return ran, None if execution.outcome is None else stage.recorded(execution, edits)


def ended(outcome: Outcome) -> str:
    """How a run ended, in one line."""
    text = f"{outcome.state} {outcome.payload.text[:_SHOWN]}"
    return text if text.isascii() else printable(text)


def said(outcome: Outcome) -> tuple[str, ...]:
    """How a run ended, whatever the places of the code and of its objects: a result, or an error's type and message."""
    payload = outcome.payload
    if payload.error_type is None:
        behind = error_behind(outcome)
        if behind is not None:
            message = str(body_of(behind).get("message"))
            return (
                outcome.state,
                apart(payload.text)[0],
                str(type_of(behind)),
                _ADDRESS.sub("0x", message),
            )
        return outcome.state, _ADDRESS.sub("0x", payload.text)
    tree = payload.tree
    message = (tree["$id"][1] if "$id" in tree else tree)["$error"].get("message")
    return outcome.state, payload.error_type, _ADDRESS.sub("0x", str(message))


_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def _digest(text: str) -> bytes:
    """Short texts stand for themselves."""
    data = text.encode("utf-8", "surrogatepass")
    return data if len(data) < _SHORT else blake2b(data, digest_size=16).digest()
