"""The interpreter's own locks, threads and sleep, also where gevent replaced them.

The writer is a thread of the system: as a greenlet it would run on the service's only thread, and its fsync would hold
up every request (https://www.gevent.org/api/gevent.monkey.html, `get_original`).
"""

from __future__ import annotations

import sys
import time
from _thread import RLock, allocate_lock, start_new_thread
from collections.abc import Callable
from typing import Any


def _original(module: str, name: str, here: Any) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return here if monkey is None else monkey.get_original(module, name)


new_lock: Callable[[], Any] = _original("_thread", "allocate_lock", allocate_lock)
new_rlock: Callable[[], Any] = _original("_thread", "RLock", RLock)
new_thread: Callable[..., int] = _original("_thread", "start_new_thread", start_new_thread)
sleep: Callable[[float], None] = _original("time", "sleep", time.sleep)
