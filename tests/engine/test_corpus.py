"""A corpus: as few mutations as reach the same lines, and a search that begins with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import replay
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.corpus import Entry, minimised
from replay.engine.mutation import Edits
from tests.engine.test_explorer import Record, explore, order, summary

__all__ = ["order"]


@replay.capture
def nested(given: dict[str, Any]) -> int:
    """Three conditions, each behind the one before."""
    reached = 0
    if given["a"] == "":
        reached = 1
        if given["d"] == "":
            reached = 2
            if given["g"] is None:
                raise ArithmeticError(reached)
    return reached


@replay.capture
def behind(given: dict[str, Any]) -> int:
    """The same, of nulls alone: what matters behind the first is seen as soon as that is reached."""
    reached = 0
    if given["a"] is None:
        reached = 1
        if given["d"] is None:
            reached = 2
            if given["g"] is None:
                reached = 3
    return reached


@replay.capture
def stored(given: dict[str, Any]) -> int:
    """One edit of a count does what two edits of what is left do."""
    missing = 0
    if given["state"] == "backlog":
        missing = given["count"] - (given["here"] or 0) - (given["there"] or 0)
        if missing > 0:
            raise ArithmeticError(missing)
    return missing


def edits(*names: str) -> Edits:
    """One edit a name."""
    return tuple(Edit(f"input.kwargs.{name}", "set", None) for name in names)


def by_edit(**lines: int) -> Callable[[Edits], int]:
    """A program in which each edit reaches lines of its own."""

    def reaches(tried: Edits) -> int:
        found = 0
        for edit in tried:
            found |= lines[edit.path.rpartition(".")[2]]
        return found

    return reaches


def test_the_fewest_entries_with_the_fewest_edits() -> None:
    """What the others reach too goes, and edits that reach nothing; lines of the recording itself do not count."""
    reaches = by_edit(a=0b0010, b=0b0100, c=0b1000, idle=0b0001, both=0b0110)
    found = [Entry(each, reaches(each)) for each in (edits("a"), edits("idle"), edits("b"), edits("idle", "c"),
                                                     edits("both"))]  # fmt: skip
    assert [each.edits for each in minimised(found, 0b0001, reaches)] == [edits("both"), edits("c")]
    assert minimised(found, 0b1111, reaches) == []


def test_edits_that_only_work_together_stay() -> None:
    """And a line that no single edit reaches is still reached."""

    def reaches(tried: Edits) -> int:
        return 0b10 if {edit.path for edit in tried} >= {"input.kwargs.a", "input.kwargs.b"} else 0

    found = [Entry(edits("a", "x", "b"), 0b10)]
    assert [each.edits for each in minimised(found, 0, reaches)] == [edits("a", "b")]


def test_a_search_with_a_corpus_starts_where_the_last_one_ended(order: Recording) -> None:
    """After as many runs as the corpus has entries it has reached all lines; without it, as many runs reach fewer."""
    first = explore(order, 600, corpus=())
    assert first.corpus
    assert all(len(each) <= 2 for each in first.corpus)
    few = 2 + len(first.corpus)
    assert few < 20
    again, without = explore(order, few, corpus=first.corpus), explore(order, few, corpus=())
    assert again.lines == first.lines
    assert without.lines < first.lines
    assert {key(each) for each in again.corpus or ()} == {key(each) for each in first.corpus}


def test_a_corpus_is_grown(record: Record) -> None:
    """What needs one edit more than an entry has is found sooner than from the start."""
    given = {name: name * 2 for name in "abcdefg"}
    (recording,) = record(lambda: nested(given))
    entry = (Edit("input.args[0].a", "set", ""), Edit("input.args[0].d", "set", ""))
    wanted = ("ArithmeticError", [*map(str, entry), "input.args[0].g: null"])
    grown, without = (summary(explore(recording, 50, corpus=corpus)) for corpus in ([entry], []))
    assert (wanted in grown, wanted in without) == (True, False)


def test_one_edit_takes_the_place_of_two(record: Record) -> None:
    """Leaving edits out does not do it: each of the three is needed."""
    (recording,) = record(lambda: stored({"state": "open", "count": 5, "here": 5, "there": 5}))
    values = {"state": "backlog", "here": None, "there": None}
    entry = tuple(Edit(f"input.args[0].{name}", "set", value) for name, value in values.items())
    found = dict(summary(explore(recording, 10, corpus=[entry])))
    assert len(found["ArithmeticError"]) == 2
    assert found["ArithmeticError"][0] == 'input.args[0].state: "backlog"'


def test_a_corpus_hides_nothing(record: Record) -> None:
    """What lies on the way to its lines is found with it too."""
    given = {name: name * 2 for name in "abcdefg"}
    (recording,) = record(lambda: behind(given))
    entry = (Edit("input.args[0].a", "set", None), Edit("input.args[0].d", "set", None))
    without, grown = (summary(explore(recording, 700, corpus=corpus)) for corpus in ([], [entry]))
    assert ("KeyError", ["input.args[0].a: null", "input.args[0].d: drop"]) in without
    assert [each for each in without if each not in grown] == []


def test_what_no_longer_applies_is_dropped_and_what_was_not_tried_is_kept(order: Recording) -> None:
    """An edit at a place that is not there reaches nothing; with no budget left nothing is known of any."""
    corpus = explore(order, 600, corpus=()).corpus or []
    stale = (Edit("http[7].body.gone", "set", 1),)
    kept = explore(order, 600, corpus=[stale, *corpus]).corpus or []
    assert stale not in kept
    assert {key(each) for each in explore(order, 1, corpus=[stale, *corpus]).corpus or ()} == {
        key(each) for each in (stale, *corpus)
    }


@pytest.mark.parametrize("workers", [0, 2])
def test_equal_seeds_give_equal_corpora(order: Recording, workers: int) -> None:
    """With any number of workers."""
    one, two = explore(order, 400, seed=3, corpus=()), explore(order, 400, seed=3, corpus=(), workers=workers)
    assert [key(each) for each in one.corpus or ()] == [key(each) for each in two.corpus or ()]
    assert summary(one) == summary(two)


def key(mutation: Edits) -> str:
    """Equal for equal mutations."""
    return "; ".join(map(str, mutation))
