"""Interleaved batches: every round runs each case once, in another order; medians of all rounds are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from statistics import median
from time import thread_time_ns

Case = Callable[[], object]


def interleaved(
    cases: Mapping[str, Case], *, rounds: int, batch_ns: int, before: Callable[[str], None] = lambda name: None
) -> dict[str, list[float]]:
    """Nanoseconds of CPU of this thread for one call of each case, one figure a round; the first round is dropped.

    `before` is called with a case's name before each of its batches.
    """
    calls = {}
    for name, case in cases.items():
        before(name)
        calls[name] = _calls_in(case, batch_ns)
    found: dict[str, list[float]] = {name: [] for name in cases}
    shuffled = Random(0)
    for number in range(rounds + 1):
        order = list(cases)
        shuffled.shuffle(order)
        for name in order:
            before(name)
            cost = _batch(cases[name], calls[name]) / calls[name]
            if number:
                found[name].append(cost)
    return found


def added(found: Mapping[str, list[float]], base: str) -> dict[str, float]:
    """What each case costs over `base`: the median of the differences within a round."""
    return {
        name: median(mine - bare for mine, bare in zip(costs, found[base], strict=True))
        for name, costs in found.items()
        if name != base
    }


def _calls_in(case: Case, batch_ns: int) -> int:
    calls = 1
    while True:
        spent = _batch(case, calls)
        if spent > batch_ns / 4:
            return max(1, int(calls * batch_ns / spent))
        calls *= 4


def _batch(case: Case, calls: int) -> int:
    started = thread_time_ns()
    for _ in range(calls):
        case()
    return thread_time_ns() - started
