"""Whether what varies says nothing (a time, an address, a number of each run's own), or decides something.

Noise hides a change, so it is only for what says nothing: of a decision (a label, a count, whether a limit was met)
the runs of a check share few values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from replay.core.covering import identity
from replay.core.wording import Kind, around, numbers, varying

_LARGE = 10_000
"""From which on a whole number is no count: an address, a hash, a moment, an identifier."""
_FEWEST = 5
"""Runs from which on another word in each is none of a few."""
_UNEVEN = 0.02
"""Share of the whole by which a clock's reading may be off the line."""


def says_nothing(runs: Sequence[Any]) -> bool:
    """Whether replays with nothing changed (plain values, one each) have each a value of its own."""
    return all(map(_is_its_own, _columns(runs)))


def is_address(runs: Sequence[Any]) -> bool:
    """Whether all are large numbers, which a hash or an address is."""
    return all(all(type(each) is int and abs(each) >= _LARGE for each in column) for column in _columns(runs))


def measures(points: Sequence[tuple[int, Any]]) -> bool:
    """Whether a number, or those of a text that is the same but for such, grows or falls evenly with how much longer
    everything took: `points` are that (thousandths, 0 first) and the value. One that jumps was decided by it."""
    columns = list(_columns([value for _, value in points]))
    return bool(columns) and all(_is_even([span for span, _ in points], column) for column in columns)


def is_read_there(folders: Sequence[str], runs: Sequence[Any]) -> bool:
    """Whether texts of runs in these folders differ in the folder's name alone."""
    found = {value.replace(folder, "\0") for folder, value in zip(folders, runs, strict=True) if isinstance(value, str)}
    return len(found) == 1 and all(isinstance(value, str) for value in runs)


def words_of(runs: Sequence[Any], kind: Kind) -> tuple[int, ...] | None:
    """Which words of a kind vary in a text, or in those of a list; None: it is no text, or something else does too."""
    found = set[int]()
    for column in _columns(runs):
        places = varying(column, kind) if all(isinstance(each, str) for each in column) else None
        if places is None:
            return None
        found.update(places)
    return tuple(sorted(found)) or None


def _columns(runs: Sequence[Any]) -> Iterator[list[Any]]:
    """The values of each place, where they are lists of such."""
    if all(isinstance(each, list | tuple) for each in runs) and len({len(each) for each in runs}) == 1:
        for column in zip(*runs, strict=True):
            yield from _columns(column)
    else:
        yield list(runs)


def _is_its_own(runs: Sequence[Any]) -> bool:
    different = len({identity(each) for each in runs})
    if different == 1:
        return True
    if any(isinstance(each, bool) or each is None for each in runs):
        return False
    if not all(isinstance(each, str) for each in runs):
        return different * 2 > len(runs) or is_address(runs)
    found = [around(each, "mark") for each in runs]
    frames = {frame for frame, _ in found}
    if len(frames) > 1:  # words: only if no two have the same
        return len(frames) == len(runs) >= _FEWEST
    return all(map(_is_mark, zip(*(marks for _, marks in found), strict=True)))


def _is_mark(column: Sequence[str]) -> bool:
    different = len(set(column))
    if different == 1 or different * 2 > len(column):
        return True
    return all(each.isdecimal() and int(each) >= _LARGE for each in column)


def _is_even(spans: Sequence[int], runs: Sequence[Any]) -> bool:
    if all(isinstance(each, str) for each in runs):
        found = [numbers(each) for each in runs]
        if len({frame for frame, _ in found}) != 1:
            return False
        return all(_grows(spans, column) for column in zip(*(column for _, column in found), strict=True))
    return _grows(spans, runs)


def _grows(spans: Sequence[int], runs: Sequence[Any]) -> bool:
    """Whether the numbers lie on a line, but for the rounding of their last digit."""
    lengths = [each.total_seconds() if isinstance(each, timedelta) else each for each in runs]
    if any(isinstance(each, bool) or not isinstance(each, int | float | Decimal) for each in lengths):
        return False
    if len({identity(each) for each in lengths}) == 1:
        return True
    try:
        floats = list(map(float, lengths))
    except (OverflowError, ValueError):  # too large, or a signaling nan
        return False
    if not all(map(isfinite, floats)):
        return False
    digit = min(map(_last_digit, lengths))
    moved = [each - floats[0] for each in floats]
    slope = moved[-1] / spans[-1]
    slack = 1.01 * digit + _UNEVEN * abs(moved[-1])
    lies = [abs(move - slope * span) <= slack for span, move in zip(spans, moved, strict=True)]
    return all(lies) and any(abs(slope * span) > 2 * slack for span in spans[1:-1])  # else a jump may lie there, too


def _last_digit(number: float | Decimal) -> float:
    """What its last digit counts, as it is written."""
    exponent = Decimal(repr(number) if isinstance(number, float) else number).as_tuple().exponent
    return float(f"1e{exponent}") if isinstance(exponent, int) else float("inf")
