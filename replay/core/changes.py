"""Changing one place of an opened value, copying only what lies on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay.core import nested
from replay.core.edits import Step, Steps
from replay.core.opened import Typed, Unfit


class Gone:
    """In place of a value: it is taken out of its mapping or list."""


class Renamed:
    """In place of a value: its key becomes another one."""

    def __init__(self, name: str) -> None:
        self.name = name


class Twice:
    """In place of an item of a list: it stands there twice."""


def at(value: Any, steps: Steps) -> Any:
    """What lies there. Raises Unfit if nothing does."""
    for step in steps:
        value = _child(value, step)
    return value


def changed(value: Any, steps: Steps, change: Callable[..., Any], *arguments: Any) -> Any:
    """`value` with `change(old, *arguments)` at that place. Raises Unfit if there is no such place, or it cannot hold
    that."""
    if not steps:
        new = change(value, *arguments)
        if type(new) in _MARKS:
            raise Unfit("the whole of a part has no key")
        return new
    way = [value]
    for step in steps:
        # as `_child` does: a search asks for a dozen steps in each of its runs
        value = value[step] if type(value) is dict and step in value else _child(value, step)
        way.append(value)
    new = change(value, *arguments)
    if new is value:
        return way[0]
    new = _with(way[-2], steps[-1], new)
    for place in range(len(steps) - 2, -1, -1):
        held, step = way[place], steps[place]
        new = {**held, step: new} if type(held) is dict else _set(held, step, new)
    return new


def _child(value: Any, step: Step) -> Any:
    kind = type(value)
    if kind is dict and step in value:
        return value[step]
    if (kind is list or kind is tuple) and type(step) is int and step < len(value):
        return value[step]
    if kind is Typed and step in value.fields:
        return value.fields[step]
    if kind is str and step == nested.STEP:
        return nested.document(value)
    raise Unfit("no such place")


def _with(value: Any, step: Any, new: Any) -> Any:
    """A copy with `new` there, or what a mark says."""
    if type(new) not in _MARKS:
        return _set(value, step, new)
    if type(value) is Typed or type(value) is str:
        raise Unfit("a record has all its fields, once; a text is one document")
    if type(value) is dict:
        return _mapping(value, step, new)
    items = list(value)
    if isinstance(new, Gone):
        del items[step]
    elif isinstance(new, Twice):
        items.insert(step, items[step])
    else:
        raise Unfit("an item has no name")
    return items if type(value) is list else tuple(items)


def _set(value: Any, step: Any, new: Any) -> Any:
    if type(value) is dict:
        return {**value, step: new}
    if type(value) is Typed:
        return Typed(value.tag, {**value.fields, step: new}, value.rest)
    if type(value) is str:
        return nested.rewritten(value, new)
    items = list(value)
    items[step] = new
    return items if type(value) is list else tuple(items)


def _mapping(value: dict[Any, Any], step: Any, new: Any) -> dict[Any, Any]:
    if isinstance(new, Gone):
        return {key: item for key, item in value.items() if key != step}
    if isinstance(new, Renamed):
        if new.name in value:
            raise Unfit("there is that name already")
        return {new.name if key == step else key: item for key, item in value.items()}
    raise Unfit("a mapping has each key once")


_MARKS = frozenset({Gone, Renamed, Twice})
