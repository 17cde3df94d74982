"""Pairs and triples: what the code speaks of first, none twice, until nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path
from random import Random

from replay.core.edits import Edit
from replay.engine.combinations import DEEPEST, Combinations, Parent
from replay.engine.mutation import Edits

PLANS = {
    f"input.kwargs.{name}": [Edit(f"input.kwargs.{name}", "set", value) for value in (None, 0, 7, "gold", "x")]
    for name in ("plan", "count", "note")
}
PLAN, COUNT, NOTE = PLANS


def pairs(*live: str) -> Combinations:
    """With these places alive."""
    found = Combinations(Random(0), PLANS)
    found.live.update(live)
    return found


def keys(edits: Edits) -> frozenset[str]:
    """Whatever the order of the edits."""
    return frozenset(edit.key for edit in edits)


def source(folder: Path) -> list[tuple[str, int]]:
    """Lines that ask for a plan."""
    file = folder / "shop.py"
    file.write_text('def price(plan, count):\n    half = count / 2\n    if plan == "gold":\n        return half\n')
    return [(str(file), 3)]


def test_what_is_compared_comes_first_then_what_is_named(tmp_path: Path) -> None:
    """The constant of the condition, then the likeliest edits of the place; what it does not name is left to chance."""
    found = pairs(PLAN, COUNT)
    first = PLANS[NOTE][0]
    found.add(Parent((first,), True, []), source(tmp_path))
    assert list(found.named()) == [(first, PLANS[PLAN][at]) for at in (3, 0, 1, 2, 4)]
    assert list(found.named()) == []


def test_named_ones_take_turns_with_others(tmp_path: Path) -> None:
    """One after each of them, as long as there are some."""
    found = pairs(PLAN)
    first = PLANS[NOTE][0]
    singles = [(edit,) for edit in PLANS[COUNT]]
    found.add(Parent((first,), True, []), source(tmp_path))
    mixed = list(found.between(singles))
    assert mixed[::2] == singles
    assert [edits[0] for edits in mixed[1::2]] == [first] * 5


def test_no_combination_is_tried_twice_and_the_space_ends() -> None:
    """Each place is edited once, in whatever order; all edits of other places are added to the parent."""
    found = pairs(*PLANS)
    found.add(Parent((PLANS[PLAN][0],), True, [COUNT]), [])
    tried = list(found.drawn(parents(found)))
    assert len(tried) == len(set(map(keys, tried)))
    assert all(len({edit.path for edit in edits}) == len(edits) for edits in tried)
    others = [edit for path in (COUNT, NOTE) for edit in PLANS[path]]
    assert {keys((PLANS[PLAN][0], edit)) for edit in others} <= set(map(keys, tried))
    assert max(map(len, tried)) == DEEPEST


def test_equal_seeds_draw_alike() -> None:
    """A search can be made again."""
    one, two = ([*islice(found.drawn(parents(found)), 50)] for found in (pairs(*PLANS), pairs(*PLANS)))
    assert one == two


def parents(found: Combinations) -> Iterator[Parent]:
    """As a search draws them."""
    return (found.parent() for _ in repeat(None))
