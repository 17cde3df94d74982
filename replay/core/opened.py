"""Stored values opened for editing: tags that hold values are undone, what has none of interest is kept as it is.

Opened are JSON's own types, tuples, bytes, floats and ints outside JSON, dates, decimals, dictionaries of any plain
keys, and the fields of records (dataclasses, pydantic models, ...; never rebuilt as classes of the project). Objects
that the value holds twice become equal copies. Nothing opened is changed in place: an edit copies what lies on its
path, and closing reuses the stored tree of everything else.
"""

from __future__ import annotations

from typing import Any

import msgspec

from replay.core.codec import Value, encode
from replay.core.decoder import Decoder
from replay.core.families import scalars
from replay.core.looking import address_of
from replay.errors import CodecError

MOST = 200_000
"""Parts that a value may have when what it shares is written apart."""
_LEAVES = frozenset({"$float", "$int", "$str", "$bytes", "$base64", "$datetime", "$date", "$time", "$decimal", "$uuid"})
_RECORDS = frozenset({
    "$dataclass", "$attrs", "$pydantic", "$struct", "$namedtuple", "$mapped", "$row", "$state", "$message",
    "$object", "$class",
})  # fmt: skip
_KEYS = (str, int, float, bool, bytes, type(None))
_ATOMS = (int, bool, type(None))


class Unfit(Exception):
    """A value that cannot be edited here."""


class Typed(msgspec.Struct, frozen=True):
    """A record: a mapping of its fields, and what else is stored of it."""

    tag: str
    fields: dict[str, Any]
    rest: dict[str, Any]


class Kept(msgspec.Struct, frozen=True):
    """A part of a stored tree that is left as it is."""

    tree: Any


class Opened:
    """One value, opened; knows which stored tree belongs to which container, so that closing copies only changes."""

    __slots__ = ("_left", "_shared", "_trees", "value")

    def __init__(self, stored: Value) -> None:
        """Raises Unfit if it holds itself, or grows beyond measure when written apart."""
        self._trees: dict[int, tuple[Any, Any]] = {}
        self._shared: dict[int, Any] = {}
        self._left = MOST
        crowded = '"$ref"' in stored.text
        try:
            self.value = self._open(stored.tree, crowded)
        except (CodecError, ValueError, TypeError, LookupError, RecursionError, AttributeError) as error:
            raise Unfit(str(error)[:200]) from error

    def close(self, value: Any) -> Value:
        """The stored form of a changed value."""
        try:
            return Value(msgspec.json.encode(self.tree(value)).decode())
        except (ValueError, RecursionError) as error:
            raise Unfit(str(error)[:200]) from error

    def _open(self, tree: Any, crowded: bool) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unfit("too many parts")
        kind = type(tree)
        if kind is list:
            return self._known([self._open(item, crowded) for item in tree], tree, crowded)
        if kind is not dict:
            return tree
        tag = next(iter(tree), "")
        if tag[:1] != "$":
            return self._known({key: self._open(item, crowded) for key, item in tree.items()}, tree, crowded)
        return self._tagged(tag, tree[tag], tree, crowded)

    def _tagged(self, tag: str, body: Any, tree: Any, crowded: bool) -> Any:
        if tag == "$id":
            number, inner = body
            value = self._shared[number] = self._open(inner, crowded)
            return value
        if tag == "$ref":
            if body not in self._shared:
                raise Unfit("a value that holds itself")
            self._left -= _size(self._shared[body], self._left)
            return self._shared[body]
        if tag in _LEAVES:
            return Decoder(None).value(tree)
        if tag == "$tuple":
            return self._known(tuple([self._open(item, crowded) for item in body]), tree, crowded)
        if tag == "$dict":
            pairs = [(self._open(key, crowded), self._open(item, crowded)) for key, item in body]
            if all(type(key) in _KEYS for key, _ in pairs):
                return self._known(dict(pairs), tree, crowded)
        elif tag in _RECORDS:
            fields = {name: self._open(item, crowded) for name, item in body["fields"].items()}
            rest = {name: item for name, item in body.items() if name != "fields"}
            if not (crowded and _refers(rest)):
                return self._known(Typed(tag, fields, rest), tree, crowded)
        if crowded and _refers(tree):
            raise Unfit("a part that refers to another")
        return Kept(tree)

    def _known(self, value: Any, tree: Any, crowded: bool) -> Any:
        if not crowded:
            self._trees[address_of(value)] = (value, tree)
        return value

    def tree(self, value: Any) -> Any:
        """The stored tree of an opened value."""
        kind = type(value)
        if kind is str:
            return value if value.isascii() else scalars.text(value)
        if kind in _ATOMS:
            return value if kind is not int or -(1 << 63) <= value < 1 << 63 else scalars.big(value)
        known = self._trees.get(address_of(value))
        if known is not None and known[0] is value:
            return known[1]
        if kind is float:
            return value if value - value == 0 else scalars.not_finite(value)
        if kind is list:
            return [item if type(item) is str and item.isascii() else self.tree(item) for item in value]
        if kind is dict:
            found = {}
            for key, item in value.items():  # written out, as a search asks this of each of its runs
                if type(key) is not str or key[:1] == "$" or not key.isascii():
                    break
                found[key] = item if type(item) is str and item.isascii() else self.tree(item)
            else:
                return found
            return {"$dict": [[self.tree(key), self.tree(item)] for key, item in value.items()]}
        if kind is tuple:
            return {"$tuple": [self.tree(item) for item in value]}
        if kind is Typed:
            return {value.tag: {**value.rest, "fields": {k: self.tree(item) for k, item in value.fields.items()}}}
        return value.tree if kind is Kept else encode(value).tree


def _refers(tree: Any) -> bool:
    return b'"$ref"' in msgspec.json.encode(tree) or b'"$id"' in msgspec.json.encode(tree)


def _size(value: Any, most: int) -> int:
    """Parts of an opened value, counted until there are more than `most`."""
    total, waiting = 0, [value]
    while waiting and total <= most:
        each = waiting.pop()
        total += 1
        waiting.extend(children(each))
    return total


def children(value: Any) -> list[Any]:
    """What an opened value holds."""
    if type(value) is dict:
        return list(value.values())
    if type(value) is list or type(value) is tuple:
        return list(value)
    return list(value.fields.values()) if type(value) is Typed else []


def named(value: Any) -> list[tuple[Any, Any]]:
    """What an opened value holds, with the step that leads to each."""
    if type(value) is dict:
        return [(key, item) for key, item in value.items() if type(key) in (str, int)]
    if type(value) is list or type(value) is tuple:
        return list(enumerate(value))
    return list(value.fields.items()) if type(value) is Typed else []
