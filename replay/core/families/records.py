"""Instances with named fields: dataclasses, named tuples, enums, pydantic, attrs and msgspec models, subclasses of
builtin containers."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import _FIELD, Field  # type: ignore[attr-defined]
from enum import EnumType
from typing import TYPE_CHECKING, Any

import msgspec

from replay.core.families import containers
from replay.core.looking import (
    address_of,
    attributes,
    class_attribute,
    instance_dict,
    located,
    module_and_name,
    mro,
    namespace,
    slots,
)
from replay.core.standins import Record

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder

_struct_fields = type(msgspec.Struct).__dict__["__struct_fields__"].__get__
_PYDANTIC_SLOTS = ("__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__")
_RECORDS = ("$dataclass", "$attrs", "$pydantic", "$struct", "$enum", "$namedtuple")
_SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset, deque)
_MAPPINGS: tuple[type, ...] = (OrderedDict, defaultdict, dict)
_ATOMS: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
}
_BASES: dict[str, type] = {kind.__name__: kind for kind in (*_SEQUENCES, *_MAPPINGS, *_ATOMS)}


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is a record."""
    known = {address_of(each) for each in mro(kind)}
    if any(each is EnumType for each in mro(type(kind))):
        return _enum
    pydantic = sys.modules.get("pydantic.main")
    if pydantic is not None and address_of(pydantic.__dict__.get("BaseModel")) in known:
        return _pydantic
    if address_of(tuple) in known and _tuple_fields(kind) is not None:
        return _namedtuple
    for name, base in _BASES.items():
        if address_of(base) in known:
            return _Subclass(name, base)
    if type(class_attribute(kind, "__dataclass_fields__")) is dict:
        return _dataclass
    if class_attribute(kind, "__attrs_attrs__") is not None and "attr" in sys.modules:
        return _attrs
    return _struct if address_of(msgspec.Struct) in known else None


def _tuple_fields(kind: type) -> tuple[str, ...] | None:
    names = class_attribute(kind, "_fields")
    return names if type(names) is tuple and all(type(name) is str for name in names) else None


