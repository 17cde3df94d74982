"""The names of what functions take by position: what is passed so has a name too, which may say that it is secret."""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Iterator
from itertools import pairwise
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

_MOST = 20_000
_DEEPEST = 50
_declared: dict[str, tuple[str, ...]] = {}


class Shifted(tuple[str, ...]):
    """Names of parameters of which nobody knows which is at which position: a decorator in between passes on other
    arguments than it was given (`click.pass_context`), so that each may be any of them."""

    __slots__ = ()


def declare(target: str, function: Any) -> None:
    """Note them as a function is decorated. By its name it may not be found later: it has another one, is made within a
    function, or belongs to a script (`__main__`). Runs no code of the application."""
    if len(_declared) < _MOST:
        _declared[target] = names_of(function)


def declared(target: str) -> tuple[str, ...] | None:
    """Those of `module:qualname`, or of another name that was given; None if it was not declared here."""
    return _declared.get(target)


def without_object(names: tuple[str, ...]) -> tuple[str, ...]:
    """Of a method that is asked without the object that it belongs to."""
    return type(names)(names[1:]) if names[:1] in (("self",), ("cls",)) else names


def names_of(function: Any) -> tuple[str, ...]:
    """`self` and `cls` included, where they are passed; none of what has no code in Python. `Shifted` if they are not
    to be told by position."""
    if type(function) is functools.partial:
        inner = names_of(function.func)
        return inner if isinstance(inner, Shifted) else inner[len(function.args) :]
    layers = list(_layers(function))
    names = _own(layers[-1])
    every = dict.fromkeys(name for layer in layers for name in _own(layer))
    return names if _are_in_order(layers) else Shifted(every)


def _layers(function: Any) -> Iterator[Any]:
    """A function, then what it wraps, down to the one that was written first."""
    for _ in range(_DEEPEST):
        yield function
        if type(function) is functools.partial:
            function = function.func
            continue
        inner = inspect.getattr_static(function, "__wrapped__", None)
        if isinstance(inner, (GetSetDescriptorType, MemberDescriptorType)):  # of wrapt: without code in Python
            inner = inner.__get__(function, type(function))
        if inner is None or inspect.ismethod(function):
            return
        function = inner


def _own(function: Any) -> tuple[str, ...]:
    bound = inspect.ismethod(function)
    inner = function.__func__ if bound else function
    if not inspect.isfunction(inner):
        if type(inner) in (functools.partial, functools._lru_cache_wrapper):
            return ()
        inner = inspect.getattr_static(type(inner), "__call__", None)
        bound = True
    if not inspect.isfunction(inner):
        return ()
    return inner.__code__.co_varnames[int(bound) : inner.__code__.co_argcount]


def _are_in_order(layers: list[Any]) -> bool:
    """Whether what is given to the first at some position is what the last has there."""
    for layer, inner in pairwise(layers):
        if type(layer) is functools._lru_cache_wrapper:
            continue
        if type(layer) is functools.partial:
            if layer.args:
                return False
        elif type(layer) is not FunctionType or not _passes_on(layer, _own(inner)):
            return False
    return True


def _passes_on(wrapper: FunctionType, names: tuple[str, ...]) -> bool:
    """Whether a function calls another with its own arguments in their order, as far as its code shows."""
    code = wrapper.__code__
    own = code.co_varnames[: code.co_argcount]
    if not code.co_flags & inspect.CO_VARARGS:
        return own == names[: len(own)]
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
    return all(_is_harmless(each, own, rest) for each in _codes(code))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """It and the functions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_harmless(code: CodeType, own: tuple[str, ...], rest: str) -> bool:
    """Whether `*rest` is passed on behind exactly the parameters before it, in none of its parts."""
    steps = list(_steps(code))
    for at, (name, argument) in enumerate(steps):
        following = steps[at + 1][0] if at + 1 < len(steps) else ""
        if name.startswith("STORE") and argument == rest:
            return False
        if not name.startswith("LOAD") or argument != rest:
            continue
        if following == "LIST_EXTEND":
            before = [part for _, part in steps[max(0, at - 1 - len(own)) : at - 1]]
            if before != [*own] or steps[at - 1] != ("BUILD_LIST", len(own)):
                return False
        elif following in ("BINARY_OP", "BINARY_SLICE") or any(
            step[0] == "BUILD_SLICE" or isinstance(step[1], slice)
            for step in steps[at : at + 4]  # constant from 3.14 on
        ):
            return False
        elif following in ("BINARY_SLICE", "CALL_FUNCTION_EX", "DICT_MERGE", "BUILD_MAP") and own:
            return False  # without the parameters before it
    return not any(name == "BINARY_SLICE" for name, _ in steps)


def _steps(code: CodeType) -> Iterator[tuple[str, Any]]:
    """Instructions, those that load two as two."""
    for each in dis.get_instructions(code):
        if type(each.argval) is tuple and each.opname.startswith("LOAD_FAST"):  # from 3.13 on
            for name in each.argval:
                yield "LOAD_FAST", name
        elif each.opname not in ("CACHE", "RESUME", "COPY_FREE_VARS", "MAKE_CELL", "LOAD_CLOSURE"):
            yield each.opname, each.argval
