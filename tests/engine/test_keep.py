"""Triggers decide what is kept."""

from __future__ import annotations

import os
import random

import pytest

import replay
from replay.engine.keep import (
    End,
    always,
    never,
    on_error,
    sample,
    score_below,
    slower_than,
    status_at_least,
)
from replay.errors import UsageError

FINE = End(state="returned", duration_ns=1_000_000)


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (FINE, False),
        (End(state="raised"), True),
        (End(state="unfinished"), True),
        (End(state="returned", http_status=499), False),
        (End(state="returned", http_status=500), True),
    ],
)
def test_on_error(end: End, kept: bool) -> None:
    """An error is an exception, an unfinished answer or a status from 500."""
    assert on_error()(end) is kept


@pytest.mark.parametrize(("nanoseconds", "kept"), [(1_999_999_999, False), (2 * 10**9, False), (2_000_000_001, True)])
def test_slower_than(nanoseconds: int, kept: bool) -> None:
    """Seconds are compared with the duration, the limit itself is not slower."""
    assert slower_than(2.0)(End(state="returned", duration_ns=nanoseconds)) is kept


@pytest.mark.parametrize(("status", "kept"), [(None, False), (428, False), (429, True), (503, True)])
def test_status_at_least(status: int | None, kept: bool) -> None:
    """A unit of work without a status is not kept by it."""
    assert status_at_least(429)(End(state="returned", http_status=status)) is kept


@pytest.mark.parametrize(
    ("scores", "name", "kept"),
    [
        ((), None, False),
        ((("fraud", 0.5),), None, False),
        ((("fraud", 0.9), ("spam", 0.49)), None, True),
        ((("fraud", 0.9), ("spam", 0.49)), "fraud", False),
        ((("fraud", float("nan")),), "fraud", True),
    ],
)
def test_score_below(scores: tuple[tuple[str, float], ...], name: str | None, kept: bool) -> None:
    """Any score under the threshold counts, of the named model if one is named; NaN is never confident."""
    assert score_below(0.5, name)(End(state="returned", scores=scores)) is kept


def test_sample_keeps_about_its_share() -> None:
    """A tenth is kept of many, all at 1, none at 0."""
    kept = sum(sample(0.1)(FINE) for _ in range(20_000))
    assert 1_700 < kept < 2_300
    assert all(sample(1)(FINE) for _ in range(100))
    assert not any(sample(0)(FINE) for _ in range(100))


def test_sample_leaves_the_applications_generator_alone() -> None:
    """The state of `random` does not move."""
    before = random.getstate()
    sample(0.5)(FINE)
    assert random.getstate() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_sample_differs_after_fork() -> None:
    """Two workers forked from one process do not sample the same requests."""
    trigger = sample(0.5)
    seen = []
    for _ in range(2):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, bytes(trigger(FINE) for _ in range(128)))
            os._exit(0)
        os.waitpid(child, 0)
        seen.append(os.read(reader, 128))
        os.close(reader)
        os.close(writer)
    assert len(seen[0]) == 128
    assert seen[0] != seen[1]


def test_triggers_combine() -> None:
    """`|` keeps what one keeps, `&` what both keep; a plain function is a trigger too."""
    slow_error = on_error() & slower_than(1)
    assert not slow_error(End(state="raised", duration_ns=1))
    assert slow_error(End(state="raised", duration_ns=2_000_000_000))
    assert (never() | always())(FINE)
    assert not (never() & always())(FINE)
    assert (never() | (lambda end: end.duration_ns == 1_000_000))(FINE)


def test_a_trigger_shows_what_it_is() -> None:
    """`replay doctor` prints triggers as they were written."""
    trigger = (on_error() | slower_than(2.0)) & sample(0.01) | score_below(0.5, "fraud")
    assert repr(trigger) == "(on_error() | slower_than(2.0)) & sample(0.01) | score_below(0.5, 'fraud')"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: slower_than(-1),
        lambda: slower_than(float("nan")),
        lambda: slower_than("2"),  # type: ignore[arg-type]
        lambda: status_at_least(42),
        lambda: status_at_least(True),
        lambda: sample(1.5),
        lambda: sample(-0.1),
        lambda: score_below(None),  # type: ignore[arg-type]
        lambda: score_below(0.5, 7),  # type: ignore[arg-type]
        lambda: on_error() | 5,  # type: ignore[operator]
        lambda: on_error() & None,  # type: ignore[operator]
        lambda: on_error() | sample,  # type: ignore[operator]
        lambda: replay.init(service="shop", keep=on_error),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: object) -> None:
    """A wrong argument fails where it is written, not at the first request."""
    with pytest.raises(UsageError) as caught:
        wrong()  # type: ignore[operator]
    assert caught.value.slug == "usage"
