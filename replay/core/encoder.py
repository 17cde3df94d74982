"""The machine that turns a value into a tree of plain JSON: limits, references, gaps."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from replay.core.families import (
    arrays,
    containers,
    errors,
    frames,
    mapped,
    objects,
    records,
    scalars,
    seen,
    stated,
)
from replay.core.looking import address_of, dotted, size_of
from replay.core.pace import pauses
from replay.core.standins import Gap
from replay.core.written import json_text

Tree = Any
"""What `msgspec.json` reads and writes: None, bool, int, float, str, list, dict with str keys."""
Write = Callable[["Encoder", Any], Tree]

_FEW_GAPS = 500
_ASIDE, _WIDE = 500, 64 << 10
"""Nodes and bytes of one value's objects that no tag stands for: a call with a large one must not take long."""
_INNER = 20
"""Such objects, each in the next."""
_OFTEN = 500
"""Nodes between two looks at the clock."""
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1

# Keyed by id: a metaclass may define `__hash__`, and builtin types live as long as the process.
_exact: dict[int, Write] = {
    address_of(kind): write
    for family in (scalars.WRITERS, containers.WRITERS, records.WRITERS, objects.WRITERS)
    for kind, write in family.items()
}


def writes(kind: type, write: Write) -> None:
    """So instances of a class of ours are written that not every process needs."""
    _exact[address_of(kind)] = write


_found: dict[int, tuple[type, Write]] = {}
_MOST_FOUND = 2048


