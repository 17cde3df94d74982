"""Arguments of a captured method: what its object holds is stored too, which no other argument of its class is.

The object is read as it stands before the call, without a line of its code: `__dict__` and slots, by their own
descriptors. It is read at each call, so there are limits below the codec's: `EACH` for one attribute, `ALL` together.
"""

from __future__ import annotations

from typing import Any

import msgspec

from replay.core.codec import Limits, Value
from replay.core.encoder import Encoder, Tree, find
from replay.core.families import anew
from replay.core.families.objects import RECEIVERS
from replay.core.families.seen import is_own
from replay.core.looking import address_of, attributes, located, module_and_name, mro, namespace
from replay.core.written import json_bytes

EACH = Limits(nodes=5_000, size=128 << 10)
ALL = Limits(nodes=20_000, size=512 << 10)
_LIMITS = Limits()
_SMALL, _SHORT = 1 << 53, 1 << 12


def is_metaclass(kind: type) -> bool:
    """Whether its objects are classes."""
    for each in mro(kind):  # noqa: SIM110
        if each is type:
            return True
    return False


def is_receiver(value: object, module: str, owner: str, name: str) -> bool:
    """Whether `value` is what a method `name` of the class `module:owner` is called on: an instance, or the class or
    one below it. The first argument of a static method is none."""
    kind = type(value)
    if is_metaclass(kind):
        kind = value  # type: ignore[assignment]
    for each in mro(kind):
        if module_and_name(each) == (module, owner):
            return type(namespace(each).get(name)) is not staticmethod
    return False


def _encoded(encoder: _Holding, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value:
    """By itself, so that `encode_method` is short: see `replay.core.encoder.Encoder._written`."""
    path = encoder.path
    path += ("args", 0)
    trees = [encoder.receiver(args[0])]
    for at, value in enumerate(args[1:], 1):
        path[-1] = at
        trees.append(encoder.node(value))
    path.clear()
    return Value(encoder.text({"args": trees, "kwargs": encoder.at("kwargs", kwargs)}), tuple(encoder.gaps))


def encode_method(args: tuple[Any, ...], kwargs: dict[str, Any], until: int = 0) -> Value:
    """`{"args": [...], "kwargs": {...}}` of a method; never raises for a value, never calls its code. `until`: as of
    `replay.core.codec.encode`."""
    encoder = _Holding()
    encoder.until = until
    try:
        return _encoded(encoder, args, kwargs)
    except MemoryError:
        encoder = _Holding()  # what the attempt held is let go of
    except Exception:  # too deep for what is left of the stack
        encoder.path.clear()
    encoder.gap("encode-failed", "?")
    return Value('{"$opaque":{"type":"?","size":null}}', tuple(encoder.gaps))


class _Holding(Encoder):
    """Encodes one object with what it holds (objects of the application's own classes, and what is made anew), then the
    other arguments as any encoder does."""

    __slots__ = ("inside",)

    def __init__(self) -> None:
        Encoder.__init__(self, _LIMITS.depth, ALL.nodes, ALL.size)
        self.inside = True

    def receiver(self, value: Any) -> Tree:
        """The object or class that the method was called on."""
        kind = type(value)
        if is_metaclass(kind):
            tree: Tree = {"$class": {"type": located(value), "self": True, "fields": {}}}
        elif find(kind) is Encoder.opaque:
            try:
                tree = self._object(value)
            except MemoryError:
                raise
            except Exception:  # as in `Encoder.node`
                del self.path[2:]
                tree = self._failed(value)
        else:
            tree = Encoder.node(self, value)
        tag = next(iter(tree), "") if type(tree) is dict else ""
        if tag in RECEIVERS:
            tree[tag]["self"] = True
        self.inside = False
        self.watch = self.left
        self.left += _LIMITS.nodes - ALL.nodes
        self.room += _LIMITS.size - ALL.size
        return tree

    def node(self, value: Any) -> Tree:
        kind = type(value)
        if not self.inside or kind is str or kind is int or kind is bool or kind is float or value is None:
            return Encoder.node(self, value)
        if (kind is dict or kind is list or kind is set or kind is frozenset or kind is tuple) and (
            len(value) > self.left
        ):
            self.left -= 1
            return self.cut(value, "truncated-count", len(value))  # a copy of it would be made before it is cut
        if address_of(value) in self.memo or self.depth >= self.deepest or find(kind) is not Encoder.opaque:
            return Encoder.node(self, value)
        self.left -= 1
        if self.spent():
            return self.cut(value, self.spent() or "")
        return self._written(_Holding._held, value)

    def _held(self, value: Any) -> Tree:
        made = anew.read(value)
        if made is not None:
            settings = json_bytes(made[1])
            if not settings.isascii():
                return self.opaque(value)
            self.room -= len(settings)
            return self.keep(value, {"$anew": {"type": made[0], "fields": msgspec.Raw(settings)}})  # plain: no walk
        return self._object(value) if is_own(type(value)) else self.keep(value, self.opaque(value))

    def _object(self, value: Any) -> Tree:
        tree: dict[str, Any] = self.keep(value, {})
        body = tree["$object"] = {"type": located(type(value))}
        fields = body["fields"] = {}
        for name, item in attributes(value).items():
            if not (name.isascii() or name.isidentifier()):
                continue
            kind = type(item)
            if item is None or kind is bool or ((kind is int or kind is float) and -_SMALL < item < _SMALL):
                fields[name] = item  # what most attributes are, without the walk
                self.left -= 1
            elif kind is str and len(item) < _SHORT and item.isascii():
                fields[name] = item
                self.left -= 1
                self.room -= len(item)
            else:
                fields[name] = self.at(name, item)
        self.room -= 8 * len(fields)
        return tree

    def at(self, step: str | int, value: Any) -> Tree:
        if not self.inside:
            return Encoder.at(self, step, value)
        left, room = self.left, self.room
        self.left, self.room = given_left, given_room = min(left, EACH.nodes), min(room, EACH.size)
        try:
            return Encoder.at(self, step, value)
        finally:
            self.left, self.room = left - given_left + self.left, room - given_room + self.room
