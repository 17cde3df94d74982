"""Running changed recordings to see whether they fail in the same way: the experiments behind a cause.

A run ends in one of these ways: `same` (the failure of the incident), `passed`, `past` (it went on beyond the failing
line: to an end of another kind, or to requests that production never came to), `other` (another failure before that),
`foreign` (it asked what was asked in none of the recordings: how it ended says nothing), `unresolved`.
"""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any, Literal

import msgspec

from replay.core.codec import Value
from replay.core.edits import Edit
from replay.core.recording import Interaction, Recording
from replay.core.times import without_moments
from replay.core.verdict import Frame
from replay.engine.execution import Execution
from replay.engine.failures import Failure
from replay.engine.lines import LARGEST, Lines
from replay.engine.mutant import Taken
from replay.engine.stage import Stage

Ended = Literal["same", "passed", "past", "other", "foreign", "unresolved"]
GOOD = frozenset({"passed", "past"})
"""Ends that prove that the failure is gone."""
Way = Literal["line", "function", "elsewhere"]
"""How near to the failing line a run came: it ran that line, another of its function, or neither."""
_LATE = ("cut", "extend")
"""Operators that move the items of a list: after those that name one."""


class Change(msgspec.Struct, frozen=True):
    """One value swapped for another: by an edit, or the whole answer of an interaction by another one."""

    path: str
    edit: Edit | None = None
    place: int = -1
    """Of a whole answer: the place of the interaction in the recording."""
    answer: Interaction | None = None
    here: Any = None
    """The value of the incident, opened."""
    there: Any = None
    """The value in its stead."""


class Spent(Exception):
    """The budget is used up, or somebody pressed Ctrl-C."""


class Trial(msgspec.Struct, frozen=True):
    """One run."""

    ended: Ended
    way: Way
    execution: Execution
    reached: int
    """The lines of the project that it reached, a bit each, as `Lines` numbers them."""

    @property
    def good(self) -> bool:
        return self.ended in GOOD


def identity(failure: Failure) -> tuple[Any, ...]:
    """Equal for the same failure: its type, that of the error behind it, and the innermost frame of the project."""
    last = failure.frames[-1:]
    places = tuple((frame.file, frame.line, frame.function) for frame in last)
    return failure.kind, failure.name, failure.behind, places


class Trials:
    """All runs of one search, counted; `most` is how many there may be."""

    def __init__(self, stage: Callable[[Recording], Stage], most: int,
                 on_run: Callable[[int, int], None] = lambda runs, most: None) -> None:  # fmt: skip
        self._stage = stage
        self.most = most
        self.runs = 0
        self.interrupted = False
        """Ctrl-C was pressed: there are no more runs, what was found stays."""
        self._on_run = on_run
        self.lines: Lines | None = None
        self.failure: Failure | None = None
        self._spot: tuple[frozenset[int], frozenset[int]] = frozenset(), frozenset()
        self._marks = -1

    def world(self, recording: Recording, others: Sequence[Interaction | None] = ()) -> World:
        """A place for runs of one recording; `others` are the interactions of another one at the same places."""
        stage = self._stage(recording)
        if self.lines is None:
            self.lines = Lines(stage.root)
        return World(self, stage, others)

    def count(self) -> None:
        """One more run. Raises Spent when there were enough."""
        if self.interrupted or self.runs >= self.most:
            raise Spent
        self.runs += 1
        self._on_run(self.runs, self.most)

    @property
    def enough(self) -> str:
        """Why there are no more runs."""
        said = f"interrupted after {self.runs:,} run{'' if self.runs == 1 else 's'}"
        return said if self.interrupted else f"{self.most:,} runs were not enough (--runs)"

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Ctrl-C lets the run at hand end and allows no more; the second one is an interrupt like any other.

        It must not be raised into the code under test: that may swallow it, and asyncio would cancel the task."""
        if current_thread() is not main_thread():
            yield
            return

        def pressed(number: int, frame: object) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True

        before = signal.signal(signal.SIGINT, pressed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)

    def way(self, reached: int) -> Way:
        """How near to the failing line a run came that reached these lines."""
        assert self.lines is not None
        if self.failure is None or not self.failure.frames:
            return "elsewhere"
        if self._marks != len(self.lines.lines):
            self._marks = len(self.lines.lines)
            self._spot = spot(self.lines, self.failure.frames[-1])
        bits = reached.to_bytes(self._marks, "little")
        for name, marks in zip(("line", "function"), self._spot, strict=True):
            if any(bits[mark] for mark in marks):
                return name  # type: ignore[return-value]
        return "elsewhere"

    def close(self) -> None:
        """Give the project's functions their own code back."""
        if self.lines is not None:
            self.lines.close()


