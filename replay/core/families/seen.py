"""What can be told of a value that no tag stands for, so that another one is not taken for it.

It is stored beside the type: `{"$opaque": {"type", "fields"}}`. Such values are compared by their fields; those of
`MAKERS` are made again from them. Everything is read in C or through descriptors: none of an application's code runs.
"""

from __future__ import annotations

import sys
import sysconfig
from array import array
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from gc import get_referents
from io import BytesIO, StringIO
from operator import attrgetter, itemgetter, methodcaller
from pathlib import PurePath
from re import Match, Pattern
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any
from uuid import UUID

import msgspec

from replay.core.looking import (
    address_of,
    as_imported,
    attributes,
    computed,
    dict_reader,
    dotted,
    has_slots,
    located,
    module_and_name,
    mro,
    namespace,
    slot_readers,
)

SEEN = "not-rebuilt"
"""The gap of a value of which only the fields are kept."""


class Parts(msgspec.Struct):
    """What tells a value from others of its type."""

    needed: dict[str, Any]
    """If one of them cannot be stored whole, the rest is worth nothing."""
    more: dict[str, Any] = {}
    """What is left out where it cannot be stored."""
    is_large: bool = False
    """It is an object of the application, which may hold anything."""


Look = Callable[[Any], Parts | None]
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_base_of = type.__dict__["__base__"].__get__
_size_of = type.__dict__["__basicsize__"].__get__
_items_of = type.__dict__["__itemsize__"].__get__
_PLACE = 8
"""Bytes of an instance that hold a slot, its dictionary or its weak references."""
_DATE, _TIME = ("year", "month", "day"), ("hour", "minute", "second", "microsecond")
_packages: set[str] = set()
_own: dict[int, tuple[type, bool]] = {}
_looks: dict[int, tuple[type, str, Look | None]] = {}
_MOST_KNOWN = 2048


def seen_as(kind: type) -> tuple[type, str, Look | None]:
    """The class, its name, and what reads of an instance what tells it from others; None: there is nothing that may be
    read. Found once: a captured call meets the same classes again and again."""
    known = _looks.get(address_of(kind))
    if known is None or known[0] is not kind:
        known = (kind, dotted(kind), _look_of(kind))
        if len(_looks) >= _MOST_KNOWN:
            _looks.clear()
        _looks[address_of(kind)] = known
    return known


def parts_of(value: object) -> Parts | None:
    """None: there is nothing that may be read."""
    look = seen_as(type(value))[2]
    return None if look is None else look(value)


def _look_of(kind: type) -> Look | None:
    exact = _EXACT.get(address_of(kind))
    if exact is not None:
        return exact
    module, name = module_and_name(kind)
    named = _NAMED.get(module)
    if named is not None and name in named[0] and getattr(sys.modules.get(module), name, None) is kind:
        return named[1]
    return _of_class(kind)


def belongs(entrypoint: str) -> None:
    """What starts a recording, `module:qualname`, is the application's, which may be installed as libraries are: the
    classes of its package are its own."""
    package = entrypoint.partition(":")[0].partition(".")[0]
    if package not in _packages and package not in sys.stdlib_module_names:
        _packages.add(package)
        _own.clear()
        _looks.clear()


def is_own(kind: type) -> bool:
    """Whether its class is the application's: not of the standard library, nor installed with it."""
    known = _own.get(address_of(kind))
    if known is not None and known[0] is kind:
        return known[1]
    found = _is_own_module(module_and_name(kind)[0])
    if len(_own) >= _MOST_KNOWN:
        _own.clear()
    _own[address_of(kind)] = (kind, found)
    return found


