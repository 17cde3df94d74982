"""Looking for a shared library, at replay without the processes that `ctypes.util.find_library` starts (Linux).

Libraries do so where they are first imported: trio, which httpcore imports if it is there. The loader's cache, which
`ldconfig -p` would print, says the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType

from replay.boundaries.seam import rebind, when_imported

_CACHE = "/etc/ld.so.cache"


_installed = False


def install(replaying: Callable[[], bool]) -> None:
    """Patch `ctypes.util.find_library`, now or when it is imported, once a process. `replaying`: whether a replay loads
    or runs code of a project now."""
    global _installed
    if not _installed and sys.platform == "linux":
        _installed = True
        when_imported("ctypes.util", partial(_tap, replaying))


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
