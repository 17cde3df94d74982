"""Mutations around a recording that keep the kind of every value: other texts for texts, other numbers for numbers.

They are what production may see next to the incident, so that a fix of that one input is told from a fix of the bug.
Values of another type, faults and missing fields are other failures, which `replay fuzz` looks for.
"""

from __future__ import annotations

from random import Random

from replay.core.edits import Edit
from replay.core.opened import Unfit
from replay.core.parts import Parts
from replay.core.recording import Recording
from replay.engine.mutation import Edits
from replay.engine.operators import CHANGES, suggested
from replay.engine.operators.site import Site
from replay.engine.places import places

MOST_TRIES = 20
"""Pairs drawn for each that is wanted: small recordings have few."""


def neighbours(recording: Recording, count: int, seed: int) -> list[Edits]:
    """Up to `count` different mutations: single edits, place by place, then pairs. Equal seeds give equal ones."""
    random = Random(seed)
    plans: list[list[Edit]] = []
    for site in places(Parts(recording), None, ()):
        kept = [edit for edit in suggested(site) if _keeps_type(site, edit)]
        if kept:
            random.shuffle(kept)
            plans.append(kept)
    random.shuffle(plans)
    found: list[Edits] = []
    for rank in range(max(map(len, plans), default=0)):
        found += [(plan[rank],) for plan in plans if rank < len(plan)]
    seen = {edits[0].key for edits in found}
    for _ in range(MOST_TRIES * count if len(plans) > 1 else 0):
        if len(found) >= count:
            break
        edits = tuple(random.choice(plan) for plan in random.sample(plans, 2))
        key = "\n".join(edit.key for edit in edits)
        if key not in seen:
            seen.add(key)
            found.append(edits)
    return found[:count]


def _keeps_type(site: Site, edit: Edit) -> bool:
    if site.value is None or isinstance(site.value, dict | list | tuple):
        return False
    if site.boundary == "http" and (site.is_message or site.is_body):
        return False  # a body that is one text has a form of its own: cut anywhere, it is malformed
    change = CHANGES.get(edit.operator)
    if change is None:
        return False
    try:
        new = change(site.value, edit.argument)
    except (Unfit, ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        return False
    return type(new) is type(site.value) and bool(new != site.value)