def _fields(encoder: Encoder, values: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        encoder.room -= len(name)
        if name.isascii() or name.isidentifier():
            out[name] = encoder.at(name, value)
    return out


def record(encoder: Encoder, value: Any, tag: str, fields: dict[str, Any], rest: dict[str, Any]) -> Any:
    """The tree of an instance with named fields."""
    tree: dict[str, Any] = encoder.keep(value, {})
    body = tree[tag] = {"type": located(type(value))}
    body["fields"] = _fields(encoder, fields)
    if rest:
        body["rest"] = _fields(encoder, rest)
    return tree


def _split(found: dict[str, Any], names: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    fields = {name: found[name] for name in names if name in found}
    return fields, {name: value for name, value in found.items() if name not in fields}


def _dataclass(encoder: Encoder, value: Any) -> Any:
    declared = class_attribute(type(value), "__dataclass_fields__")
    names = [name for name, field in declared.items() if type(field) is Field and field._field_type is _FIELD]  # type: ignore[attr-defined]
    return record(encoder, value, "$dataclass", *_split(attributes(value), names))


def _attrs(encoder: Encoder, value: Any) -> Any:
    attribute = sys.modules["attr"].__dict__["Attribute"]
    declared = tuple.__iter__(class_attribute(type(value), "__attrs_attrs__"))
    names = [field.name for field in declared if type(field) is attribute]
    return record(encoder, value, "$attrs", *_split(attributes(value), names))


def _pydantic(encoder: Encoder, value: Any) -> Any:
    return record(encoder, value, "$pydantic", dict(instance_dict(value)), pydantic_rest(value))


def pydantic_rest(value: Any) -> dict[str, Any]:
    """What pydantic holds of a model beside its fields; of anything else nothing."""
    own = slots(value)
    return {name: own[name] for name in _PYDANTIC_SLOTS if own.get(name) is not None}


def _struct(encoder: Encoder, value: Any) -> Any:
    names = list(_struct_fields(type(value)))
    return record(encoder, value, "$struct", *_split(slots(value), names))


def _enum(encoder: Encoder, value: Any) -> Any:
    own = instance_dict(value)
    name = own.get("_name_")
    fields = {"name": name if type(name) is str else None, "value": own.get("_value_")}
    return {"$enum": {"type": located(type(value)), "fields": _fields(encoder, fields)}}


def _namedtuple(encoder: Encoder, value: Any) -> Any:
    names = _tuple_fields(type(value)) or ()
    items = tuple.__getitem__(value, slice(None))
    if len(items) != len(names):
        return encoder.opaque(value)
    return {"$namedtuple": {"type": located(type(value)), "fields": _fields(encoder, dict(zip(names, items)))}}  # noqa: B905  # lengths are equal


def _same(encoder: Encoder, value: Record) -> Any:
    """A stand-in is encoded as what it stands for."""
    tree: dict[str, Any] = encoder.keep(value, {})
    body = tree[value.tag] = {"type": value.type}
    body["fields"] = _fields(encoder, dict(value.fields))
    if value.rest:
        body["rest"] = _fields(encoder, dict(value.rest))
    return tree


class _Subclass:
    """Encodes instances of subclasses of one builtin: the builtin's content and the attributes, without methods."""

    __slots__ = ("base", "name")

    def __init__(self, name: str, base: type) -> None:
        self.name = name
        self.base = base

    def __call__(self, encoder: Encoder, value: Any) -> Any:
        kind = type(value)
        encoder.gap("subclass", ".".join(module_and_name(kind)))
        tree: dict[str, Any] = encoder.keep(value, {})
        body: dict[str, Any] = {"type": located(kind), "base": self.name}
        tree["$subclass"] = body
        body["items"] = self.content(encoder, value)
        body["fields"] = _fields(encoder, attributes(value))
        return tree

    def content(self, encoder: Encoder, value: Any) -> Any:
        base = self.base
        if base in _ATOMS:
            return encoder.node(_ATOMS[base](value))
        if base in _MAPPINGS:
            plain = OrderedDict if base is OrderedDict else dict
            return containers.pairs(encoder, list(plain.items(value)))
        items = list(base.__iter__(value))  # type: ignore[attr-defined]  # the builtin's own, not the subclass's
        return containers.members(encoder, items) if base in (set, frozenset) else encoder.each(items, [])


def _read_subclass(decoder: Decoder, body: Any, number: int | None) -> Any:
    base = _BASES[body["base"]]
    found = decoder.class_of(body["type"])
    kind = found if found is not None and issubclass(found, base) else decoder.stand_in(body["type"], base)
    if base in _ATOMS or base in (tuple, frozenset):
        items = body["items"]
        if base is frozenset:
            content = decoder.members(items)
        else:
            content = decoder.value(items) if base in _ATOMS else [decoder.value(item) for item in items]
        if base in _ATOMS and not isinstance(content, base):  # bytes(10**12) would ask for that much memory
            raise TypeError(f"{body['base']} expected")
        value = decoder.bind(number, base.__new__(kind, content))
        if base is bytearray:
            bytearray.__init__(value, content)
    else:
        value = decoder.bind(number, base.__new__(kind))  # type: ignore[call-overload]
        _fill(decoder, base, value, body["items"])
    for name, item in decoder.mapping(body.get("fields", {})).items():
        object.__setattr__(value, name, item)
    return value


def _fill(decoder: Decoder, base: type, value: Any, items: list[Any]) -> None:
    if base is list:
        list.extend(value, map(decoder.value, items))
    elif base is deque:
        deque.extend(value, map(decoder.value, items))
    elif base is set:
        set.update(value, decoder.members(items))
    else:
        put = OrderedDict.__setitem__ if base is OrderedDict else dict.__setitem__
        crowd: dict[int, int] = {}
        for key, item in items:
            name = decoder.key(key, crowd)
            put(value, name, decoder.value(item))


def _read_record(tag: str) -> Callable[[Decoder, Any, int | None], Any]:
    def read(decoder: Decoder, body: Any, number: int | None) -> Any:
        kind = decoder.class_of(body["type"])
        if kind is None or address_of(msgspec.Struct) in {address_of(each) for each in mro(kind)}:
            fields: dict[str, Any] = {}
            rest: dict[str, Any] = {}
            value: Any = decoder.bind(number, Record(tag, body["type"], fields, rest))
            fields.update(decoder.mapping(body["fields"]))
            rest.update(decoder.mapping(body.get("rest", {})))
            return value if kind is None or number is not None else _real_struct(kind, value)
        value = decoder.bind(number, object.__new__(kind))
        if tag == "$pydantic":
            return fill_pydantic(decoder, value, body)
        for part in ("fields", "rest"):
            for name, item in decoder.mapping(body.get(part, {})).items():
                object.__setattr__(value, name, item)
        return value

    return read


def fill_pydantic(decoder: Decoder, value: Any, body: Any) -> Any:
    """The fields of a model, and what pydantic holds beside them."""
    object.__setattr__(value, "__dict__", decoder.mapping(body["fields"]))
    rest = decoder.mapping(body.get("rest", {}))
    for name in _PYDANTIC_SLOTS:
        held = rest.get(name, set() if name.endswith("set__") else None)
        declared = next((space[name] for space in map(namespace, mro(type(value))) if name in space), None)
        if held is not None or declared is not None:  # a RootModel declares it as None: no slot takes it there
            object.__setattr__(value, name, held)
    return value


def _real_struct(kind: type, record: Record) -> Any:
    """msgspec makes structs only through their constructor, which runs no code unless `__post_init__` is defined."""
    if class_attribute(kind, "__post_init__") is not None or "__init__" in namespace(kind):
        return record
    return kind(**record.fields)


def _read_enum(decoder: Decoder, body: Any, number: int | None) -> Any:
    fields = decoder.mapping(body["fields"])
    kind = decoder.class_of(body["type"])
    if kind is None:
        return Record("$enum", body["type"], fields)
    member = (class_attribute(kind, "_member_map_") or {}).get(fields["name"])
    return kind(fields["value"]) if member is None else member


def _read_namedtuple(decoder: Decoder, body: Any, number: int | None) -> Any:
    fields = decoder.mapping(body["fields"])
    kind = decoder.class_of(body["type"])
    if kind is None or not issubclass(kind, tuple):
        if not all(name.isidentifier() and name[:2] != "__" for name in fields):
            raise ValueError("a field that is no name")
        kind = decoder.stand_in(body["type"], tuple, tuple(fields))
    return tuple.__new__(kind, fields.values())


WRITERS: dict[type, Callable[[Encoder, Any], Any]] = {Record: _same}

READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {
    **{tag: _read_record(tag) for tag in _RECORDS},
    "$enum": _read_enum,
    "$namedtuple": _read_namedtuple,
    "$subclass": _read_subclass,
}
