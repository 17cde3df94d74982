"""What counts as a failure of the code under test, and which failures are the same one."""

from __future__ import annotations

from collections.abc import Collection
from os.path import relpath
from pathlib import Path
from typing import Any, Literal

import msgspec

from replay.core.fingerprint import places
from replay.core.recording import Outcome
from replay.core.verdict import Frame
from replay.engine.lines import in_project

FailureKind = Literal["error", "status", "hang"]
"""`error`: an exception left the entry point. `status`: a web application answered 500 or more. `hang`: it did not end
within the limit."""
OURS = frozenset({"replay.errors.DivergenceError", "replay.errors.Unanswerable", "replay.errors.Refused"})
"""Errors that say that the replay went too far from the recording."""


class Failure(msgspec.Struct, frozen=True):
    """How a run failed."""

    kind: FailureKind
    error_type: str
    """`module.qualname` of the exception; of a status `HTTP 500`."""
    message: str
    frames: tuple[Frame, ...]
    """Of the project, outermost first; of an error that has none there, its last one."""

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Equal for failures that are the same one: type and frames, with their lines, as both ran the same source."""
        return self.kind, self.error_type, places(self.frames, lines=True)


def error_of(outcome: Outcome, root: Path) -> Failure | None:
    """The failure of an outcome that is an error; None if it is none."""
    if outcome.state != "raised":
        return None
    tree = outcome.payload.tree
    while "$id" in tree:
        tree = tree["$id"][1]
    body = tree["$error"]
    every = [(str(frame[0]), int(frame[1]), str(frame[2])) for frame in body["frames"]]
    found = [frame for frame in every if in_project(root, frame[0])] or every[-1:]
    message = body.get("message")
    text = message if isinstance(message, str) else ""
    return Failure("error", body["type"], text, tuple(Frame(relative(root, f), n, name) for f, n, name in found))


def relative(root: Path, file: str) -> str:
    """A file below the root by its path from there; others as they are."""
    return relpath(file, root) if file.startswith(f"{root}/") else file


def is_allowed(failure: Failure, allowed: Collection[str]) -> bool:
    """Whether its type is declared, by `module.qualname`, `module:qualname` or the bare name."""
    name = failure.error_type
    return name in allowed or name.rpartition(".")[2] in allowed or name in {each.replace(":", ".") for each in allowed}
