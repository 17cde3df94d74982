"""Whether a value is a moment inside a recording: such values are expected to move."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import msgspec

from replay.core.minted import minted
from replay.core.verdict import Shown, Window
from replay.core.wording import replaced

_SECOND = 1_000_000_000
_UNITS = (_SECOND, 1_000_000, 1_000, 1)  # what one second, millisecond, microsecond, nanosecond is in nanoseconds
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
_NUMBER = re.compile(r"\d{10,19}(\.\d{1,9})?\Z")
_DAY_AND_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
_DATED = re.compile(_DAY_AND_TIME, re.ASCII)
_WITHIN = re.compile(
    rf"(?<![\w.:-])(?:{_DAY_AND_TIME}"
    r"|\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?|\d{10,19}(?:\.\d{1,9})?)(?!\w|:\d)",
    re.ASCII,
)
"""A moment in a text: a day with its time, a time alone, a number."""
_OF_DAY = re.compile(r"\d\d:\d\d")
_MINUTES = re.compile(r"(?:^|[T ])\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)?\Z")
"""A moment without seconds."""
_LONGEST = 100_000
"""Characters of a text whose numbers are looked at."""
_FAR = 400 * 86_400 * _SECOND
"""From the window, nanoseconds: what a number says that is further away may be something else."""
_SOON = _SECOND // 4
"""Nanoseconds by which two may be apart wherever they lie in the window: a task may have computed meanwhile."""
_NEAR = _SECOND // 16
"""Nanoseconds by which a time may be off that was read there: some are written in tenths of a second."""
_MOST = 1_000
"""Whole seconds that are tried."""
_CLOSE = _SECOND // 50
"""Nanoseconds by which two may be apart of which one alone is a whole second: a clock is, but seldom."""
_VARIES = re.compile(
    r"(?<=\d)[.,]\d+|\d+|\b(?P<short>mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b"
    r"|\b(?P<long>[a-z]+day|january|february|march|april|june|july|august|(?:sept|octo|novem|decem)ber)\b",
    re.IGNORECASE,
)
"""What two moments that are written in the same way may differ in: digits, a fraction, names of days and months."""
_ZONE = re.compile(r"\d:\d\d(?::\d\d)?(?:[.,]\d+)?( ?[+-]\d\d(?::?\d\d){0,2})")
"""A zone that is written in digits, which may not."""
_FRACTION = re.compile(r"(?<=\d)[.,](\d+)")
_CUT = 3
"""Digits of a fraction, from which on two have not the same precision: such that leave out zeros seldom leave out so
many, and milliseconds are so many less than microseconds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Moment = int | float | datetime | date


_MEASURED = re.compile(
    r"server-timing|(x-)?([a-z]+-)?(runtime|elapsed|duration|(process(ing)?|response|request|render|execution)-time)(-m?s)?"
)
"""Headers that say how long an answer took."""
_TOOK = re.compile(r"(?:(?<=dur=)|^)(\d+(?:\.\d+)?(?:e-\d+)?) ?(m?s)?(?=$|[,;])")


def both_took(name: Any, recorded: Any, actual: Any, window: Window) -> bool:
    """Whether both are what a header of that name says of the time that an answer took, which no clock of a recording
    holds; the rest of it is the same, and the recorded one is no longer than the recording."""
    if not (isinstance(name, str) and isinstance(recorded, str) and isinstance(actual, str)):
        return False
    if max(len(name), len(recorded), len(actual)) > 1_000 or _MEASURED.fullmatch(name.lower()) is None:
        return False
    found = _TOOK.findall(recorded)
    if not found or _TOOK.sub(r"\2", recorded) != _TOOK.sub(r"\2", actual):
        return False
    return all(float(number) <= (window.end - window.start) / 1e6 + 1 for number, unit in found)