def _is_own_module(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    found = type(file) is str and not file.startswith(_LIBRARY) and "site-packages" not in file
    found = found or name.partition(".")[0] in _packages
    return name.startswith("replay.surfaces.demo.") if found and name.startswith("replay.") else found


def kept(kind: str) -> str | None:
    """Where the application's modules keep an instance of this class (`module.qualname`), or an object that holds one:
    `shop.service`. None: nowhere."""
    for name, module in tuple(sys.modules.items()):
        if type(module) is not ModuleType or not _is_own_module(name):
            continue
        for own, value in tuple(module.__dict__.items()):
            held = attributes(value).values() if is_own(type(value)) and not issubclass(type(value), type) else ()
            if any(dotted(type(each)) == kind for each in (value, *held)):
                return f"{name}.{own}"
    return None


def _of_class(kind: type) -> Look | None:
    for each in mro(kind):
        if each is type:
            return _class
        if each is PurePath:  # what it has found out of itself by now is among its attributes
            return None
        base = _BASES.get(address_of(each))
        if base is not None:
            return _of_base(base)
    return _Attributes(kind).parts if is_own(kind) and not _holds_more(kind) else None


def _class(value: Any) -> Parts:
    return Parts({"name": located(value)})


def _of_base(base: Callable[[Any], Any]) -> Look:
    return lambda value: Parts({"value": base(value)}, attributes(value), is_large=True)


class _Attributes:
    """How instances of a class of the application are read: its slots, its `__dict__`, not what it computes once."""

    __slots__ = ("_computed", "_dict", "_slots")

    def __init__(self, kind: type) -> None:
        self._slots = slot_readers(kind) if has_slots(kind) else []
        self._dict = dict_reader(kind)
        self._computed = frozenset(computed(kind))

    def parts(self, value: object) -> Parts | None:
        """The private ones (a session, a cache) may stay behind, if there are others."""
        public, private = dict[str, Any](), dict[str, Any]()
        computed = self._computed
        for name, read in self._slots:
            try:
                (private if name[:1] == "_" else public)[name] = read(value)
            except (AttributeError, TypeError):
                continue  # not set, or of another layout
        held = None if self._dict is None else self._dict(value)
        if type(held) is dict:
            for name, item in held.copy().items():  # at once: another thread may change it
                if type(name) is str and name not in computed:
                    (private if name[:1] == "_" else public)[name] = item
        if public:
            return Parts(public, private, True)
        return Parts(private, {}, True) if private else None


def _holds_more(kind: type) -> bool:
    """Whether instances hold what no attribute shows: a base is written in C."""
    while kind is not object:
        base = _base_of(kind)
        own = namespace(kind)
        places = sum(type(each) is MemberDescriptorType for each in own.values())
        places += ("__dict__" in own) + ("__weakref__" in own)
        if _items_of(kind) or _size_of(kind) - _size_of(base) > _PLACE * places:
            return True
        kind = base
    return False


# Of one type each ---------------------------------------------------------------------------------------------------


def _function(value: FunctionType) -> Parts:
    held = dict[str, Any]()
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    given = {"defaults": value.__defaults__, "keywords": value.__kwdefaults__}
    names = value.__code__.co_names if value.__name__ == "<lambda>" else ()
    more = {**given, "closure": held, "uses": names}
    return Parts({"name": _named(value)}, {name: item for name, item in more.items() if item}, is_large=True)


def _named(value: FunctionType) -> str:
    module = value.__module__
    return f"{as_imported(module) if type(module) is str else '?'}:{value.__qualname__}"


def _method(value: MethodType) -> Parts:
    return Parts({"function": value.__func__}, {"of": value.__self__})


def _builtin(value: BuiltinFunctionType) -> Parts:
    of = value.__self__
    return Parts({"name": value.__qualname__}, {} if of is None or type(of) is ModuleType else {"of": of})


def _module(value: ModuleType) -> Parts | None:
    name = value.__dict__.get("__name__")
    return Parts({"name": name}) if type(name) is str else None


def _proxy(value: MappingProxyType[Any, Any]) -> Parts | None:
    held = get_referents(value)
    return Parts({"items": held[0].copy()}) if len(held) == 1 and type(held[0]) is dict else None


def _match(value: Match[Any]) -> Parts:
    return Parts({"pattern": value.re, "text": value.string, "span": value.span()})


def _getter(value: Any) -> Parts:
    return Parts({"given": list(value.__reduce__()[1])})


def _view(value: Any) -> Parts:
    return Parts({"items": list(value)})


def _row(value: Any) -> Parts:
    return Parts({"names": value.keys(), "values": tuple(value)})


def _attributes(*names: str) -> Look:
    """Of a class of the standard library: those that are its value."""

    def look(value: Any) -> Parts | None:
        found = attributes(value)
        return Parts({name: found[name] for name in names}) if all(name in found for name in names) else None

    return look


def _written(value: Any) -> Parts:
    return Parts({"text": str(value)})


def _datetime(value: datetime) -> datetime:
    at = [namespace(date)[name].__get__(value) for name in _DATE] + [
        namespace(datetime)[n].__get__(value) for n in _TIME
    ]
    zone, fold = (namespace(datetime)[name].__get__(value) for name in ("tzinfo", "fold"))
    return datetime(*at).replace(tzinfo=zone, fold=fold)


def _date(value: date) -> date:
    return date(*(namespace(date)[name].__get__(value) for name in _DATE))


def _time(value: time) -> time:
    at = [namespace(time)[name].__get__(value) for name in _TIME]
    zone, fold = (namespace(time)[name].__get__(value) for name in ("tzinfo", "fold"))
    return time(*at).replace(tzinfo=zone, fold=fold)


def _timedelta(value: timedelta) -> timedelta:
    parts = ("days", "seconds", "microseconds")
    return timedelta(*(namespace(timedelta)[name].__get__(value) for name in parts))


_EXACT: dict[int, Look] = {
    address_of(kind): look
    for kind, look in dict[Any, Look](
        {
            FunctionType: _function,
            MethodType: _method,
            BuiltinFunctionType: _builtin,
            ModuleType: _module,
            partial: lambda value: Parts({"function": value.func, "args": value.args, "keywords": value.keywords}),
            Pattern: lambda value: Parts({"pattern": value.pattern, "flags": value.flags}),
            Match: _match,
            MappingProxyType: _proxy,
            BytesIO: lambda value: Parts({"value": value.getvalue(), "at": value.tell()}),
            StringIO: lambda value: Parts({"value": value.getvalue(), "at": value.tell()}),
            memoryview: lambda value: Parts({"value": value.tobytes()}),
            array: lambda value: Parts({"typecode": value.typecode, "value": value.tobytes()}),
            slice: lambda value: Parts({"start": value.start, "stop": value.stop, "step": value.step}),
            **dict.fromkeys((itemgetter, attrgetter, methodcaller), _getter),
            **dict.fromkeys((type({}.keys()), type({}.values()), type({}.items())), _view),
        }
    ).items()
}
_ADDRESSES = ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface")
_NAMED: dict[str, tuple[tuple[str, ...], Look]] = {
    "ipaddress": (_ADDRESSES, _written),
    "collections": (("UserDict", "UserList", "UserString"), _attributes("data")),
    "string": (("Template",), _attributes("template")),
    "sqlite3": (("Row",), _row),
    "yarl": (("URL",), _written),
    "httpx": (("URL",), _written),
}
_BASES: dict[int, Callable[[Any], Any]] = {
    address_of(datetime): _datetime,
    address_of(date): _date,
    address_of(time): _time,
    address_of(timedelta): _timedelta,
    address_of(Decimal): lambda value: Decimal(Decimal.__str__(value)),
    address_of(UUID): lambda value: UUID(int=attributes(value)["int"]),
}
"""Types of values whose subclasses nothing stands for."""


# Made again ---------------------------------------------------------------------------------------------------------


def _placed(kind: Any, content: Any) -> Callable[[dict[str, Any]], Any]:
    def make(fields: dict[str, Any]) -> Any:
        value, at = fields["value"], fields["at"]
        if type(value) is not content or type(at) is not int or at > len(value):
            raise TypeError("not what a file in memory holds")
        made = kind(value)
        made.seek(at)
        return made

    return make


def _made_array(fields: dict[str, Any]) -> Any:
    made: array[Any] = array(fields["typecode"])
    made.frombytes(_bytes(fields["value"]))
    return made


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:  # an int would ask for that much memory
        raise TypeError("not bytes")
    return value


def _made_address(name: str) -> Callable[[dict[str, Any]], Any]:
    def make(fields: dict[str, Any]) -> Any:
        import ipaddress

        if type(fields["text"]) is not str:
            raise TypeError("an address that is no text")
        return getattr(ipaddress, name)(fields["text"])

    return make


MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "_io.BytesIO": _placed(BytesIO, bytes),
    "_io.StringIO": _placed(StringIO, str),
    "memoryview": lambda fields: memoryview(_bytes(fields["value"])),
    "array.array": _made_array,
    "slice": lambda fields: slice(fields["start"], fields["stop"], fields["step"]),
    "mappingproxy": lambda fields: MappingProxyType(dict(fields["items"])),
    **{f"ipaddress.{name}": _made_address(name) for name in _ADDRESSES},
}
"""By type: values that are nothing but their fields."""
