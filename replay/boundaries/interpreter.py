"""How the interpreter was started: what a fresh process needs to behave as production's did."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from replay.boundaries.clock import recorded_zone
from replay.core.recording import Recording

LOCALE = ("LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "LANG", "LANGUAGE")
_NAME = re.compile(r"[A-Za-z0-9_.@:\-]{0,64}")
"""Of a locale. No slash: a bundle must not choose a file to read."""
_GREATEST_SEED = 4294967295


def facts() -> dict[str, Any]:
    """`interpreter`: `hash_seed` (None: random, and Python does not tell which), `optimize` (0, 1, 2: how often `-O`),
    `utf8` (bool), `locale` (the variables that are set)."""
    return {
        "interpreter": {
            "hash_seed": _seed(os.environ.get("PYTHONHASHSEED")),
            "optimize": sys.flags.optimize,
            "utf8": bool(sys.flags.utf8_mode),
            "locale": {name: os.environ[name] for name in LOCALE if name in os.environ},
        }
    }


def _seed(text: object) -> int | None:
    """A hash seed as PYTHONHASHSEED takes it; None: not one."""
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    return int(text) if int(text) <= _GREATEST_SEED else None


def variables(recording: Recording) -> dict[str, str | None]:
    """The environment variables with which a fresh interpreter starts as the recorded one did; None: not set.

    A hash seed that is not known is 0: any is as good, and this one is the same each time. What the bundle says is
    checked, since it is untrusted: only these names, and only values that are what they should be. Raises Unanswerable
    for a time zone that is none.
    """
    found: dict[str, str | None] = {"PYTHONHASHSEED": "0"}
    zone = recorded_zone(recording)
    if zone is not None:
        found["TZ"] = zone
    context = recording.context.tree
    recorded = context.get("interpreter") if isinstance(context, Mapping) else None
    if not isinstance(recorded, Mapping):
        return found
    seed = recorded.get("hash_seed")
    if type(seed) is int and 0 <= seed <= _GREATEST_SEED:
        found["PYTHONHASHSEED"] = str(seed)
    optimize = recorded.get("optimize")
    if type(optimize) is int and 0 <= optimize <= 2:
        found["PYTHONOPTIMIZE"] = str(optimize) if optimize else None
    if type(recorded.get("utf8")) is bool:
        found["PYTHONUTF8"] = str(int(recorded["utf8"]))
    locale = recorded.get("locale")
    if isinstance(locale, Mapping):
        for name in LOCALE:
            value = locale.get(name)
            if value is None or (type(value) is str and _NAME.fullmatch(value)):
                found[name] = value
    return found
