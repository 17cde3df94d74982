"""What `replay fuzz` says of its finds: as lines for people, as one JSON document."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from time import monotonic
from typing import Any

from replay.core.edits import Edit, parse, shown_json
from replay.core.opened import Kept as KeptTree
from replay.core.opened import Typed
from replay.core.parts import Parts
from replay.core.recording import Recording
from replay.engine.failures import Failure, FailureKind
from replay.engine.progress import Find, Progress
from replay.surfaces.documents import Document
from replay.surfaces.fuzz import Kept, Report, before, command
from replay.surfaces.page import Page, count, duration
from replay.surfaces.printable import escape
from replay.surfaces.production import NOTHING_CHANGED, way
from replay.surfaces.shortened import named

_CONTRACT = {
    "inside": "inside: the edit keeps the declared types and bounds",
    "outside": "outside: the edit breaks a declared type or bound, and nothing refused it",
}
PLAIN = frozenset({"error", "status", "same_failure"})
"""Kinds whose type says it all."""
DID: dict[FailureKind, str] = {
    "error": "raised {}",
    "status": "answered {}",
    "hang": "did not end",
    "exit": "ended the process ({})",
    "crash": "crashed the process ({})",
    "memory": "used up the memory",
    "growth": "grew ({})",
    "nondeterminism": "ended in two ways",
    "invariant": "broke an invariant ({})",
    "schema": "did not keep what it declares: {}",
    "policy": "acted by itself ({})",
    "difference": "ended in another way: {}",
    "silent": "did damage in silence: {}",
    "same_failure": "failed as the recording did: raised {}",
}
SHOWN = 60
"""Characters of a value."""


def document(report: Report, ci: Document | None = None) -> Document:
    """`{finds, executions, seconds, seed, lines, workers, same_failure, diverged, against, compared, stopped, skipped:
    [{recording, reason}], ci}`; `ci`: what `--ci` has to say, else null; `same_failure`: executions that ended in the
    recording's own failure, which is no find unless it is asked for; `against`: the commit whose code ran beside,
    `compared`: runs that ended in both.

    A find is `{kind, error_type, message, frames: [{file, line, function}], edits, executions, seconds, bundle,
    changes: [{edit, recorded}], recording, stretched, reproduced, contract, happens, fingerprint, known}`: `edits` are
    `[path, operator, argument]`, `changes` the same in words, `contract` is `inside`, `outside` or null where none is
    known, `happens` says how production comes to it, `known` whether the project knows of a failure of this
    `fingerprint` (with `--ci`).
    """
    return {"finds": [find_document(kept) for kept in report.finds], **summary(report, ci)}


def summary(report: Report, ci: Document | None = None) -> Document:
    """The document without its finds."""
    return {
        "executions": report.executions,
        "seconds": report.seconds,
        "seed": report.seed,
        "lines": report.lines,
        "workers": report.workers,
        "same_failure": report.known,
        "diverged": report.diverged,
        "against": report.against,
        "compared": report.compared,
        "stopped": report.stopped,
        "skipped": [{"recording": name, "reason": reason} for name, reason in report.skipped],
        "ci": ci,
    }


def find_document(kept: Kept) -> Document:
    """One find."""
    find = kept.find
    return {
        "kind": find.failure.kind,
        "error_type": find.failure.error_type,
        "message": find.failure.message,
        "frames": [{"file": f.file, "line": f.line, "function": f.function} for f in find.failure.frames],
        "edits": [edit.tree() for edit in find.edits],
        "changes": [
            {"edit": str(edit), "recorded": _held(edit, value)} for edit, value in before(kept.parent, find.edits)
        ],
        "executions": find.executions,
        "seconds": find.seconds,
        "bundle": None if kept.bundle is None else str(kept.bundle),
        "recording": kept.parent_name,
        "stretched": find.stretched,
        "reproduced": kept.reproduced,
        "contract": kept.contract,
        "happens": way(kept.parent, find.edits),
        "fingerprint": kept.fingerprint,
        "known": kept.known,
    }


def text(report: Report, page: Page) -> str:
    """The finds, each with its smallest edit, what production saw there and how to see it again; then the sums."""
    lines: list[str] = []
    for kept in report.finds:
        lines += [*find_lines(kept, page), ""]
    return "\n".join([*lines, *sums(report, page, found_line(report))])


def sums(report: Report, page: Page, found: str) -> list[str]:
    """What could not be run, and what was done; `found`: how many finds, in words."""
    lines: list[str] = []
    for name, reason in report.skipped:
        lines += [f"{page.status('unanswerable')}  {escape(name)}: {escape(reason)}", ""]
    labels = [kept.contract for kept in report.finds if kept.contract is not None]
    if labels:
        found += f" ({labels.count('inside'):,} inside the contract, {labels.count('outside'):,} outside)"
    rate = report.executions / report.seconds if report.seconds else 0.0
    if report.against is not None:
        lines.append(f"{count(report.compared, 'run')} ended both here and in {report.against[:12]}")
    lines.append(
        f"{found} in {count(report.executions, 'execution')} ({duration(report.seconds * 1e9)}, {rate:,.0f} a second), "
        f"{count(report.lines, 'line')} reached, {report.diverged:,} diverged; "
        f"{count(report.workers, 'worker') if report.workers else 'in this process'}; seed {report.seed}; "
        f"ended by {report.stopped or 'nothing to run'}"
    )
    if report.finds and find_spec("jsonschema") is None:
        lines.append(
            "Whether edits of values are inside a contract was not judged: pip install 'replay-harness[contracts]'"
        )
    return lines


def found_line(report: Report) -> str:
    """How many failures."""
    return count(len(report.finds), "failure") if report.finds else "no failure"


def find_lines(kept: Kept, page: Page) -> Iterator[str]:
    """One find: its edits, what production saw there, what the code did, the command that shows it again."""
    find = kept.find
    yield f"{page.status('error')}  {page.heading(page.cut(escape(heading(find.failure)), page.width - 10))}"
    yield page.whole("of", escape(named(kept.parent_name)))
    for label, said in _rows(kept):
        yield from page.wrapped(label, page.cut(escape(said), 6 * page.width))
    if kept.bundle is not None:
        yield f"{page.row('again', '')}{escape(command(kept))}"  # never cut: it is to be copied
        if kept.shows:  # a test demands that it does not fail so
            yield f"{page.row('test', '')}{escape(command(kept, 'promote --from-fuzz'))}"
        if not kept.reproduced:
            yield page.row("note", "a strict replay of it ends in another way: it depends on what no recording holds")


def _rows(kept: Kept) -> Iterator[tuple[str, str]]:
    """What is told of a find, by label."""
    find = kept.find
    for edit, was in before_words(kept.parent, find.edits):
        yield "changed", str(edit)
        yield "recorded", was
    yield "happens", f"if {way(kept.parent, find.edits)}" if find.edits else NOTHING_CHANGED
    if kept.contract is not None:
        yield "contract", _CONTRACT[kept.contract]
    yield "did", did(find)
    if kept.lost is not None:
        yield "note", f"it is in no bundle: {kept.lost}"
    if find.stretched:
        answers = count(find.stretched, "request")
        yield "note", f"{answers} got the nearest recorded answer, as production did not ask quite that"


def heading(failure: Failure) -> str:
    """What failed, in one line."""
    said = failure.message.strip().partition("\n")[0]
    if failure.kind == "invariant" and failure.error_type == "AssertionError":
        return f"invariant, {said}"
    what = f"{failure.error_type}: {said}" if said else failure.error_type
    return what if failure.kind in PLAIN else f"{failure.kind.replace('-', ' ')}, {what}"


def did(find: Find) -> str:
    """What the code did, and where."""
    places = [f"{frame.file}:{frame.line} in {frame.function}" for frame in find.failure.frames[-3:]]
    does = DID[find.failure.kind].format(find.failure.error_type)
    return does + (f" at {' <- '.join(reversed(places))}" if places else "")


def before_words(parent: Recording, edits: Iterable[Edit]) -> list[tuple[Edit, str]]:
    """Each edit with what production saw at its place, and of whom."""
    return [(edit, _was(edit, value, parent)) for edit, value in before(parent, edits)]


def _held(edit: Edit, value: Any) -> str | None:
    """What production saw at an edit's place, as JSON text; None: there was nothing."""
    return None if value is edit else _shown(value)


