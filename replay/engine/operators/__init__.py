"""The operators: what to try where, by where it bites, and what each does.

`@replay.operator` adds one: a function of a value that yields the values to try in its place; it yields nothing where
it does not apply. The edit keeps what was yielded, so that a find does not need the operator again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from replay.core.edits import Edit
from replay.engine.operators import answers, changes, data, databases, errors, forms, models, streams, texts, times
from replay.engine.operators.site import Change, Site, Suggest, Tried
from replay.errors import UsageError

CHANGES: dict[str, Change] = {
    **changes.CHANGES, **databases.CHANGES, **errors.CHANGES, **models.CHANGES, **forms.CHANGES, **texts.CHANGES,
    **streams.CHANGES,
}  # fmt: skip
"""Every operator that an edit may name."""
Values = Callable[[Any], Iterable[Any]]
own: dict[str, Values] = {}
"""What users added, by `module:qualname`."""
MOST = 100
"""Values tried of a user's operator at one place."""


def operator(function: Values) -> Values:
    """Add an operator: called with each value that is edited, it yields values to try instead.

    Values are plain data (`str`, `int`, `dict`, ...). What it raises counts as nothing to try.
    """
    if not callable(function):
        raise UsageError("@replay.operator is for a function of a value that yields values to try instead")
    own[f"{function.__module__}:{getattr(function, '__qualname__', '?')}"] = function
    return function


def _added(site: Site) -> Iterator[Tried]:
    for function in own.values():
        try:
            for count, value in enumerate(function(site.value)):
                if count >= MOST:
                    break
                yield "set", value
        except Exception:  # of the project: what it cannot take is nothing to try
            continue


_DATA: tuple[Suggest, ...] = (models.chats, models.labels, models.scores, data.item, data.data, answers.body, _added)
_TABLE: dict[str, tuple[Suggest, ...]] = {
    "input": _DATA,
    "call": (answers.whole_answer, *_DATA),
    "model": (answers.whole_answer, *_DATA),
    "http": (answers.whole_answer, *_DATA),
    "clock": (times.moments,),
    "timing": (times.jumps,),
    "draws": (times.draws,),
}
"""What is tried where, the most likely in production first."""
_ARGUMENT: tuple[Suggest, ...] = (models.labels, models.scores, data.data, _added)


def suggested(site: Site) -> list[Edit]:
    """The edits to try at a site, the most likely first; none twice."""
    table: tuple[Suggest, ...] = _TABLE[site.boundary]
    if site.is_message:
        table = (answers.message,)
    elif site.is_stream:
        table = (streams.whole, streams.texts, _added)
    elif not site.steps and site.boundary in ("http", "input"):
        table = (answers.whole_answer,)
    elif not site.steps and site.boundary in ("call", "model"):
        table = (answers.whole_answer, models.chats, data.data)
    elif site.boundary == "input" and site.steps in (("args",), ("kwargs",), ("query",), ("headers",)):
        return []
    elif site.boundary == "input" and len(site.steps) == 2 and site.steps[0] in ("args", "kwargs"):
        table = _ARGUMENT  # a call without one of its arguments is no call that production makes
    path = site.path
    found: dict[str, Edit] = {}
    for suggest in table:
        for name, argument in suggest(site):
            edit = Edit(path, name, argument)
            if (table is _ARGUMENT or site.is_document) and name in ("drop", "twice", "rename"):
                continue
            if name == "set" and type(argument) is type(site.value) and _same(argument, site.value):
                continue
            found.setdefault(edit.key, edit)
    return list(found.values())


def _same(one: Any, two: Any) -> bool:
    try:
        return bool(one == two)
    except Exception:  # a decimal that signals, a value of the project
        return False
