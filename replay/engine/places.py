"""The places of a recording that a search edits, with what is known of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from replay.core.edits import Steps, parse
from replay.core.parts import Parts
from replay.engine.operators.site import MOST, Site, sites
from replay.engine.values import Profile, origin


def places(parts: Parts, profile: Profile | None, constants: tuple[Any, ...]) -> Iterator[Site]:
    """All places of a recording with what is known of them."""
    left = MOST
    for root in parts.names():
        part = parts.get(root)
        if part is None:
            continue
        within: dict[Steps, Any] = {}
        for site in sites(root, part.value):
            left -= 1
            if left < 0:
                return
            within[site.steps] = site.value
            learned = () if profile is None else profile.others(origin(parts, root), site.steps, site.value)
            other = within.get(site.steps[:-1]) if site.steps else None
            yield msgspec.structs.replace(site, learned=learned, constants=constants, other=other)


def beside(path: str, root: str, steps: Steps) -> bool:
    """Whether a place lies in the same mapping or below it, and is another one."""
    other_root, other = parse(path)
    near = steps[:-1]
    return other_root == root and other[: len(near)] == near and other != steps
