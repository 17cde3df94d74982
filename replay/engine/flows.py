"""What the source of a function says of a line: the names in it, what flows into them, which conditions lead there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from replay.engine.spots import FunctionNode, Spot, tree_of

HOLES, LONGEST = 3, 500
"""Of a template that is compared with a message; characters of that."""
SAMPLES: dict[str, tuple[Any, ...]] = {
    "NoneType": (None,), "None": (None,), "str": ("x",), "string": ("x",), "int": (1,), "float": (1.5,),
    "bool": (True,), "list": ([], ["x"]), "dict": ({}, {"x": 1}), "tuple": ([],), "set": ([],), "bytes": ("x",),
}  # fmt: skip
"""A value of each type that messages name."""
_OPPOSITE: dict[Any, Any] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_FLIPPED: dict[Any, Any] = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
_DEPTH = 3
"""Assignments that a name is followed back over."""


def names_of(node: ast.AST) -> set[str]:
    """Names, attributes, keys and keywords in an expression."""
    found: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.keyword) and each.arg:
            found.add(each.arg)
        elif isinstance(each, ast.Constant) and type(each.value) is str and len(each.value) < 100:
            found.add(each.value)
    return found


def texts(node: ast.AST) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and type(each.value) is str and each.value
    }


def texts_flowing(function: FunctionNode, names: set[str]) -> set[str]:
    """Texts in what is assigned to these names, e.g. the key in `wait = headers.get("retry-after")`."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and names & set().union(*map(names_of, node.targets)):
            found |= texts(node.value)
    return found


def node_of(spot: Spot) -> FunctionNode | None:
    tree = tree_of(spot.file)
    for each in () if tree is None else ast.walk(tree):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.lineno == spot.first:
            return each
    return None


def statement_at(function: FunctionNode | None, line: int) -> ast.stmt | None:
    found: ast.stmt | None = None
    for each in () if function is None else ast.walk(function):
        if (
            isinstance(each, ast.stmt)
            and each is not function
            and each.lineno <= line <= (each.end_lineno or each.lineno)
        ):
            found = each if found is None or each.lineno >= found.lineno else found
    return found


def heads(statement: ast.stmt) -> list[ast.AST]:
    """Of a compound statement what runs on its own line."""
    if isinstance(statement, ast.For | ast.AsyncFor):
        return [statement.iter]
    if isinstance(statement, ast.If | ast.While):
        return [statement.test]
    if isinstance(statement, ast.With | ast.AsyncWith):
        return list(statement.items)
    if isinstance(statement, ast.Try | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    return [statement]


def parsed(text: str) -> list[ast.AST]:
    """A line of source, if it can be read by itself."""
    for whole in (text, f"{text} pass", f"if 1:\n {text}"):
        try:
            return list(ast.parse(whole).body) if text else []
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return []


def sources(function: FunctionNode | None, names: set[str]) -> set[str]:
    """Names that flow into these by assignments and loops of the function."""
    if function is None:
        return set()
    flows: list[tuple[set[str], set[str]]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            flows.append((set().union(*map(names_of, node.targets)), names_of(node.value)))
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            flows.append((names_of(node.target), names_of(node.value)))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            flows.append((names_of(node.target), names_of(node.iter)))
    known, wave = set(names), set(names)
    for _ in range(_DEPTH):
        wave = set().union(*(values for targets, values in flows if targets & wave)) - known
        known |= wave
    return known - names


def holes(node: ast.AST, message: str) -> Iterator[tuple[list[str], str]]:
    """What stood in the holes of the templates in a line, if one of them gives the message: names in the hole, text.

    Few and short ones only: the time that matching takes grows with the power of their number.
    """
    said = message.partition("\n")[0][:LONGEST]
    for each in ast.walk(node):
        parts = _template(each)
        if parts is None or not any(type(part) is str and part.strip() for part in parts):
            continue
        inside = [part for part in parts if type(part) is not str]
        if len(inside) > HOLES:
            continue
        pattern = "".join(re.escape(part) if type(part) is str else "(.{0,200}?)" for part in parts)
        found = re.fullmatch(pattern, said) or re.fullmatch(f"['\"]{pattern}['\"]", said)  # `KeyError` adds quotes
        if found is not None:
            yield from ((sorted(names_of(part)), text) for part, text in zip(inside, found.groups(), strict=True))


def _template(node: ast.AST) -> list[Any] | None:
    """Texts and expressions of an f-string or of `text % values`."""
    if isinstance(node, ast.JoinedStr):
        return [part.value if isinstance(part, ast.Constant) else part for part in node.values]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        text = node.left.value
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        pieces = re.split(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]", text) if type(text) is str else []
        if len(pieces) == len(values) + 1:
            return [part for pair in zip(pieces, [*values, ""], strict=True) for part in pair]
    return None


def tests_around(function: FunctionNode, line: int) -> Iterator[tuple[ast.expr, bool]]:
    """Tests of the `if` and `while` around a line, and whether each must be met."""
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.While):
            if node.test.lineno <= line <= (node.test.end_lineno or line) and isinstance(node.test, ast.BoolOp):
                yield from ((each, isinstance(node.test.op, ast.And)) for each in node.test.values[:-1])
            for block, is_met in ((node.body, True), (node.orelse, False)):
                if any(each.lineno <= line <= (each.end_lineno or each.lineno) for each in block):
                    yield node.test, is_met


def atoms(test: ast.expr, is_met: bool) -> Iterator[tuple[ast.expr, bool]]:
    """The tests that a test is made of, as far as all of them, or any one, must be so."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from atoms(test.operand, not is_met)
    elif isinstance(test, ast.BoolOp):
        for each in test.values:
            yield from atoms(each, is_met)
    else:
        yield test, is_met


def demand(node: ast.expr, is_met: bool) -> tuple[set[str], tuple[Any, ...]]:
    """Names in a test, and values with which it is met (or not)."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kind: Any = type(node.ops[0])
        kind = kind if is_met else _OPPOSITE[kind]
        left, right = node.left, node.comparators[0]
        one, two = _constant(left), _constant(right)
        if two is not None:
            return names_of(left), _meeting(kind, two[0])
        if one is not None and kind in (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq):
            flipped = _FLIPPED.get(kind, kind)
            return names_of(right), _meeting(flipped, one[0])
        return set(), ()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance" and node.args:
        kinds = names_of(node.args[-1])
        chosen = [name for name in SAMPLES if (name in kinds) is is_met and name not in ("None", "string")]
        return names_of(node.args[0]), tuple(value for name in chosen for value in SAMPLES[name])
    return names_of(node), (True, "x", 1, [1]) if is_met else (None, False, "", 0, [])


def _constant(node: ast.expr) -> tuple[Any] | None:
    try:
        return (ast.literal_eval(node),)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _meeting(kind: type, value: Any) -> tuple[Any, ...]:
    """Values that compare so with one."""
    if kind in (ast.Eq, ast.Is):
        return (value,)
    if kind is ast.In and isinstance(value, tuple | list | set | str):
        return tuple(value)[:8]
    if isinstance(value, int | float) and not isinstance(value, bool):
        more, less = (value + 1, 10 * value + 1), (value - 1, value - 1000)
        meeting: dict[Any, tuple[Any, ...]] = {
            ast.Gt: more, ast.GtE: (value, *more), ast.Lt: less, ast.LtE: (value, *less)
        }  # fmt: skip
        return meeting.get(kind, (*more, None))
    return ("x", 0) if value is None else (None, "x", 0) if kind in (ast.NotEq, ast.IsNot, ast.NotIn) else ()
