"""Stored values as trees that a page can fold, with limits: a value may hold millions of parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from replay.core.codec import Value, encode
from replay.surfaces.literals import bare, literal, tree
from replay.surfaces.printable import clip

PARTS = 400
"""Of one value, shown."""
ITEMS = 100
"""Of one container, shown."""
DEPTH = 10
TEXT = 1000
"""Characters of a string shown."""
GLANCE = 90
"""Columns of a folded container."""
SMALL = 40
"""Columns of a list that is not worth folding."""

_FIELDS = frozenset({
    "$dataclass", "$attrs", "$pydantic", "$struct", "$namedtuple", "$mapped", "$row", "$state", "$message",
    "$object", "$anew", "$opaque",
})  # fmt: skip


class Node(msgspec.Struct, frozen=True):
    """One value: its name where it lies, itself in one line, its parts."""

    name: str
    text: str
    kind: str = ""
    """`text`, `number` or `word`; empty: a container, or anything else."""
    parts: tuple[Node, ...] = ()
    more: int = 0
    """Parts left out."""


def of_value(value: Any, name: str = "") -> Node:
    """The tree of a captured value, or of any Python value."""
    return of_tree(tree(value if isinstance(value, Value) else encode(value)), name)


def of_tree(node: Any, name: str = "") -> Node:
    """The tree of an encoded value."""
    return _node(name, node, [PARTS], 0)


def _node(name: str, node: Any, left: list[int], depth: int) -> Node:
    left[0] -= 1
    node = bare(node)
    inside = _inside(node)
    if inside is None:
        return Node(name, literal(node, longest=TEXT), _kind(node))
    size, pairs = inside
    glance = clip(literal(node), GLANCE)
    if not size or (
        isinstance(node, list) and len(glance) <= SMALL and not any(isinstance(i, list | dict) for i in node)
    ):
        return Node(name, glance)
    if depth >= DEPTH:
        return Node(name, glance, more=size)
    parts: list[Node] = []
    for key, part in islice(pairs, ITEMS):
        if left[0] <= 0:
            break
        parts.append(_node(key, part, left, depth + 1))
    return Node(name, glance, "", tuple(parts), size - len(parts))


def _kind(node: Any) -> str:
    if isinstance(node, str) or (isinstance(node, dict) and not {"$str", "$bytes", "$base64"}.isdisjoint(node)):
        return "text"
    if node is None or isinstance(node, bool):
        return "word"
    if isinstance(node, int | float) or (isinstance(node, dict) and not {"$int", "$float"}.isdisjoint(node)):
        return "number"
    return ""


def _inside(node: Any) -> tuple[int, Iterator[tuple[str, Any]]] | None:
    """How many parts, and each with its name; None for what has none to show."""
    if isinstance(node, list):
        return len(node), _items(node)
    if not isinstance(node, dict):
        return None
    tag = next(iter(node), "")
    if len(node) != 1 or not isinstance(tag, str) or not tag.startswith("$"):
        return len(node), ((_name(key), part) for key, part in node.items())
    body = node[tag]
    if tag in ("$tuple", "$set") and isinstance(body, list):
        return len(body), _items(body)
    if tag in ("$dict", "$ordereddict") and isinstance(body, list):
        pairs = [pair for pair in body if isinstance(pair, list) and len(pair) == 2]
        return len(pairs), ((_name(key), part) for key, part in pairs)
    if tag in _FIELDS and isinstance(body, dict) and isinstance(body.get("fields"), dict):
        fields = body["fields"]
        return len(fields), iter(fields.items())
    return None


def _name(key: Any) -> str:
    """A key as it is read; quoted where it could be taken for something else."""
    return key if isinstance(key, str) and key[:1].isalpha() else literal(key)


def _items(items: list[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"[{index}]", item) for index, item in enumerate(items))
