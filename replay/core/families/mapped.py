"""What SQLAlchemy returns: instances of mapped classes as far as they are loaded, and rows.

`{"$mapped": {"type", "fields"}}`: the attributes that were in the instance's `__dict__`; of SQLModel also `rest`. It is
rebuilt detached from any session: what was not loaded raises, as outside of a session. `{"$row": {"type", "fields"}}`:
a `Row`, or its mapping. Where the class, or SQLAlchemy, is not at hand, both are read as stand-ins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from replay.core.families import containers, records
from replay.core.looking import class_attribute, instance_dict, located, module_and_name
from replay.core.standins import Record

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder

_STATE = "_sa_instance_state"
_MANAGER = "_sa_class_manager"
_ROW, _MAPPING = "sqlalchemy.engine.row:Row", "sqlalchemy.engine.row:RowMapping"


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is one of SQLAlchemy's."""
    if "sqlalchemy" not in sys.modules:
        return None
    if module_and_name(type(class_attribute(kind, _MANAGER)))[0] == "sqlalchemy.orm.instrumentation":
        return _mapped
    return _OWN.get(located(kind))


def _mapped(encoder: Encoder, value: Any) -> Any:
    fields = {name: item for name, item in instance_dict(value).items() if name != _STATE}
    return records.record(encoder, value, "$mapped", fields, records.pydantic_rest(value))


def _list(encoder: Encoder, value: Any) -> Any:
    """A collection of a mapped class: its events are of no use without a session."""
    return encoder.each(list.__getitem__(value, slice(None)), encoder.keep(value, []))


def _set(encoder: Encoder, value: Any) -> Any:
    return encoder.keep(value, {"$set": containers.members(encoder, list(set.__iter__(value)))})


def _row(encoder: Encoder, value: Any) -> Any:
    return _columns(encoder, value, value._fields, value._data)


def _row_mapping(encoder: Encoder, value: Any) -> Any:
    return _columns(encoder, value, tuple(value._parent.keys), value._data)


def _columns(encoder: Encoder, value: Any, names: tuple[Any, ...], items: tuple[Any, ...]) -> Any:
    if len(set(names)) != len(items) or any(type(name) is not str for name in names):
        return encoder.opaque(value)  # two columns of one name, or none
    return records.record(encoder, value, "$row", dict(zip(names, items, strict=True)), {})


_OWN: dict[str, Callable[[Encoder, Any], Any]] = {
    _ROW: _row,
    _MAPPING: _row_mapping,
    "sqlalchemy.orm.collections:InstrumentedList": _list,
    "sqlalchemy.orm.collections:InstrumentedSet": _set,
}


def _read_mapped(decoder: Decoder, body: Any, number: int | None) -> Any:
    kind = decoder.class_of(body["type"])
    manager: Any = None if kind is None else class_attribute(kind, _MANAGER)
    if kind is None or module_and_name(type(manager))[0] != "sqlalchemy.orm.instrumentation":
        fields: dict[str, Any] = {}
        record: Record = decoder.bind(number, Record("$mapped", body["type"], fields))
        fields.update(decoder.mapping(body["fields"]))
        return record
    value = decoder.bind(number, object.__new__(kind))
    if "rest" in body:
        records.fill_pydantic(decoder, value, body)
    else:
        instance_dict(value).update(decoder.mapping(body["fields"]))
    manager.setup_instance(value)
    with suppress(Exception):  # mappings that are wrong, a table that is another now: it has what was loaded
        sys.modules["sqlalchemy.orm"].configure_mappers()  # done by the first query otherwise, which may never come
        _detach(manager.mapper, value)
    return value


def _detach(mapper: Any, value: Any) -> None:
    """What has a primary key was loaded: it is no new object."""
    held = instance_dict(value)
    key = [held[mapper.get_property_by_column(column).key] for column in mapper.primary_key]
    if None not in key:
        held[_STATE].key = mapper.identity_key_from_primary_key(tuple(key))


def _read_row(decoder: Decoder, body: Any, number: int | None) -> Any:
    fields = decoder.mapping(body["fields"])
    result = sys.modules.get("sqlalchemy.engine.result")
    if result is None:
        return decoder.bind(number, Record("$row", body["type"], fields))
    row = result.result_tuple(tuple(fields))(tuple(fields.values()))
    return decoder.bind(number, row._mapping if body["type"] == _MAPPING else row)


READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {"$mapped": _read_mapped, "$row": _read_row}
