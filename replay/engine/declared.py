"""Whether a value is what an annotation says. Where an annotation says something that is not understood here, it is.

Read are plain types, their generics, unions, literals, `TypedDict`, `NamedTuple`, dataclasses, pydantic, attrs and
msgspec models with their fields, and the bounds that `Annotated` and pydantic's and msgspec's fields hold.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import lru_cache
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from replay.core.standins import Opaque, Record, Truncated

MOST = 1_000
"""Items of one container that are looked at."""
DEEPEST = 40
_UNSAID = (Any, object, typing.NoReturn, typing.Never, typing.Self)
_WRAPPERS = (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar)
_BOUNDS = {
    "ge": (">=", lambda value, bound: value >= bound),
    "gt": (">", lambda value, bound: value > bound),
    "le": ("<=", lambda value, bound: value <= bound),
    "lt": ("<", lambda value, bound: value < bound),
    "min_length": ("of length >=", lambda value, bound: len(value) >= bound),
    "max_length": ("of length <=", lambda value, bound: len(value) <= bound),
    "pattern": ("like", lambda value, bound: re.search(bound, value) is not None),
}
"""By the name that annotated-types, pydantic and msgspec share."""


class Misfit(msgspec.Struct, frozen=True):
    """The first place where a value is not as declared."""

    path: str
    """From the value's root; places of lists as `[*]`."""
    expected: str
    found: str


def misfit(value: Any, hint: Any, path: str = "$", depth: int = 0) -> Misfit | None:
    """Where the value is not what the annotation says; None: nowhere. Never raises."""
    try:
        return _misfit(value, hint, path, depth)
    except Exception:  # an annotation, or a class of the project, that does not let itself be asked
        return None


def _misfit(value: Any, hint: Any, path: str, depth: int) -> Misfit | None:
    if depth > DEEPEST or isinstance(value, Opaque | Record | Truncated):
        return None
    hint, bounds = _bare(hint)
    if hint in _UNSAID or isinstance(hint, str | TypeVar | typing.ForwardRef):
        return None
    found = _shape(value, hint, path, depth)
    if found is not None:
        return found
    for sign, bound, holds in _bounds(bounds):
        if value is not None and not holds(value, bound):
            return Misfit(path, f"{shown(hint)} {sign} {bound!r}", _said(value))
    return None


