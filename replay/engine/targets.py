"""Which code a bundle may name: entry points and classes of the project, never more.

A bundle is untrusted. A module is imported only if it lies under the project's root (not in its virtual
environment) or is listed in `allow`; an entry point must have declared itself (`@replay.capture`, `replay.ASGI`,
`replay.WSGI`), be a replacement that the project configured, or it is refused.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from replay.core.looking import attributes, imported, instance_dict
from replay.errors import Unanswerable, moved

LIBRARIES = frozenset({
    "aiohttp", "anthropic", "anyio", "asyncpg", "attr", "attrs", "azure", "botocore", "bson", "cloudevents",
    "elastic_transport", "fastapi",
    "google", "grpc", "h11", "http", "httpcore", "httpcore2", "httpx", "httpx2", "jsonschema", "kafka", "msgspec",
    "openai", "proto", "psycopg", "pydantic", "pydantic_core", "pymongo", "redis", "requests", "sqlalchemy", "sqlite3",
    "starlette", "urllib3", "werkzeug", "zoneinfo",
})  # fmt: skip
"""Whose records are rebuilt if the project has imported them already."""
OURS = frozenset({"replay", "pytest", "_pytest", "pluggy", "hypothesis"})
"""Whose exceptions steer a replay or a test run: no recording may raise them."""
_DEEP, _WIDE = 3, 100
"""How far inside of a library's object a captured function is looked for: attributes of attributes, so many of them."""
OWN = "replay.surfaces.demo"
"""Our own demo, which `replay demo` records: it may be replayed from anywhere."""


@lru_cache(maxsize=256)
def _resolved(path: Path) -> Path:
    """Links followed once a process, as for the modules that lie there: each step asks the file system."""
    return path.resolve()


@lru_cache(maxsize=256)
def _is_under(root: Path, place: str) -> bool:
    path = _resolved(Path(place))
    return path.is_relative_to(root) and "site-packages" not in path.parts


@lru_cache(maxsize=256)
def _is_dotted(module: str) -> bool:
    return all(part.isidentifier() for part in module.split("."))


@lru_cache(maxsize=256)
def _is_listed(module: str, allow: tuple[str, ...]) -> bool:
    return any(module == allowed or module.startswith(allowed + ".") for allowed in allow)


def _absolute(place: str) -> str:
    """Where modules lie is nearly always absolute already; the current folder is slow to ask for."""
    return place if os.path.isabs(place) else os.path.join(os.getcwd(), place)


def _is_marked(found: Any) -> bool:
    return hasattr(type(found), "__replay_entry__") or hasattr(found, "__replay_entry__")


def _held(found: Any, path: str) -> Any:
    """The captured function that a library's object keeps, as dramatiq's actors and the builders of Azure Functions do;
    else the object."""
    if isinstance(found, type | ModuleType):
        return found
    objects = [found]
    for _ in range(_DEEP):
        inside = [each for one in objects for each in attributes(one).values()]
        for each in inside:
            if getattr(each, "__qualname__", None) == path and _is_marked(each):
                return each
        objects = [each for each in inside if not isinstance(each, type | ModuleType | FunctionType)][:_WIDE]
    return found


class Targets:
    """Loads what a recording names, if the project allows it."""

    def __init__(self, root: Path, allow: Sequence[str] = (), replacements: Mapping[str, str] | None = None) -> None:
        self.root = _resolved(root if root.is_absolute() else root.absolute())
        self.allow = (OWN, *allow)
        self.replacements = dict(replacements or {})

    def load(self, entrypoint: str) -> Any:
        """The object to run. Raises Unanswerable, saying what to do."""
        replaced = entrypoint in self.replacements
        name = self.replacements.get(entrypoint, entrypoint)
        module, _, path = name.partition(":")
        if not module or not path or path == "?":
            raise Unanswerable(
                f"{name!r} names no entry point. Of a web app, say replay.ASGI(app, target='module:app') in the "
                f"service; a replay.recording(...) block has none: name a function for it, {moved(entrypoint)}",
                slug="target-unnamed",
            )
        found = self._import(module, name)
        for part in path.split("."):
            if not part.isidentifier() or part.startswith("__"):
                raise Unanswerable(f"{name!r} is not a plain dotted name.", slug="target-refused")
            # of an object only what it holds: `app.wsgi_app = replay.WSGI(app.wsgi_app)`
            is_plain = isinstance(found, type) or found is sys.modules.get(module)
            if not (hasattr(found, part) if is_plain else part in instance_dict(found)):
                raise Unanswerable(
                    f"{name!r}: {module} has no {path!r} any more. Renamed? Name the new one, {moved(entrypoint)}",
                    slug="target-missing",
                )
            found = getattr(found, part) if is_plain else instance_dict(found)[part]
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, cached_property):
            found = found.func
        if not replaced and not _is_marked(found):
            found = _held(found, path)
        if not replaced and not _is_marked(found):
            raise Unanswerable(
                f"{name!r} is not an entry point: nothing there is marked with @replay.capture, replay.ASGI or "
                f"replay.WSGI. Mark it, or name it, {moved(entrypoint)}",
                slug="target-refused",
            )
        return found

    def resolve(self, module: str, qualname: str) -> object | None:
        """A class that may be rebuilt from a recording: of the project, of a known library, or an exception of what the
        project has imported by now. For a bundle no other module is imported."""
        top = module.partition(".")[0]
        ours = self._is_ours(top, module)
        if ours:
            try:
                found: Any = importlib.import_module(module)
            except Exception:  # the class is gone: the codec builds a stand-in, and the outcome says so
                return None
        elif top not in OURS:
            found = imported(module)
            if found is None:
                return None
        else:
            return None
        for part in qualname.split("."):
            found = vars(found).get(part) if hasattr(found, "__dict__") else None
        if not isinstance(found, type):
            return None
        return found if ours or top in LIBRARIES or issubclass(found, BaseException) else None

    def _import(self, module: str, name: str) -> Any:
        top = module.partition(".")[0]
        if module == "__main__":
            raise Unanswerable(
                f"{name!r} was defined in a notebook or at a prompt, in no file that could be imported. Put it into a "
                f"module, and name it: replay run --target {name}=module:{name.partition(':')[2]}",
                slug="target-missing",
            )
        if not _is_dotted(module) or not self._is_ours(top, module):
            raise Unanswerable(
                f"{name!r} is not code of this project ({self.root}), so it is not imported. Run it in its project's "
                'folder. Or name the folder that its modules lie in, root = "src", or trust what is installed, '
                f'allow = ["{module}"], under [tool.replay-harness] in pyproject.toml.',
                slug="target-not-allowed",
            )
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise Unanswerable(
                f"{name!r}: cannot import {module} ({error}). Run from the project's root, its packages installed.",
                slug="target-missing",
            ) from error
        except Exception as error:
            raise Unanswerable(
                f"{name!r}: importing {module} failed with {type(error).__name__}: {error}", slug="target-import-failed"
            ) from error

    def _is_ours(self, top: str, module: str) -> bool:
        if _is_listed(module, self.allow):
            return True
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return False
        if spec is None:
            return False
        if spec.origin:
            return _is_under(self.root, _absolute(spec.origin))
        return any(_is_under(self.root, _absolute(place)) for place in spec.submodule_search_locations or () if place)
