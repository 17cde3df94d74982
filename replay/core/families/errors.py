"""Exceptions: type, message, arguments, attributes, notes, frames, the chain of causes, groups."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    TracebackType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

from replay.core.families import connecting, statuses, validation
from replay.core.looking import (
    address_of,
    class_attribute,
    dotted,
    instance_dict,
    located,
    module_and_name,
    mro,
    namespace,
    written,
)

if TYPE_CHECKING:
    from replay.core.decoder import Decoder
    from replay.core.encoder import Encoder

FRAMES = "__replay_frames__"
"""Where a rebuilt exception keeps the frames it was recorded with."""
_FIRST, _LAST = 20, 80
_BASES = 4
"""Of a class that is not found by its name."""
_PLAIN = frozenset(map(address_of, (str, int, float, bool, type(None), bytes, date, timedelta, Decimal)))
"""By their ids: a type may have a metaclass with `__hash__`."""
_FEW = 100
"""Parts of an argument that are looked at."""
_NATIVE: dict[type, tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    UnicodeEncodeError: ("encoding", "object", "start", "end", "reason"),
    UnicodeDecodeError: ("encoding", "object", "start", "end", "reason"),
    UnicodeTranslateError: ("object", "start", "end", "reason"),
    SyntaxError: ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset"),
    ImportError: ("msg", "name", "path"),
    NameError: ("name",),
    AttributeError: ("name",),
    StopIteration: ("value",),
    SystemExit: ("code",),
}
"""Attributes that are kept in the exception's own C structure. `AttributeError.obj` is left out: it can be anything."""
_PSYCOPG2, _DRIVERS = "psycopg2:Error", ("pgerror", "pgcode")
"""The same of psycopg2, which cannot be set but by what unpickles it."""
_PSYCOPG = ("psycopg", "psycopg_binary", "psycopg_c")
_LISTED = (
    "_csv _lzma _pickle asyncio.exceptions asyncio.queues binascii builtins concurrent.futures._base "
    "concurrent.futures.process concurrent.futures.thread configparser contextvars copy ctypes dataclasses decimal "
    "email.errors enum ftplib graphlib gzip http.client http.cookies imaplib ipaddress json.decoder locale lzma "
    "multiprocessing multiprocessing.context pickle plistlib poplib queue re sched shutil smtplib socket sqlite3 ssl "
    "statistics struct subprocess tarfile threading tomllib unittest.case urllib.error uuid wave xml.dom "
    "xml.etree.ElementTree xml.parsers.expat xml.sax._exceptions zipfile zlib zoneinfo._common"
)
"""Modules of the standard library whose exceptions are rebuilt without asking."""
_MODULES = frozenset(_LISTED.split())

