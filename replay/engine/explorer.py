"""The search: which mutations of a recording make the code fail.

Every single edit first: the likeliest of each place, then the others, places that were seen to matter before the
rest. Then pairs and triples, grown from mutations that reached new lines, at places that those made matter. A failure
is shrunk when it is found, and shown once. Equal seeds give equal finds in equal order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from time import perf_counter
from typing import Any

import msgspec

from replay.core.edits import Edit, parse
from replay.core.recording import Recording
from replay.engine.executions import Execution, Stage
from replay.engine.failures import Failure
from replay.engine.lines import Lines
from replay.engine.mutation import Edits
from replay.engine.operators import suggested
from replay.engine.places import beside, places
from replay.engine.shrink import shrink
from replay.engine.values import Profile
from replay.errors import Unanswerable

RANKS = 3
"""Suggestions of a site that have a round of their own; the rest share the last."""
TRIES = 60
"""Runs that look for the places which a mutation made matter."""
DEEPEST = 3
"""Edits of one mutation, before it is shrunk."""
HANGS = 2
"""Hangs after which a place is left alone: each takes as long as the limit."""
IDLE = 2_000
"""Mutations in a row that were all tried before: the space is exhausted."""


class Find(msgspec.Struct, frozen=True, kw_only=True):
    """A failure, its smallest mutation, and the run as a recording."""

    failure: Failure
    edits: Edits
    executions: int
    """How many there had been when it was found."""
    seconds: float
    """Since the start, when it was found."""
    stretched: int
    """Requests that got the nearest recorded answer instead of their own."""
    recording: Recording | None
    """None of a hang: there is no end to record."""


class Progress(msgspec.Struct):
    """How far a search is."""

    executions: int = 0
    seconds: float = 0.0
    lines: int = 0
    diverged: int = 0
    """Runs that asked what nothing in the recording answers, or could not be run."""
    finds: list[Find] = []
    stopped: str = "the budget"
    """What ended it: `the budget`, `nothing left to try`, `interrupted`."""


class _Parent(msgspec.Struct):
    """A mutation that reached new lines."""

    edits: Edits
    returned: bool
    live: list[str]
    """Places that matter since these edits."""
    used: int = 0


class _Spent(Exception):
    """The budget is used up."""


class Explorer:
    """One search. `executions` and `seconds` are its budget; `profile` and `constants` what is known of values."""

    def __init__(
        self,
        stage: Stage,
        *,
        seed: int = 0,
        executions: int | None = None,
        seconds: float | None = None,
        profile: Profile | None = None,
        constants: Callable[[list[str]], tuple[Any, ...]] = lambda files: (),
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.progress = Progress()
        self._stage = stage
        self._random = Random(seed)
        self._most, self._longest = executions, seconds
        self._profile, self._constants = profile, constants
        self._on_progress = on_progress
        self._lines = Lines(stage.root)
        self._started = self._told = perf_counter()
        self._known: set[Any] = set()
        self._plans: dict[str, list[Edit]] = {}
        self._parents: list[_Parent] = []
        self._tried: set[str] = set()
        self._live: set[str] = set()
        self._base: frozenset[str] | None = None
        """Places that matter in the recording as it is."""
        self._ungrown: list[tuple[Edits, Execution, Any]] = []
        self._hung: dict[str, int] = {}

    def explore(self) -> Progress:
        """Search until the budget is used up, nothing is left to try, or Ctrl-C: what was found is kept."""
        self._started = self._told = perf_counter()
        with ExitStack() as stack:
            stack.callback(self._lines.close)
            stack.enter_context(self._stage.limited())
            try:
                self._search()
                self.progress.stopped = "nothing left to try"
            except _Spent:
                self.progress.stopped = "the budget"
            except KeyboardInterrupt:
                self.progress.stopped = "interrupted"
        self._tell()
        return self.progress

    def _search(self) -> None:
        base = self._baseline()
        self._plan()
        self._sweep(base)
        self._combine()

    # The stages -------------------------------------------------------------------------------------------------

    def _baseline(self) -> Any:
        effect, execution = self._run(())
        self._lines.add(effect[1])
        if execution.failure is None and (execution.outcome is None or execution.diverged):
            why = execution.reason or "it asks what the recording does not answer, or reaches for the real world"
            raise Unanswerable(f"{self._stage.recording.entrypoint}: cannot be replayed as it is, so its mutations say "
                               f"nothing: {why}. See `replay run`.")  # fmt: skip
        if execution.failure is not None:
            self._known.add(self._stage.locate((), execution.failure).fingerprint)
        return effect

    def _plan(self) -> None:
        """What to try at each place, the likeliest first."""
        constants = self._constants(self._lines.files)
        parts = self._stage.mutations.parts
        for site in places(parts, self._profile, constants):
            found = suggested(site)
            if found:
                self._plans[site.path] = found

    def _sweep(self, base: Any) -> None:
        """Every single edit, once."""
        waiting: list[list[Edit]] = [[] for _ in range(RANKS + 1)]
        for edits in self._plans.values():
            for rank, edit in enumerate(edits):
                waiting[min(rank, RANKS)].append(edit)
        first, *later = waiting
        self._random.shuffle(first)
        for edit in first:
            if self._try((edit,)) != base:
                self._live.add(edit.path)
        self._base = frozenset(self._live)
        for grown in self._ungrown:
            self._grow(*grown)
        for edits in later:
            self._random.shuffle(edits)
        first_to_go = set(self._live)  # more will matter as the search goes on: the order is fixed here
        for alive in (True, False):
            for edits in later:
                for edit in edits:
                    if (edit.path in first_to_go) is alive:
                        self._try((edit,))
        self._live = self._live or set(self._plans)

    def _combine(self) -> None:
        """Pairs and triples."""
        idle = 0
        while idle < IDLE and self._plans:
            parent = self._parent()
            before = parent.edits if parent is not None else ()
            edit = self._next(parent)
            edits = (*before[: DEEPEST - 1], edit)
            key = "\n".join(each.key for each in edits)
            if key in self._tried:
                idle += 1
                continue
            idle = 0
            self._tried.add(key)
            self._try(edits)

    def _parent(self) -> _Parent | None:
        if not self._parents or self._random.random() < 0.1:
            edit = self._random.choice(self._plans[self._random.choice(sorted(self._live))])
            return _Parent((edit,), True, [])
        weights = [
            (1.0 if each.returned else 0.2) * (2.0 if each.live else 1.0) / (1 + each.used / 20)
            for each in self._parents
        ]
        found = self._random.choices(self._parents, weights)[0]
        found.used += 1
        return found

    def _next(self, parent: _Parent | None) -> Edit:
        """The edit to add: at a place that the parent made matter, near its last one, or at any that matters."""
        chance = self._random.random()
        paths: list[str] = []
        if parent is not None and parent.live and chance < 0.35:
            paths = parent.live
        elif parent is not None and chance < 0.6:
            root, steps = parse(parent.edits[-1].path)
            paths = [path for path in self._ordered() if beside(path, root, steps)]
        path = self._random.choice(paths or self._ordered())
        return self._random.choice(self._plans[path])

    def _ordered(self) -> list[str]:
        if len(self._live) != len(self._sorted):
            self._sorted = sorted(self._live)
        return self._sorted

    _sorted: list[str] = []

    # One mutation -----------------------------------------------------------------------------------------------

    def _run(self, edits: Edits) -> tuple[Any, Execution]:
        """What a mutation does (its lines too, as the last part), and its run."""
        self._count()
        self._lines.prepare()
        self._lines.start()
        execution = self._stage.execute(edits)
        return (execution.effect, self._lines.reached()), execution

    def _try(self, edits: Edits) -> Any:
        """Run a mutation and keep what comes of it; gives what it does."""
        if any(self._hung.get(edit.path, 0) >= HANGS for edit in edits):
            return None
        effect, execution = self._run(edits)
        fresh = self._lines.add(effect[1])
        self.progress.diverged += execution.diverged and execution.failure is None
        self.progress.lines = self._lines.count
        if execution.failure is not None:
            if execution.failure.kind == "hang":
                self._hung[edits[-1].path] = self._hung.get(edits[-1].path, 0) + 1
            self._found(edits, execution.failure)
        if fresh:
            self._grow(edits, execution, effect)
        return effect

    def _grow(self, edits: Edits, execution: Execution, effect: Any) -> None:
        """Keep a mutation that reached new lines, and find which places matter since."""
        if execution.diverged or len(edits) >= DEEPEST:
            return
        if self._base is None:  # it is not known yet what matters anyway
            self._ungrown.append((edits, execution, effect))
            return
        returned = execution.outcome is not None and execution.outcome.state == "returned"
        parent = _Parent(edits, returned, [])
        self._parents.append(parent)
        candidates = [path for path in self._plans if path not in self._base]
        if candidates:
            self._matters(edits, effect, candidates, parent.live, [TRIES])
            self._live.update(parent.live)

    def _matters(self, edits: Edits, effect: Any, paths: list[str], found: list[str], left: list[int]) -> None:
        """Which of the places change what the mutation does: all at once, then by halves."""
        left[0] -= 1
        together = (*edits, *(self._plans[path][0] for path in paths))
        now, execution = self._run(together)  # its lines do not count: nobody could say which of the edits reached them
        if execution.failure is not None:
            self._found(together, execution.failure)
        if now == effect or left[0] <= 0:
            return
        if len(paths) == 1:
            found.append(paths[0])
            return
        middle = len(paths) // 2
        self._matters(edits, effect, paths[:middle], found, left)
        self._matters(edits, effect, paths[middle:], found, left)

    def _found(self, edits: Edits, failure: Failure) -> None:
        failure = self._stage.locate(edits, failure)
        if failure.fingerprint in self._known:
            return
        self._known.add(failure.fingerprint)
        at, seconds = self.progress.executions, perf_counter() - self._started

        def fails(tried: Edits) -> bool:
            if any(edit.path in self._hung and edit not in edits for edit in tried):
                return False
            self.progress.executions += 1  # shrinking is not cut short: what was found is worth it
            found = self._stage.execute(tried).failure
            if found is not None and found.kind == "hang":
                self._hung.update((edit.path, HANGS) for edit in tried if edit not in edits)
            return found is not None and self._stage.locate(tried, found).fingerprint == failure.fingerprint

        small, interrupted = edits, False
        try:
            if failure.kind != "hang":  # each try takes as long as the limit
                small = shrink(edits, fails, self._simpler)
        except KeyboardInterrupt:
            interrupted = True  # what was found is kept as it is
        execution = self._stage.execute(small)
        if execution.failure is not None:
            failure = self._stage.locate(small, execution.failure)  # its message is of the smallest mutation
        recording = None if execution.outcome is None else self._stage.recorded(execution, small)
        self.progress.finds.append(Find(failure=failure, edits=small, executions=at, seconds=seconds,
                                        stretched=execution.stretched, recording=recording))  # fmt: skip
        if interrupted:
            raise KeyboardInterrupt
        self._tell()

    def _simpler(self, edit: Edit) -> list[Edit]:
        plan = self._plans.get(edit.path, [])
        place = next((at for at, each in enumerate(plan) if each.key == edit.key), 0)
        return plan[:place]

    # The budget -------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        now = perf_counter()
        self.progress.seconds = now - self._started
        if self._most is not None and self.progress.executions >= self._most:
            raise _Spent
        if self._longest is not None and self.progress.seconds >= self._longest:
            raise _Spent
        self.progress.executions += 1
        if now - self._told > 0.5:
            self._tell()

    def _tell(self) -> None:
        self._told = perf_counter()
        self.progress.seconds = self._told - self._started
        self._on_progress(self.progress)