class World:
    """Runs of one recording with changes."""

    def __init__(self, trials: Trials, stage: Stage, others: Sequence[Interaction | None]) -> None:
        self.trials, self.stage = trials, stage
        self._asked = {i.seq: [i] for i in stage.recording.interactions}
        for ours, theirs in zip(stage.recording.interactions, others, strict=False):
            if theirs is not None:
                self._asked[ours.seq].append(msgspec.structs.replace(theirs, seq=ours.seq))
        self._known = {seq: {_question(i.request, i.boundary) for i in found} for seq, found in self._asked.items()}
        self._done: dict[frozenset[int], Trial] = {}
        self._held: list[Collection[Change]] = []
        self.asked = 0
        """Requests of the incident itself."""

    def run(self, changes: Collection[Change], *, again: bool = False) -> Trial:
        """Run with these changes; a run that was made before is not made again, unless it is to be."""
        key = frozenset(map(id, changes))
        if again or key not in self._done:
            self._done[key] = self._run(changes)
            self._held.append(changes)  # so that their ids stay theirs
        return self._done[key]

    def _run(self, changes: Collection[Change]) -> Trial:
        return self.judge(self.changed(changes))

    def judge(self, mutated: Recording) -> Trial:
        """Run what was made of the recording."""
        self.trials.count()
        lines = self.trials.lines
        assert lines is not None
        lines.prepare()
        lines.start()
        execution = self.stage.run(mutated)
        reached = lines.reached()
        failure = execution.failure
        if failure is not None and failure.kind == "status":
            failure = self._located(mutated, failure)
            execution = msgspec.structs.replace(execution, failure=failure)
        way = self.trials.way(reached)
        return Trial(self._ended(execution, way), way, execution, reached)

    def _located(self, mutated: Recording, failure: Failure) -> Failure:
        self.trials.count()
        return self.stage.locate(mutated, failure)

    def changed(self, changes: Collection[Change]) -> Recording:
        """The incident with the changes."""
        edits = [each.edit for each in changes if each.edit is not None]
        edits.sort(key=lambda edit: edit.operator in _LATE)
        mutated = self.stage.mutations.quick(edits)
        whole = [each for each in changes if each.answer is not None]
        if whole:
            interactions = list(mutated.interactions)
            for each in whole:
                assert each.answer is not None
                interactions[each.place] = msgspec.structs.replace(
                    interactions[each.place], answer=each.answer.answer, state=each.answer.state)  # fmt: skip
            mutated = msgspec.structs.replace(mutated, interactions=tuple(interactions))
        return mutated

    def _ended(self, execution: Execution, way: Way) -> Ended:
        failure, wanted = execution.failure, self.trials.failure
        if failure is not None and wanted is not None and identity(failure) == identity(wanted):
            return "same"
        if execution.outcome is None:
            return "other" if failure is not None else "unresolved"
        if not self._is_known(execution, self.asked):
            return "foreign"
        asked_all = len(execution.taken) >= self.asked
        strayed = not self._is_known(execution, len(execution.taken))  # after all that the incident asked
        if execution.diverged or strayed:
            return "past" if asked_all and way == "line" else "unresolved"
        if failure is None:
            return "passed" if execution.outcome.state == "returned" else "other"
        if not asked_all or way == "elsewhere" or wanted is None or not wanted.frames:
            return "other"
        return "past" if _is_later(failure, wanted.frames[-1], way) else "other"

    def _is_known(self, execution: Execution, first: int) -> bool:
        """Whether each of the first answers was given to a question that it was recorded for."""
        if not execution.stretched:
            return True
        return all(self._was_asked(each) for each in execution.taken[:first])

    def _was_asked(self, taken: Taken) -> bool:
        """Also where the code asks with a credential of its own, for which redaction put a pseudonym."""
        seq = taken.answered_by.seq
        if _question(taken.asked, taken.request.boundary) in self._known.get(seq, ()):
            return True
        return any(self.stage.excused(each, taken.asked) for each in self._asked.get(seq, ()))


def _is_later(failure: Failure, spot: Frame, way: Way) -> bool:
    """Whether a failure came up after the code had gone past a line that it came to, or had left its function."""
    inside = [frame.line for frame in failure.frames if (frame.file, frame.function) == (spot.file, spot.function)]
    return not inside or (way == "line" and inside[-1] > spot.line)


def _question(request: Value, boundary: str) -> str:
    """What tells requests apart: each recording asks at another time; of HTTP all but headers and client."""
    tree = request.tree if boundary == "http" else None
    if not isinstance(tree, Mapping):
        return without_moments(request.text)
    return without_moments(msgspec.json.encode([tree.get("method"), tree.get("url"), tree.get("body")]).decode())


def spot(lines: Lines, frame: Frame) -> tuple[frozenset[int], frozenset[int]]:
    """The marks of the statement of a frame, and those of its function."""
    file = str(lines.root / frame.file)
    first, last = span(file, frame.line)
    inside = [(line, mark) for mark, (path, line) in enumerate(lines.lines) if path == file and first <= line <= last]
    at = max((line for line, _ in inside if line <= frame.line), default=None)
    here = frozenset(mark for line, mark in inside if line == at)
    return here, frozenset(mark for _, mark in inside) - here


def span(file: str, line: int) -> tuple[int, int]:
    """First and last line of the innermost function around a line; of none, the line itself."""
    try:
        source = Path(file).read_bytes()
        tree = ast.parse(source if len(source) <= LARGEST else b"", file)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return line, line
    found = (line, line)
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        around = node.lineno <= line <= (node.end_lineno or 0)
        if around and (found == (line, line) or node.lineno > found[0]):
            found = node.lineno, node.end_lineno or node.lineno
    return found
