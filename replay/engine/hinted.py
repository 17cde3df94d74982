"""What the failing line itself says of values: names that a mapping may lack, texts that a value may have to be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from replay.core.verdict import Frame
from replay.engine.flows import heads, names_of, node_of, sources, statement_at
from replay.engine.spots import spot_of, tree_of

MOST = 12
"""Texts of one line, and of what flows into it."""
LONGEST = 80
"""Characters of a text."""
_NAME = re.compile(r"[^\W\d][\w.-]{0,39}")


def texts_near(root: Path, frame: Frame) -> tuple[str, ...]:
    """Texts in the statement of a frame, then in what is assigned to the names in it, in its function or its module
    (`RATES = {"free": 0}`), in the order of the source. Nothing is run."""
    spot = spot_of(frame, root, exact=True)
    function = None if spot is None else node_of(spot)
    statement = statement_at(function, frame.line)
    if spot is None or function is None or statement is None:
        return ()
    found: dict[str, None] = {}
    names: set[str] = set()
    for head in heads(statement):
        names |= names_of(head)
        found.update((text, None) for text in _texts(head))
    names |= sources(function, names)
    for node in (function, tree_of(spot.file)):
        for each in () if node is None else _assigned(node, names):
            found.update((text, None) for text in _texts(each))
    return tuple(found)[:MOST]


def names_in(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of them that look like the name of a field."""
    return tuple(text for text in texts if _NAME.fullmatch(text))


def _assigned(node: ast.AST, names: set[str]) -> Iterator[ast.AST]:
    for each in ast.iter_child_nodes(node) if isinstance(node, ast.Module) else ast.walk(node):
        if isinstance(each, ast.Assign) and names & set().union(*map(names_of, each.targets)):
            yield each.value


def _texts(node: ast.AST) -> list[str]:
    constants = (each for each in ast.walk(node) if isinstance(each, ast.Constant))
    ordered = sorted(constants, key=lambda each: (each.lineno, each.col_offset))
    return [each.value for each in ordered if type(each.value) is str and 0 < len(each.value) <= LONGEST]