def both_lasted(recorded: Any, actual: Any, window: Window, places: Sequence[int] = (0,)) -> bool:
    """Whether two numbers of one type, or those at these places of two texts that are the same but for them, are apart
    by no more than the recording took, in the unit in which the recorded one may have been measured within it."""
    if type(recorded) is not type(actual):
        return False
    if isinstance(recorded, str):
        pairs = replaced(recorded, actual, "number", places)
        return pairs is not None and all(_lasted(Decimal(one), Decimal(two), window) for one, two in pairs)
    if isinstance(recorded, timedelta):
        apart: float = abs(recorded.total_seconds() - actual.total_seconds())
        return apart <= (window.end - window.start) / _SECOND
    is_number = isinstance(recorded, int | float | Decimal) and not isinstance(recorded, bool)
    return is_number and _lasted(recorded, actual, window)


def _lasted(recorded: float | Decimal, actual: float | Decimal, window: Window) -> bool:
    try:
        one, two = float(recorded), float(actual)
    except (OverflowError, ValueError):  # too large, or a signaling nan
        return False
    lasted = (window.end - window.start) / _SECOND
    longest = next((lasted * unit for unit in reversed(_UNITS) if abs(one) <= lasted * unit), lasted * _SECOND)
    return abs(one - two) <= longest + (1 if isinstance(recorded, int) else 0)


def both_inside(recorded: Any, actual: Any, window: Window) -> bool:
    """Whether both are times, written in the same way, or identifiers made at such, of one kind, inside the window
    (widened to whole seconds). Two that are further apart than `_SOON` are of one part of it, and the replay's clock
    showed the second."""
    if isinstance(recorded, str | UUID) and isinstance(actual, type(recorded)):
        made, again = minted(recorded), minted(actual)
        if made is not None and again is not None:
            return made[0] == again[0] and _are_inside(made[1], again[1], window)
    first, second = _moments(recorded, actual)
    if first is None or second is None:
        return False
    if isinstance(first, datetime):
        return _naive_inside(first, second, window)  # type: ignore[arg-type]  # the types are the same
    if isinstance(first, date) or isinstance(second, date):
        return _days_inside(first, second, *_widened(window))  # type: ignore[arg-type]
    units = _UNITS if type(first) is float else (1,)
    return any(_are_inside(int(first * unit), int(second * unit), window) for unit in units)


def _widened(window: Window) -> tuple[int, int]:
    """Its start and end, to whole seconds."""
    return window.start // _SECOND * _SECOND, -(-window.end // _SECOND) * _SECOND + _SECOND


