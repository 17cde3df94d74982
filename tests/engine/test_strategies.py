"""Mutations as a Hypothesis strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings

import replay
from replay.core.recording import Recording
from replay.engine.mutation import mutate, read_edits
from replay.engine.strategies import Mutated
from replay.errors import UsageError
from replay.store.bundle import open_bundle, write_bundle
from tests.engine import desk
from tests.engine.test_explorer import ROOT

Record = Callable[..., list[Recording]]
QUIET = settings(
    database=None, deadline=None, derandomize=True, max_examples=2000, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def order(record: Record) -> Recording:
    """The benign order."""
    return record(desk.record_order)[0]


def smallest(order: Recording, condition: Callable[[Mutated], Any], **options: Any) -> list[str]:
    """The edits of the smallest mutation of which it holds."""
    found = find(replay.mutations(order, **options), lambda each: bool(condition(each)), settings=QUIET)
    return [str(edit) for edit in read_edits(found.edits)]


def test_it_shrinks_to_the_recording_itself(order: Recording) -> None:
    """No edit is the smallest; it is the recording, and shown as such."""
    found = find(replay.mutations(order), lambda each: True, settings=QUIET)
    assert (found.digest, repr(found)) == (order.digest, f"<{order.entrypoint} as recorded>")


def test_it_shrinks_to_the_fewest_and_smallest_edits(order: Recording) -> None:
    """One edit where one is enough, two where two are needed; free values to the smallest of their kind."""

    def plan(each: Mutated) -> Any:
        return replay.run(each, root=ROOT).outcome.decode()  # type: ignore[union-attr]

    assert smallest(order, lambda each: "'upper'" in str(plan(each))) == ["call[0].plan: null"]

    def arguments(each: Mutated) -> Any:
        return each.input.decode()["args"][0]

    before = arguments(order)  # type: ignore[arg-type]

    def is_wanted(each: Mutated) -> bool:
        now = arguments(each)
        names = {"note", "gift"}
        return isinstance(now, dict) and names <= now.keys() and all(now[name] != before[name] for name in names)

    two = smallest(order, is_wanted)
    assert sorted(two) == ["input.args[0].gift: true", "input.args[0].note: null"]


def test_free_values_shrink_to_the_smallest_of_their_kind(record: Record) -> None:
    """A number that the search would not try."""
    drawing = record(lambda: desk.drawing(2))[0]

    def is_wanted(each: Mutated) -> bool:
        count = each.input.decode()["args"][0]
        return type(count) is int and 1000 <= count < 50_000

    assert smallest(drawing, is_wanted) == ["input.args[0]: 1000"]


def test_each_has_its_lineage_and_is_shown_as_its_edits(order: Recording, tmp_path: Any) -> None:
    """It can be written as a bundle, too."""
    found = find(replay.mutations(order), lambda each: each.edits is not None, settings=QUIET)
    assert found.parent_digest == order.digest
    edits = read_edits(found.edits)
    assert repr(found) == f"<{order.entrypoint} with {edits[0]}>"
    assert found.digest == mutate(order, edits).digest
    assert next(iter(open_bundle(write_bundle([found], tmp_path / "x.replay.db")))).digest == found.digest


def test_a_mutation_runs_as_in_a_search(order: Recording) -> None:
    """Another request gets the nearest answer; the verdict compares with what production saw."""
    from replay.engine.strategies import mutated

    other = mutated(mutate(order, (desk_edit("input.args[0].customer", 8),)))
    verdict = replay.run(other, root=ROOT)
    assert (verdict.status, verdict.outcome) == ("reproduced", order.outcome)
    bare = Recording(**{name: getattr(other, name) for name in Recording.__struct_fields__})
    assert replay.run(bare, root=ROOT).status == "diverged"
    early = mutated(mutate(order, (desk_edit("input.args[0].items", []),)))
    assert replay.run(early, root=ROOT).status == "changed"


def desk_edit(path: str, value: Any) -> Any:
    """One value put in a place."""
    from replay.core.edits import Edit

    return Edit(path, "set", value)


def test_it_goes_with_given(order: Recording) -> None:
    """With the default deadline, from cold."""
    seen: list[int] = []

    @settings(database=None, max_examples=50)
    @given(replay.mutations(order, most=1))
    def each(mutated: Mutated) -> None:
        seen.append(len(read_edits(mutated.edits)))
        replay.run(mutated, root=ROOT)

    each()
    assert set(seen) == {0, 1}


def test_names_of_recordings_will_do(order: Recording, tmp_path: Any) -> None:
    """And what means none is refused."""
    path = write_bundle([order], tmp_path / "x.replay.db")
    assert find(replay.mutations(path), lambda each: True, settings=QUIET).id == order.id
    with pytest.raises(UsageError, match="takes a recording"):
        replay.mutations(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is a mutation itself"):
        replay.mutations(mutate(order, (desk_edit("call[0].plan", None),)))
    with pytest.raises(UsageError, match="most=0"):
        replay.mutations(order, most=0)
