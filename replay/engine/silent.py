"""Silent damage: a run that ends as the recording did, and did something else.

Every rule compares a run with the recording's own, and speaks only where both returned (a web application: below 400):

- `lost`: a write that the recording made was not made, or failed, and the result is the same to the last character. A
  function that returns None says nothing of what it did: of such a one only writes that failed count.
- `repeated`: a write that had succeeded was made once more, word for word.
- `logged`: a line at level ERROR or above was written where the recording wrote none.
- `swallowed`: an `except` that takes every exception, and raises none, was entered where the recording entered none.

A write is an HTTP request by another method than GET, HEAD or OPTIONS (of a generative model: no write), or a function
that answered None in the recording: such a one is called for its effect. Of `lost` and `repeated`, mutations of the
input do not count: another input may well mean other writes.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from replay.core.edits import Edit
from replay.core.recording import Interaction
from replay.core.verdict import Frame
from replay.engine.execution import Execution
from replay.engine.failures import Failure, printable, relative, status_of
from replay.engine.heard import Heard
from replay.engine.lines import LARGEST, Lines
from replay.engine.mutant import Taken
from replay.engine.stage import Stage

RULES = ("lost", "repeated", "logged", "swallowed")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_EVERY = frozenset({"Exception", "BaseException"})


class Silent:
    """Looks at the runs of one stage. `base`: the recording's own run."""

    def __init__(self, stage: Stage, base: Execution, rules: Sequence[str]) -> None:
        self._stage, self._base = stage, base
        self._rules = frozenset(rules)
        self._chats = {call.seq for call in stage.recording.model_calls}
        self._silent = {i.target for i in stage.recording.interactions if _answers_nothing(i)}
        self._made = Counter(self._key(each) for each in self._writes(base))
        self._lines = {(relative(stage.root, each.place.file), each.place.line) for each in base.heard}
        self._handlers = Handlers()

    def judge(self, edits: Sequence[Edit], execution: Execution, lines: Lines, reached: int,
              before: int) -> Iterator[Failure]:  # fmt: skip
        """What a run did in silence. `reached`, `before`: the lines of this run and of the recording's own."""
        if not (_is_well(self._base) and _is_well(execution)):
            return
        if "logged" in self._rules:
            yield from filter(self._is_news, map(self._logged, execution.heard))
        if not any(edit.path.startswith("input") for edit in edits):
            if "lost" in self._rules and not execution.heard:  # what is told is not silent
                yield from self._lost(execution)
            if "repeated" in self._rules:
                yield from self._repeated(execution)
        if "swallowed" in self._rules and not execution.heard:
            for frame in self._handlers.entered(lines, reached & ~before):
                frame = msgspec.structs.replace(frame, file=relative(self._stage.root, frame.file))
                yield Failure("silent", "swallowed", "an exception was caught, and the run returned", (frame,))

    # Writes -----------------------------------------------------------------------------------------------------

    def _writes(self, execution: Execution) -> list[Taken]:
        return [each for each in execution.taken if self._is_write(each)]

    def _is_write(self, each: Taken) -> bool:
        if each.request.boundary == "http":
            method = each.request.target.partition(" ")[0]
            return method not in _READS and each.answered_by.seq not in self._chats
        return each.request.boundary == "call" and each.request.target in self._silent

    def _key(self, each: Taken) -> tuple[str, str]:
        return each.request.target, each.asked.text

    def _lost(self, execution: Execution) -> Iterator[Failure]:
        assert execution.outcome is not None
        assert self._base.outcome is not None
        if execution.outcome.payload.text != self._base.outcome.payload.text:
            return
        fine = Counter(each.request.target for each in self._writes(self._base) if not failed(each.answered_by))
        now = self._writes(execution)
        done = {each.request.target for each in now if not failed(each.answered_by)}
        tried = {each.request.target for each in now}
        says_nothing = execution.outcome.payload.text == "null"
        for target in fine:
            if target not in done and (target in tried or not says_nothing):
                how = "failed" if target in tried else "was not made"
                yield Failure(
                    "silent", f"lost {target}"[:200], printable(f"{target} {how}, and the result is the same"), ()
                )

    def _repeated(self, execution: Execution) -> Iterator[Failure]:
        succeeded: Counter[tuple[str, str]] = Counter()
        for each in self._writes(execution):
            key = self._key(each)
            if succeeded[key] >= max(1, self._made[key]):
                target = each.request.target
                yield Failure("silent", f"repeated {target}"[:200],
                              printable(f"{target} was made again, though it had succeeded"), (), target)  # fmt: skip
                return
            succeeded[key] += not failed(each.answered_by)

    # Errors -----------------------------------------------------------------------------------------------------

    def _logged(self, heard: Heard) -> Failure:
        frame = msgspec.structs.replace(heard.place, file=relative(self._stage.root, heard.place.file))
        return Failure("silent", "logged", printable(f"{heard.logger}: {heard.message}"[:500]), (frame,))

    def _is_news(self, failure: Failure) -> bool:
        frame = failure.frames[0]
        return (frame.file, frame.line) not in self._lines