def _are_inside(one: int, two: int, window: Window) -> bool:
    """`one` is the recorded one. Where it lies in no part, something else ran while the code waited."""
    start, end = _widened(window)
    if not (start <= one <= end and start <= two <= end) or _is_rounded(one, two, window):
        return False
    if abs(two - one) <= _SOON:
        return True
    shown = window.shown
    if shown is not None and not _was_read(two, two, shown):
        return False
    parts = [(each.start, each.end) for each in window.parts]
    if one % _SECOND == two % _SECOND == 0:  # rounded down, to the nearest, up
        parts = [(_whole(low, by), _whole(high, by)) for low, high in parts for by in (0, _SECOND // 2, _SECOND - 1)]
    else:
        ends = {window.start: start, window.end: end}
        parts = [(ends.get(low, low), ends.get(high, high)) for low, high in parts]
    holding = [(low, high) for low, high in parts if low <= one <= high]
    if holding and shown is not None and not _is_behind(one, two, shown):
        return False
    slack = _NEAR if two % _SECOND else 0
    return not holding or any(low - slack <= two <= high + slack for low, high in holding)


def _is_behind(one: int, two: int, shown: Shown) -> bool:
    """Whether the second is as much earlier as it may be."""
    return shown.behind is None or (two < one and one - two <= shown.behind + _coarse(two) + _SOON)


def _coarse(moment: int) -> int:
    """Nanoseconds of what it is written in, at most."""
    return 60 * _SECOND if moment % (60 * _SECOND) == 0 else _SECOND if moment % _SECOND == 0 else 0


def _was_read(moment: int, written: int, shown: Shown) -> bool:
    """Whether the clock showed it. `written`: how it is said, in whole minutes or seconds (rounded down, to the
    nearest, up), or more exactly."""
    if written % _SECOND:
        return _showed(moment - _NEAR, moment + _NEAR, shown)
    by_minutes = written % (60 * _SECOND) == 0 and _showed(moment, moment + 60 * _SECOND - 1, shown)
    return by_minutes or _showed(moment - _SECOND + 1, moment + _SECOND - 1, shown)


def _showed(low: int, high: int, shown: Shown) -> bool:
    """Whether it was between these."""
    at = bisect_right(shown.spans, (high, high))
    is_next = at < len(shown.spans) and shown.spans[at][0] <= high
    return is_next or (at > 0 and shown.spans[at - 1][1] >= low)


def _is_rounded(one: int, two: int, window: Window) -> bool:
    """Whether one of both alone is a whole second, and a clock that was read as a second began is no reason for it."""
    if (one % _SECOND == 0) == (two % _SECOND == 0):
        return False
    return abs(two - one) > _CLOSE or all(-(-part.start // _SECOND) * _SECOND > part.end for part in window.parts)


def _whole(moment: int, by: int) -> int:
    return (moment + by) // _SECOND * _SECOND


def both_counted(recorded: Any, actual: Any, window: Window) -> bool:
    """Whether both are times, written in the same way, so many whole seconds before or after moments inside the window,
    as many each: when something expires, is due or began. A number has to be within `_FAR` of it. Two that are further
    apart than `_SOON` are counted from one part of the window, the second from a time that the clock showed."""
    first, second = _moments(recorded, actual)
    if type(recorded) is not type(actual) or first is None or second is None:
        return False
    if isinstance(first, datetime) and isinstance(second, datetime):
        first, second = _nanoseconds(first.replace(tzinfo=UTC)), _nanoseconds(second.replace(tzinfo=UTC))
    if isinstance(first, date) or isinstance(second, date):
        return False
    is_number = type(first) is float
    return any(
        _from_inside(int(first * unit), int(second * unit), window)
        for unit in (_UNITS if is_number else (1,))
        if not is_number or abs(first * unit - window.start) <= _FAR
    )


def both_tell(recorded: Any, actual: Any, window: Window) -> bool:
    """Whether both are texts, or bytes of such, that are the same but for moments inside the window, or so many whole
    seconds from it: a prompt that says what time it is."""
    if isinstance(recorded, bytes) and isinstance(actual, bytes):
        recorded, actual = recorded.decode("latin-1"), actual.decode("latin-1")
    if not (isinstance(recorded, str) and isinstance(actual, str)) or max(len(recorded), len(actual)) > _LONGEST:
        return False
    found, others = _WITHIN.findall(recorded), _WITHIN.findall(actual)
    if not found or len(found) != len(others) or _WITHIN.sub("\0", recorded) != _WITHIN.sub("\0", actual):
        return False
    return all(_are_moments(one, two, window) for one, two in zip(found, others, strict=True) if one != two)


def looked_through(recorded: Any, actual: Any) -> int:
    """How many characters `both_tell` looks through."""
    if not isinstance(recorded, str | bytes) or type(recorded) is not type(actual):
        return 0
    return 0 if max(len(recorded), len(actual)) > _LONGEST else len(recorded) + len(actual)


def without_moments(text: str) -> str:
    """A text with a mark for each moment that is written with its day: what it says at any time."""
    return _DATED.sub("\0", text) if len(text) <= _LONGEST else text


def _are_moments(one: str, two: str, window: Window) -> bool:
    """Of times that are written without a day only those inside the window count, in any zone."""
    if _MINUTES.search(one) and _MINUTES.search(two):
        minute = 60 * _SECOND
        window = msgspec.structs.replace(window, start=window.start // minute * minute)
    if _OF_DAY.match(one) and _OF_DAY.match(two):
        today = _EPOCH + timedelta(microseconds=window.start // 1000)
        days = [(today + timedelta(days=each)).date().isoformat() for each in (-1, 0, 1)]
        return any(both_inside(f"{day}T{one}", f"{day}T{two}", window) for day in days)
    one, two = one.replace(",", "."), two.replace(",", ".")
    return both_inside(one, two, window) or both_counted(one, two, window)


def _from_inside(one: int, two: int, window: Window) -> bool:
    if _is_rounded(one, two, window):
        return False
    if abs(two - one) <= _SOON:
        return _from_part(one, two, window)
    shown = window.shown
    if shown is not None and not _is_behind(one, two, shown):
        return False
    return any(_from_part(one, two, part, shown) for part in window.parts)


def _from_part(one: int, two: int, window: Window, shown: Shown | None = None) -> bool:
    start, end = window.start - _UNITS[1], window.end + _UNITS[1]  # many are written in milliseconds
    for whole in (_SECOND, 60 * _SECOND):  # or in seconds, or minutes
        if one % whole == two % whole == 0:
            start, end = window.start // whole * whole, window.end
    apart = two - one
    first, last = max(start, start - apart), min(end, end - apart)
    first += (one - first) % _SECOND
    if shown is None or last - first > _MOST * _SECOND:
        return first <= last
    return any(_was_read(moment + apart, two, shown) for moment in range(first, last + 1, _SECOND))


def _moments(one: Any, two: Any) -> tuple[_Moment, _Moment] | tuple[None, None]:
    """Both, if they are written in the same way."""
    first, second = _moment(one), _moment(two)
    if first is None or second is None or type(first) is not type(second):
        return None, None
    return (first, second) if _are_alike(one, two) else (None, None)


def _are_alike(one: Any, two: Any) -> bool:
    """Whether two moments are written in the same way: in one form, zone and precision."""
    if isinstance(one, datetime) and isinstance(two, datetime):
        return one.utcoffset() == two.utcoffset()
    if not isinstance(one, str) or not isinstance(two, str):
        return True
    form, other = (_VARIES.sub(lambda found: found.lastgroup or "", each) for each in (one, two))
    return form == other and _zone(one) == _zone(two) and _are_as_fine(one, two)


def _zone(text: str) -> str | None:
    found = _ZONE.search(text)
    return None if found is None else found[1]


def _are_as_fine(one: str, two: str) -> bool:
    """Whether the fractions of two texts may be of one precision: some leave out the zeros at the end of one, or one of
    zeros alone (`isoformat`; of a number nobody does)."""
    had, has = ("".join(_FRACTION.findall(each)) for each in (one, two))
    if had and has:
        return abs(len(had) - len(has)) < _CUT or "0" in (had, has)  # a float is written with one digit at least
    return had == has or (":" in one and bool((had or has).strip("0")))


def _moment(value: Any) -> _Moment | None:
    """Nanoseconds (int), a number in an unknown unit (float), a naive datetime, a day; or None."""
    if isinstance(value, str):
        return _written(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 1e8 < value < 1e19 else None
    if isinstance(value, datetime):
        return value if value.tzinfo is None else _nanoseconds(value)
    return value if isinstance(value, date) else None


def _written(text: str) -> _Moment | None:
    if not 10 <= len(text) <= 40:
        return None
    try:
        if _NUMBER.match(text):
            return float(text)
        if _DAY.match(text):
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text) if _MOMENT.match(text) else parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo is None else _nanoseconds(found)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _naive_inside(first: datetime, second: datetime, window: Window) -> bool:
    """Local times: the zone is not known, but both have to be inside the window in the same one."""
    one, two = (_nanoseconds(each.replace(tzinfo=UTC)) for each in (first, second))
    quarter = 900 * _SECOND
    offset = round((one - window.start) / quarter) * quarter
    return any(
        _are_inside(one - each, two - each, window)
        for each in (offset - quarter, offset, offset + quarter)
        if -12 * 3600 * _SECOND <= each <= 14 * 3600 * _SECOND
    )


def _days_inside(first: date, second: date, start: int, end: int) -> bool:
    """Whether it is both days somewhere on earth, at some times of the window."""
    low, high = min(first, second), max(first, second)
    began, ended = (_EPOCH + timedelta(microseconds=each // 1000) for each in (start, end))
    quarters = (timedelta(minutes=15 * each) for each in range(-12 * 4, 14 * 4 + 1))
    return any((began + each).date() <= low and high <= (ended + each).date() for each in quarters)
