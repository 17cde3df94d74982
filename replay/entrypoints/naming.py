"""The name under which a replay finds an entry point again: `module:qualname`."""

from __future__ import annotations

from types import FrameType, ModuleType
from typing import Any

from replay.core.looking import as_imported, instance_dict
from replay.core.naming import UNNAMED, module_name


def function_name(function: Any) -> str | None:
    """`module:qualname` of a function or class; None if it has no name of its own (a partial, an instance)."""
    qualname = getattr(function, "__qualname__", None)
    module = getattr(function, "__module__", None)
    if not isinstance(qualname, str) or not isinstance(module, str):
        return None
    return f"{as_imported(module)}:{qualname}"


def callers(frame: FrameType | None, most: int = 12) -> list[dict[str, Any]]:
    """The globals of the modules that are running from `frame` outwards, each once."""
    found: list[dict[str, Any]] = []
    while frame is not None and most:
        if not any(frame.f_globals is one for one in found):
            found.append(frame.f_globals)
        frame, most = frame.f_back, most - 1
    return found


def global_name(value: object, namespaces: list[dict[str, Any]]) -> str:
    """`module:attribute` of the global that is `value`, else `module:attribute.name` of one that holds it as its own
    attribute (`app.wsgi_app`); `module:?` of the first namespace if there is none."""
    for namespace in namespaces:
        for attribute, candidate in list(namespace.items()):
            if candidate is value:
                return f"{module_name(namespace)}:{attribute}"
    for namespace in namespaces:
        for attribute, candidate in list(namespace.items()):
            for name, held in list(instance_dict(candidate).items()):
                if held is value and not isinstance(candidate, type | ModuleType):
                    return f"{module_name(namespace)}:{attribute}.{name}"
    return f"{module_name(namespaces[0]) if namespaces else UNNAMED}:{UNNAMED}"
