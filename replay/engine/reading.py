"""Which names the lines of a source file read: variables, attributes, keys."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from replay.core.edits import parse
from replay.engine.lines import LARGEST, Line

LONGEST = 100
"""Characters of a text that may be a key."""
_NOTHING: frozenset[str] = frozenset()


def read_at(file: str, line: int) -> frozenset[str]:
    """What the code of one line reads, in small letters: the keys of headers are."""
    return _reads(file).get(line, _NOTHING)


def places_read(paths: Iterable[str], reached: Iterable[Line]) -> set[str]:
    """Of the places of a recording those that code reads: statements that begin on these lines speak of their names. A
    place without a name counts too."""
    by_file: dict[str, list[int]] = {}
    for file, line in reached:
        by_file.setdefault(file, []).append(line)
    names = {
        name for file, lines in by_file.items() for line in lines for name in _statements(file).get(line, _NOTHING)
    }
    return {path for path in paths if (name := _spoken_name(path)) is None or name in names}


def _spoken_name(path: str) -> str | None:
    _, steps = parse(path)
    return next((step.lower() for step in reversed(steps) if isinstance(step, str)), None)


def header_of(file: str, first: int) -> int:
    """The line with `def`, of a function whose first line is that of its decorator."""
    return _headers(file).get(first, first)


@lru_cache(maxsize=64)
def _reads(file: str) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for node in ast.walk(_tree(file)):
        name = _name(node)
        if name:
            found.setdefault(getattr(node, "end_lineno", 0), set()).add(name.lower())
    return {line: frozenset(names) for line, names in found.items()}


@lru_cache(maxsize=64)
def _statements(file: str) -> dict[int, frozenset[str]]:
    found: dict[int, frozenset[str]] = {}
    for statement in ast.walk(_tree(file)):
        if isinstance(statement, ast.stmt):
            names, waiting = set(), list(ast.iter_child_nodes(statement))
            while waiting:
                node = waiting.pop()
                if not isinstance(node, ast.stmt):
                    names.add((_name(node) or "").lower())
                    waiting += ast.iter_child_nodes(node)
            found[statement.lineno] = found.get(statement.lineno, _NOTHING) | names
    return found


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Load) else None
    if isinstance(node, ast.Attribute):
        return node.attr if isinstance(node.ctx, ast.Load) else None
    if isinstance(node, ast.Constant) and type(node.value) is str:
        return node.value if len(node.value) <= LONGEST else None
    return None


@lru_cache(maxsize=64)
def _headers(file: str) -> dict[int, int]:
    functions = (each for each in ast.walk(_tree(file)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return {min([each.lineno, *(one.lineno for one in each.decorator_list)]): each.lineno for each in functions}


def _tree(file: str) -> ast.Module:
    """Empty for what cannot be read."""
    try:
        source = Path(file).read_bytes()
        return ast.parse(source if len(source) <= LARGEST else b"", file)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return ast.parse("")
