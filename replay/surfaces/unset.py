"""Which variables of the environment, that are not set here, a line reads: off its source, nothing is run."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache

from replay.core.verdict import Frame
from replay.surfaces.printable import escape

_DEPTH = 3
"""Assignments that a name is followed back over."""
_URL = ("UnsupportedProtocol", "MissingSchema", "InvalidSchema", "InvalidURL", "InvalidUrlClientError", "InvalidUrl")
"""Errors of clients that are asked for what is no URL."""


def unset(frames: Sequence[Frame]) -> list[str]:
    """Those that the innermost of these lines that reads any reads, itself or by a name that was assigned before."""
    for frame in reversed(frames):
        found = [name for name in _read_at(frame.file, frame.line) if name not in os.environ]
        if found:
            return found
    return []


def behind(kind: str, message: str, frames: Sequence[Frame]) -> list[str]:
    """Those that may be why an error was raised: it lacks one as a key, or a URL or a text was made of none."""
    found = unset(frames)
    if kind == "KeyError":
        return [name for name in found if message.strip("'\"") == name]
    is_of_none = kind.rpartition(".")[2] in _URL or "None" in message
    return found if is_of_none else []


def advice(names: Sequence[str], target: str | None) -> str:
    """What to do about them. `target`: what production asked."""
    origin = (target or "").partition(" ")[2]
    there = "/".join(origin.split("/")[:3]) if "://" in origin else ""
    asked = f" (it asked {escape(there)})" if there else ""
    which, listed = " and ".join(map(escape, names)), ", ".join(f'"{escape(name)}"' for name in names)
    are, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return (
        f"{which} {are} not set here, and the recording does not hold {them}: set {them} here as in production{asked}, "
        f"or have {them} recorded from now on, `replay.init(environ=[{listed}])`"
    )


@lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module | None:
    try:
        with open(file, encoding="utf-8") as source:
            return ast.parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


@lru_cache(maxsize=256)
def _read_at(file: str, line: int) -> tuple[str, ...]:
    tree = _tree(file)
    around = (
        [] if tree is None else [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and _is_at(node, line)]
    )
    if tree is None or not around:
        return ()
    nodes: list[ast.AST] = [min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assigned = [each for each in _assigned(tree) if _is_seen(each[0], line, functions)]
    for _ in range(_DEPTH):
        found = dict.fromkeys(name for node in nodes for name in _variables(node))
        if found:
            return tuple(found)
        names = {name for node in nodes for name in _names(node)}
        nodes = [value for target, value in assigned if names & set(_names(target))]
    return ()


def _is_at(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _is_seen(target: ast.expr, line: int, functions: Sequence[ast.stmt]) -> bool:
    """Whether what is assigned to is what that line sees: an attribute, or a name of no other function."""
    if isinstance(target, ast.Attribute):
        return True
    return all(_is_at(each, line) for each in functions if _is_at(each, target.lineno))


def _assigned(tree: ast.Module) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is assigned to, and what it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target, node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            yield node.target, node.value
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield node.optional_vars, node.context_expr


def _names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr


def _variables(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        key: ast.AST | None = None
        if isinstance(each, ast.Subscript) and _named(each.value) == "environ":
            key = each.slice
        elif isinstance(each, ast.Call) and each.args:
            owner = each.func.value if isinstance(each.func, ast.Attribute) else None
            if _named(each.func) == "getenv" or (owner is not None and _named(owner) == "environ"):
                key = each.args[0]
        if isinstance(key, ast.Constant) and type(key.value) is str:
            yield key.value


def _named(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
