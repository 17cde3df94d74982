"""Installed packages that a search takes for code under test: their lines count, their constants are tried."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec

from replay.errors import UsageError


def located(names: Iterable[str], where: str, slug: str = "usage") -> tuple[str, ...]:
    """Where packages lie: folders, and files of single modules. Raises UsageError for what is not there; `where` says
    who names them."""
    found: list[str] = []
    for name in names:
        try:
            spec = find_spec(name)
        except (ImportError, ValueError, AttributeError):
            spec = None
        if spec is None:
            raise UsageError(
                f"{where} {name}: nothing of that name can be imported here: give the name that the code imports, "
                "and install it where replay runs",
                slug=slug,
            )
        if spec.submodule_search_locations is not None:
            found += [os.path.join(os.path.abspath(folder), "") for folder in spec.submodule_search_locations]
        elif spec.origin is not None:
            found.append(os.path.abspath(spec.origin))
    return tuple(found)