class Encoder:
    """Encodes one value. Not reentrant."""

    __slots__ = (
        "active",
        "aside",
        "deepest",
        "depth",
        "frames",
        "gaps",
        "inner",
        "late",
        "left",
        "lost",
        "memo",
        "path",
        "pause",
        "refs",
        "room",
        "until",
        "watch",
    )

    def __init__(self, depth: int, nodes: int, size: int) -> None:
        self.deepest = depth
        self.left = nodes
        self.room = size
        self.pause = pauses()
        self.until = 0
        """By the performance counter; 0: whenever it is done."""
        self.watch = nodes
        """Nodes left from which on the clock is looked at."""
        self.late = False
        self.depth = 0
        self.path: list[str | int] = []
        self.gaps: list[Gap] = []
        self.memo: dict[int, tuple[object, Tree]] = {}
        """id -> the object (kept alive, so that the id stays its own) and its tree."""
        self.refs: list[tuple[dict[str, Any], Tree]] = []
        """References made, and the trees they mean. They are numbered at the end, in the order of the text."""
        self.active: set[int] = set()
        self.lost = 0
        """Parts of which nothing but the type is kept, or a beginning."""
        self.inner = 0
        self.aside = _ASIDE
        """Nodes that are left for attributes of what no tag stands for."""
        self.frames: list[list[Any]] = []
        """Frames whose source line is looked up when the text is needed."""

    def node(self, value: Any) -> Tree:
        """The tree of `value`. A failure inside becomes an opaque node."""
        kind = type(value)
        self.left -= 1
        if value is None or kind is bool:
            return value
        if kind is str:
            self.room -= len(value)
            if self.room < 0:
                return self.cut(value, "truncated-size", len(value), whole_text(value[:200]))
            return value if value.isascii() else text(value)
        if kind is int:
            return value if _SMALLEST <= value <= _LARGEST else big(value)
        if kind is float:
            return value if value - value == 0.0 else not_finite(value)
        known = self.memo.get(address_of(value))
        if known is not None:
            ref: dict[str, Any] = {"$ref": -1}
            self.refs.append((ref, known[1]))
            return ref
        if self.depth >= self.deepest:
            return self.cut(value, "truncated-depth")
        if self.spent():
            return self.cut(value, self.spent() or "")
        if self.pause is not None:
            self.pause()
        return self._written(find(kind), value)

    def _written(self, write: Callable[[Any, Any], Tree], value: Any) -> Tree:
        """By what knows its type. Short: an error that leaves a function further in than its 256th instruction costs
        the interpreter a number, for which it looks for ever where there is no memory (CPython 3.11 to 3.14)."""
        if self.left <= self.watch:
            self.watch = self.left - _OFTEN
            if 0 < self.until < perf_counter_ns():
                self.left, self.late = 0, True
        self.depth += 1
        at = len(self.path)
        try:
            return write(self, value)
        except MemoryError:  # so would all that follows, each after a search for memory: whoever asked gives up
            raise
        except Exception:  # capture never raises into the application
            del self.path[at:]
            return self._failed(value)
        finally:
            self.depth -= 1

    def spent(self) -> str | None:
        """The limit that is used up, if one is."""
        if self.left <= 0:
            return "budget-time" if self.late else "truncated-count"
        return "truncated-size" if self.room <= 0 else None

    def keep(self, value: object, tree: Tree) -> Tree:
        """Remember the tree of an object with identity, before its content is encoded: a cycle refers to it."""
        self.memo[address_of(value)] = (value, tree)
        return tree

    def at(self, step: str | int, value: Any) -> Tree:
        """The tree of a part."""
        self.path.append(step)
        tree = self.node(value)
        self.path.pop()
        return tree

    def each(self, values: Any, out: list[Tree]) -> list[Tree]:
        """The trees of a sequence's items, cut short at a limit."""
        path, node = self.path, self.node
        path.append(0)
        for index, value in enumerate(values):
            path[-1] = index
            if self.left <= 0 or self.room <= 0:
                out.append(self.cut(values, self.spent() or "", len(values) - index))
                break
            out.append(node(value))
        path.pop()
        return out

    def apart(self, step: str | int, value: Any) -> Tree:
        """The tree of a part that shares nothing with the rest: its place in the text is not known yet."""
        memo, refs = self.memo, self.refs
        self.memo, self.refs = {}, []
        try:
            return self.numbered(self.at(step, value))
        finally:
            self.memo, self.refs = memo, refs

    def gap(self, reason: str, kind: str) -> None:
        """Note that something is lost here."""
        if len(self.gaps) < _FEW_GAPS:
            self.gaps.append(Gap(self.where(), reason, kind))

    def where(self) -> str:
        """The path of the current node."""
        steps = [f"[{step}]" if type(step) is int else f".{step}" for step in self.path]
        return whole_text("$" + "".join(steps))

    def opaque(self, value: object, reason: str = "opaque") -> Tree:
        """Its type, and what may be read of it; where that cannot be kept, its size."""
        _, kind, look = seen.seen_as(type(value))
        parts = look(value) if look is not None and reason == "opaque" and self.inner < _INNER else None
        if parts is not None:
            tree = self._seen(value, kind, parts)
            if tree is not None:
                return tree
        self.lost += 1
        self.gap(reason, kind)
        return {"$opaque": {"type": kind, "size": size_of(value)}}

    def _seen(self, value: object, kind: str, parts: seen.Parts) -> Tree:
        """Its fields. None: something that is needed cannot be kept."""
        fields: dict[str, Any] = {}
        tree: dict[str, Any] = {}
        before, left, room, watch = self._standing(), self.left, self.room, self.watch
        if parts.is_large:
            self.left, self.room = min(left, self.aside), min(room, _WIDE)
        given, given_room = self.left, self.room
        self.inner += 1
        try:
            self.keep(value, tree)
            tree["$opaque"] = {"type": kind, "fields": fields}
            whole = all(self._part(fields, name, item) for name, item in parts.needed.items())
            if whole:
                for name, item in parts.more.items():
                    self._part(fields, name, item)
        finally:
            self.inner -= 1
            taken = given - self.left
            self.left, self.room, self.watch = left - taken, room - (given_room - self.room), watch
            if parts.is_large:
                self.aside -= taken
            if self.late:
                self.left = 0
        if not whole:
            self._back(before)
            return None
        if kind not in seen.MAKERS:
            del self.gaps[before[2] :]
            self.gap(seen.SEEN, kind)
        return tree

    def _part(self, fields: dict[str, Any], name: str, item: Any) -> bool:
        """Keep a field, if that can be done without loss."""
        if not (name.isascii() or name.isidentifier()):
            return False
        kind = type(item)
        if kind is str:
            stands, size = item.isascii(), len(item)
        else:
            stands, size = item is None or kind is bool or (kind is int and _SMALLEST <= item <= _LARGEST), 0
        if stands and self.left > 1 and self.room > len(name) + size:  # as `at` would have it, in a third of the time
            self.left -= 1
            self.room -= len(name) + size
            fields[name] = item
            return True
        if (kind is dict or kind is list or kind is set or kind is tuple) and len(item) > self.left:
            return False
        before = self._standing()
        tree = self.at(name, item)
        if self.lost > before[3] or self.spent():
            self._back(before)
            return False
        self.room -= len(name)
        fields[name] = tree
        return True

    def _standing(self) -> tuple[int, int, int, int]:
        return len(self.memo), len(self.refs), len(self.gaps), self.lost

    def _back(self, before: tuple[int, int, int, int]) -> None:
        """Forget what was kept since."""
        while len(self.memo) > before[0]:
            self.memo.popitem()
        del self.refs[before[1] :]
        del self.gaps[before[2] :]
        self.lost = before[3]

    def cut(self, value: object, reason: str, size: int | None = None, head: Tree = None) -> Tree:
        """The mark of a limit."""
        self.lost += 1
        kind = dotted(type(value))
        self.gap(reason, kind)
        body: dict[str, Any] = {"type": kind, "reason": reason, "size": size}
        if head is not None:
            body["head"] = head
        return {"$truncated": body}

    def _failed(self, value: object) -> Tree:
        try:
            tree = self.opaque(value, "encode-failed")
        except Exception:  # not even its type can be named
            tree = {"$opaque": {"type": "?", "size": None}}
        known = self.memo.get(address_of(value))
        if known is None:
            return tree
        kept = known[1]  # somebody may refer to it already: it becomes the opaque node in its place
        kept.clear()
        if type(kept) is dict:
            kept.update(tree)
        else:
            kept.append(tree)
        return kept

    def numbered(self, tree: Tree) -> Tree:
        """The tree with its references numbered in the order in which the text has them."""
        if not self.refs:
            return tree
        numbers = {address_of(target): -1 for _, target in self.refs}
        tree = _wrap(tree, numbers, [0])
        for ref, target in self.refs:
            if numbers[address_of(target)] >= 0:
                ref["$ref"] = numbers[address_of(target)]
            else:  # its target was dropped
                ref.clear()
                ref["$opaque"] = {"type": "?", "size": None}
        return tree

    def text(self, tree: Tree) -> str:
        """The canonical text."""
        for frame in self.frames:
            frame.append(whole_text(linecache.getline(frame[0], frame[1]).strip()[:300]))
        self.frames.clear()
        return json_text(self.numbered(tree))


