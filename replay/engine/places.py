"""The places of a recording that a search edits, with what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from replay.core.edits import Steps, parse
from replay.core.parts import Parts
from replay.core.recording import Interaction
from replay.engine.operators.site import MOST, WIDE, Site, sites
from replay.engine.values import Profile, origin


def places(parts: Parts, profile: Profile | None, constants: tuple[Any, ...]) -> Iterator[Site]:
    """All places of a recording with what is known of them."""
    left = MOST
    thresholds = _thresholds(parts)
    for root in parts.names():
        part = parts.get(root)
        if part is None:
            continue
        within: dict[Steps, Any] = {}
        for site in sites(root, part.value, views=True):
            left -= 1
            if left < 0:
                return
            within[site.steps] = site.value
            seen = {} if profile is None else _seen(parts, profile, site)
            other = within.get(site.steps[:-1]) if site.steps else None
            known = {} if site.steps else _among(parts, root)
            yield msgspec.structs.replace(
                site, **seen, constants=(*thresholds.get(root, ()), *constants), other=other, **known
            )
    yield from _moments(parts)


def _moments(parts: Parts) -> Iterator[Site]:
    """When answers came, of those during which nothing else was under way: the first, the second and the last."""
    alone = [each.seq for each in _alone(parts.recording.interactions) if each.boundary in ("http", "call", "model")]
    for seq in alone if len(alone) <= WIDE else (alone[0], alone[1], alone[-1]):
        part = parts.get(f"timing[{seq}]")
        if part is not None:
            yield Site(f"timing[{seq}]", (), part.value)


def _alone(interactions: Iterable[Interaction]) -> Iterator[Interaction]:
    ordered = sorted(interactions, key=lambda each: each.offset_ns)
    ended = -1
    for place, this in enumerate(ordered):
        end = this.offset_ns + this.duration_ns
        if this.offset_ns > ended and (place + 1 == len(ordered) or ordered[place + 1].offset_ns > end):
            yield this
        ended = max(ended, end)


BESIDE = 0.01
"""How far beside a threshold a score is put."""


def _thresholds(parts: Parts) -> dict[str, tuple[float, ...]]:
    """Scores at and beside the threshold of each model, by the name of its answer."""
    return {
        f"model[{each.seq}]": tuple(round(each.threshold + beside, 6) for beside in (0, -BESIDE, BESIDE))
        for each in parts.recording.predictions
        if each.threshold is not None
    }


def _seen(parts: Parts, profile: Profile, site: Site) -> dict[str, Any]:
    """What was seen at a place and what its contract says of it; how often it was missing, and what it lacks."""
    place = origin(parts, site.root)
    seen = profile.others(place, site.steps, site.value)
    declared = () if profile.contract is None else profile.contract.values(site.root, site.steps)
    known = {(type(value).__name__, repr(value)) for value in (*seen, site.value)} if declared else set()
    learned = (*seen, *(value for value in declared if (type(value).__name__, repr(value)) not in known))
    return {
        "learned": learned,
        "missing": profile.missing(place, site.steps),
        "absent": profile.absent(place, site.steps, site.value),
    }


MOST_EARLIER = 3
"""Earlier answers that a place is offered."""


def _among(parts: Parts, root: str) -> dict[str, Any]:
    """What an answer is among the others: which came before it to the same question; how long until the last that other
    lanes asked for before its own lane went on asking."""
    this = parts.interaction(root)
    if this is None:
        return {}
    every = parts.recording.interactions
    earlier = [each.seq for each in every if each.seq < this.seq and each.state == "returned"
               and (each.boundary, each.target) == (this.boundary, this.target)
               and each.answer.text != this.answer.text]  # fmt: skip
    end = this.offset_ns + this.duration_ns
    again = min((each.offset_ns for each in every if each.lane == this.lane and each.seq > this.seq), default=None)
    beside = [each.offset_ns + each.duration_ns for each in every
              if each.lane != this.lane and (again is None or each.offset_ns < again)]  # fmt: skip
    behind = max(0, max(beside, default=0) - end) / 1e9
    return {"target": this.target, "earlier": tuple(earlier[-MOST_EARLIER:]), "behind": behind}


def beside(path: str, root: str, steps: Steps) -> bool:
    """Whether a place lies in the same mapping or below it, and is another one."""
    other_root, other = parse(path)
    near = steps[:-1]
    return other_root == root and other[: len(near)] == near and other != steps
