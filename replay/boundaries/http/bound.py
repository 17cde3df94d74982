"""The time limit of a request at replay, held against that of production.

A limit that was made longer decides only where it was over in production: what would have come after that, no
recording says. One that was made shorter decides only where something took longer than it is now. Where neither is so
a changed limit changes nothing, and nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UnsetType

from replay.boundaries.http.limits import Limit
from replay.boundaries.timeline import LONGER
from replay.boundaries.waits import timelines
from replay.core.verdict import Difference
from replay.core.world import World

_SECOND = 1_000_000_000
_PART = 0.02
"""By how much of itself a limit has to be another one; and by a millisecond."""


class Bound:
    """The limit of a request at replay, where production's was another one."""

    __slots__ = ("_live", "_recorded", "_seq", "_world", "timed_out")

    def __init__(self, recorded: float | None, live: float | None, world: World, seq: int) -> None:
        self._recorded = recorded
        self._live = live
        self._world = world
        self._seq = seq
        self.timed_out: Callable[[], BaseException] = _timed_out
        """Makes what the client raises where its limit is over."""

    def cut(self, wait_ns: int) -> float | None:
        """Seconds after which a wait of so many nanoseconds is over now; None: it is waited for as it was."""
        recorded, live = self._recorded, self._live
        if live is None or live < 0 or (recorded is not None and not _is_more(recorded, live)):
            return None
        return live if wait_ns > live * _SECOND + (LONGER if live else 0) else None

    def over(self, wait_ns: int) -> BaseException:
        """What the client raises now, where production had an answer. Noted as a divergence."""
        waited = f"{_told(self._recorded)}; the answer took {wait_ns / _SECOND:.1f} s"
        self._world.apart(self._seq, [Difference("timeout", "changed", waited, _told(self._live))])
        return self.timed_out()

    def outlasts(self, ends_at: int) -> str | None:
        """What to tell of a limit that was over in production at `ends_at`, and is longer now. One that is no round
        number was computed of the time that was left: it may be longer by what production computed until then."""
        recorded, live = self._recorded, self._live
        if recorded is None or (live is not None and not _is_more(live, recorded)):
            return None
        if live is not None and round(recorded, 3) != recorded and not _ends_later(live - recorded, ends_at):
            return None
        return f"Production gave up after {_told(recorded)}; timeout is {_told(live)} now."


def bound(recorded: Limit, live: Limit, world: World, seq: int) -> Bound | None:
    """None: both limits are the same, or one is not known."""
    if recorded == live or isinstance(recorded, UnsetType) or isinstance(live, UnsetType):
        return None
    return Bound(recorded, live, world, seq)


def _ends_later(seconds: float, ends_at: int) -> bool:
    """Whether so many seconds from now are later than what production had at `ends_at`."""
    return not timelines or timelines[-1].is_later(ends_at, int(seconds * _SECOND))


def _is_more(one: float, other: float) -> bool:
    return one > other + max(0.001, _PART * other)


def _told(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g} s"


def _timed_out() -> BaseException:
    return TimeoutError("timed out")
