"""Reading types and instances without running a line of their code.

Everything here goes through descriptors of `type` and `object` found by hand: no metaclass, property,
`__getattribute__`, `__hash__` or `__eq__` of an application is ever called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from types import GetSetDescriptorType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import Any

from replay.core.naming import module_name

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__
_module_of = type.__dict__["__module__"].__get__
_NOTHING: dict[str, Any] = {}
address_of: Callable[[object], int] = object.__hash__
"""As `id`: no two objects that exist at a time have the same. `id` raises an audit event each time, and a guarded
replay's hook hears it: that is five times as slow."""


def mro(kind: type) -> tuple[type, ...]:
    """Its method resolution order."""
    return _mro_of(kind)  # type: ignore[no-any-return]


def namespace(kind: type) -> MappingProxyType[str, Any]:
    """Its own attributes."""
    return _dict_of(kind)  # type: ignore[no-any-return]


def module_and_name(kind: type) -> tuple[str, str]:
    """Its `__module__` and `__qualname__`."""
    try:
        module = _module_of(kind)
    except AttributeError:
        module = None
    name = _qualname_of(kind)
    return (module if type(module) is str else "?"), (name if type(name) is str else "?")


def as_imported(module: str) -> str:
    """What a module is called where it is imported: that of a script, which a replay imports, is not `__main__`."""
    if module != "__main__" and module != "__mp_main__":
        return module
    known = getattr(sys.modules.get(module), "__dict__", _NOTHING)
    return module_name({"__name__": "__main__", "__spec__": known.get("__spec__"), "__file__": known.get("__file__")})


_LAZY = ("grpc._channel", "grpc.aio._call", "grpc.aio._metadata")
"""Modules that a library imports as it is first used, which a replay may never do."""


def imported(module: str) -> ModuleType | None:
    """A module that the application has imported; nothing else is imported for what a bundle names."""
    found = sys.modules.get(module)
    if found is None and module in _LAZY and module.partition(".")[0] in sys.modules:
        try:
            found = import_module(module)
        except Exception:  # another version
            return None
    return found


def written(kind: type) -> tuple[str, str]:
    """`module_and_name`, as a recording has them."""
    module, name = module_and_name(kind)
    return as_imported(module), name


def dotted(kind: type) -> str:
    """`module.qualname`; builtins without the module."""
    module, name = written(kind)
    return name if module == "builtins" else f"{module}.{name}"


def located(kind: type) -> str:
    """`module:qualname`."""
    return ":".join(written(kind))


def class_attribute(kind: type, name: str) -> Any:
    """The first definition of `name` along its method resolution order, as it stands there; None if there is none."""
    for each in mro(kind):
        found = namespace(each).get(name)
        if found is not None:
            return found
    return None


def loaded(name: str) -> type | None:
    """The class `module:qualname`, if this process has imported it."""
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    held: Any = found.__dict__ if type(found) is ModuleType else _NOTHING
    for step in qualname.split("."):
        found = held.get(step)
        if type not in mro(type(found)):
            return None
        held = namespace(found)
    return found  # type: ignore[no-any-return]


def computed(kind: type) -> list[str]:
    """The names of what its instances compute once, and then keep among their attributes."""
    return [name for each in mro(kind) for name, item in namespace(each).items() if type(item) is cached_property]


def dict_reader(kind: type) -> Callable[[object], Any] | None:
    """What reads the `__dict__` of its instances; None: they have none."""
    for each in mro(kind):
        found = namespace(each).get("__dict__")
        if type(found) is GetSetDescriptorType or type(found) is MemberDescriptorType:  # of a SimpleNamespace
            return found.__get__
    return None


def slot_readers(kind: type) -> list[tuple[str, Callable[[object], Any]]]:
    """Its `__slots__`, base classes first, and what reads each: it raises AttributeError where the slot is not set."""
    return [
        (name, member.__get__)
        for each in reversed(mro(kind))
        for name, member in namespace(each).items()
        if type(member) is MemberDescriptorType and name not in ("__weakref__", "__dict__")
    ]


def instance_dict(value: object) -> dict[str, Any]:
    """The instance's `__dict__`, empty if it has none."""
    read = dict_reader(type(value))
    content = _NOTHING if read is None else read(value)
    return content if type(content) is dict else _NOTHING


def slots(value: object) -> dict[str, Any]:
    """The values of its `__slots__` that are set, base classes first."""
    found: dict[str, Any] = {}
    for name, read in slot_readers(type(value)):
        try:
            found[name] = read(value)
        except (AttributeError, TypeError):
            continue  # not set, or of another layout
    return found


def attributes(value: object) -> dict[str, Any]:
    """Slots and `__dict__` of an instance, keys that are plain strings."""
    found = slots(value) if has_slots(type(value)) else {}
    for name, item in list(instance_dict(value).items()):
        if type(name) is str:
            found[name] = item
    return found


def assign(value: object, name: str, item: object) -> None:
    """Set a slot or an entry of the instance's `__dict__`: no property and no `__setattr__` of its class is called.

    Raises AttributeError if it has no place for that name.
    """
    for each in mro(type(value)):
        member = namespace(each).get(name)
        if type(member) is MemberDescriptorType:
            member.__set__(value, item)
            return
    held = instance_dict(value)
    if held is _NOTHING:
        raise AttributeError(f"{dotted(type(value))} has no place for {name[:80]!r}")
    held[name] = item


def has_slots(kind: type) -> bool:
    """Whether it, or what it comes of, names some."""
    return any(map(_names_slots, mro(kind)))


def _names_slots(kind: type) -> bool:
    return "__slots__" in namespace(kind)


def size_of(value: object) -> int | None:
    """`sys.getsizeof`, where asking runs no code of the application."""
    method = class_attribute(type(value), "__sizeof__")
    if type(method).__name__ != "method_descriptor":
        return None
    try:
        return sys.getsizeof(value)
    except Exception:  # a broken extension type
        return None