def _bare(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Without what says nothing of the type itself, and with the bounds that were said beside it."""
    bounds: tuple[Any, ...] = ()
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, bounds = hint.__origin__, (*bounds, *hint.__metadata__)
        elif origin in _WRAPPERS:
            (hint,) = get_args(hint)
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            return hint, bounds


def _bounds(metadata: tuple[Any, ...]) -> Iterator[tuple[str, Any, Any]]:
    for each in metadata:
        for part in (each, *(getattr(each, "metadata", None) or ())):
            for name, (sign, holds) in _BOUNDS.items():
                bound = getattr(part, name, None)
                if isinstance(bound, int | float | str) or (bound is not None and name[:1] in "gl"):
                    yield sign, bound, holds


def _shape(value: Any, hint: Any, path: str, depth: int) -> Misfit | None:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is None or hint is type(None):
        return None if value is None else _no(value, hint, path)
    if origin is Literal:
        same = any(type(value) is type(each) and value == each for each in arguments)
        return None if same else _no(value, hint, path)
    if origin in (Union, types.UnionType):
        return _any(value, hint, arguments, path, depth)
    if typing.is_typeddict(hint):
        return _typed_dict(value, hint, path, depth)
    kind = origin if origin is not None else hint
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return None
    if not _is(value, kind):
        return _no(value, hint, path)
    return _items(value, kind, arguments, path, depth) if arguments else _fields(value, path, depth)


def _any(value: Any, hint: Any, arguments: tuple[Any, ...], path: str, depth: int) -> Misfit | None:
    found = [_misfit(value, each, path, depth + 1) for each in arguments]
    if None in found:
        return None
    deeper = [each for each in found if each is not None and each.path != path]
    return deeper[0] if len(deeper) == 1 else _no(value, hint, path)  # of an optional model: the field


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind) or (kind is complex and isinstance(value, int | float))


def _items(value: Any, kind: type, arguments: tuple[Any, ...], path: str, depth: int) -> Misfit | None:
    if issubclass(kind, tuple):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _each(value, arguments[0], path, depth)
        if arguments == ((),):
            arguments = ()
        if len(value) != len(arguments):
            return Misfit(path, f"{len(arguments)} items", f"{len(value)} items")
        placed = enumerate(zip(value, arguments, strict=True))
        return _first(_misfit(item, each, f"{path}[{at}]", depth + 1) for at, (item, each) in placed)
    if issubclass(kind, Mapping) and isinstance(value, Mapping) and len(arguments) == 2:
        pairs = list(value.items())[:MOST]
        keys = _first(_misfit(key, arguments[0], f"{path} key", depth + 1) for key, _ in pairs)
        return keys or _first(_misfit(item, arguments[1], f"{path}{_step(key)}", depth + 1) for key, item in pairs)
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes) and len(arguments) == 1:
        return _each(value, arguments[0], path, depth)
    return None


def _each(value: Iterable[Any], hint: Any, path: str, depth: int) -> Misfit | None:
    items = (item for at, item in enumerate(value) if at < MOST)
    return _first(_misfit(item, hint, f"{path}[*]", depth + 1) for item in items)


def _first(found: Iterable[Misfit | None]) -> Misfit | None:
    return next((each for each in found if each is not None), None)


def _typed_dict(value: Any, hint: Any, path: str, depth: int) -> Misfit | None:
    if not isinstance(value, dict):
        return _no(value, hint, path)
    hints = _hints(hint)
    required = set(hint.__required_keys__)  # wrong where annotations are texts (PEP 563): what is said there counts
    required |= {name for name, each in hints.items() if get_origin(each) is typing.Required}
    required -= {name for name, each in hints.items() if get_origin(each) is typing.NotRequired}
    missing = sorted(required - value.keys())
    if missing:
        return Misfit(f"{path}{_step(missing[0])}", f"a key of {shown(hint)}", "nothing")
    return _first(
        _misfit(value[name], each, f"{path}{_step(name)}", depth + 1) for name, each in hints.items() if name in value
    )


def _fields(value: Any, path: str, depth: int) -> Misfit | None:
    """Of a record: each field is as its class declares."""
    kind: Any = type(value)
    declared = _declared(kind)
    for name, each in declared.items():
        try:
            held = getattr(value, name) if kind.__dictoffset__ == 0 else vars(value).get(name, _absent)
        except AttributeError:
            held = _absent
        if held is _absent:
            continue
        found = _misfit(held, each, f"{path}.{name}", depth + 1)
        if found is not None:
            return found
    return None


_absent = object()


@lru_cache(maxsize=512)
def _declared(kind: type) -> dict[str, Any]:
    """The fields of a record class by their annotations; none of any other class. A default of None is meant to be."""
    model = getattr(kind, "model_fields", None)
    if isinstance(model, dict) and "pydantic" in sys.modules:
        found = {name: Annotated[field.annotation, *field.metadata, None] for name, field in model.items()}
        return {name: each if model[name].default is not None else each | None for name, each in found.items()}
    names: Iterable[str] = ()
    optional: set[str] = set()
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        optional = {field.name for field in dataclasses.fields(kind) if field.default is None}
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = kind.__struct_fields__
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
    elif issubclass(kind, tuple):
        names = getattr(kind, "_fields", ())
    hints = _hints(kind) if names else {}
    return {name: hints[name] | None if name in optional else hints[name] for name in names if name in hints}


@lru_cache(maxsize=512)
def _hints(kind: Any) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except Exception:  # a name that exists for type checkers only
        return {}


def _no(value: Any, hint: Any, path: str) -> Misfit:
    return Misfit(path, shown(hint), _said(value))


def _step(name: Any) -> str:
    return f".{name}" if isinstance(name, str) and name.isidentifier() else "[*]"


def _said(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return repr(value)
    kind = type(value).__qualname__
    if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 40):
        return f"{kind} {value!r}"
    return kind


def shown(hint: Any) -> str:
    """An annotation as people write it."""
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, type) and not get_args(hint):
        return hint.__qualname__
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(hint))
