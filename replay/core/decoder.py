"""The machine that builds values from a tree of plain JSON. It trusts nothing in the tree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
from replay.core.looking import address_of, attributes
from replay.core.standins import Opaque, Record, Truncated, made_class

if TYPE_CHECKING:
    from replay.core.families.objects import Rebuilding

Resolve = Callable[[str, str], object | None]
"""`(module, qualname) -> class or None`: which of the project's own classes may be rebuilt. None: a stand-in."""
Unkept = Callable[[Opaque | Truncated], object]
Read = Callable[["Decoder", Any, "int | None"], Any]


SAME_HASH = 100
"""Keys of one hash in one container; ints are easily made so."""
MOST_HASHED = 4_000_000
"""Items of tuples that are hashed in one value."""
_RECORD = 4
_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})
MOST_CLASSES = 1000
"""Classes of one value that stand for others."""
MOST_FIELDS = 1000
"""Of a named tuple."""


class Decoder:
    """Decodes one tree. Raises ValueError, TypeError, KeyError or the like if the tree is not of our making."""

    __slots__ = ("known", "made", "rebuilding", "resolve", "unkept", "weighed")

    def __init__(self, resolve: Resolve | None, unkept: Unkept | None = None) -> None:
        self.resolve = resolve
        self.unkept = unkept
        """What stands for a part that was not stored; None: what says so."""
        self.known: dict[int, Any] = {}
        self.made: set[str] = set()
        self.weighed = 0
        self.rebuilding: Rebuilding | None = None
        """While the object of a captured method is rebuilt."""

    def value(self, tree: Any, number: int | None = None) -> Any:
        """The value; `number` is what references call it. Objects with identity are bound before they are filled."""
        kind = type(tree)
        if kind is list:
            items: list[Any] = self.bind(number, [])
            items.extend([item if type(item) is str else self.value(item) for item in tree])
            return items
        if kind is not dict:
            return tree
        for key in tree:
            if key[:1] == "$":
                break
        else:
            plain: dict[str, Any] = self.bind(number, {})
            for key, item in tree.items():
                plain[key] = self.value(item)
            return plain
        if len(tree) != 1:
            raise ValueError(f"a tag among other keys: {key[:40]!r}")
        read = READERS.get(key)
        if read is None:
            raise ValueError(f"unknown tag {key[:40]!r}")
        return read(self, tree[key], number)

    def bind(self, number: int | None, value: Any) -> Any:
        """Let references find it."""
        if number is not None:
            self.known[number] = value
        return value

    def members(self, trees: Any) -> list[Any]:
        """The members of a set, each with references of its own."""
        known, found, crowd = self.known, [], {}  # type: ignore[var-annotated]
        try:
            for tree in trees:
                self.known = {}
                found.append(self.key(tree, crowd))
        finally:
            self.known = known
        return found

    def key(self, tree: Any, crowd: dict[int, int]) -> Any:
        """A value that is about to be hashed: a key, or a member of a set; `crowd` counts the hashes of its container.

        Hashing a tuple walks all of it, shared parts each time, and keys of one hash are compared with each other:
        a few bytes of text could ask for hours.
        """
        value = self.value(tree)
        if type(value) is str:
            return value
        if type(value) not in _ATOMS:
            self.weighed += _weight(value, {})
            if self.weighed > MOST_HASHED:
                raise ValueError("keys too large to be hashed")
        mark = hash(value)
        crowd[mark] = crowd.get(mark, 0) + 1
        if crowd[mark] > SAME_HASH:
            raise ValueError("too many keys of one hash")
        return value

    def stand_in(self, name: str, base: type, fields: tuple[str, ...] = ()) -> type:
        """A class for `name` (see `made_class`); not for any number of names."""
        self.made.add(name)
        if len(self.made) > MOST_CLASSES or len(fields) > MOST_FIELDS:
            raise ValueError("too many classes or fields")
        return made_class(name, base, fields)

    def mapping(self, tree: Any) -> dict[str, Any]:
        """The values of a plain mapping of names."""
        if self.rebuilding is not None:
            return self.rebuilding.fields(self, exactly(dict, tree))
        return {exactly(str, name): self.value(item) for name, item in exactly(dict, tree).items()}

    def class_of(self, name: Any) -> type | None:
        """The project's class `module:qualname`, if it may be rebuilt."""
        module, colon, qualname = exactly(str, name).partition(":")
        if not colon:
            raise ValueError(f"not module:qualname: {name[:80]!r}")
        found = self.resolve(module, qualname) if self.resolve is not None else None
        return found if isinstance(found, type) else None


