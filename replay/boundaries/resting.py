"""Whether the other threads of this process compute, as the system tells."""

from __future__ import annotations

import sys
import threading
import time
from os import listdir


def cpu_of_others() -> float:
    """Seconds of processor time that this process used in other threads than the calling one."""
    return time.process_time() - time.thread_time()


def somebody_runs() -> bool:
    """A thread of this process computes or waits for a processor (Linux; elsewhere the used time must do)."""
    if sys.platform != "linux":
        return False
    own = threading.get_native_id()
    try:
        names = listdir("/proc/self/task")
    except OSError:  # a folder that is closed to us
        return False
    return any(_computes(name) for name in names if int(name) != own)


def _computes(name: str) -> bool:
    try:
        with open(f"/proc/self/task/{name}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] in b"RD"
    except OSError:  # a thread that has just ended
        return False
