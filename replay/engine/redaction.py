"""Redaction as the writer's thread runs it: it lets other threads go on, has a time limit, and fails closed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic, thread_time  # the originals, whatever the service patches later
from typing import Any, Protocol

from replay.core.pace import pauses
from replay.core.parameters import declared, names_of
from replay.core.recording import Recording
from replay.errors import RedactionError

KEY = "REPLAY_REDACTION_KEY"
"""The variable that holds the key of a service's pseudonyms."""
SECONDS = 30.0
"""Longest work for one recording, by the thread's own clock: one of 32 MB takes a third of it, and on a machine that is
busy with other things it takes no more of that clock."""
_WAITS = 60
"""As many times as long by the clock on the wall: beside a busy service the writer mostly rests."""
_OFTEN = 1 << 14
"""Characters looked at, about, between two looks at the time limit."""


class Redacts(Protocol):
    """See `replay.core.redaction.redactor.Redactor`."""

    def redact(self, recording: Recording, pause: Callable[[int], None], left: frozenset[str], /) -> Recording:
        """The recording without secrets."""
        ...


class Redacting:
    """Recording -> recording without secrets. Raises RedactionError, which quotes nothing; then nothing is kept."""

    def __init__(self, make: Callable[[], Redacts], *, seconds: float = SECONDS) -> None:
        """`make` gives the redactor when the first recording comes: its patterns take a while to compile."""
        self._make = make
        self._redactor: Redacts | None = None
        self._seconds = seconds

    def __call__(self, recording: Recording, left: frozenset[str] = frozenset()) -> Recording:
        try:
            from replay.core.redaction.structure import harm

            if self._redactor is None:
                self._redactor = self._make()
            turns = _Turns(self._seconds)
            redacted = self._redactor.redact(recording, turns, left)
            turns.check()
            return harm(recording, redacted)
        except RedactionError:
            raise
        except Exception as error:
            # `from None`: a traceback's text may quote what could not be redacted
            raise RedactionError(
                f"A recording could not be redacted ({type(error).__name__}): it was dropped."
            ) from None


def parameters(target: str) -> tuple[str, ...]:
    """The names of what a function of this process takes by position, `self` and `cls` included; none if it is not
    known. Runs no code of the application."""
    known = declared(target)
    if known is not None:
        return known
    module, _, qualname = target.partition(":")
    place: Any = sys.modules.get(module)
    for part in qualname.split("."):
        place = getattr(place, "__dict__", {}).get(part)
    return names_of(place.__func__ if isinstance(place, (classmethod, staticmethod)) else place)


class _Turns:
    """Counts what is looked at; gives way to other threads, and ends what takes too long."""

    __slots__ = ("_deadline", "_give_way", "_left", "_work")

    def __init__(self, seconds: float) -> None:
        self._work = thread_time() + seconds
        self._deadline = monotonic() + _WAITS * seconds
        self._left = _OFTEN
        self._give_way = pauses()

    def __call__(self, size: int) -> None:
        if self._give_way is not None:
            self._give_way()
        self._left -= size
        if self._left <= 0:
            self._left = _OFTEN
            self.check()

    def check(self) -> None:
        """Raises RedactionError past the deadline."""
        if thread_time() > self._work or monotonic() > self._deadline:
            raise RedactionError("Redacting a recording took too long: it was dropped.")
