"""What code under test logs as an error while a mutation runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from replay.core.verdict import Frame


class Heard(msgspec.Struct, frozen=True):
    """One log line at level ERROR or above, and where it was written."""

    logger: str
    message: str
    place: Frame


class _Ear(logging.Handler):
    """Keeps the lines of one run; of any thread."""

    def __init__(self, kept: list[Heard]) -> None:
        super().__init__(logging.ERROR)
        self._kept = kept

    def handle(self, record: logging.LogRecord) -> bool:
        if record.name == "replay":
            return True
        try:
            message = record.getMessage()
        except Exception:  # arguments of the project that do not fit: the line is there all the same
            message = str(record.msg)
        if record.exc_info and record.exc_info[0] is not None:
            message = f"{message} ({record.exc_info[0].__qualname__}: {record.exc_info[1]})"
        place = Frame(record.pathname, record.lineno, record.funcName or "?")
        self._kept.append(Heard(record.name, message, place))
        return True


@contextmanager
def hearing(kept: list[Heard]) -> Iterator[None]:
    """While it is open, lines that reach the root logger are kept."""
    ear, root = _Ear(kept), logging.getLogger()
    root.addHandler(ear)
    try:
        yield
    finally:
        root.removeHandler(ear)