def _is_well(execution: Execution) -> bool:
    outcome = execution.outcome
    if outcome is None or execution.diverged or outcome.state != "returned":
        return False
    return execution.mutated.kind not in ("asgi", "wsgi") or (status_of(outcome) or 599) < 400


def failed(answered_by: Interaction) -> bool:
    """Whether an answer says that what was asked was not done."""
    if answered_by.state != "returned":
        return True
    if answered_by.boundary != "http":
        return False
    tree = answered_by.answer.tree
    status = tree.get("status") if isinstance(tree, dict) else None
    return not isinstance(status, int) or status >= 400 or tree.get("error") is not None


def _answers_nothing(interaction: Interaction) -> bool:
    return interaction.boundary == "call" and interaction.state == "returned" and interaction.answer.text == "null"


class Handlers:
    """The `except` clauses that take every exception and raise none, by the marks of their first lines."""

    def __init__(self) -> None:
        self._places: dict[str, dict[int, Frame]] = {}
        self._marks: dict[int, Frame] = {}
        self._mask = 0
        self._seen = 0

    def entered(self, lines: Lines, reached: int) -> list[Frame]:
        """Those whose first line is among the lines reached."""
        if len(lines.lines) != self._seen:
            self._learn(lines)
        if not reached & self._mask:
            return []
        return [frame for mark, frame in self._marks.items() if reached >> (8 * mark) & 1]

    def _learn(self, lines: Lines) -> None:
        for mark, (file, line) in enumerate(lines.lines[self._seen :], self._seen):
            if file not in self._places:
                self._places[file] = broad(file)
            frame = self._places[file].get(line)
            if frame is not None:
                self._marks[mark] = frame
                self._mask |= 1 << (8 * mark)
        self._seen = len(lines.lines)


@contextmanager
def catching(root: Path) -> Iterator[list[Frame]]:
    """While it is open, the project's lines are watched; then the list has the clauses that were entered."""
    lines, found = Lines(root), list[Frame]()
    lines.prepare()
    lines.start()
    try:
        yield found
    finally:
        found += Handlers().entered(lines, lines.reached())
        lines.close()


def broad(file: str) -> dict[int, Frame]:
    """By the first line of their bodies: the clauses of a file that swallow whatever is raised."""
    try:
        source = Path(file).read_bytes()
        tree = ast.parse(source if len(source) <= LARGEST else b"", file)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return {}
    found: dict[int, Frame] = {}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and _takes_all(node.type) and not _raises(node):
                found[node.body[0].lineno] = Frame(file, node.lineno, function.name)
    return found


def _takes_all(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_takes_all(each) for each in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in _EVERY)


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for each in handler.body for node in ast.walk(each))
