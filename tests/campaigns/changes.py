"""Changes of code, one at a time, as a mistake or a fix makes them: of a constant, a comparison, a statement."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

Change = Callable[[Any], None]
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip


def changed(text: str) -> Iterator[tuple[str, str, str]]:
    """Of a module's text: the function or class that a change is in, what was changed there, and the text with it."""
    tree = ast.parse(text)
    for place, function in enumerate(tree.body):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for number, node in enumerate(ast.walk(function)):
            for name, change in _changes(node):
                other = copy.deepcopy(tree)
                change([*ast.walk(other.body[place])][number])
                line = getattr(node, "lineno", function.lineno)
                yield function.name, f"{name}, line {line}", ast.unparse(ast.fix_missing_locations(other))


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Constant):
        if type(node.value) in (int, float):
            yield "one more", lambda it: setattr(it, "value", it.value + 1)
        elif type(node.value) is str and node.value:
            yield "another text", lambda it: setattr(it, "value", f"{it.value}x")
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        yield "another comparison", lambda it: setattr(it, "ops", [_COMPARISONS[type(it.ops[0])]()])
    elif isinstance(node, ast.BoolOp):
        yield "and, or", lambda it: setattr(it, "op", ast.Or() if isinstance(it.op, ast.And) else ast.And())
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        yield "another operation", lambda it: setattr(it, "op", _OPERATIONS[type(it.op)]())
    elif isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield "swapped arguments", lambda it: it.args.__setitem__(slice(0, 2), it.args[1::-1])
        for at, keyword in enumerate(node.keywords):
            yield f"without {keyword.arg}", lambda it, at=at: it.keywords.pop(at)  # type: ignore[misc]
    elif isinstance(node, ast.If):
        yield "always", lambda it: setattr(it, "test", ast.Constant(True))
        yield "never", lambda it: setattr(it, "test", ast.Constant(False))
    elif isinstance(node, ast.ExceptHandler):
        yield "raised on", lambda it: setattr(it, "body", [ast.Raise()])
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        for at, statement in enumerate(block if isinstance(block, list) else ()):
            if isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign | ast.Return | ast.Raise | ast.Continue):
                yield (
                    f"without statement {at} of {field}",
                    lambda it, field=field, at=at: getattr(it, field).__setitem__(at, ast.Pass()),  # type: ignore[misc]
                )
