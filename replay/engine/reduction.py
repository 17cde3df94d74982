"""A mutation that fails, made small: fewest edits, the simplest of their places, the smallest arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from replay.core.edits import Edit
from replay.engine.failures import Failure
from replay.engine.mutation import Edits
from replay.engine.operators.site import Site
from replay.engine.progress import Allowance
from replay.engine.shrink import Fails, fewest, shrink
from replay.engine.smaller import FEW, MOST, smaller

JOINED = 400
"""Runs that look for one edit in place of several."""
SHARP = frozenset({"error", "status", "invariant", "exit", "crash"})
"""Kinds of failure whose edits get the smallest arguments: the others take long, or depend on the size."""


class Reduction:
    """How one search makes its finds small.

    `plans` and `sites`: the edits of each place and what is known of it. `spoken`: what the code speaks of where an
    edit leads, for one run.
    """

    def __init__(
        self,
        plans: Mapping[str, list[Edit]],
        sites: Mapping[str, Site],
        spoken: Callable[[Edits], Iterable[Edit]],
        allowance: Allowance,
        seed: int,
    ) -> None:
        self._plans, self._sites, self._spoken = plans, sites, spoken
        self._allowance, self._seed = allowance, seed

    def shrunk(self, edits: Edits, failure: Failure, fails: Fails) -> Edits:
        """The smallest mutation of which `fails` is true still."""
        if failure.kind == "hang":  # each try takes as long as the limit
            return fewest(edits, fails) if len(edits) > 1 else edits
        small = shrink(edits, fails, self._simpler)
        if failure.kind in SHARP and failure.kind not in ("exit", "crash"):
            small = self._joined(small, fails)
        if failure.kind in SHARP:
            most = FEW if failure.kind in ("exit", "crash") else MOST
            until = self._allowance.until
            small = smaller(small, fails, seed=self._seed, most=most, until=until, leave=self._is_meant)
        return small

    def _joined(self, edits: Edits, fails: Fails) -> Edits:
        """One of three or more edits, and one other that does what the rest do: of those that the code speaks of where
        the one leads."""
        left = JOINED
        for kept in edits if len(edits) > 2 else ():
            for other in list(self._spoken((kept,)))[:left]:
                if self._allowance.is_over():
                    return edits
                left -= 1
                if fails((kept, other)):
                    return shrink((kept, other), fails, self._simpler)
        return edits

    def _simpler(self, edit: Edit) -> list[Edit]:
        plan = self._plans.get(edit.path, [])
        place = next((at for at, each in enumerate(plan) if each.key == edit.key), 0)
        return plan[:place]

    def _is_meant(self, edit: Edit) -> bool:
        """Whether its argument says something as it is: a status, a header, a moment, what was seen elsewhere."""
        site = self._sites.get(edit.path)
        if site is None or site.is_message or site.boundary == "clock":
            return True
        return any(edit.key == Edit(edit.path, "set", value).key for value in site.learned)
