"""Edits of the clock: the same work at another time, or with a jump within it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from replay.engine.entropy import BELOW
from replay.engine.operators.site import Site, Tried

_SECOND = 10**9
_JUMPS = (3601.0, None, 61.0, 32 * 86400.0, -61.0)
"""Seconds by which the clock is put on: what was good for an hour, a minute, a month has expired. None: another day.
Below 0 it is put right: what took a second ended before it began."""


def moments(site: Site) -> Iterator[Tried]:
    """Of the start: about midnight, the end of a month and a year, leap day, changes of summer time, far ahead."""
    if site.root != "clock" or site.steps != ("started_at",):
        return
    try:
        start = datetime.fromtimestamp(site.value // _SECOND, UTC).replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):
        return
    midnight = start.replace(hour=0, minute=0, second=0)
    year = start.year if 1970 < start.year < 9000 else 2026
    leap = year + (-year % 4)
    found = [
        midnight + timedelta(days=1),
        midnight + timedelta(hours=23, minutes=59, seconds=59),
        datetime(leap, 2, 29, 12),
        datetime(year, 12, 31, 23, 59, 59),
        datetime(year, 1, 31, 12),
        datetime(year, 3, 31, 1, 30),
        datetime(year, 10, 25, 0, 30),
        start + timedelta(days=30),
        start + timedelta(days=366),
        start - timedelta(days=366),
        datetime(2038, 1, 19, 3, 14, 8),
        datetime(1970, 1, 1),
    ]
    yield from (("at", moment.isoformat()) for moment in found)


def jumps(site: Site) -> Iterator[Tried]:
    """Of an answer's timing: the clock stands elsewhere when it is there than when it was asked for."""
    if site.boundary == "timing" and not site.steps:
        yield from (("jump", seconds) for seconds in _JUMPS)


def draws(site: Site) -> Iterator[Tried]:
    """Of a random draw: the ends of its range."""
    if site.root != "draws" or len(site.steps) != 3:
        return
    if type(site.value) is float:
        yield from (("set", each) for each in (0.0, 1 - 2**-53, 0.5))
    elif type(site.value) is int:
        ends = (0, 1, -1) if site.steps[1] == BELOW else (0, 1)  # of a choice -1 is the last one
        yield from (("set", each) for each in ends)
