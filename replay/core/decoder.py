"""The machine that builds values from a tree of plain JSON. It trusts nothing in the tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay.core.families import arrays, containers, errors, records, scalars
from replay.core.standins import Opaque, Truncated

Resolve = Callable[[str, str], object | None]
"""`(module, qualname) -> class or None`: which of the project's own classes may be rebuilt. None: a stand-in."""
Read = Callable[["Decoder", Any, "int | None"], Any]


class Decoder:
    """Decodes one tree. Raises ValueError, TypeError, KeyError or the like if the tree is not of our making."""

    __slots__ = ("known", "resolve")

    def __init__(self, resolve: Resolve | None) -> None:
        self.resolve = resolve
        self.known: dict[int, Any] = {}

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

    def apart(self, tree: Any) -> Any:
        """A part with references of its own."""
        known, self.known = self.known, {}
        try:
            return self.value(tree)
        finally:
            self.known = known

    def mapping(self, tree: Any) -> dict[str, Any]:
        """The values of a plain mapping of names."""
        return {exactly(str, name): self.value(item) for name, item in exactly(dict, tree).items()}

    def class_of(self, name: Any) -> type | None:
        """The project's class `module:qualname`, if it may be rebuilt."""
        module, colon, qualname = exactly(str, name).partition(":")
        if not colon:
            raise ValueError(f"not module:qualname: {name[:80]!r}")
        found = self.resolve(module, qualname) if self.resolve is not None else None
        return found if isinstance(found, type) else None


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


def _opaque(decoder: Decoder, body: Any, number: int | None) -> Opaque:
    size = body.get("size")
    return Opaque(exactly(str, body["type"]), None if size is None else exactly(int, size))


def _truncated(decoder: Decoder, body: Any, number: int | None) -> Truncated:
    size = body.get("size")
    head = decoder.value(body.get("head"))
    return Truncated(
        exactly(str, body["type"]), exactly(str, body["reason"]), None if size is None else exactly(int, size), head
    )


READERS: dict[str, Read] = {
    "$id": _identified,
    "$ref": _referred,
    "$opaque": _opaque,
    "$truncated": _truncated,
    **scalars.READERS,
    **containers.READERS,
    **records.READERS,
    **errors.READERS,
    **arrays.READERS,
}
