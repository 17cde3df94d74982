"""What the code around a request may have had from before: read off its source, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache

from replay.core.verdict import Frame

_WORDS = ("cach", "memo")
"""Within the name of a decorator that keeps answers: `lru_cache`, `cached`, `alru_cache`, `disk.memoize`."""


def keeper(frames: Sequence[Frame]) -> tuple[Frame, str] | None:
    """The innermost function of these that keeps its answers, and the decorator that does."""
    for frame in reversed(frames):
        found = [(last - first, text) for first, last, text in _kept(frame.file) if first <= frame.line <= last]
        if found:
            return frame, min(found)[1]
    return None


@lru_cache(maxsize=64)
def _kept(file: str) -> tuple[tuple[int, int, str], ...]:
    """First and last line of each function of a file that keeps its answers, with its decorator. Of a file that cannot
    be read there are none."""
    try:
        with open(file, encoding="utf-8") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return tuple((node.lineno, node.end_lineno or node.lineno, text) for node in functions for text in _keeping(node))


def _keeping(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if any(word in name.lower() for word in _WORDS):
            yield f"@{ast.unparse(called)}"
