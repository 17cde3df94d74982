"""What the code speaks of on the lines that a mutation led it to: names that may be places of the recording, constants.

Whatever hides behind such a line is decided by what is read there. Most programs call it as the recording does: a field
`priority` is read by `order["priority"]`, into a variable of that name or from one that was assigned from it. So the
words of the statements are looked up, then those of what their names are assigned from. The source is read, never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from replay.engine.constants import LARGEST, LONGEST
from replay.engine.lines import Line

FAR = 2
"""Assignments that are followed backwards."""
_BLOCKS = frozenset({"body", "orelse", "finalbody", "handlers", "cases", "decorator_list"})
"""Of a statement: what has lines of its own."""


class Spoken(msgspec.Struct):
    """What the statements of some lines speak of."""

    words: list[set[str]]
    """Their own, then those from which their names are assigned, and so on; none twice."""
    constants: set[tuple[type, Any]]


class Frontier:
    """The sources of one project, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, _Source] = {}

    def at(self, lines: Iterable[Line]) -> Spoken:
        """What these lines speak of."""
        found = Spoken([set()], set())
        sources = set()
        for file, line in lines:
            source = self._source(file)
            sources.add(file)
            for node in source.statements.get(line, ()):
                for kind, value in _said(node):
                    if kind is None:
                        found.words[0].add(plain(value))
                    else:
                        found.constants.add((kind, value))
        known = set(found.words[0])
        for _ in range(FAR):
            further = {word for file in sources for name in found.words[-1]
                       for word in self._files[file].origins.get(name, ())} - known  # fmt: skip
            known |= further
            found.words.append(further)
        return found

    def _source(self, file: str) -> _Source:
        source = self._files.get(file)
        if source is None:
            source = self._files[file] = _read(file)
        return source


class _Source(msgspec.Struct):
    """One file."""

    statements: dict[int, list[ast.stmt]] = {}
    """By the line that they begin on."""
    origins: dict[str, set[str]] = {}
    """Name -> words of all that is assigned to it, wherever."""


def plain(name: str) -> str:
    """A name, however it is written: `retry_after` is `Retry-After`."""
    return name.lower().replace("_", "").replace("-", "")


def _read(file: str) -> _Source:
    source = _Source()
    try:
        path = Path(file)
        if path.stat().st_size > LARGEST:
            return source
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            source.statements.setdefault(node.lineno, []).append(node)
        for target, value in _assigned(node):
            words = {plain(word) for kind, word in _said(value) if kind is None}
            for each in ast.walk(target):
                if isinstance(each, ast.Name):
                    source.origins.setdefault(plain(each.id), set()).update(words)
    return source


def _assigned(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield node.target, node.iter
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars, node.context_expr


def _said(node: ast.AST) -> Iterator[tuple[type | None, Any]]:
    """The words (None, word) and the constants (type, value) of a statement or expression, without its blocks. A text
    is both. Sums of a thousand terms are a thousand levels deep: what waits is kept in a list."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            yield None, node.id
        elif isinstance(node, ast.Attribute):
            yield None, node.attr
        elif isinstance(node, ast.Constant) and type(node.value) in (str, int, float):
            yield type(node.value), node.value
            if type(node.value) is str and len(node.value) <= LONGEST:
                yield None, node.value
        is_statement = isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)
        for name, value in ast.iter_fields(node):
            if not (is_statement and name in _BLOCKS):
                waiting += [
                    each for each in (value if isinstance(value, list) else (value,)) if isinstance(each, ast.AST)
                ]
