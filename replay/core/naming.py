"""What a module is called when it is imported, which a script does not know of itself."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

UNNAMED = "?"
"""Stands for the attribute when an application object could not be found in any module."""


def module_name(namespace: dict[str, Any]) -> str:
    """The importable name of the module with these globals; `__main__` (`__mp_main__` in a process that
    multiprocessing spawned) is named by its spec or its file's stem."""
    name = namespace.get("__name__", UNNAMED)
    if name != "__main__" and name != "__mp_main__":
        return str(name)
    spec = namespace.get("__spec__")
    if spec is not None:
        return str(spec.name)
    file = namespace.get("__file__")
    return PurePath(file).stem if file else "__main__"
