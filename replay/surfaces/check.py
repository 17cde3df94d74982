"""`replay run --check`: what varies between replays of one recording, and where that comes in.

The recording is replayed in fresh processes: twice as it is, then with one thing changed at a time. What a replay sets
itself from the recording (its clock, its time zone) is declared: what moves only with that is listed apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic, sleep
from typing import Any

import msgspec
from msgspec.structs import replace

from replay.core.compare import time_note
from replay.core.covering import identity, uuid_form
from replay.core.filling import recorded_left
from replay.core.noise import DRAWS, LEFT, OUTCOME, Matcher, Noise, request, with_noise
from replay.core.paths import EACH, Steps, path_of
from replay.core.recording import Recording
from replay.core.varying import ABSENT, Varied, at, varied
from replay.core.verdict import Divergence, Frame, Verdict
from replay.engine.player import window
from replay.errors import BundleError
from replay.surfaces.check_runs import REQUESTS, Ended, Run, differing, plain_request, plainly, run_of, seq_of, value_at
from replay.surfaces.factors import AGAIN, BASE, COARSE, Factor, factors, longer, settled
from replay.surfaces.job import Reply
from replay.surfaces.judged import is_address, is_read_there, measures, says_nothing, words_of
from replay.surfaces.sources import Origin, Partings, asked_at

MOST_ROUNDS = 40
"""Replays in search of requests that vary: each hides what comes after it."""
_AT_ONCE = min(4, os.cpu_count() or 1)
"""Replays that run at the same time."""
_RACE = 3
"""Causes from which on it is none of them."""
_TRIES = 3
_SECOND = 1.0


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that varies."""

    place: str
    path: str
    matcher: Matcher | None
    """What covers it from now on; None: nothing may, so it is not stored."""
    cause: str
    where: Frame | None = None
    source: str | None = None
    within: tuple[int, ...] | None = None
    """See `Noise.within`."""
    examples: tuple[Any, Any] = (None, None)
    """As recorded in the first replay, and another."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found out about one recording."""

    id: str
    path: str | None = None
    varies: tuple[Variation, ...] = ()
    clock: tuple[Variation, ...] = ()
    """What moves only with what a replay sets itself."""
    verdict: Verdict
    """Of a replay with what was found as known noise."""
    runs: int = 0
    seconds: float = 0.0
    cut: bool = False
    """A run was too long to be followed line by line to its end."""
    noise: tuple[Noise, ...] = ()
    """What is to be stored."""
    saved: bool = False


def check(recording: Recording, replay: Callable[..., Verdict], root: Path) -> Report:
    """Find what varies. `replay`: `fresh.replay_fresh` with its options, `root` among them: the project.

    Raises ReplayError for a configuration that is refused, and BundleError for a recording without a context. What
    cannot be run is said by the report's verdict.
    """
    with TemporaryDirectory(prefix="replay-check-") as folder:
        try:
            return _Check(recording, replay, root, folder).report()
        except ValueError as error:
            raise BundleError(f"{recording.id} cannot be checked: {error}.", slug="bundle-unfit") from error


