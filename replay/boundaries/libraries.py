"""What libraries ask of the machine by a process, once in each process of theirs, at replay without one (Linux).

`ctypes.util.find_library` is asked where trio is first imported, which httpcore does if it is there: the loader's
cache, which `ldconfig -p` would print, says the same. `distro` runs `lsb_release` and `uname` for what tells of the
machine (posthog, under haystack): at replay as where the first is not installed; the second says nothing of a Linux.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any

from replay.boundaries.seam import rebind, when_imported

_CACHE = "/etc/ld.so.cache"


_installed = False


def install(replaying: Callable[[], bool]) -> None:
    """Patch `ctypes.util.find_library` and `distro`, now or when they are imported, once a process. `replaying`:
    whether a replay loads or runs code of a project now."""
    global _installed
    if not _installed and sys.platform == "linux":
        _installed = True
        when_imported("ctypes.util", partial(_tap, replaying))
        when_imported("distro.distro", partial(_tap_distro, replaying))


def _tap(replaying: Callable[[], bool], util: ModuleType) -> None:
    original = util.find_library

    @wraps(original)
    def find_library(name: str) -> str | None:
        if not replaying():
            return original(name)  # type: ignore[no-any-return]
        try:
            with open(_CACHE, "rb") as file:
                cache = file.read()
        except OSError:  # a system without one
            return original(name)  # type: ignore[no-any-return]
        found = re.search(rb"[\0/](lib%s\.[^\0/]+)\0" % re.escape(name.encode()), cache)
        return found and found[1].decode()

    rebind({"find_library": (original, find_library)})
    util.find_library = find_library  # type: ignore[attr-defined]


def _tap_distro(replaying: Callable[[], bool], distro: ModuleType) -> None:
    for name in ("_lsb_release_info", "_uname_info"):
        asked: Any = vars(distro.LinuxDistribution)[name]
        asked.func = _unasked(replaying, asked.func)


def _unasked(replaying: Callable[[], bool], original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(original)
    def info(self: Any) -> Any:
        return {} if replaying() else original(self)

    return info
