"""Frames of a traceback in the code that is here: files by the end of their paths, places by function and text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from replay.core.fingerprint import foreign
from replay.core.verdict import Frame
from replay.engine.lines import LARGEST, in_project

_INSTALLED = ("site-packages/", "dist-packages/")
_FOLDERS = ("", "src/", "lib/", "app/")
"""Below the project's root, where the code of an installed package may lie."""
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Spot(msgspec.Struct, frozen=True):
    """One frame of the signature, in the code that is here."""

    frame: Frame
    """As the signature has it."""
    file: str
    """Here, absolute."""
    function: str
    first: int
    """First line of the function."""
    last: int
    lines: frozenset[int] = frozenset()
    """That have the frame's text, within the function. Empty: the text is not known, or is not there any more."""


def spot_of(frame: Frame, root: Path, *, exact: bool) -> Spot | None:
    """A frame in the code below a root; None if there is no such function. `exact`: its line is one of this code."""
    found: Spot | None = None
    for file in _candidates(frame, root):
        spot = _in_file(file, frame, exact=exact)
        if spot is not None and spot.lines:
            return spot
        found = found or spot
    return found


def _candidates(frame: Frame, root: Path) -> Iterator[str]:
    """Files that may hold a frame's function, the likeliest first."""
    seen: set[str] = set()
    for file in files_of(frame.file, root):
        if file not in seen:
            seen.add(file)
            yield file
    if seen and not is_library(frame.file):
        yield from (
            file
            for file in _loaded(root)
            if file not in seen and _names(file, frame.function)  # it may have moved
        )


def _names(file: str, function: str) -> bool:
    """Whether a file may have a function of that name: to parse it takes a hundred times as long."""
    try:
        return function[:1] == "<" or function.encode() in Path(file).read_bytes()
    except OSError:
        return False


def files_of(told: str, root: Path) -> Iterator[str]:
    """The files here that a path may mean, the likeliest first."""
    parts = PurePosixPath(told.replace("\\", "/")).parts
    library = is_library(told)
    starts = [_after(parts)] if library else range(1 if told[:1] == "/" else 0, len(parts))
    for start in starts:
        end = "/".join(parts[start:])
        for folder in _FOLDERS:
            if end and ".." not in parts and (root / folder / end).is_file():
                yield str(root / folder / end)
    least = len(parts) - starts[0] if library else 1
    known = [(file, _common(file, parts)) for file in _loaded(root)] if least else []
    yield from (file for file, same in sorted(known, key=lambda pair: -pair[1]) if same >= least)


def way_to(function: ast.AST, line: int) -> Iterator[int]:
    """First lines of the statements that are reached on the way to a line: of each block around it, then its own."""
    node: Any = function
    while True:
        for name in _BLOCKS:
            inner = [each for each in getattr(node, name, ()) if each is not None]
            around = next((each for each in inner if _holds(each, line)), None)
            if around is not None:
                break
        else:
            return
        if isinstance(around, ast.ExceptHandler) or type(around).__name__ == "match_case":
            node = around
            continue
        is_last = isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not any(
            _holds(each, line) for name in _BLOCKS for each in getattr(around, name, ())
        )
        if node is not function and not (is_last and inner[0] is around):
            yield inner[0].lineno
        if is_last:
            yield around.lineno
            return
        node = around


def _holds(node: Any, line: int) -> bool:
    first = getattr(node, "lineno", None)
    if first is None:  # a case of `match`
        return any(_holds(each, line) for each in node.body)
    return bool(first <= line <= (node.end_lineno or first))


@lru_cache(maxsize=64)
def tree_of(file: str) -> ast.Module | None:
    """The source of a file; None if it cannot be read."""
    try:
        source = Path(file).read_bytes()
        return ast.parse(source, file) if len(source) <= LARGEST else None
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _source(file: str) -> tuple[str, ...]:
    try:
        return tuple(Path(file).read_text("utf-8", "replace").splitlines())
    except OSError:
        return ()


def functions(file: str, name: str) -> list[FunctionNode]:
    tree = tree_of(file)
    if tree is None:
        return []
    if name == "<lambda>":
        return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]


def function_at(spot: Spot) -> FunctionNode | None:
    return next((each for each in functions(spot.file, spot.function) if each.lineno == spot.first), None)


def _in_file(file: str, frame: Frame, *, exact: bool) -> Spot | None:
    """A frame in a file that is here; None if there is no such function. Of several the one with the text, then the
    one around the line, then the first."""
    spots = []
    for node in functions(file, frame.function) or _generators(file, frame):
        last = node.end_lineno or node.lineno
        lines = (
            frozenset({frame.line} if node.lineno <= frame.line <= last else ()) if exact else _lines(file, node, frame)
        )
        spots.append(Spot(frame, file, frame.function, node.lineno, last, lines))
    around = [spot for spot in spots if spot.first <= frame.line <= spot.last]
    return next((spot for spot in (*(each for each in spots if each.lines), *around, *spots)), None)


def _generators(file: str, frame: Frame) -> list[Any]:
    """Of a generator expression: those of the file that begin where a line has the frame's text."""
    tree = tree_of(file)
    if frame.function != "<genexpr>" or tree is None:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.GeneratorExp)]


def _lines(file: str, node: Any, frame: Frame) -> frozenset[int]:
    text = frame.source.strip()
    if not text:
        return frozenset()
    source = _source(file)
    last = min(node.end_lineno or node.lineno, len(source))
    found = {line for line in range(node.lineno, last + 1) if source[line - 1].strip() == text}
    return frozenset({frame.line} if frame.line in found else found)


def is_library(file: str) -> bool:
    return foreign(file) or file.startswith("<")


def _after(parts: Sequence[str]) -> int:
    """Where the path of an installed package's file begins, behind the folder of packages."""
    places = [number for number, part in enumerate(parts) if f"{part}/" in _INSTALLED]
    return places[-1] + 1 if places else len(parts)


def _loaded(root: Path) -> list[str]:
    """The project's modules that are loaded."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return sorted({file for file in files if type(file) is str and file.endswith(".py") and in_project(root, file)})


def _common(file: str, parts: Sequence[str]) -> int:
    """How many parts two paths have in common at their ends."""
    count = 0
    for one, two in zip(reversed(PurePosixPath(file).parts), reversed(parts), strict=False):
        if one != two:
            break
        count += 1
    return count