def _weight(value: Any, known: dict[int, int]) -> int:
    """How many items hashing a tuple, or comparing a record, visits; each is looked at once, however often it is
    shared. Parts of a record count more: to compare and to write them takes longer."""
    if type(value) in _ATOMS:
        return 0
    found = known.get(address_of(value))
    if found is None:
        known[address_of(value)] = 0
        parts = list(value) if isinstance(value, tuple | frozenset) else _parts(value)
        each = 1 if isinstance(value, tuple) else _RECORD
        found = known[address_of(value)] = each * len(parts) + sum(_weight(item, known) for item in parts)
    return found


def _parts(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, Record):
        return [*value.fields.values(), *value.rest.values()]
    return list((value.fields or {} if isinstance(value, Opaque) else attributes(value)).values())


def items_of(value: Any) -> list[Any]:
    """The items of a decoded list or tuple. Raises TypeError for anything else: a bundle may have put a range of
    10**18 numbers there, which some bytes of text are enough for."""
    if type(value) is not list and type(value) is not tuple:
        raise TypeError(f"list expected, found {type(value).__name__}")
    return list(value)


def exactly(kind: type, value: Any) -> Any:
    """`value`, which must be of exactly this type."""
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, found {type(value).__name__}")
    return value


def _identified(decoder: Decoder, body: Any, number: int | None) -> Any:
    mark, tree = exactly(list, body)
    if number is not None or exactly(int, mark) in decoder.known:
        raise ValueError("an object with two numbers, or a number used twice")
    value = decoder.value(tree, mark)
    decoder.known.setdefault(mark, value)
    return value


def _referred(decoder: Decoder, body: Any, number: int | None) -> Any:
    return decoder.known[exactly(int, body)]


def _opaque(decoder: Decoder, body: Any, number: int | None) -> Any:
    size = body.get("size")
    kind, trees = exactly(str, body["type"]), body.get("fields")
    fields: dict[str, Any] | None = None if trees is None else {}
    found = decoder.bind(number, Opaque(kind, None if size is None else exactly(int, size), fields))
    if fields is not None:
        fields.update((exactly(str, name), decoder.value(item)) for name, item in exactly(dict, trees).items())
        if kind in seen.MAKERS:
            with suppress(ValueError, TypeError, LookupError, OverflowError):  # an edit may have made it no such value
                return decoder.bind(number, seen.MAKERS[kind](fields))
    if decoder.unkept is not None:
        return decoder.bind(number, decoder.unkept(found))
    return found if decoder.rebuilding is None else decoder.bind(number, decoder.rebuilding.missing(found))


def _truncated(decoder: Decoder, body: Any, number: int | None) -> Any:
    size = body.get("size")
    head = decoder.value(body.get("head"))
    found = Truncated(
        exactly(str, body["type"]), exactly(str, body["reason"]), None if size is None else exactly(int, size), head
    )
    return found if decoder.unkept is None else decoder.unkept(found)


READERS: dict[str, Read] = {
    "$id": _identified,
    "$ref": _referred,
    "$opaque": _opaque,
    "$truncated": _truncated,
    **scalars.READERS,
    **containers.READERS,
    **records.READERS,
    **mapped.READERS,
    **objects.READERS,
    **stated.READERS,
    **errors.READERS,
    **arrays.READERS,
    **frames.READERS,
}
