"""Storms: the first few of the same failure are kept, the rest by the clock."""

from __future__ import annotations

from replay.store.limiter import MOST_KINDS, Limiter, Limits


def kept(limiter: Limiter, kind: object, times: list[float]) -> list[bool]:
    return [limiter.admits(kind, now) for now in times]


def test_the_first_few_then_by_the_minute() -> None:
    """Three at once, then one in ten seconds, never more than three saved up."""
    limiter = Limiter(Limits(same_first=3, same_per_minute=6.0), 0.0)
    assert kept(limiter, "a", [0.0] * 5) == [True, True, True, False, False]
    assert kept(limiter, "a", [9.0, 10.0, 10.0, 20.5]) == [False, True, False, True]
    assert kept(limiter, "a", [3600.0] * 4) == [True, True, True, False]


def test_another_failure_has_its_own_few() -> None:
    """A storm of one failure does not hide another."""
    limiter = Limiter(Limits(same_first=1, same_per_minute=0.0), 0.0)
    assert kept(limiter, "a", [0.0, 1.0]) == [True, False]
    assert kept(limiter, "b", [1.0, 2.0]) == [True, False]


def test_all_failures_together() -> None:
    """A storm of ever new failures is bounded too, and a refused one costs the others nothing."""
    limiter = Limiter(Limits(same_first=2, all_first=5, all_per_minute=60.0), 0.0)
    assert [limiter.admits(n, 0.0) for n in range(7)] == [True] * 5 + [False] * 2
    assert [limiter.admits(n, 1.0) for n in range(7, 9)] == [True, False]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """Nor does it take anything."""
    limiter = Limiter(Limits(same_first=2, same_per_minute=60.0), 1000.0)
    assert kept(limiter, "a", [1000.0, 0.0, 0.0, 1.5]) == [True, True, False, True]


def test_few_kinds_are_remembered() -> None:
    """The memory of a million kinds of failure is bounded, and the one that goes on is not forgotten."""
    limits = Limits(same_first=1, same_per_minute=0.0, all_first=10**9)
    limiter = Limiter(limits, 0.0)
    assert limiter.admits("on and on", 0.0)
    for number in range(3 * MOST_KINDS):
        limiter.admits(number, 0.0)
        if number % 100 == 0:
            assert not limiter.admits("on and on", 0.0)
    assert len(limiter._kinds) == MOST_KINDS
    assert limiter.admits(0, 0.0)
