"""Which statements changed lines belong to, so that what a run reached can be compared with a diff."""

from __future__ import annotations

import ast
from collections.abc import Iterable

import msgspec

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Hunk = tuple[int, int]
"""First line and number of lines, as they are now; of what was only removed the line before it, and 0."""


class Touched(msgspec.Struct, frozen=True):
    """What changed of a file."""

    statements: frozenset[int] = frozenset()
    """First lines of the statements in functions."""
    everywhere: bool = False
    """Something outside of functions, which whatever runs in the file may depend on."""

    def by(self, reached: frozenset[int]) -> bool:
        """Whether a run that reached these lines of the file executes something that changed."""
        return bool(self.statements & reached) or (self.everywhere and bool(reached))


class _Span(msgspec.Struct):
    first: int
    last: int
    node: ast.stmt
    inside: bool
    """In a function."""


def touched(source: bytes, hunks: Iterable[Hunk]) -> Touched:
    """What the hunks of a diff touch. Empty lines, comments and docstrings are nothing."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Touched(everywhere=True)  # nobody can say what is in it
    spans = list(_spans(tree, inside=False))
    text = [b"", *source.splitlines()]
    statements: set[int] = set()
    everywhere = False
    for line in _lines(hunks, text):
        found = [span for span in spans if span.first <= line <= span.last]
        if not found:
            continue
        span = min(found, key=lambda each: (each.last - each.first, -each.first))
        node = span.node
        is_simple = not hasattr(node, "body")
        if _is_text(node) or (not is_simple and _is_idle(text[line])):
            continue
        if isinstance(node, _FUNCTIONS) and not span.inside:
            within = [each.node for each in spans if span.first < each.first and each.last <= span.last]
            statements |= {each.lineno for each in within if not _is_text(each)}
        elif span.inside:
            statements.add(node.lineno)
        else:
            everywhere = True
    return Touched(frozenset(statements), everywhere)


def _lines(hunks: Iterable[Hunk], text: list[bytes]) -> Iterable[int]:
    for first, count in hunks:
        if count:
            yield from range(first, first + count)
            continue
        above, below = first, first + 1
        while above > 0 and _is_idle(text[min(above, len(text) - 1)]):
            above -= 1
        while below < len(text) and _is_idle(text[below]):
            below += 1
        yield from (above, below)


def _spans(parent: ast.AST, *, inside: bool) -> Iterable[_Span]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.stmt):
            decorators = [each.lineno for each in getattr(node, "decorator_list", ())]
            yield _Span(min([node.lineno, *decorators]), node.end_lineno or node.lineno, node, inside)
            yield from _spans(node, inside=inside or isinstance(node, _FUNCTIONS))
        elif isinstance(node, ast.ExceptHandler | ast.match_case):
            yield from _spans(node, inside=inside)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_idle(line: bytes) -> bool:
    return not line.strip() or line.lstrip().startswith(b"#")
