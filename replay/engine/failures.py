"""What counts as a failure of the code under test, and which failures are the same one."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from os.path import relpath
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec

from replay.core.behind import FAILED, body_of, error_behind
from replay.core.fingerprint import places
from replay.core.looking import mro, written
from replay.core.members import leaves, types, way
from replay.core.recording import Outcome
from replay.core.verdict import Frame
from replay.engine.lines import in_project

FailureKind = Literal[
    "error", "status", "hang", "exit", "crash", "memory", "growth", "nondeterminism", "invariant", "schema", "policy",
    "difference", "silent", "same_failure",
]  # fmt: skip
"""`error`: an exception left the entry point. `status`: a web application answered 500 or more. `hang`: it did not end
within the limit. `exit`: it ended the process (`sys.exit`, `os._exit`). `crash`: a signal did (a segfault).
`memory`: it took more than the limit. `growth`: far more work or memory than the baseline for as much data.
`nondeterminism`: the same mutation ended in two ways. `invariant`: a property of the user's does not hold of it.
`schema`: it returned what its annotation, or its OpenAPI document, does not declare. `policy`: it acted by itself on a
model's output below its threshold. `difference`: another version of the code ends in another way. `silent`: it ended
well and did damage (see `replay.engine.silent`). `same_failure`: the recording's own failure, after another value."""
BESIDE: frozenset[FailureKind] = frozenset({"invariant", "schema", "policy", "difference"})
"""Kinds that the recording itself may be of without anybody having been told: shown once, with no edit."""
ROUGH = frozenset({"hang", "memory"})
"""Kinds that end anywhere: the same failure may be noticed at another line, or in another function that is called
over and over."""
OURS = frozenset({"replay.errors.DivergenceError", "replay.errors.Unanswerable", "replay.errors.Refused"})
"""Errors that say that the replay went too far from the recording."""


class Failure(msgspec.Struct, frozen=True):
    """How a run failed."""

    kind: FailureKind
    error_type: str
    """`module.qualname` of the exception; of a status `HTTP 500`."""
    message: str
    frames: tuple[Frame, ...]
    """Of the project, outermost first; of an error that has none there, its last one. Of an exception group, those of
    its first member behind its own."""
    target: str = ""
    """Of an act by itself, or a write that was made once more: what was asked."""
    behind: str = ""
    """Of a status: `module.qualname` of the error behind it, if it was heard of."""
    members: tuple[str, ...] = ()
    """Of an exception group: `module.qualname` of what is in it, each once, sorted."""

    @property
    def fingerprint(self) -> tuple[Any, ...]:
        """Equal for failures that are the same one: type and frames, with their lines, as both ran the same source."""
        return self.kind, self.name, places(self.frames, lines=self.kind not in ROUGH)

    @property
    def name(self) -> str:
        """The type; of a status with that of the error behind it, which its frame has, of a group with its members'."""
        if self.kind == "status" and self.frames:
            return f"{self.error_type} after {self.frames[-1].source}"
        return self.raised

    @property
    def raised(self) -> str:
        """The type; of an exception group with its members'."""
        return f"{self.error_type} of {', '.join(self.members)}" if self.members else self.error_type


def error_of(outcome: Outcome, root: Path) -> Failure | None:
    """The failure of an outcome that is an error; None if it is none."""
    if outcome.state != "raised":
        return None
    tree = outcome.payload.tree
    while "$id" in tree:
        tree = tree["$id"][1]
    body = tree.get("$error")
    if body is None:  # not even the error could be stored
        return Failure("memory", "MemoryError", "", ())
    every = [(str(frame[0]), int(frame[1]), str(frame[2])) for frame in way(body)]
    found = [frame for frame in every if in_project(root, frame[0])] or every[-1:]
    frames = tuple(Frame(relative(root, file), line, name) for file, line, name in found)
    kind: FailureKind = _KINDS.get(body["type"], "error")
    return Failure(kind, printable(body["type"]), printable(_said(body)), frames,
                   members=tuple(map(printable, types(body))))  # fmt: skip


def _said(body: dict[str, Any]) -> str:
    """The message; of an exception group with what the first in it says."""
    message = body.get("message")
    text = message if isinstance(message, str) else ""
    for first in leaves(body)[:1]:
        inner = first.get("message")
        text += f": {first.get('type')}" + (f": {inner}" if inner and isinstance(inner, str) else "")
    return text


def failed_with(outcome: Outcome, root: Path) -> Failure | None:
    """Of the answer of a web application, the failure that it tells of: a status of 500 or more. Its one frame is the
    project's where the error behind it was raised, that error's type its `source`; without frames if none is known."""
    status = status_of(outcome)
    if status is None or status < FAILED:
        return None
    behind = error_behind(outcome)
    if behind is None:
        return Failure("status", f"HTTP {status}", f"answered {status}", ())
    body = body_of(behind)
    name = printable(str(body["type"]).rpartition(".")[2])
    held = tuple(map(printable, types(body)))
    name += f" of {', '.join(held)}" if held else ""
    own = [frame for frame in way(body) if in_project(root, str(frame[0]))][-1:]
    frames = tuple(Frame(relative(root, str(file)), int(line), str(function), name) for file, line, function, *_ in own)
    message = f"answered {status} after {name}"
    return Failure("status", f"HTTP {status}", message, frames, behind=printable(str(body["type"])))


def status_of(outcome: Outcome) -> int | None:
    """Of the answer of a web application."""
    tree = outcome.payload.tree
    found = tree.get("status") if type(tree) is dict else None
    return found if type(found) is int else None


def is_same(one: Failure, other: Failure) -> bool:
    """Whether two failures are the same one. Of a rough kind: one may have been noticed further in than the other."""
    if one.kind not in ROUGH or one.kind != other.kind:
        return one.fingerprint == other.fingerprint
    places, others = one.fingerprint[2], other.fingerprint[2]
    size = min(len(places), len(others))
    return bool(places[:size] == others[:size])


_KINDS: dict[str, FailureKind] = {"SystemExit": "exit", "MemoryError": "memory"}


def printable(text: str) -> str:
    """Without lone surrogates, which no pipe and no terminal takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def relative(root: Path, file: str) -> str:
    """A file below the root by its path from there; others as they are."""
    return relpath(file, root) if file.startswith(f"{root}/") else file


def is_allowed(failure: Failure, allowed: Collection[str]) -> bool:
    """Whether its type is declared, or one that it is derived from, by `module.qualname`, `module:qualname` or the bare
    name: as `except` takes it. Of a group, or all of its members': as `except*` does."""
    if not allowed:
        return False
    names = {each.replace(":", ".").removeprefix("builtins.") for each in allowed}

    def is_named(kind: str) -> bool:
        return any(name in names or name.rpartition(".")[2] in names for name in _line_of(kind))

    return is_named(failure.error_type) or (bool(failure.members) and all(map(is_named, failure.members)))


def _line_of(name: str) -> Iterator[str]:
    """A type's name, and those of the types that it is derived from, as far as it can be found by its name."""
    yield name
    module, _, path = name.rpartition(".")
    while module and module not in sys.modules:
        module, _, outer = module.rpartition(".")
        path = f"{outer}.{path}"
    found: Any = sys.modules.get(module or "builtins")
    for part in path.split("."):
        found = vars(found).get(part) if isinstance(found, ModuleType | type) else None
    if isinstance(found, type):
        for kind in mro(found)[1:]:
            yield ".".join(written(kind)).removeprefix("builtins.")
