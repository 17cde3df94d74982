"""The edit that lets a call raise an error of a given type, as the function behind it would have."""

from __future__ import annotations

import ast
import sys
from typing import Any

from replay.core.faults import Raises
from replay.core.opened import Unfit
from replay.engine.operators.site import Change


def _class_named(name: str) -> type[Exception]:
    """An exception of a module that is loaded: nothing is imported for this. Raises Unfit."""
    parts = name.replace(":", ".").split(".")
    for size in range(len(parts) - 1, -1, -1):
        found: Any = sys.modules.get(".".join(parts[:size]) or "builtins")
        for part in parts[size:]:
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    raise Unfit("no exception of that name is loaded")


def _raise(value: Any, what: list[str]) -> Any:
    name, message = what
    kind = _class_named(name)
    error = kind(message)
    if str(error) != message:  # `KeyError` shows its argument as Python writes it
        error = kind(ast.literal_eval(message))
    return Raises(error)


CHANGES: dict[str, Change] = {"raise": _raise}
