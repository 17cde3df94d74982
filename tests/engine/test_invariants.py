"""Invariants: how they are declared, what of them is refused, and what a replay says of those that do not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from replay.engine import invariants
from replay.engine.invariants import invariants_of
from replay.engine.targets import Targets
from replay.errors import UsageError
from tests.engine import till
from tests.engine.test_explorer import ROOT

Record = Callable[..., list[Recording]]
NAME = "tests.engine.till:receipt"


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Nothing that a test declares stays."""
    before = dict(invariants.own)
    yield
    invariants.own.clear()
    invariants.own.update(before)


@pytest.fixture
def receipt(record: Record) -> Recording:
    """A benign receipt."""
    return record(lambda: till.receipt(7))[0]


def test_a_replay_that_breaks_one_is_not_green(receipt: Recording) -> None:
    """It reproduces; its name, what it says, and the line of the assert are told."""

    @replay.invariant(NAME)
    def total_is_five(run: replay.Run) -> None:
        assert run.outcome.value["total"] == 5

    @replay.invariant(NAME)
    def total_is_six(run: replay.Run) -> None:
        assert run.outcome.value["total"] == 6, "not six"

    @replay.invariant(NAME)
    def credit_is_noted(run: replay.Run) -> None:
        assert run.notes == {"credit": 5}

    @replay.invariant(NAME)
    def asks_once(run: replay.Run) -> None:
        assert [each.target for each in run.interactions] == ["tests.engine.till:customer"]

    verdict = replay.run(receipt, root=ROOT)
    assert (verdict.status, verdict.green) == ("reproduced", False)
    told = [(each.invariant.rpartition(".")[2], each.message.partition("\n")[0]) for each in verdict.violations]
    assert told[0] == ("total_is_six", "not six")
    assert told[1][0] == "asks_once"
    line = total_is_six.__code__.co_firstlineno + 2
    assert (verdict.violations[0].file, verdict.violations[0].line) == ("tests/engine/test_invariants.py", line)


def test_one_of_another_entry_point_is_not_asked(receipt: Recording) -> None:
    """Nor one of a run that ended in an error."""
    replay.invariant("tests.engine.till:book")(lambda run: False)
    assert replay.run(receipt, root=ROOT).green


def test_a_run_that_failed_is_not_asked(record: Record) -> None:
    """There is no result to speak of."""
    replay.invariant("tests.engine.till:totals")(lambda run: False)
    failed = record(lambda: till.totals({"seats": None, "name": "ann"}))[0]
    assert replay.run(failed, root=ROOT).green


def test_one_that_is_itself_wrong_says_so(receipt: Recording) -> None:
    """It raised something else than an assert does."""

    @replay.invariant(NAME)
    def typo(run: replay.Run) -> None:
        assert run.outcome.value["totl"] == 5

    (found,) = replay.run(receipt, root=ROOT).violations
    assert found.message == "it raised KeyError: 'totl'; correct it: what is demanded is said by `assert`"


@pytest.mark.parametrize("name", ["receipt", ":receipt", "tests.engine.till:", 3, receipt])
def test_no_name_of_an_entry_point(name: Any) -> None:
    """Where it is declared."""
    with pytest.raises(UsageError, match="name the entry point") as told:
        replay.invariant(name)
    assert told.value.slug == "invariant"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tests.engine.till:receit", "which is no entry point; did you mean tests.engine.till:receipt"),
        ("tests.engine.nowhere:receipt", "there is no module tests.engine.nowhere"),
        ("tests.engine.till:Receipt", "which is no entry point"),
    ],
)
def test_a_wrong_target_is_told(receipt: Recording, name: str, message: str) -> None:
    """Where recordings are replayed, whichever they are of: nobody would miss what is never asked."""
    replay.invariant(name)(till.customer)
    with pytest.raises(UsageError, match=message):
        replay.run(receipt, root=ROOT)


def test_one_of_the_code_that_replaces_what_was_recorded() -> None:
    """Under either name."""
    targets = Targets(ROOT, replacements={"old.module:name": NAME})

    def holds(run: replay.Run) -> None:
        """Whatever."""

    replay.invariant(NAME)(holds)
    replay.invariant("old.module:name")(holds)
    assert [each.entrypoint for each in invariants_of("old.module:name", targets)] == [NAME, "old.module:name"]
    assert [each.entrypoint for each in invariants_of(NAME, targets)] == [NAME]
