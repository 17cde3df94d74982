"""The search: which mutations of a recording make the code fail.

Every single edit first: the likeliest of each place, those before the rest that the recording as it is reads (the lines
that it reaches speak of them), then the others, places that were seen to matter before the rest. Beside them and after
them pairs and triples, grown from mutations that reached new lines (see `combinations`). A failure is shrunk when it is
found, and shown once. Equal seeds give equal finds in equal order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import Any

import msgspec

from replay.core.edits import Edit
from replay.engine.combinations import DEEPEST, Combinations, Parent
from replay.engine.corpus import Entry, minimised
from replay.engine.failures import BESIDE, Failure, is_same
from replay.engine.like import Like
from replay.engine.lines import Line, Lines
from replay.engine.mutation import Edits
from replay.engine.operators import suggested
from replay.engine.operators.site import Site
from replay.engine.places import places
from replay.engine.progress import Allowance, Find, Progress, Spent
from replay.engine.reading import places_read
from replay.engine.reduction import Reduction
from replay.engine.runs import Ran, Runner
from replay.engine.stage import Stage
from replay.engine.values import Profile
from replay.engine.workers import runner
from replay.errors import Unanswerable

RANKS = 3
"""Suggestions of a site that have a round of their own; the rest share the last."""
TRIES = 60
"""Runs that look for the places which a mutation made matter."""
HANGS = 2
"""Hangs after which a place is left alone: each takes as long as the limit."""
FULL = 3
"""Edits of a place that use up the memory, after which it is left alone: each takes seconds, and a fresh worker."""
LATE = 1.1
"""Of the seconds, until which the corpus is made smaller."""


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
        workers: int = 0,
        memory: int | None = None,
        first: Sequence[Edits] = (),
        corpus: Sequence[Edits] | None = None,
        counts: Callable[[Failure], bool] = lambda failure: True,
        same_failure: bool = False,
        around: Callable[[Runner], Runner] = lambda runner: runner,
    ) -> None:
        """`workers`: processes to run in; 0: this one. `memory`: bytes that a run may take in a worker. `first`: finds
        of earlier searches, which are tried before anything else and do not count in the budget. `corpus`: mutations
        that reached something earlier: they are tried next, and grown; None: no corpus is made. `counts`:
        whether a failure is of a kind that is looked for. `same_failure`: what fails as the recording does counts too.
        `around`: what stands around the runner of mutations."""
        self._allowance = Allowance(executions, seconds, on_progress)
        self.progress = self._allowance.progress
        self._stage = stage
        self._random = Random(seed)
        self._profile, self._constants = profile, constants
        self._workers, self._memory = workers, memory
        self._first, self._corpus = first, corpus
        self._base_lines = 0
        self._grown = 0
        """Lines after which a mutation that reaches them is nothing new."""
        self._reached: list[Entry] = []
        """Mutations that reached new lines."""
        self._untried: list[Edits] = list(corpus or ())
        self._counts, self._around = counts, around
        self._like = Like(is_wanted=same_failure)
        self._lines = Lines(stage.root, stage.packages)
        self._known: list[Failure] = []
        self._plans: dict[str, list[Edit]] = {}
        self._sites: dict[str, Site] = {}
        self._pairs = Combinations(self._random, self._plans)
        self._reduction = Reduction(self._plans, self._sites, self._spoken, self._allowance, seed)
        self._grown_from = 0
        """Lines that the search has grown from."""
        self._base: frozenset[str] | None = None
        """Places that matter in the recording as it is."""
        self._ungrown: list[tuple[Edits, Ran]] = []
        self._is_steady = True
        """The recording as it is ends twice in the same way."""
        self._own: Failure | None = None
        """Its own failure."""
        self._hung: dict[str, int] = {}
        self._slow: dict[str, int] = {}
        """Of places, the hangs that came of shrinking."""
        self._full: dict[str, list[Edit]] = {}
        """Of places, the edits that used up the memory alone: nothing is seen behind them."""

    def explore(self) -> Progress:
        """Search until the budget is used up, nothing is left to try, or Ctrl-C: what was found is kept."""
        self._allowance.start()
        try:
            inner = runner(self._stage, self._lines, self._workers, limit=self._stage.limit, memory=self._memory)
            try:
                self._runner = self._around(inner)
            except BaseException:
                inner.close()
                raise
            self.progress.workers = self._runner.workers
            try:
                self._until_stopped()
            finally:
                self._runner.close()
        finally:
            self._lines.close()
        self._allowance.tell()
        return self.progress

    def _until_stopped(self) -> None:
        try:
            try:
                self._search()
                self.progress.stopped = "nothing left to try"
            except Spent:
                self.progress.stopped = "the budget"
            self._alike()
            if self._corpus is not None:
                self.progress.corpus = self._minimised()
        except KeyboardInterrupt:
            self.progress.stopped = "interrupted"

    def _search(self) -> None:
        base = self._baseline()
        self._plan()
        self._again()
        self._revisit()
        self._sweep(base)
        self._combine()

    def _alike(self) -> None:
        """What fails as the recording does, a find for each place that decides whether it does."""
        for edit in self._like.edits(self._plans):
            ran, recording = self._runner.recorded((edit,))
            if ran.failure is None or self._own is None or not is_same(ran.failure, self._own):
                continue
            failure = msgspec.structs.replace(ran.failure, kind="same_failure")
            self.progress.finds.append(Find(failure=failure, edits=(edit,), executions=self.progress.executions,
                                            seconds=self.progress.seconds, stretched=ran.stretched,
                                            recording=recording))  # fmt: skip

    # The stages -------------------------------------------------------------------------------------------------

    def _baseline(self) -> Any:
        self._allowance.spend()
        ran, again = self._runner.run([(), ()], together=True)
        self._lines.add(ran.reached)
        self.progress.lines = self._lines.count
        self._base_lines = self._grown = ran.reached
        self._refuse(ran)
        if ran.failure is not None and ran.failure.kind in BESIDE:
            self._found((), ran.failure)  # nobody has told yet that production breaks it
        elif ran.failure is not None:
            self._own = ran.failure
            self._known.append(ran.failure)
            self._like.failure = ran.failure
        elif again.effect != ran.effect:
            self._is_steady = False
            self._found((), _unsteady(ran, again))
        return ran.does

    def _refuse(self, ran: Ran) -> None:
        """Raises Unanswerable if the recording as it is cannot be replayed."""
        if ran.failure is None and (ran.reason is not None or ran.diverged):
            why = ran.reason or "it asks what the recording does not answer, or reaches for the real world"
            raise Unanswerable(f"{self._stage.recording.entrypoint}: cannot be replayed as it is, so its mutations say "
                               f"nothing: {why}. See `replay run`.")  # fmt: skip

    def _plan(self) -> None:
        """What to try at each place, the likeliest first."""
        constants = self._constants(self._lines.files)
        parts = self._stage.mutations.parts
        for site in places(parts, self._profile, constants):
            found = suggested(site)
            if found:
                self._plans[site.path], self._sites[site.path] = found, site

    def _again(self) -> None:
        """What was found before. What it reaches is not kept: the search goes on as it would without."""
        before = self.progress.executions
        for edits in self._first:
            self._allowance.spend()
            for ran in self._runner.run([edits], until=self._allowance.until):
                self.progress.again += 1
                if ran.failure is not None:
                    self._found(edits, ran.failure, is_small=True)
        if self._allowance.executions is not None:
            self._allowance.executions += self.progress.executions - before

    def _revisit(self) -> None:
        """The corpus of earlier searches: what still reaches something is grown from. The search then finds its own way
        to the same lines: what lies on that way is grown too, which the few of the corpus need not show."""
        for edits, ran in self._tries(list(self._untried)):
            if ran is not None:
                self._untried.remove(edits)
        self._grown = self._base_lines

    def _minimised(self) -> list[Edits]:
        """Of what was tried the fewest that reach as much, and what was not tried."""

        def reaches(edits: Edits) -> int:
            if any(edit.path in self._hung for edit in edits):
                return 0
            if self._allowance.is_over(LATE):
                return 0  # it stays as it is
            self.progress.executions += 1
            return self._runner.run([edits])[0].reached

        return [*(each.edits for each in minimised(self._reached, self._base_lines, reaches)), *self._untried]

    def _sweep(self, base: Any) -> None:
        """Every single edit, once."""
        waiting: list[list[Edit]] = [[] for _ in range(RANKS + 1)]
        for edits in self._plans.values():
            for rank, edit in enumerate(edits):
                waiting[min(rank, RANKS)].append(edit)
        first, *later = waiting
        self._random.shuffle(first)
        read = places_read(self._plans, self._marked(self._base_lines))
        first.sort(key=lambda edit: edit.path not in read)
        for single, ran in self._tries((edit,) for edit in first):
            if ran is None or ran.does != base:
                self._pairs.live.add(single[0].path)
        self._base = frozenset(self._pairs.live)
        for grown in self._ungrown:
            self._grow(*grown)
        for edits_of_rank in later:
            self._random.shuffle(edits_of_rank)
        first_to_go = set(self._pairs.live)  # more will matter as the search goes on: the order is fixed here
        for alive in (True, False):
            for edits_of_rank in later:
                singles = [(each,) for each in edits_of_rank if (each.path in first_to_go) is alive]
                for tried, ran in self._tries(self._pairs.between(singles)):
                    if len(tried) == 1 and ran is not None and ran.does != base:
                        self._pairs.live.add(tried[0].path)
        self._pairs.live.update(() if self._pairs.live else self._plans)

    def _combine(self) -> None:
        """Pairs and triples: what the code speaks of on new lines, and others in turn."""
        for everywhere in (False, True) if self._plans else ():
            if everywhere:  # what did not matter alone may matter beside another
                self._pairs.live.update(self._plans)
            for _ in self._tries(self._pairs.between(self._pairs.drawn(self._drawn_parents()))):
                pass
            for _ in self._tries(self._pairs.named()):
                pass

    def _drawn_parents(self) -> Iterator[Parent]:
        while True:
            yield self._parent()

    def _parent(self) -> Parent:
        return self._pairs.parent()

    # One mutation -----------------------------------------------------------------------------------------------

    def _tries(self, wanted: Iterable[Edits]) -> Iterator[tuple[Edits, Ran | None]]:
        """Run mutations, a batch at a time, and keep what comes of each, in order; None: it was left out."""
        each = iter(wanted)
        while batch := list(islice(each, self._allowance.room())):
            wise = [self._is_wise(edits) for edits in batch]
            chosen = [edits for edits, is_wise in zip(batch, wise, strict=True) if is_wise]
            answers = iter(self._runner.run(chosen, until=self._allowance.until))
            fresh: list[tuple[Edits, Ran]] = []
            for edits, is_wise in zip(batch, wise, strict=True):
                ran = next(answers, None) if is_wise else None
                if ran is not None:
                    self._allowance.spend()
                    if self._keep(edits, ran):
                        fresh.append((edits, ran))
                yield edits, ran
            self._settle(fresh)
        self._allowance.room()

    def _is_wise(self, edits: Edits) -> bool:
        """Whether there is something to be seen that is worth the time."""
        if self._hung and any(self._hung.get(edit.path, 0) >= HANGS for edit in edits):
            return False
        full = [(edit, self._full[edit.path]) for edit in edits if edit.path in self._full] if self._full else []
        return not any(len(known) >= FULL or any(edit is each for each in known) for edit, known in full)

    def _keep(self, edits: Edits, ran: Ran) -> bool:
        """Count a run, and what it found; whether it reached new lines."""
        reached = ran.reached
        self._lines.add(reached)
        self.progress.lines = self._lines.count
        fresh = bool(reached & ~self._grown)
        self._grown |= reached
        self.progress.diverged += ran.diverged and ran.failure is None
        if fresh and self._corpus is not None:
            self._reached.append(Entry(edits, reached))
        self._like.note(edits, ran, self._lines)
        if ran.failure is not None:
            if ran.failure.kind == "hang":
                self._hung[edits[-1].path] = self._hung.get(edits[-1].path, 0) + 1
            elif ran.failure.kind == "memory" and len(edits) == 1:
                self._full.setdefault(edits[0].path, []).append(edits[0])
            self._found(edits, ran.failure)
        return fresh

    def _settle(self, fresh: list[tuple[Edits, Ran]]) -> None:
        """Mutations that reached new lines: whether they end twice in the same way, and what matters since."""
        sure = [(edits, ran) for edits, ran in fresh if ran.failure is None and not ran.diverged]
        if self._is_steady:
            for edits, _ in sure:
                self._allowance.spend(2)
                pair = self._runner.run([edits, edits], together=True)
                if len({each.effect for each in pair}) == 2 and all(each.failure is None for each in pair):
                    self._found(edits, _unsteady(*pair))
        for edits, ran in fresh:
            self._grow(edits, ran)

    def _grow(self, edits: Edits, ran: Ran) -> None:
        """Keep a mutation that reached new lines, and find which places matter since."""
        if ran.diverged or len(edits) >= DEEPEST:
            return
        if self._base is None:  # it is not known yet what matters anyway
            self._ungrown.append((edits, ran))
            return
        parent = Parent(edits, ran.returned, [])
        self._pairs.add(parent, self._beyond(ran.reached & ~self._grown_from))
        self._grown_from |= ran.reached
        candidates = [path for path in self._plans if path not in self._base]
        if candidates:
            self._matters(edits, ran, candidates, parent.live)
            self._pairs.live.update(parent.live)

    def _beyond(self, reached: int) -> list[Line]:
        """Lines that the recording as it is does not reach."""
        return self._marked(reached & ~self._base_lines)

    def _marked(self, reached: int) -> list[Line]:
        marks = reached.to_bytes(len(self._lines.lines), "little")
        return [line for line, mark in zip(self._lines.lines, marks, strict=True) if mark]

    def _matters(self, edits: Edits, ran: Ran, candidates: list[str], found: list[str]) -> None:
        """Which of the places change what the mutation does: all at once, then by halves."""
        left, groups = TRIES, [candidates]
        while groups and left > 0:
            groups = groups[:left]
            left -= len(groups)
            batch = [(*edits, *(self._probe(path) for path in paths)) for paths in groups]
            halves: list[list[str]] = []
            answers = self._runner.run(batch, until=self._allowance.until)
            # their lines do not count: nobody could say which of the edits reached them
            for paths, together, now in zip(groups, batch, answers, strict=False):
                self._allowance.spend()
                if now.failure is not None:
                    self._found(together, now.failure)
                if now.does == ran.does:
                    continue
                if len(paths) == 1:
                    found.append(paths[0])
                    continue
                middle = len(paths) // 2
                halves += [paths[:middle], paths[middle:]]
            groups = halves

    def _probe(self, path: str) -> Edit:
        """The edit that tells best whether a place is read: the likeliest, but null instead of another number, which
        may lie on the same side of a threshold."""
        plan = self._plans[path]
        if type(plan[0].argument) is not float:
            return plan[0]
        return next((each for each in plan if each.operator == "set" and each.argument is None), plan[0])

    def _found(self, edits: Edits, failure: Failure, *, is_small: bool = False) -> None:
        self.progress.known += self._own is not None and is_same(failure, self._own)
        if not self._counts(failure) or any(is_same(failure, known) for known in self._known):
            return
        self._known.append(failure)
        at, seconds = self.progress.executions, self._allowance.elapsed

        def fails(tried: Edits) -> bool:
            if any(self._slow.get(edit.path, 0) >= HANGS and edit not in edits for edit in tried):
                return False
            self.progress.executions += 1  # shrinking is not cut short: what was found is worth it
            found = self._failure(tried, failure)
            if found is not None and found.kind == "hang":
                self._slow.update((edit.path, self._slow.get(edit.path, 0) + 1) for edit in tried if edit not in edits)
            return found is not None and is_same(found, failure)

        small, interrupted = edits, False
        try:
            if not is_small:
                small = self._reduction.shrunk(edits, failure, fails)
        except KeyboardInterrupt:
            interrupted = True  # what was found is kept as it is
        ran, recording = self._runner.recorded(small)
        if ran.failure is not None:
            failure = ran.failure  # its message is of the smallest mutation
        elif failure.kind == "hang":
            return  # the machine was slow
        self.progress.finds.append(Find(failure=failure, edits=small, executions=at, seconds=seconds,
                                        stretched=ran.stretched, recording=recording))  # fmt: skip
        if interrupted:
            raise KeyboardInterrupt
        self._allowance.tell()

    def _failure(self, edits: Edits, wanted: Failure) -> Failure | None:
        """How a mutation fails, looked at as the wanted failure was found."""
        if wanted.kind != "nondeterminism":
            return self._runner.run([edits])[0].failure
        one, two = self._runner.run([edits, edits], together=True)
        return _unsteady(one, two) if one.effect != two.effect else None

    def _spoken(self, edits: Edits) -> Iterator[Edit]:
        """What the code speaks of where these edits lead."""
        self.progress.executions += 1
        lines = self._beyond(self._runner.run([edits])[0].reached)
        return (edit for _, edit in self._pairs.spoken(edits, lines))


def _unsteady(one: Ran, two: Ran) -> Failure:
    if one.ended != two.ended:
        message = f"ended in two ways: {one.ended}; then {two.ended}"
    else:
        message = f"ended in two ways: {one.ended}; then the same so far, not further on, or it asked something else"
    return Failure("nondeterminism", "nondeterminism", message, ())