def _wrap(tree: Tree, numbers: dict[int, int], count: list[int]) -> Tree:
    kind = type(tree)
    if kind is not dict and kind is not list:
        return tree
    target = address_of(tree) in numbers
    if target:
        if numbers[address_of(tree)] >= 0:
            return tree
        numbers[address_of(tree)] = count[0]
        count[0] += 1
    for key, value in tree.items() if kind is dict else enumerate(tree):
        inner = type(value)
        if inner is dict or inner is list:
            tree[key] = _wrap(value, numbers, count)
    return {"$id": [numbers[address_of(tree)], tree]} if target else tree


def find(kind: type) -> Write:
    """What encodes instances of exactly this type."""
    write = _exact.get(address_of(kind))
    if write is not None:
        return write
    found = _found.get(address_of(kind))
    if found is not None and found[0] is kind:
        return found[1]
    families = (errors.writer, arrays.writer, frames.writer, mapped.writer, stated.writer, records.writer)
    write = next(filter(None, (writer(kind) for writer in families)), Encoder.opaque)
    if len(_found) >= _MOST_FOUND:
        _found.clear()
    _found[address_of(kind)] = (kind, write)
    return write


whole_text, text, big, not_finite = scalars.whole_text, scalars.text, scalars.big, scalars.not_finite