def _was(edit: Edit, value: Any, parent: Recording) -> str:
    held = _held(edit, value)
    text = "nothing there" if held is None else held
    interaction = Parts(parent).interaction(parse(edit.path)[0])
    return text if interaction is None else f"{text}  of {interaction.target}"


def _shown(value: Any) -> str:
    text = shown_json(_plain(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"


def _plain(value: Any) -> Any:
    if isinstance(value, Typed):
        return {name: _plain(item) for name, item in value.fields.items()}
    if isinstance(value, KeptTree):
        return value.tree
    if isinstance(value, dict):
        return {name if isinstance(name, str) else repr(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def watching(seconds: float | None = None) -> Iterator[Callable[[Progress], None]]:
    """While it is open, what the code under test prints goes nowhere; gives what shows progress, if stderr is a
    terminal. `seconds`: the budget, of which it shows what is left."""
    terminal = sys.stderr if sys.stderr.isatty() else None
    ends = None if seconds is None else monotonic() + seconds

    def show(progress: Progress) -> None:
        if terminal is not None:
            left = "" if ends is None else f", {duration(max(0.0, ends - monotonic()) * 1e9)} left"
            terminal.write(f"\r\x1b[K{progress_line(progress)}{left}")
            terminal.flush()

    with open(os.devnull, "w") as sink, redirect_stdout(sink), redirect_stderr(sink):
        yield show
    if terminal is not None:
        terminal.write("\r\x1b[K")


def progress_line(progress: Progress) -> str:
    """How far it is."""
    rate = progress.executions / progress.seconds if progress.seconds else 0.0
    return (
        f"{progress.executions:,} executions, {rate:,.0f} a second, {progress.lines:,} lines, "
        f"{progress.nearest or count(len(progress.finds), 'failure')}"
    )