class _Check:
    """One check, from the first replay to the last."""

    def __init__(self, recording: Recording, replay: Callable[..., Verdict], root: Path, folder: str) -> None:
        from replay.boundaries.interpreter import variables

        self._original = recording
        self._plain = settled(recording)
        self._replay = replay
        self._root = root
        self._runs = 0
        self._lock = Lock()
        self._found: dict[tuple[str, Steps], tuple[Matcher | None, Factor]] = {}
        self._moved: dict[tuple[str, Steps], Factor] = {}
        self._draws: list[Divergence] = []
        self._cut = False
        self._within: dict[tuple[str, Steps], tuple[int, ...] | None] = {}
        self._factors = factors(recording, folder, {**os.environ, **variables(recording)})
        self._recorded_outcome = Ended.of(recording.outcome)
        left = recorded_left(recording)
        self._recorded_left = ABSENT if left is None else plainly(left)
        self._boundaries = {each.seq: each.boundary for each in recording.interactions}
        self._recorded = {each.seq: plain_request(each.boundary, each.request) for each in recording.interactions}

    def report(self) -> Report:
        started = monotonic()
        base, again = self._alike()
        ended = monotonic()
        if base.verdict.status == "unanswerable" or again.verdict.status == "unanswerable":
            broken = base if base.verdict.status == "unanswerable" else again
            return self._report(started, broken.verdict, (), (), ())
        known = found = len(self._found)
        firsts = list(zip(self._factors, self._all(self._factors), strict=True))
        # A request that moves with the clock, or says how long something took, hides what comes later.
        firsts.sort(key=lambda each: (not each[0].declared, not each[0].span))
        others, seen = [], []
        for factor, first in firsts:
            others.append((factor, self._other(factor, base, first, known)))
            seen.append(len(self._found))
            if base.verdict.status == "diverged" and found < len(self._found):
                found = len(self._found)
                base, again = self._alike()  # it parted from production where something varies that is known now
                ended = monotonic()
        for number, ((factor, run), count) in enumerate(zip(others, seen, strict=True)):
            if run is not None and run.verdict.status == "diverged" and count < len(self._found):
                others[number] = factor, self._other(factor, base, self._run(factor), len(self._found))
        sleep(max(0.0, ended + _SECOND - monotonic()))  # what counts whole seconds is the same in replays on end
        late = self._run(BASE)
        runs = [(BASE, again), (BASE, late), *((factor, run) for factor, run in others if run is not None)]
        self._outcomes(base, runs)
        self._judge(base, runs)
        varies, clock = self._explained()
        noise = tuple(
            Noise(place=v.place, path=v.path, matcher=v.matcher, cause=v.cause, where=v.where, source=v.source,
                  within=v.within)
            for v in varies
            if v.matcher is not None
        )  # fmt: skip
        last = self._run(BASE, with_noise(self._plain, noise))
        return self._report(started, last.verdict, varies, clock, noise)

    def _report(
        self,
        started: float,
        verdict: Verdict,
        varies: Sequence[Variation],
        clock: Sequence[Variation],
        noise: tuple[Noise, ...],
    ) -> Report:
        return Report(
            id=self._original.id,
            varies=tuple(varies),
            clock=tuple(clock),
            verdict=verdict,
            runs=self._runs,
            seconds=monotonic() - started,
            cut=self._cut,
            noise=noise,
        )

    # Replays ----------------------------------------------------------------------------------------------------

    def _alike(self) -> tuple[Run, Run]:
        """Two replays as recorded, which differ in no request that is not known yet."""
        for _ in range(MOST_ROUNDS):
            base, again = self._all([BASE, BASE])
            if not self._learn(BASE, base, again) and not self._learn_draws(base):
                break
        return base, again

    def _other(self, factor: Factor, base: Run, run: Run, known: int) -> Run | None:
        """A replay with the factor changed, `run` or one that comes further; None: it could not be run. `known`: how
        much had been found when `run` was made, which parted where it would not now."""
        for _ in range(MOST_ROUNDS):
            if run.verdict.status == "unanswerable":
                self._found[OUTCOME, ()] = (None, factor)
                return None
            if not self._learn(factor, base, run) and (run.verdict.status != "diverged" or known == len(self._found)):
                break
            known = len(self._found)
            run = self._run(factor)
        return run

    def _all(self, factors: Sequence[Factor]) -> list[Run]:
        """A replay of each."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._run, factors))

    def _run(self, factor: Factor, recording: Recording | None = None, *, trace: bool = False) -> Run:
        with self._lock:
            self._runs += 1
        replies: list[Reply] = []
        verdict = self._replay(
            factor.change(recording or with_noise(self._plain, self._known(factor))),
            probe=replace(factor.probe, trace=trace, compare=recording is not None),
            hear=replies.append,
        )
        return run_of(verdict, replies[0] if replies else None, self._boundaries)

    def _known(self, factor: Factor) -> list[Noise]:
        """What was found so far, so that a replay goes on past it."""
        found: list[tuple[str, Steps, Matcher | None]] = [(DRAWS, (each.target,), "type") for each in self._draws]
        found += [(*key, matcher) for key, (matcher, _) in self._found.items()]
        if factor.declared:
            found += [(*key, _allowed("type", key[1], self._boundary(key[0]))) for key in self._moved]
        return [Noise(place=place, path=path_of(steps), matcher=matcher) for place, steps, matcher in found if matcher]

    def _boundary(self, place: str) -> str:
        return self._boundaries.get(seq_of(place), "")

    # What varies ------------------------------------------------------------------------------------------------

    def _learn(self, factor: Factor, base: Run, other: Run) -> bool:
        """Note requests that differ; True: some are new, so that a replay will come further now."""
        new = False
        span = window(self._plain)
        for seq in sorted(base.requests.keys() & other.requests.keys()):
            place = request(seq)
            pair = [base.requests[seq], other.requests[seq]]
            for found in varied(self._recorded.get(seq, ABSENT), pair, span):
                key = place, found.steps
                matcher = _allowed(found.matcher, found.steps, self._boundary(place))
                if factor.declared and not self._is_made(key, matcher, base):
                    if self._covers(key):
                        continue
                    new = new or key not in self._moved
                    self._moved[key] = factor
                elif factor.span and self._is_moment(key, found.matcher, base, other):
                    continue
                elif key not in self._found and not self._covers(key):
                    self._found[key] = matcher, factor
                    new = new or matcher is not None
                elif key in self._found and _weaker(matcher, self._found[key][0]):
                    self._found[key] = matcher, self._found[key][1]
                    new = new or matcher is not None
        return new

    def _is_made(self, key: tuple[str, Steps], matcher: Matcher | None, base: Run) -> bool:
        """Whether it is an identifier that the code makes of the moment, which no recording has to the nanosecond: it
        moves with the clock, and is another than production's where the clock is as recorded."""
        place, steps = key
        if matcher != "uuid":
            return False
        value = self._recorded_end(place) if place in (OUTCOME, LEFT) else self._recorded.get(seq_of(place))
        recorded = at(value, steps)
        return uuid_form(recorded) is not None and recorded != value_at(base, *key)

    def _covers(self, key: tuple[str, Steps]) -> bool:
        """Whether something that is found already lies at or above it."""
        place, steps = key
        return any(
            known == place and _leads(above, steps, matcher) for (known, above), (matcher, _) in self._found.items()
        )

    def _learn_draws(self, base: Run) -> bool:
        known = {each.target for each in self._draws}
        new = [
            each
            for each in base.verdict.divergences
            if each.kind == "exhausted" and each.boundary == "random" and each.target not in known
        ]
        self._draws += {each.target: each for each in reversed(new)}.values()
        return bool(new)

    def _outcomes(self, base: Run, runs: Sequence[tuple[Factor, Run]]) -> None:
        as_recorded = [base, *(run for factor, run in runs if not (factor.declared or factor.span))]
        for place, found in self._parted(as_recorded):
            self._found[place, found.steps] = found.matcher, self._mover((place, found.steps), base, runs)
        for factor, run in runs:
            if not (factor.declared or factor.span) and run.order != base.order:
                self._found.setdefault((REQUESTS, ()), (None, factor))
            if factor.declared and run.verdict.status != "diverged":
                for place, found in self._parted([base, run]):
                    key = place, found.steps
                    if self._covers(key):
                        continue
                    if self._is_made(key, found.matcher, base):
                        self._found[key] = found.matcher, factor
                    else:
                        self._moved.setdefault(key, factor)

        for factor, run in runs:
            if factor.span and run.verdict.status != "diverged":
                for place, found in self._parted([base, run]):
                    key = place, found.steps
                    if not self._is_moment(key, found.matcher, base, run) and not self._covers(key):
                        self._found[key] = found.matcher, factor

    def _judge(self, base: Run, runs: Sequence[tuple[Factor, Run]]) -> None:
        """Take the matcher from what is no noise but a decision, which a change may be hidden in."""
        lengths: list[tuple[Factor, Run]] = []
        for key, (matcher, factor) in list(self._found.items()):
            if factor.span:
                is_noise = matcher == "type" and self._is_measured(key, base, runs, lengths)
                self._found[key] = ("took" if is_noise else None), factor
                values = [value for _, value in (*_points(key, base, runs), *_points(key, base, lengths))]
                self._within[key] = words_of(values, "number") if is_noise else None
            elif matcher == "type":
                values = self._moved_by(key, factor, base, runs)
                if self._says_nothing(factor, values):
                    self._within[key] = words_of(values, "mark")
                else:
                    self._found[key] = None, factor

    def _is_measured(
        self,
        key: tuple[str, Steps],
        base: Run,
        runs: Sequence[tuple[Factor, Run]],
        lengths: list[tuple[Factor, Run]],
    ) -> bool:
        """Whether what lies there grows with how long everything takes. `lengths`: of replays that take far longer."""
        if measures(_points(key, base, runs)):
            return True
        if not lengths:
            lengths += ((factor, self._run(factor)) for factor in map(longer, COARSE))
        return measures(_points(key, base, lengths))

    def _moved_by(
        self, key: tuple[str, Steps], factor: Factor, base: Run, runs: Sequence[tuple[Factor, Run]]
    ) -> list[Any]:
        """What lies there in the runs that a factor moves."""
        if factor.name == AGAIN:
            steady = [base, *(run for each, run in runs if not (each.declared or each.span))]
            return [value_at(run, *key) for run in steady if _has(run, key)]
        moved = [run for each, run in runs if each.name == factor.name and _has(run, key)]
        return [value_at(run, *key) for run in (base, *moved)]

    def _says_nothing(self, factor: Factor, values: Sequence[Any]) -> bool:
        if factor.name == AGAIN:
            return says_nothing(values)
        if factor.folder is not None:
            return is_read_there([str(self._root), factor.folder], values)
        return is_address(values)

    def _is_moment(self, key: tuple[str, Steps], matcher: Matcher | None, base: Run, other: Run) -> bool:
        """Whether what moves there with how long everything takes tells when it was, and not how long it took: also
        where no replay comes to with another clock, since nothing covers what was asked before."""
        if matcher in ("time", "uuid") or time_note(value_at(base, *key), value_at(other, *key), window(self._plain)):
            return True
        place, steps = key
        return any(known == place and _leads(above, steps, None) for known, above in self._moved)

    def _parted(self, runs: Sequence[Run]) -> list[tuple[str, Varied]]:
        """Where their ends differ: the outcome, and what is left in the arguments."""
        states = {run.outcome.state for run in runs}
        if len(states) > 1:
            return [(OUTCOME, Varied((), None))]
        found = []
        for place in (OUTCOME, LEFT):
            value = self._recorded_end(place) if {self._recorded_outcome.state} == states else ABSENT
            values = [value_at(run, place, ()) for run in runs]
            found += [(place, each) for each in varied(value, values, window(self._plain))]
        return found

    def _recorded_end(self, place: str) -> Any:
        return self._recorded_outcome.value if place == OUTCOME else self._recorded_left

    def _mover(self, key: tuple[str, Steps], base: Run, runs: Sequence[tuple[Factor, Run]]) -> Factor:
        """The first thing whose change changes what lies there. None does, if it changed with nothing changed, or with
        so many things that it is a race."""
        first = base.outcome.state, identity(value_at(base, *key))
        movers = {
            factor.name: factor
            for factor, run in reversed(runs)
            if not factor.declared and (run.outcome.state, identity(value_at(run, *key))) != first
        }
        if AGAIN in movers or not 0 < len(movers) < _RACE:
            return BASE
        return next(factor for factor, _ in runs if factor.name in movers)

    # Where from -------------------------------------------------------------------------------------------------

    def _explained(self) -> tuple[list[Variation], list[Variation]]:
        """All that varies, each with the line where it came in; the declared ones apart."""
        varies = [self._drawn(each) for each in self._draws]
        if self._found or self._moved:
            base = self._run(BASE, trace=True)
            again = self._again(base)
            noise = _partings(base, again)
            for factor in dict.fromkeys(factor.name for _, factor in self._found.values()):
                varies += self._of_factor(factor, base, again, noise)
        clock = [
            Variation(place=place, path=path_of(steps), matcher=None, cause=factor.name)
            for (place, steps), factor in self._moved.items()
        ]
        return varies, clock

    def _again(self, base: Run) -> Run:
        """A traced replay that shows what varies from run to run, if one of a few does. It comes in another second:
        else what counts whole seconds, as a replay's monotonic clock does at its start, would seem to be steady."""
        keys = [key for key, (_, factor) in self._found.items() if factor is BASE]
        for _ in range(_TRIES):
            sleep(_SECOND)
            run = self._run(BASE, trace=True)
            if all(identity(value_at(base, *key)) != identity(value_at(run, *key)) for key in keys):
                break
        return run

    def _of_factor(self, name: str, base: Run, again: Run, noise: Partings | None) -> Iterator[Variation]:
        keys = [key for key, (_, factor) in self._found.items() if factor.name == name]
        best, other, partings = 0, again, noise
        if name != AGAIN:
            for factor in self._factors:
                if factor.name != name:
                    continue
                run = self._run(factor, trace=True)
                moved = sum(identity(value_at(base, *key)) != identity(value_at(run, *key)) for key in keys)
                if moved > best:
                    best, other = moved, run
                if moved == len(keys):
                    break
            partings = _partings(base, other, noise)
        self._cut = self._cut or (partings is not None and partings.cut)
        for key in keys:
            yield self._variation(key, base, other, partings, [each for each in keys if each != key])

    def _variation(
        self,
        key: tuple[str, Steps],
        base: Run,
        other: Run,
        partings: Partings | None,
        rest: Sequence[tuple[str, Steps]],
    ) -> Variation:
        place, steps = key
        matcher, factor = self._found[key]
        values = value_at(base, *key), value_at(other, *key)
        origin: Origin | None = None
        asked = None if place in (OUTCOME, LEFT) else base.asked_at.get(seq_of(place))
        if partings is not None and identity(values[0]) != identity(values[1]):
            field = next((step for step in reversed(steps) if isinstance(step, str)), None)
            claimed = [differing(each[1], value_at(base, *each), value_at(other, *each)) for each in rest]
            item = steps[-1] if steps and type(steps[-1]) is int and steps[-2:-1] in ((), (field,)) else None
            origin = partings.origin(differing(steps, *values), field, claimed, self._root, asked, item)
        if origin is None and asked is not None:
            origin = Origin(asked_at(asked, self._root), None)
        return Variation(
            place=place,
            path=path_of(steps),
            matcher=matcher,
            cause=factor.name,
            where=None if origin is None else origin.where,
            source=None if origin is None else origin.source,
            within=self._within.get(key),
            examples=values,
        )

    def _drawn(self, divergence: Divergence) -> Variation:
        where = asked_at(divergence.where[-1], self._root) if divergence.where else None
        return Variation(
            place=DRAWS,
            path=f"$.{divergence.target}",
            matcher="type",
            cause=AGAIN,
            where=where,
            source=f"reads an untaped source: random.{divergence.target}",
        )


