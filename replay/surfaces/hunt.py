"""`replay hunt`: from the signature of a failure and benign recordings to a bundle that reproduces it.

Each recording is first run as it is, to see how near to the signature it comes. Then what the signature suggests is
tried on all of them, the nearest first; what is left of the budget is searched with, most of it on the nearest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

import msgspec

from replay.core.recording import Recording
from replay.core.signature import Signature
from replay.engine.constants import constants_of
from replay.engine.contract import contract_of
from replay.engine.goal import Goal, Near
from replay.engine.hunter import Depth, Hunt
from replay.engine.leads import Leads
from replay.engine.mutation import mutate
from replay.engine.progress import Progress
from replay.engine.targets import Targets
from replay.engine.values import Profile
from replay.errors import ReplayError, Unanswerable
from replay.surfaces.config import Config, load
from replay.surfaces.contracts import documents
from replay.surfaces.fuzz import Kept, check, cores, keep, stage_of, targets_of
from replay.surfaces.fuzz import Options as FuzzOptions
from replay.surfaces.init import install, replaying

SECONDS = 60.0
"""The budget where none is given."""
LOOKED_AT = 300
"""Recordings that are run as they are."""
AROUND = 12
"""Recordings that are searched around."""
LEAST_SECONDS = 5.0
"""Of the budget for each of them."""
ALIKE = 2
"""Of recordings of one entry point that run the same lines, so many are searched around."""
LEAST = 0.05
"""Seconds of one search."""
LOOKING = 0.2
"""Part of the budget for running recordings as they are."""
DEPTHS: tuple[tuple[Depth, float], ...] = (("leads", 0.6), ("all", 1.0))
"""Part of what is left of the budget: for what the signature suggests, then for everything else."""
FARTHER = 0.25
"""What a recording gets of the budget, beside one that comes nearer."""
Named = tuple[str, Recording]


class Options(FuzzOptions, frozen=True, kw_only=True):
    """How to search; executions are those of all recordings together."""


class Report(msgspec.Struct):
    """What came of it."""

    seed: int
    signature: Signature
    finds: list[Kept] = []
    """One, or none."""
    is_said: bool = True
    """Whether its message is the signature's."""
    executions: int = 0
    seconds: float = 0.0
    lines: int = 0
    workers: int = 0
    diverged: int = 0
    stopped: str = ""
    nearest: str = ""
    """How near it came, in words."""
    nearest_recording: str = ""
    unlike: str | None = None
    """Of failures of the right type and place that were not the one: how they differed."""
    cut: str | None = None
    """The boundary whose answer the error must have been."""
    tried: list[str] = []
    """Names of the recordings that were searched around, nearest first."""
    skipped: list[tuple[str, str]] = []


class _Candidate(msgspec.Struct):
    """A recording to search around."""

    name: str
    recording: Recording
    near: Near = Near()
    named: int = 0
    """Names of the failing line that it holds."""
    lines: int = 0


