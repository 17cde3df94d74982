"""The search for one failure: the explorer's, led by a signature and by how near each run comes to it.

What the signature itself suggests is tried first. Then every single edit, pairs and triples, as in any search, where
mutations that come nearer are grown from first. It ends when a run fails as the signature says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from replay.core.edits import Edit
from replay.engine.explorer import Explorer
from replay.engine.failures import Failure
from replay.engine.goal import Goal, Near
from replay.engine.leads import Leads
from replay.engine.mutation import Edits
from replay.engine.operators.site import Site, sites
from replay.engine.places import places
from replay.engine.progress import Find, Progress, Spent, key_of
from replay.engine.runs import Ran
from replay.engine.stage import Stage
from replay.errors import Unanswerable

Depth = Literal["look", "leads", "all"]
"""How far to go: run the recording as it is; also what the signature suggests; also everything else."""
TOWARDS = 0.6
"""Part of the mutations that are grown from the nearest ones."""
FEW = 6
"""Values out of the signature that a place keeps for pairs and triples."""


class _Met(Spent):
    """It is found."""


class Hunt(Explorer):
    """One search around one recording."""

    def __init__(self, stage: Stage, goal: Goal, *, depth: Depth = "all", **options: Any) -> None:
        super().__init__(stage, **options)
        self.goal = goal
        self.base = self.best = Near()
        """How near the recording as it is comes, and the nearest of all runs."""
        self.unlike: str | None = None
        """Of a failure of the right type and place: what else was not as in the signature."""
        self._depth = depth
        self._nearness: dict[str, Near] = {}
        self._spare: tuple[Edits, Failure] | None = None
        """A failure that is the one, but for its message."""
        self._is_first = True
        self._is_steady = False  # whether a mutation ends twice in the same way is not asked here

    def explore(self) -> Progress:
        progress = super().explore()
        if progress.finds:
            progress.stopped = "found"
        return progress

    # The stages -------------------------------------------------------------------------------------------------

    def _search(self) -> None:
        try:
            self._stages()
        except Spent:
            if self._spare is None or self.progress.finds:
                raise
        if self._spare is not None and not self.progress.finds:
            self._settle_for(*self._spare)

    def _stages(self) -> None:
        base = self._start()
        if self._depth == "look":
            return
        self._plan()
        self._lead(Leads(self.goal), list(self._places()))
        if self._depth == "leads":
            return
        self._is_first = False
        if self._spare is not None:
            self._settle_for(*self._spare)
        self._sweep(base)
        self._combine()

    def _start(self) -> Any:
        """The recording as it is: where it comes to, and whether it is the incident itself."""
        self._allowance.spend()
        ran = self._runner.run([()], together=True)[0]
        self._refuse(ran)
        if ran.failure is not None and ran.failure.kind == "hang":
            raise Unanswerable(f"{self._stage.recording.entrypoint}: {ran.failure.message} as it is; see --limit")
        self._keep((), ran)
        self._base_lines = ran.reached
        self.base = self.best
        return ran.does

    def _places(self) -> Iterator[Site]:
        """All places, variables and flags too."""
        parts = self._stage.mutations.parts
        yield from places(parts, self._profile, ())
        for root in parts.every():
            part = parts.get(root) if root.startswith("environ") else None
            if part is not None:
                yield from sites(root, part.value)

    def _lead(self, leads: Leads, found: list[Site]) -> None:
        mutations = list(leads.edits(found, self._plans))
        values: dict[str, list[Edit]] = {}
        for edits in mutations:
            for edit in edits:
                held = values.setdefault(edit.path, [])
                if len(held) < FEW and edit not in self._plans.get(edit.path, ()):
                    held.append(edit)
        for _ in self._tries(mutations):
            pass
        for path, learned in values.items():
            self._plans[path] = [*self._plans.get(path, [])[:1], *learned, *self._plans.get(path, [])[1:]]

    # One mutation -----------------------------------------------------------------------------------------------

    def _keep(self, edits: Edits, ran: Ran) -> bool:
        near = Near() if ran.diverged else self.goal.near(self._lines, ran.reached, ran.failure)
        is_nearer = near > self.best
        if is_nearer:
            self.best = near
            self.progress.nearest = self.goal.told(near)
        fresh = super()._keep(edits, ran)
        if fresh or is_nearer:
            self._nearness[key_of(edits)] = near
        return bool(edits) and (fresh or is_nearer)

    def _parent(self) -> Any:
        """Mutations that came nearest first; any other now and then."""
        if self._pairs.parents and self._random.random() < TOWARDS:
            nears = [self._nearness.get(key_of(each.edits), Near()) for each in self._pairs.parents]
            most = max(nears)
            found = min((each for each, near in zip(self._pairs.parents, nears, strict=True) if near == most),
                        key=lambda each: each.used)  # fmt: skip
            if most > self.base and self._random.random() < 1 / (1 + found.used / 40):
                found.used += 1
                return found
        return super()._parent()

    def _found(self, edits: Edits, failure: Failure, *, is_small: bool = False) -> None:
        """Only the one failure is a find."""
        if not self.goal.is_met(failure):
            return
        if self.goal.needs_outcome and not self._is_whole(edits):
            return
        if self._is_first and edits and not self._says_the_same(failure):
            self._spare = self._spare or (edits, failure)
            return
        self._settle_for(edits, failure)

    def _is_whole(self, edits: Edits) -> bool:
        """Whether a failure of the right type and place is the one in the rest too."""
        _, recording = self._runner.recorded(edits)
        self.progress.executions += 1
        if recording is None:
            return True
        unlike = self.goal.differs(recording.outcome)
        self.unlike = self.unlike or unlike
        return unlike is None

    def _says_the_same(self, failure: Failure) -> bool:
        return self.goal.is_said(failure)

    def _settle_for(self, edits: Edits, failure: Failure) -> None:
        """Shrink it, keep it, end the search."""
        at, seconds = self.progress.executions, self._allowance.elapsed
        is_said = self._says_the_same(failure)

        def fails(tried: Edits) -> bool:
            self.progress.executions += 1
            found = self._runner.run([tried])[0].failure
            if found is None or not self.goal.is_met(found) or (is_said and not self._says_the_same(found)):
                return False
            return not self.goal.needs_outcome or self._is_whole(tried)

        interrupted = False
        try:
            small = self._reduction.shrunk(edits, failure, fails) if edits else edits
        except KeyboardInterrupt:
            small, interrupted = edits, True  # what was found is kept as it is
        ran, recording = self._runner.recorded(small)
        self.progress.finds.append(Find(failure=ran.failure or failure, edits=small, executions=at, seconds=seconds,
                                        stretched=ran.stretched, recording=recording))  # fmt: skip
        if interrupted:
            raise KeyboardInterrupt
        raise _Met