def _partings(base: Run, other: Run, besides: Partings | None = None) -> Partings | None:
    if base.trace is None or other.trace is None:
        return None
    return Partings(base.trace, other.trace, besides)


def _has(run: Run, key: tuple[str, Steps]) -> bool:
    """Whether it came to what lies there."""
    place = key[0]
    return run.verdict.status != "unanswerable" if place in (OUTCOME, LEFT) else seq_of(place) in run.requests


def _points(key: tuple[str, Steps], base: Run, runs: Sequence[tuple[Factor, Run]]) -> list[tuple[int, Any]]:
    """What lies there, by how much longer everything took; of runs that asked the same."""
    far = [
        (factor.span, value_at(run, *key)) for factor, run in runs
        if factor.span and run.verdict.status != "diverged" and _has(run, key)
    ]  # fmt: skip
    return [(0, value_at(base, *key)), *sorted(far, key=lambda each: each[0])]


def _allowed(matcher: Matcher | None, steps: Steps, boundary: str) -> Matcher | None:
    """What the comparison of such requests takes note of."""
    if boundary != "http":
        return matcher if steps or matcher != "type" else None
    within = steps[:1] in (("query",), ("body",))
    return matcher if within and (len(steps) > 1 or matcher not in ("type", "took")) else None


def _leads(above: Steps, steps: Steps, matcher: Matcher | None) -> bool:
    """Whether noise at `above` covers what lies at `steps`."""
    if len(above) > len(steps) or (matcher == "unordered" and len(above) != len(steps)):
        return False
    return all(one is EACH or one == two for one, two in zip(above, steps, strict=False))


_RANKS: tuple[Matcher | None, ...] = ("uuid", "time", "near", "unordered", "took", "type", None)


def _weaker(one: Matcher | None, two: Matcher | None) -> bool:
    return _RANKS.index(one) > _RANKS.index(two)
