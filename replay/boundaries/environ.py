"""The environment: the allowed variables of a recording, with the values of feature flags."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from fnmatch import translate
from functools import lru_cache
from typing import Any, TypeVar

from replay.boundaries.seam import NOTHING, Seam
from replay.core.recording import Recording
from replay.core.snapshot import snapshot, snapshot_error
from replay.core.world import Request, cross, failed, here

T = TypeVar("T")

_names: tuple[str, ...] = ()
_patterns: tuple[str, ...] = ()
_pattern: re.Pattern[str] | None = None
_MOST_PATTERNS = 100
_LONGEST_PATTERN = 200
"""Of a bundle, which may hold anything; longer ones are left out."""


def configure(names: Sequence[str]) -> None:
    """Allow these variables to be recorded: names, or patterns of `fnmatch` (`SHOP_*`). Replaces what was allowed."""
    global _names, _patterns, _pattern
    _patterns = tuple(name for name in names if any(mark in name for mark in "*?["))
    _names = tuple(name for name in names if name not in _patterns)
    _pattern = _compiled(_patterns) if _patterns else None


@lru_cache(maxsize=16)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))


def allowed() -> dict[str, str | None]:
    """The allowed variables as they are now; an exact name that is not set: None."""
    environ = os.environ
    found = {name: environ.get(name) for name in _names}
    if _pattern is not None:
        match = _pattern.match
        found.update((name, value) for name, value in environ.items() if match(name))
    return found


def flag(name: str, value: T) -> T:
    """The value of the feature flag `name`: `value` when live, and what it was in the recording when replayed."""
    world = None
    try:
        world = here()
        if world is None:
            return value
        request = Request("environ", f"flag:{name}", snapshot({"name": name}))
        return cross(request, lambda: value, snapshot, snapshot_error)
    except Exception:
        failed("ask-failed", world)
    return value


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "TZ" in values and hasattr(time, "tzset"):
        time.tzset()  # else it is a text that nobody has read


class EnvironBoundary(Seam):
    """Patches nothing: a recording starts with the allowed variables, and a replay sets them."""

    def begin(self) -> dict[str, Any]:
        """`environ`: name -> value or None; `environ_patterns`: what else was allowed, and was not set."""
        found: dict[str, Any] = {"environ": allowed()}
        return {**found, "environ_patterns": list(_patterns)} if _patterns else found

    def playing(self, recording: Recording) -> AbstractContextManager[None]:
        """The recorded variables are set, or unset, as they were."""
        values = recorded(recording)
        return _Playing(values) if values else NOTHING


class _Playing(AbstractContextManager[None]):
    """The recorded variables around a replay."""

    def __init__(self, values: dict[str, str | None]) -> None:
        self._values = values

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._values}
        _set(self._values)

    def __exit__(self, *raised: object) -> None:
        _set(self._before)

    def again(self) -> bool:
        """See `Renewed`."""
        _set(self._values)
        return True


def recorded(recording: Recording) -> dict[str, str | None]:
    """The variables of a recording that may be set here; None: not set then. Those among them that a pattern allowed
    and that are set here only."""
    context = recording.facts
    found = context.get("environ") if isinstance(context, dict) else None
    if not isinstance(found, dict):
        return {}
    values = {
        name: value
        for name, value in found.items()
        if isinstance(name, str) and (value is None or isinstance(value, str)) and _settable(name, value)
    }
    patterns = context.get("environ_patterns")
    if isinstance(patterns, list) and patterns:
        known = [each for each in patterns if isinstance(each, str) and len(each) <= _LONGEST_PATTERN]
        match = _compiled(tuple(known[:_MOST_PATTERNS])).fullmatch
        values |= {name: None for name in os.environ if name not in found and match(name) and _settable(name, None)}
    return values


_LOADS = re.compile(
    r"(?:LD_|DYLD_|PYTHON|OPENSSL_|GCONV_|GLIBC_|BASH_ENV$|ENV$)|"
    r"REPLAY_(?:IDENTITY|SIGNERS|REDACTION_KEY)$",
    re.IGNORECASE,
)
"""Start of names by which a program is told to load code, and what decides which bundles are read: a bundle must not
choose it."""


def _settable(name: str, value: str | None) -> bool:
    """What the system takes, and what makes nothing load code; a bundle may hold anything."""
    return bool(name) and "=" not in name and "\0" not in name + (value or "") and not _LOADS.match(name)


def apply(recording: Recording) -> None:
    """Set the recorded variables for good, before the recording's code is imported. In a process of several recordings,
    one after the other: those of the one before are as they were."""
    _set(_before)
    _before.clear()
    values = recorded(recording)
    _before.update({name: os.environ.get(name) for name in values})
    _set(values)


_before: dict[str, str | None] = {}
"""What the variables were that `apply` has set."""


environ = EnvironBoundary("environ")
