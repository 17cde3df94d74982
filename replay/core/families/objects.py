"""The object of a captured method, and what it holds that no value stands for.

`{"$object": {"type", "self": true, "fields"}}` is an instance of an ordinary class, `$class` the class that a
classmethod was called on, `$anew` what a replay makes (`replay.core.families.anew`). They are written by
`replay.core.receiver` only, and rebuilt only by a `Rebuilding`: for everybody else they are read as stand-ins, since a
bundle must not say which classes are made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from replay.core.families import anew
from replay.core.looking import assign
from replay.core.standins import ABSENT, Opaque, Record, Truncated
from replay.core.written import json_bytes
from replay.errors import Unanswerable, moved

if TYPE_CHECKING:
    from replay.core.world import World

if TYPE_CHECKING:
    from replay.core.codec import Value
    from replay.core.decoder import Decoder, Resolve
    from replay.core.encoder import Encoder

RECEIVERS = ("$object", "$class", "$dataclass", "$attrs", "$pydantic", "$struct")
"""Tags that are marked with `self` where they are the object of a captured method."""
_OPENED = frozenset(RECEIVERS) - {"$class"}
_CLOSED = tuple(f'"{tag}":'.encode() for tag in ("$truncated", "$subclass", "$error"))
_HASHING = tuple(
    f'"{tag}":'.encode() for tag in ("$set", "$frozenset", "$dict", "$counter", "$ordereddict", "$defaultdict")
)
_OPAQUE, _REFERS, _NUMBERED = b'"$opaque":', b'"$ref":', b'"$id":'
_NO_FACTORY = b'"$defaultdict":{"factory":null'


class Rebuilding:
    """How one object is rebuilt: which classes may be, and what was touched that is not there."""

    def __init__(self, entrypoint: str, class_of: Callable[[str], type | None], advice: str = "") -> None:
        """`class_of` gives the class `module:qualname`, if the project allows it. `advice`: what else to do where
        something was touched, a sentence."""
        self._advice = advice
        self.class_of = class_of
        self.touched: list[str] = []
        """What the code used and was not stored, in words."""
        self.closed = False
        self._entrypoint = entrypoint
        self._steps: list[str] = []
        self.dropped: set[int] = set()
        """Numbers of objects that were left out."""

    def fields(self, decoder: Decoder, tree: dict[str, Any]) -> dict[str, Any]:
        """The attributes of an object, or fields of a record; a `Missing` for each that is not whole."""
        found: dict[str, Any] = {}
        for name, item in tree.items():
            self._steps.append(name)
            found[name] = decoder.value(item) if self._is_whole(item) else self._left_out(item)
            self._steps.pop()
        return found

    def missing(self, held: Opaque | Truncated) -> Missing:
        """What stands for something that was not stored."""
        return self.stand_in(".".join(("self", *self._steps)), held)

    def stand_in(self, place: str, held: Opaque | Truncated) -> Missing:
        """What stands for something at a place."""
        return Missing(self, place, held)

    def touch(self, place: str, kind: str) -> Unanswerable:
        """Note that the code used it; the error to raise."""
        message = (
            f"{self._entrypoint}: it used {place} ({kind}), which no recording can hold. Put the call that uses it "
            f"behind @replay.boundary, or name a function that brings an object of its own, {moved(self._entrypoint)}"
        )
        message = f"{message} {self._advice}".rstrip()
        if message not in self.touched and len(self.touched) < 20:
            self.touched.append(message)
        return Unanswerable(message)

    def used(self, ended: str) -> Unanswerable | None:
        """After the run, which ended in this text: what it used and was not stored."""
        if not self.touched and MARK in ended:
            self.touch("something that was not stored", "its type is in the message that the run ended with")
        return Unanswerable(self.touched[0]) if self.touched else None

    def _is_whole(self, item: Any) -> bool:
        """Whether nothing is lost but values that stand alone: their places are kept, and using them is noticed."""
        inner = item["$id"][1] if type(item) is dict and "$id" in item else item
        if type(inner) is not dict and type(inner) is not list:
            return True
        if type(inner) is dict and not _OPENED.isdisjoint(inner):
            return True  # looked at field by field
        text = json_bytes(item)
        if any(tag in text for tag in _CLOSED) or _NO_FACTORY in text:
            return False
        if _REFERS in text and not self.dropped.isdisjoint(_numbers(item, "$ref")):
            return False
        return _OPAQUE not in text or not any(tag in text for tag in _HASHING)

    def _left_out(self, item: Any) -> Missing:
        self.dropped.update(_numbers(item, "$id"))
        inner = item["$id"][1] if "$id" in item else item
        tag = next(iter(inner), "") if type(inner) is dict else ""
        body = inner[tag] if tag[:1] == "$" else {}
        kind = body.get("type") if type(body) is dict else None
        return self.missing(Opaque(kind.replace(":", ".") if type(kind) is str else "a value kept in part", None))


class Missing:
    """Stands for what an object held and no recording can hold. Any use raises, and is noticed where that is caught."""

    __slots__ = ("__weakref__", "held", "place", "rebuilding")

    def __init__(self, rebuilding: Rebuilding, place: str, held: Opaque | Truncated) -> None:
        for name, value in (("rebuilding", rebuilding), ("place", place), ("held", held)):
            object.__setattr__(self, name, value)

    def __getattribute__(self, name: str) -> Any:
        return _used(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _used(self)


def _used(missing: Any, *args: Any, **kwargs: Any) -> Any:
    rebuilding: Rebuilding = object.__getattribute__(missing, "rebuilding")
    if rebuilding.closed:  # the run is over: what a finalizer does now is in no verdict
        return missing
    raise rebuilding.touch(object.__getattribute__(missing, "place"), object.__getattribute__(missing, "held").type)


_UNARY = "abs aenter aexit aiter anext await bool bytes ceil complex dir enter exit float floor fspath hash index " \
         "int invert iter len length_hint neg next pos repr reversed round str trunc"  # fmt: skip
_OTHERS = "add and contains delattr delitem divmod eq floordiv format ge getitem gt iadd iand ifloordiv ilshift " \
          "imatmul imod imul ior ipow irshift isub itruediv ixor le lshift lt matmul mod mul ne or pow radd rand " \
          "rdivmod reduce_ex rfloordiv rlshift rmatmul rmod rmul ror rpow rrshift rshift rsub rtruediv rxor setattr " \
          "setitem sub truediv xor copy deepcopy"  # fmt: skip
for _name in f"{_UNARY} {_OTHERS}".split():
    setattr(Missing, f"__{_name}__", _used)
MARK = Missing.__name__ = Missing.__qualname__ = "ReplayValueNotStored"
"""What native code calls it that refuses it by its type alone, where nothing of ours is asked."""


class _Asked:
    """What `Missing` tells of its use."""

    def __init__(self, world: World, seq: int) -> None:
        self._world, self._seq = world, seq

    @property
    def closed(self) -> bool:
        return self._world.closed

    def touch(self, place: str, kind: str) -> BaseException:
        """A divergence; the error to raise."""
        what, help = "which no recording can hold", (
            "Put @replay.boundary around a function that returns what is read from it (rows, bytes).")  # fmt: skip
        if kind.endswith(ABSENT):
            kind = kind.removesuffix(ABSENT)
            what, help = (
                "whose module is not imported here",
                "Import it where the code uses it, at the top of a module.",
            )
        return self._world.beyond(self._seq, f"The answer is or holds a {kind}, {what}, and the code uses it. {help}")


class Unkept(Missing):
    """Stands for an answer that no recording can hold (a cursor, an iterator). It has a truth and a look, as nearly
    everything has, and may be passed on; any other use raises, and is noted where that is caught."""

    __slots__ = ()

    def __init__(self, world: World, seq: int, held: Opaque | Truncated) -> None:
        super().__init__(_Asked(world, seq), "the answer", held)  # type: ignore[arg-type]  # has what is used of it

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name[:2] == "__" else super().__getattribute__(name)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{object.__getattribute__(self, 'held').type}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Unkept:
        return self

    def __deepcopy__(self, memo: object) -> Unkept:
        return self

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __str__ = __repr__
    __hash__ = object.__hash__


def _write_missing(encoder: Encoder, value: Missing) -> Any:
    """As it was: handing it on is no use of it."""
    return encoder.node(object.__getattribute__(value, "held"))


def _numbers(tree: Any, tag: str) -> set[int]:
    found: set[int] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if type(node) is list:
            waiting += node
        elif type(node) is dict:
            if tag in node:
                found.add(node[tag] if tag == "$ref" else node[tag][0])
            waiting += node.values()
    return found


def receiver_of(tree: Any) -> tuple[str, dict[str, Any]] | None:
    """Tag and body of the first argument, if it is the object of a captured method."""
    args = tree.get("args") if type(tree) is dict else None
    first = args[0] if type(args) is list and args else None
    if type(first) is dict and "$id" in first:
        first = first["$id"][1]
    tag = next(iter(first), "") if type(first) is dict else ""
    body = first[tag] if type(first) is dict and tag in RECEIVERS else None
    return (tag, body) if type(body) is dict and body.get("self") is True else None


WHERE = "$.args[0]"
"""The path of the object in the input."""


def is_whole(given: Value) -> bool:
    """Whether an input lacks nothing, apart from what the object of a method held: a run may do without that."""
    if not given.gaps:
        return True
    return all(gap.path.startswith(WHERE) for gap in given.gaps) and receiver_of(given.tree) is not None


def rebuilt(value: Value, resolve: Resolve | None, rebuilding: Rebuilding) -> dict[str, Any]:
    """The input of a captured method, its object rebuilt. Raises what decoding raises for strange trees."""
    from replay.core.decoder import Decoder, exactly

    tree = value.tree
    decoder = Decoder(resolve)
    decoder.rebuilding = rebuilding
    first = decoder.value(tree["args"][0])
    decoder.rebuilding = None
    rest = {name: item if name != "args" else exactly(list, item)[1:] for name, item in tree.items()}
    if not rebuilding.dropped.isdisjoint(_numbers(rest, "$ref")):
        raise Unanswerable("an argument is a part of what its object held, which was not stored whole.")
    given = {name: decoder.value(item) for name, item in rest.items()}
    return {**given, "args": [first, *given["args"]]}


def _read_object(decoder: Decoder, body: Any, number: int | None) -> Any:
    rebuilding = decoder.rebuilding
    kind = None if rebuilding is None else rebuilding.class_of(body["type"])
    if rebuilding is None:
        fields: dict[str, Any] = {}
        record: Record = decoder.bind(number, Record("$object", body["type"], fields))
        fields.update(decoder.mapping(body["fields"]))
        return record
    try:
        value = decoder.bind(number, object.__new__(kind))  # type: ignore[arg-type]
    except TypeError:  # no such class here, or one whose instances hold more than attributes
        return decoder.bind(number, rebuilding.missing(Opaque(body["type"].replace(":", "."))))
    for name, item in decoder.mapping(body["fields"]).items():
        assign(value, name, item)
    return value


def _read_class(decoder: Decoder, body: Any, number: int | None) -> Any:
    rebuilding = decoder.rebuilding
    kind = None if rebuilding is None else rebuilding.class_of(body["type"])
    return Record("$class", body["type"], {}) if kind is None else kind


def _read_anew(decoder: Decoder, body: Any, number: int | None) -> Any:
    settings = decoder.mapping(body["fields"])
    rebuilding = decoder.rebuilding
    if rebuilding is None:
        return decoder.bind(number, Record("$anew", body["type"], settings))
    made = None
    with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):  # edited or hostile settings
        made = anew.make(body["type"], settings)
    return decoder.bind(number, rebuilding.missing(Opaque(body["type"].replace(":", "."))) if made is None else made)


WRITERS: dict[type, Callable[[Encoder, Any], Any]] = {Missing: _write_missing, Unkept: _write_missing}
READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    "$object": _read_object,
    "$class": _read_class,
    "$anew": _read_anew,
}
