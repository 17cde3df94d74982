"""The memory that code under test may take: addresses of this process, beyond those that it has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from replay.core.recording import Recording

try:
    import resource
except ImportError:  # Windows: there is no limit to be had
    resource = None  # type: ignore[assignment]

MOST = 1 << 30
"""Bytes that a run may take beyond what the process has."""


def limit(most: int) -> None:
    """From now on no more than so many bytes beyond what this process has; nothing where the system has no limit, or a
    lower one is set. Whoever asks for more gets a MemoryError, or dies."""
    with suppress(OSError, ValueError, AttributeError):  # macOS takes no limit of memory, Windows has none
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = [size() + most, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_AS, (min(wanted), hard))


@contextmanager
def limited(most: int = MOST) -> Iterator[None]:
    """The same while it is open."""
    before = None if resource is None else resource.getrlimit(resource.RLIMIT_AS)
    limit(most)
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_AS, before)


def is_used_up(recording: Recording) -> bool:
    """Whether a recording ended where memory did, or may have: a mutation that a web application answered with 500.
    To run it again takes all the memory that there is."""
    if recording.outcome.state == "raised":
        return recording.outcome.payload.error_type == "MemoryError"
    return recording.edits is not None and recording.status == "error"


def size() -> int:
    """Bytes of addresses that this process has now."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 1 << 30
