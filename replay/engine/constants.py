"""Constants that the code under test compares with: read from its source, never run."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

Constant = str | int | float
MOST = 40
"""Of each type, the most frequent."""
LONGEST = 200
"""Characters of a constant."""
LARGEST = 4 << 20
"""Bytes of a source file that is read."""
_LOOKS = frozenset({"startswith", "endswith", "split", "partition", "rpartition", "removeprefix", "removesuffix",
                    "find", "index", "count", "strip"})  # fmt: skip


def constants_of(files: Iterable[str]) -> tuple[Constant, ...]:
    """Texts, ints and floats in comparisons, look-ups and patterns of these files, and the numbers just beside them;
    the most frequent first. Files that cannot be read or parsed have none."""
    found: Counter[tuple[type, Constant]] = Counter()
    for file in sorted(files):
        try:
            path = Path(file)
            if path.stat().st_size <= LARGEST:
                found.update(_compared(ast.parse(path.read_bytes())))
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
    chosen: list[Constant] = []
    for kind in (str, int, float):
        of_kind = Counter({value: count for (each, value), count in found.items() if each is kind})
        values: list[Constant] = [value for value, _ in of_kind.most_common(MOST)]
        chosen += values
        chosen += [near for value in values for near in _beside(value) if near not in values]
    return _unique(chosen)


def _unique(values: list[Constant]) -> tuple[Constant, ...]:
    """Each once; 1 and 1.0 are two."""
    return tuple({(type(value), value): value for value in values}.values())


def _beside(value: Constant) -> tuple[Constant, ...]:
    if isinstance(value, int):
        return value - 1, value + 1
    if isinstance(value, float) and math.isfinite(value):
        return math.nextafter(value, -math.inf), value / 2, value * 1.01
    return ()


def _compared(tree: ast.Module) -> Iterator[tuple[type, Constant]]:
    named = {target.id: node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                yield from _literals(side)
                if isinstance(side, ast.Name) and side.id in named:
                    yield from _literals(named[side.id])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKS:
            for argument in node.args:
                yield from _literals(argument)
        elif isinstance(node, ast.MatchValue):
            yield from _literals(node.value)


def _literals(node: ast.expr) -> Iterator[tuple[type, Constant]]:
    if isinstance(node, ast.Constant):
        value = node.value
        if type(value) in (int, float) or (type(value) is str and len(value) <= LONGEST):
            yield type(value), value  # type: ignore[misc]  # narrowed by its type
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from ((kind, -value) for kind, value in _literals(node.operand) if not isinstance(value, str))
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for item in node.elts:
            yield from _literals(item)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            if key is not None:
                yield from _literals(key)