_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_suppress = BaseException.__dict__["__suppress_context__"].__get__
_args = BaseException.__dict__["args"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_KEPT_OWN = (FRAMES, "__notes__")
"""Attributes of an error that belong to any."""
_DEEPEST = 3
"""Errors inside one another whose messages are part of the outermost one's."""
_members = BaseExceptionGroup.__dict__["exceptions"].__get__
_group_message = BaseExceptionGroup.__dict__["message"].__get__


def writer(kind: type) -> Callable[[Encoder, Any], Any] | None:
    """What encodes instances of this type, if it is an exception."""
    for each in mro(kind):
        if each is BaseExceptionGroup:
            return _group
        if each is BaseException:
            return _error
    return None


def _group(encoder: Encoder, error: BaseExceptionGroup[Any]) -> Any:
    if address_of(error) in encoder.active:
        return encoder.opaque(error, "cyclic")
    encoder.active.add(address_of(error))
    try:
        return encoder.keep(error, _write(encoder, error, {}, _members(error)))
    finally:
        encoder.active.discard(address_of(error))


def _error(encoder: Encoder, error: BaseException) -> Any:
    return _write(encoder, error, encoder.keep(error, {}), None)


def _write(encoder: Encoder, error: BaseException, tree: Any, members: tuple[Any, ...] | None) -> Any:
    kind = type(error)
    own = instance_dict(error)
    native = _natives(error)
    body = tree["$error"] = _head(kind)
    args = () if members is not None else _args(error)
    if validation.is_validation(kind):
        message, args = validation.told(encoder, error)
    elif (status := statuses.status_of(kind, own, args)) is not None:
        message, args = statuses.message_of(status), (status,)
        own = {name: own[name] for name in _KEPT_OWN if name in own}
    else:
        message = _message(error, kind, own, native)
    body["message"] = encoder.at("message", message)
    body["args"] = encoder.at("args", args)["$tuple"]
    if native:
        body["native"] = {name: encoder.at(name, value) for name, value in native.items()}
    _write_own(encoder, body, own)
    if members is not None:
        body["members"] = encoder.each(members, [])
    if _suppress(error):
        body["suppress_context"] = True
    cause, context = _cause(error), _context(error)
    if cause is not None:
        body["cause"] = encoder.at("cause", cause)
    if context is not cause:  # `raise ... from cause` sets both: it is written once
        body["context"] = encoder.at("context", context)
    body["frames"] = _frames(encoder, _traceback(error), own)
    return tree


def _head(kind: type) -> dict[str, Any]:
    module, name = written(kind)
    body: dict[str, Any] = {"type": name if module == "builtins" else f"{module}.{name}"}
    if "." in name:
        body["class"] = f"{module}:{name}"
    base = _builtin(kind)
    if base is not Exception and base is not kind:
        body["base"] = module_and_name(base)[1]
    if not _is_found(kind, module, name):
        body["bases"] = [located(each) for each in mro(kind)[1:] if module_and_name(each)[0] != "builtins"][:_BASES]
    return body


def _is_found(kind: type, module: str, name: str) -> bool:
    """Whether it stands where it says: of those that are made in a function (botocore's `NoSuchKey`) the bases are
    named, by which they are caught."""
    found: Any = sys.modules.get(module) or sys.modules.get(module_and_name(kind)[0])
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found is kind


def _builtin(kind: type) -> type:
    """The nearest builtin class that it is, or derives from."""
    for each in mro(kind):
        if module_and_name(each)[0] == "builtins":
            return each
    return BaseException


def _write_own(encoder: Encoder, body: dict[str, Any], own: dict[str, Any]) -> None:
    kept = [(name, value) for name, value in own.items() if type(name) is str and name not in _KEPT_OWN]
    if kept:
        body["attributes"] = {
            name: encoder.at(name, _told_by(name, value)) for name, value in kept if name.isidentifier()
        }
    notes = own.get("__notes__")
    if type(notes) is list:
        body["notes"] = [encoder.at("notes", note) for note in notes if type(note) is str]


def _told_by(name: str, value: Any) -> Any:
    """An attribute; of psycopg's errors what the server said, as psycopg pickles it: no result of libpq is kept."""
    kind = module_and_name(type(value))
    if name != "_info" or kind[1] != "PGresult" or kind[0].partition(".")[0] not in _PSYCOPG:
        return value
    fields = sys.modules["psycopg.pq"].DiagnosticField
    return {field: value.error_field(field) for field in fields}


def _natives(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in mro(type(error)):
        if base is Exception:
            break
        for name in _native_names(base):
            try:
                value = namespace(base)[name].__get__(error)
            except (AttributeError, TypeError):
                continue  # was made without its arguments
            if value is not None:
                found[name] = value
    return found


def _native_names(base: type) -> tuple[str, ...]:
    if module_and_name(base)[0] == "builtins":
        return _NATIVE.get(base, ())
    return _DRIVERS if located(base) == _PSYCOPG2 else ()


def _message(
    error: BaseException, kind: type, own: dict[str, Any], native: dict[str, Any], deep: int = _DEEPEST
) -> str:
    """`str(error)` where that runs only builtin code, else the like of it. `deep`: errors inside it that are told."""
    args = _args(error)
    plain = _is_plain(args) and all(map(_is_plain, native.values()))
    if any(each is BaseExceptionGroup for each in mro(kind)):
        plain = True
    text = class_attribute(kind, "__str__")
    if plain and _is_listed(kind) and all(map(_is_plain, own.values())):
        return str(error)
    if type(text) is WrapperDescriptorType and module_and_name(text.__objclass__)[0] == "builtins":
        if plain:
            return text(error)  # type: ignore[no-any-return]
    else:
        said = connecting.told(kind, own, native)
        if said is not None:
            return said
        for name in ("message", "detail"):
            if type(own.get(name)) is str:
                return own[name]  # type: ignore[no-any-return]
    if len(args) == 1:
        arg = args[0]
        if deep and _is_error(arg):  # requests' errors hold urllib3's
            return _message(arg, type(arg), instance_dict(arg), _natives(arg), deep - 1)
        return _plainly(arg, deep)
    return _told(args, deep) if args else ""


def _is_error(value: object) -> bool:
    """By identity: a metaclass may compare its classes with code of its own."""
    return any(each is BaseException for each in mro(type(value)))


def _told(args: tuple[Any, ...], deep: int) -> str:
    return f"({', '.join(repr(arg) if type(arg) is str else _plainly(arg, deep) for arg in args)})"


def _plainly(arg: Any, deep: int) -> str:
    if type(arg) is str:
        return arg
    if _is_plain(arg):
        return repr(arg)
    if deep and _is_error(arg):
        return f"{module_and_name(type(arg))[1]}{_told(_args(arg), deep - 1)}"
    return f"<{dotted(type(arg))}>"


def _is_plain(value: object) -> bool:
    """Whether `repr` of it runs only builtin code, and not for long."""
    todo, looked = [value], 0
    while todo:
        each: Any = todo.pop()
        kind = type(each)
        if address_of(kind) in _PLAIN:
            continue
        if kind is not tuple and kind is not list and kind is not dict:
            return False
        looked += 1 + len(each)
        if looked > _FEW:
            return False
        todo += [*each, *each.values()] if kind is dict else each
    return True


def _is_listed(kind: type) -> bool:
    """Whether it is a class of the standard library as it stands there."""
    module, name = module_and_name(kind)
    found = sys.modules.get(module) if module in _MODULES else None
    return found is not None and found.__dict__.get(name) is kind


def _frames(encoder: Encoder, step: TracebackType | None, own: dict[str, Any]) -> list[Any]:
    if step is None:
        kept = own.get(FRAMES)
        return [list(frame) for frame in kept] if type(kept) is tuple else []
    frames: list[list[Any]] = []
    while step is not None:
        code = step.tb_frame.f_code
        frames.append([code.co_filename, step.tb_lineno, code.co_name])
        if len(frames) > _FIRST + _LAST:
            del frames[_FIRST]
        step = step.tb_next
    encoder.frames.extend(frames)
    return frames


def known_class(module: str, qualname: str) -> type[BaseException] | None:
    """An exception of the standard library's listed modules."""
    if module not in _MODULES:
        return None
    found: Any = sys.modules.get(module) or import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _class_of(decoder: Decoder, body: dict[str, Any]) -> type[BaseException]:
    name: str = body["type"]
    place = body.get("class")
    if place is None:
        module, _, qualname = name.rpartition(".")
        place = f"{module or 'builtins'}:{qualname}"
    module, _, qualname = place.partition(":")
    kind: Any = known_class(module, qualname) or decoder.class_of(place)
    if kind is None or not issubclass(kind, BaseException):
        base = known_class("builtins", body.get("base", "Exception"))
        if base is None:
            raise ValueError("the base is no builtin exception")
        kind = decoder.stand_in(place, _nearest(decoder, body.get("bases", ()), base))
    return kind  # type: ignore[no-any-return]


def _nearest(decoder: Decoder, places: Any, base: type[BaseException]) -> type[BaseException]:
    """The first of the recorded bases that is here and lets others derive from it without a word, else the builtin."""
    for place in list(places)[:_BASES]:
        found: Any = known_class(*str(place).partition(":")[::2]) or decoder.class_of(place)
        if type(found) is not type or not issubclass(found, base):
            continue
        if type(class_attribute(found, "__init_subclass__")) is ClassMethodDescriptorType:
            return found
    return base


def _read(decoder: Decoder, body: Any, number: int | None) -> BaseException:
    kind = _class_of(decoder, body)
    message = decoder.value(body["message"])
    if "members" in body:
        members = [decoder.value(item) for item in body["members"]]
        error: BaseException = BaseExceptionGroup.__new__(kind, _bare(message, len(members)), members)  # type: ignore[type-var]
        decoder.bind(number, error)
    else:
        error = _bound(decoder, kind, body, number)
    _fill(decoder, error, body)
    return error


def _bound(decoder: Decoder, kind: type[BaseException], body: dict[str, Any], number: int | None) -> BaseException:
    if validation.is_validation(kind) and len(body["args"]) == 2:
        title, found = map(decoder.value, body["args"])
        return decoder.bind(number, validation.made(kind, title, found))  # type: ignore[no-any-return]
    base: Any = _builtin(kind)
    try:
        error = _maker(kind)(kind)
    except TypeError:  # a class in C whose instances cannot be made without arguments
        error = base.__new__(decoder.stand_in(located(kind), base))
    decoder.bind(number, error)
    error.args = tuple([decoder.value(item) for item in body["args"]])
    statuses.restore(error)
    return error  # type: ignore[no-any-return]


def _maker(kind: type) -> Any:
    """The nearest `__new__` in C, of Python or of the library (psycopg2's): none in Python is called."""
    for each in mro(kind):
        found = namespace(each).get("__new__")
        if type(found) is BuiltinFunctionType:
            return found
    return BaseException.__new__


def _bare(message: str, count: int) -> str:
    """The message of a group without the count that `str` adds."""
    return message.removesuffix(f" ({count} sub-exception{'' if count == 1 else 's'})")


def _fill(decoder: Decoder, error: BaseException, body: dict[str, Any]) -> None:
    put = BaseException.__setattr__
    native = decoder.mapping(body.get("native", {}))
    driver = next((each for each in mro(type(error)) if located(each) == _PSYCOPG2), None)
    if driver is not None:
        told = {name: native.pop(name, None) for name in _DRIVERS}
        namespace(driver)["__setstate__"](error, told)
    for name, item in native.items():
        member = class_attribute(type(error), name)
        if not isinstance(member, MemberDescriptorType | GetSetDescriptorType):
            raise ValueError(f"{name!r} is no attribute of {body['type']}")
        member.__set__(error, item)
    own = instance_dict(error)
    own.update(decoder.mapping(body.get("attributes", {})))
    if "notes" in body:
        own["__notes__"] = [decoder.value(note) for note in body["notes"]]
    for names in ("cause", "context"), ("context",):
        if names[0] in body:
            chained = decoder.value(body[names[0]])
            for name in names:
                put(error, f"__{name}__", chained if isinstance(chained, BaseException) else None)
    put(error, "__suppress_context__", body.get("suppress_context", False))
    frames = tuple((str(f[0]), int(f[1]), str(f[2]), str(f[3]) if len(f) > 3 else "") for f in body["frames"])
    if frames:
        own[FRAMES] = frames


READERS: dict[str, Callable[[Decoder, Any, int | None], Any]] = {"$error": _read}
