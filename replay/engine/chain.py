"""From a value to the failing line: who asked for it, who first had it in hand, what failed.

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
from replay.engine.executions import Stage
from replay.engine.failures import Failure, relative
from replay.engine.finding import CauseValue, Link
from replay.engine.lines import in_project

DEEP = 4
"""Steps into a local variable."""
MOST = 400
"""Values looked at in one line."""
_PLAIN = (str, int, float, bool, bytes, type(None), list, dict, tuple)


def links(stage: Stage, incident: Recording, values: tuple[CauseValue, ...], failure: Failure) -> tuple[Link, ...]:
    """The chain of each value, then the failing line."""
    asked: dict[int, Frame] = {}
    seen: dict[str, Frame] = {}
    wanted = {each.path: (_name(each.path), each.here) for each in values if type(each.here) in _PLAIN}
    wanted = {path: pair for path, pair in wanted.items() if pair[0]}

    def on_ask(interaction: Interaction, _: Value) -> None:
        asked.setdefault(interaction.seq, _asking(stage.root))

    stage.on_ask = on_ask

    def look(frame: FrameType, line: int) -> None:
        for path, (name, value) in list(wanted.items()):
            if _holds(frame, name, value):
                seen[path] = _frame(stage.root, frame, line)
                del wanted[path]

    try:
        _watched(stage.root, lambda: stage.run(incident), look)
    finally:
        stage.on_ask = None
    found: list[Link] = []
    for each in values:
        boundary, _, number = parse(each.path.replace("[*]", "[0]"))[0].partition("[")
        if number and boundary != "timing" and int(number[:-1]) in asked:
            found.append(Link(each.path, asked[int(number[:-1])], "asked"))
        if each.path in seen:
            found.append(Link(each.path, seen[each.path], "first seen"))
    return (*found, *(Link("", _shown(stage.root, frame), "failed") for frame in failure.frames[-1:]))


def _shown(root: Path, frame: Frame) -> Frame:
    """With the line's text."""
    return msgspec.structs.replace(frame, source=frame.source or getline(str(root / frame.file), frame.line).strip())


def _name(path: str) -> str:
    steps = parse(path.replace("[*]", "[0]"))[1]
    return steps[-1] if steps and type(steps[-1]) is str else ""


def _watched(root: Path, run: Callable[[], object], look: Callable[[FrameType, int], None]) -> None:
    def called(frame: FrameType, event: str, argument: Any) -> Any:
        if not in_project(root, frame.f_code.co_filename):
            return None
        line = frame.f_lineno
        look(frame, line)

        def inside(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal line
            if event in ("line", "return"):  # what is there now is what the line before it has done
                look(frame, line)
                line = frame.f_lineno
            return inside

        return inside

    before = sys.gettrace()
    sys.settrace(called)
    try:
        run()
    finally:
        sys.settrace(before)


def _asking(root: Path) -> Frame:
    """The innermost line of the project that is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if in_project(root, frame.f_code.co_filename):
            return _frame(root, frame, frame.f_lineno)
        frame = frame.f_back
    return Frame("?", 0, "?")


def _frame(root: Path, frame: FrameType, line: int) -> Frame:
    file = frame.f_code.co_filename
    return Frame(relative(root, file), line, frame.f_code.co_name, getline(file, line).strip())


def _holds(frame: FrameType, name: str, value: Any) -> bool:
    return any(key == name and equal(found, value) for key, found in _named(frame.f_locals))


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