def hunt(
    recordings: Sequence[Named],
    signature: Signature,
    options: Options,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Search for the failure around each recording. Raises UsageError for a budget that cannot be meant, and
    SignatureError where the signature names nothing in the project."""
    check(options)
    config = load(options.root)
    if str(config.root) not in sys.path:
        sys.path.insert(0, str(config.root))
    install()
    with replaying():
        return _Hunting(recordings, signature, options, config, on_progress).report()


class _Hunting:
    """One hunt over all recordings."""

    def __init__(self, recordings: Sequence[Named], signature: Signature, options: Options, config: Config,
                 on_progress: Callable[[Progress], None]) -> None:  # fmt: skip
        self._options, self._config, self._on_progress = options, config, on_progress
        self._recordings = recordings
        self._started = perf_counter()
        seconds = options.seconds
        self._seconds = SECONDS if seconds is None and options.executions is None else seconds
        self._best = Near()
        self._report = Report(seed=options.seed, signature=signature)

    def report(self) -> Report:
        report = self._report
        candidates = self._loaded()
        if candidates:
            targets = {
                i.target for _, each in self._recordings for i in each.interactions if i.boundary in ("call", "model")
            }
            entrypoints = {each.recording.entrypoint for each in candidates}
            self._goal = Goal(report.signature, self._config.root, targets, entrypoints)
            report.cut = self._goal.cut
            report.nearest = self._goal.told(self._best)
            self._rounds(_entering_first(candidates, self._goal))
        report.seconds = perf_counter() - self._started
        return report

    def _loaded(self) -> list[_Candidate]:
        """Recordings whose code can be had."""
        targets: Targets = targets_of(self._config, self._options)
        found = []
        reasons: dict[str, str | None] = {}
        for path, recording in self._recordings:
            name, entry = f"{path}::{recording.id}", recording.entrypoint
            if entry not in reasons:
                try:
                    targets.load(entry)
                    reasons[entry] = None
                except ReplayError as error:
                    reasons[entry] = str(error)
            reason = reasons[entry]
            if reason is None:
                found.append(_Candidate(name, recording))
            else:
                self._report.skipped.append((name, reason))
        return found

    def _rounds(self, candidates: list[_Candidate]) -> None:
        looked = []
        ends = self._left() * (1 - LOOKING)
        for each in candidates[:LOOKED_AT]:
            if self._run(each, "look", self._part(LOOKING), 2):
                looked.append(each)
            if self._is_over() or (self._left() < ends and looked):
                break
        most = AROUND if self._seconds is None else min(AROUND, max(2, int(self._seconds / LEAST_SECONDS)))
        chosen = _distinct(looked, most)
        self._report.tried = [each.name for each in chosen]
        for depth, part in DEPTHS:
            chosen.sort(key=lambda each: (each.near, each.named), reverse=True)
            ends = self._left() * (1 - part)
            for number, each in enumerate(chosen):
                if not self._is_over():
                    weights = [1.0 if other.near == each.near else FARTHER for other in chosen[number:]]
                    self._run(each, depth, *self._share((self._left() - ends) / sum(weights)))

    def _run(self, candidate: _Candidate, depth: Depth, seconds: float | None, executions: int | None) -> bool:
        """Search around one recording; whether it can be run."""
        options, report = self._options, self._report
        recording = candidate.recording
        try:
            stage = stage_of(self._config, recording, options)
            profile = Profile()
            if depth != "look":
                profile.learn(each for _, each in self._recordings if each.entrypoint == recording.entrypoint)
                profile.contract = contract_of(recording, stage.target, documents(self._config.contracts))
            workers = cores() if options.workers is None else options.workers
            if depth == "look":  # what it loads, the workers to come have; only what has failed may do worse
                workers = 0 if recording.status == "ok" else min(workers, 1)
            search = Hunt(
                stage, self._goal, depth=depth, seed=options.seed, executions=executions, seconds=seconds,
                profile=profile, constants=self._constants, on_progress=self._tell,
                workers=workers, memory=options.memory << 20,
            )  # fmt: skip
            progress = search.explore()
        except Unanswerable as error:
            report.skipped.append((candidate.name, str(error)))
            return False
        candidate.near, candidate.lines = max(candidate.near, search.best), progress.lines
        self._add(candidate, search, progress)
        for find in progress.finds:
            at = report.executions - progress.executions + find.executions
            since = perf_counter() - self._started - progress.seconds + find.seconds
            total = msgspec.structs.replace(find, executions=at, seconds=since)
            kept = keep(total, candidate.name, recording, self._config, options)
            contract = profile.contract
            label = None if contract is None else contract.label(recording, mutate(recording, find.edits), find.edits)
            report.is_said = self._goal.is_said(find.failure)
            report.finds.append(msgspec.structs.replace(kept, contract=label))
        return True

    def _add(self, candidate: _Candidate, search: Hunt, progress: Progress) -> None:
        report = self._report
        report.executions += progress.executions
        report.diverged += progress.diverged
        report.lines = max(report.lines, progress.lines)
        report.workers = max(report.workers, progress.workers)
        report.stopped = progress.stopped
        report.unlike = report.unlike or search.unlike
        if search.best > self._best or not report.nearest_recording:
            self._best = max(self._best, search.best)
            report.nearest, report.nearest_recording = self._goal.told(self._best), candidate.name

    def _constants(self, files: Iterable[str]) -> tuple[Any, ...]:
        return constants_of({*files, *self._goal.files})

    def _tell(self, progress: Progress) -> None:
        """All recordings together."""
        before = self._report
        self._on_progress(
            Progress(
                executions=before.executions + progress.executions,
                seconds=perf_counter() - self._started,
                lines=max(before.lines, progress.lines),
                nearest=progress.nearest or before.nearest,
            )
        )

    # The budget -------------------------------------------------------------------------------------------------

    def _spent(self) -> float:
        """The part of the budget that is used up, 0 to 1."""
        time = 0.0 if self._seconds is None else (perf_counter() - self._started) / self._seconds
        most = self._options.executions
        return max(time, 0.0 if most is None else self._report.executions / most)

    def _left(self) -> float:
        return max(0.0, 1.0 - self._spent())

    def _part(self, part: float) -> float | None:
        return None if self._seconds is None else max(LEAST, self._seconds * part)

    def _share(self, part: float) -> tuple[float | None, int | None]:
        """Seconds and executions of a part of the budget."""
        most = self._options.executions
        return self._part(part), None if most is None else max(1, int(most * part))

    def _is_over(self) -> bool:
        return bool(self._report.finds) or self._report.stopped == "interrupted" or self._left() <= 0


def _entering_first(candidates: list[_Candidate], goal: Goal) -> list[_Candidate]:
    """Recordings whose entry point is a frame of the signature, then those of the same files, then others; first those
    that hold the names of the failing line."""
    leads = Leads(goal)
    for each in candidates[:LOOKED_AT]:
        each.named = leads.held(each.recording)

    def far(candidate: _Candidate) -> int:
        module, _, name = candidate.recording.entrypoint.partition(":")
        path = f"/{module.replace('.', '/')}"
        of_file = [spot for spot in goal.spots if spot.file.endswith((f"{path}.py", f"{path}/__init__.py"))]
        if any(spot.function == name.rpartition(".")[2] for spot in of_file):
            return 0
        return 1 if of_file else 2

    return sorted(candidates, key=lambda each: (far(each), each.recording.status != "ok", -each.named))


def _distinct(candidates: list[_Candidate], most: int) -> list[_Candidate]:
    """The nearest first, not more than so many; of those that do the same only a few."""
    count: dict[Any, int] = {}
    found = []
    for each in sorted(candidates, key=lambda each: (each.near, each.named), reverse=True):
        key = each.recording.entrypoint, each.near, each.named, each.lines
        count[key] = count.get(key, 0) + 1
        if count[key] <= ALIKE:
            found.append(each)
    return found[:most]
