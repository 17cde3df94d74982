"""From a value to the failing line: who asked for it, who first had it in hand, who first read it, what failed.

One more run of the incident is watched line by line, the project's own code only. Values are looked for in the local
variables by their name and content; no code of the project is called for that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from linecache import getline
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.edits import parse
from replay.core.looking import instance_dict
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Frame
from replay.engine.apart import equal
from replay.engine.failures import Failure, relative
from replay.engine.finding import CauseValue, Link
from replay.engine.lines import in_project
from replay.engine.reading import header_of, read_at
from replay.engine.stage import Stage

DEEP = 4
"""Steps into a local variable."""
MOST = 400
"""Values looked at in one line."""
_PLAIN = (str, int, float, bool, bytes, type(None), list, dict, tuple)


class _Wanted(msgspec.Struct):
    """One value that is looked for in the code's hands."""

    name: str
    """Empty: it has none, so that of the argument that it is."""
    within: tuple[int, ...]
    """Where it lies in the list of that name."""
    value: Any
    seen: Frame | None = None
    """Where it was first there, if not as an argument."""
    passed: Frame | None = None
    """The function that got it as an argument."""
    read: Frame | None = None
    """The first line that reads it by its name."""
    is_variable: bool = False
    """Of the environment, which no local variable holds."""


def links(stage: Stage, incident: Recording, values: tuple[CauseValue, ...], failure: Failure) -> tuple[Link, ...]:
    """The chain of each value, then the failing line."""
    asked: dict[int, Frame] = {}
    wanted = {each.path: _wanted(each) for each in values if type(each.here) in _PLAIN or _is_variable(each.path)}

    def on_ask(interaction: Interaction, _: Value) -> None:
        place = _asking(stage.root)
        if place is not None:
            asked.setdefault(interaction.seq, place)

    stage.on_ask = on_ask
    try:
        _watched(stage.root, lambda: stage.run(incident), _Looking(stage.root, list(wanted.values())))
    finally:
        stage.on_ask = None
    found: list[Link] = []
    for each in values:
        boundary, _, number = parse(each.path.replace("[*]", "[0]"))[0].partition("[")
        if number and boundary != "timing" and int(number[:-1]) in asked:
            found.append(Link(each.path, asked[int(number[:-1])], "asked"))
        one = wanted.get(each.path)
        if one is None:
            continue
        first = one.seen or (one.passed if one.read is None else None)
        if first is not None:
            found.append(Link(each.path, first, "first seen"))
        if one.read is not None:
            found.append(Link(each.path, one.read, "first read"))
    return (*found, *(Link("", _shown(stage.root, frame), "failed") for frame in failure.frames[-1:]))


def _wanted(each: CauseValue) -> _Wanted:
    steps = parse(each.path.replace("[*]", "[0]"))[1]
    last = max((at for at, step in enumerate(steps) if type(step) is str), default=-1)
    within = tuple(step for step in steps[last + 1 :] if type(step) is int) if last >= 0 else ()
    return _Wanted(str(steps[last]) if last >= 0 else "", within, each.here, is_variable=_is_variable(each.path))


def _is_variable(path: str) -> bool:
    return path.partition(".")[0] == "environ"


class _Looking:
    """Looks for values while the code runs."""

    def __init__(self, root: Path, wanted: list[_Wanted]) -> None:
        self._root, self._wanted = root, wanted

    def enter(self, frame: FrameType) -> None:
        """A function begins: what it got as arguments. Its line is that of a decorator, so that of `def` is taken."""
        line = header_of(frame.f_code.co_filename, frame.f_lineno)
        for one in self._wanted:
            if one.seen is None and one.passed is None:
                one.name = one.name or _argument(frame, one.value)
                if _holds(frame, one):
                    one.passed = _frame(self._root, frame, line)

    def after(self, frame: FrameType, line: int) -> None:
        """A line has run: what is there now is what it did."""
        for one in self._wanted:
            if one.seen is None and one.passed is None and _holds(frame, one):
                one.seen = _frame(self._root, frame, line)

    def before(self, frame: FrameType) -> None:
        """A line is about to run."""
        names: frozenset[str] | None = None
        for one in self._wanted:
            if one.read is None and (one.is_variable or one.seen is not None or one.passed is not None):
                names = read_at(frame.f_code.co_filename, frame.f_lineno) if names is None else names
                if one.name.lower() in names and (one.is_variable or _holds(frame, one)):
                    one.read = _frame(self._root, frame, frame.f_lineno)


def _argument(frame: FrameType, value: Any) -> str:
    """The name of the argument that is this value."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    local = frame.f_locals
    return next((name for name in names if name in local and equal(local[name], value)), "")


def _shown(root: Path, frame: Frame) -> Frame:
    """With the line's text; a frame behind a status has the type of the error for it."""
    line = getline(str(root / frame.file), frame.line).strip()
    return msgspec.structs.replace(frame, source=line or frame.source)


def _watched(root: Path, run: Callable[[], object], looking: _Looking) -> None:
    def called(frame: FrameType, event: str, argument: Any) -> Any:
        if not in_project(root, frame.f_code.co_filename):
            return None
        line = frame.f_lineno
        begins = line == frame.f_code.co_firstlineno  # a generator goes on where it was
        if begins:
            looking.enter(frame)

        def inside(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal line, begins
            if event in ("line", "return"):
                if not begins:
                    looking.after(frame, line)
                begins = False
                line = frame.f_lineno
            if event == "line":
                looking.before(frame)
            return inside

        return inside

    before = sys.gettrace()
    sys.settrace(called)
    try:
        run()
    finally:
        sys.settrace(before)


def _asking(root: Path) -> Frame | None:
    """The innermost line of the project that is running; None in a task or a thread that a library started."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if in_project(root, frame.f_code.co_filename):
            return _frame(root, frame, frame.f_lineno)
        frame = frame.f_back
    return None


def _frame(root: Path, frame: FrameType, line: int) -> Frame:
    file = frame.f_code.co_filename
    return Frame(relative(root, file), line, frame.f_code.co_name, getline(file, line).strip())


def _holds(frame: FrameType, one: _Wanted) -> bool:
    return bool(one.name) and any(
        type(key) is str and key.lower() == one.name.lower() and _is(found, one)
        for key, found in _named(frame.f_locals)
    )


def _is(found: Any, one: _Wanted) -> bool:
    for step in one.within:
        if type(found) not in (list, tuple) or not -1 < step < len(found):
            return False
        found = found[step]
    return equal(found, one.value)


def _named(local: Any) -> Iterator[tuple[Any, Any]]:
    """Names and values in local variables, those in mappings and in attributes too."""
    waiting: list[tuple[int, Any]] = [(0, dict(local))]
    left = MOST
    while waiting and left > 0:
        depth, each = waiting.pop()
        if type(each) is dict:
            pairs = list(each.items())[:left]
        elif type(each) is list or type(each) is tuple:
            pairs = [(None, item) for item in each[:left]]
        else:
            pairs = list(instance_dict(each).items())[:left]
        left -= len(pairs)
        for key, item in pairs:
            yield (key if type(key) is str else None), item
            if depth < DEEP and type(item) not in (str, int, float, bool, bytes, type(None)):
                waiting.append((depth + 1, item))
