"""`replay fuzz --ci`: what changed first, known finds apart, and a corpus from one run to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from replay.core.recording import Recording
from replay.engine.mutation import Edits
from replay.engine.progress import Progress
from replay.surfaces import corpus
from replay.surfaces.changes import Named, Picked, pick
from replay.surfaces.fuzz import Kept, Options, Report, fuzz, kinds_of, prepared
from replay.surfaces.fuzz_report import heading
from replay.surfaces.known import UNREPEATED, KnownFind, read, write
from replay.surfaces.printable import escape

SECONDS = 300.0
"""The budget where none is given."""
CHANGED_SHARE = 0.8
"""Of the budget, for recordings that execute what changed, where there are others too."""
KNOWN = Path("captures/known-finds.json")
CORPUS = Path(".replay-corpus")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `--ci` is told."""

    base: str | None = None
    """Revision that changed lines are counted from; None: what a build server or the history says."""
    changed_only: bool = False
    """Recordings that execute nothing that changed are left out."""
    known: Path = KNOWN
    accept: bool = False
    """Write what is found into `known`."""
    corpus: Path = CORPUS


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run: what was searched, what was found, what is kept."""

    settings: Settings
    picked: Picked
    report: Report
    left_out: tuple[Named, ...]
    gone: tuple[KnownFind, ...]
    """Known finds whose edits were tried and found nothing."""
    untried: int
    """Known finds whose edits were not tried: their recording was not searched, or one run does not show them."""
    loaded: int
    """Mutations that the corpus had."""
    kept: int
    """That it has now."""

    @property
    def new(self) -> list[Kept]:
        """Finds that nobody knew."""
        return [kept for kept in self.report.finds if not kept.known]

    @property
    def known(self) -> list[Kept]:
        """The others."""
        return [kept for kept in self.report.finds if kept.known]


class _Memory:
    """Known finds and the corpus. A `Memory`."""

    def __init__(self, settings: Settings, recordings: Sequence[Named]) -> None:
        self.known = read(settings.known)
        self._fingerprints = {each.fingerprint for each in self.known}
        self._folder = settings.corpus
        self._corpora = {recording.digest: corpus.read(settings.corpus, recording) for _, recording in recordings}
        self.loaded = sum(map(len, self._corpora.values()))
        self.tried: set[str] = set()
        """Fingerprints of known finds."""

    @property
    def size(self) -> int:
        """Mutations of the corpus, now."""
        return sum(map(len, self._corpora.values()))

    def first(self, recording: Recording) -> Sequence[Edits]:
        return [each.mutation() for each in self._of(recording)]

    def corpus(self, recording: Recording) -> Sequence[Edits] | None:
        return self._corpora[recording.digest]

    def keep(self, recording: Recording, progress: Progress) -> None:
        self.tried |= {each.fingerprint for each in self._of(recording)[: progress.again]}
        if progress.corpus is not None:
            corpus.write(self._folder, recording, progress.corpus)
            self._corpora[recording.digest] = progress.corpus

    def knows(self, fingerprint: str) -> bool:
        return fingerprint in self._fingerprints

    def _of(self, recording: Recording) -> list[KnownFind]:
        return [each for each in self.known
                if each.recording == recording.digest and each.kind not in UNREPEATED]  # fmt: skip


def run(
    recordings: Sequence[Named],
    options: Options,
    settings: Settings,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_kept: Callable[[Kept], None] = lambda kept: None,
) -> Run:
    """Search recordings that execute what changed since the base, then the others.

    Raises UsageError for a budget that cannot be meant, a base that is not there, or a damaged file of known finds or
    of the corpus: before anything is run.
    """
    started = perf_counter()
    if options.seconds is None and options.executions is None:
        options = msgspec.structs.replace(options, seconds=SECONDS)
    memory = _Memory(settings, recordings)
    with prepared(options) as config:
        picked = pick(recordings, config, options, settings.base)
        kinds = kinds_of(config, options)
    is_short = settings.changed_only and picked.base.commit is not None
    others = () if is_short else picked.others
    if options.seconds is not None:
        left = max(0.1, options.seconds - (perf_counter() - started))
        options = msgspec.structs.replace(options, seconds=left)
    report = fuzz([*picked.first, *others], options, on_progress, on_kept,
                  weights=weights(len(picked.first), len(others)), memory=memory)  # fmt: skip
    report.seconds = perf_counter() - started
    found = {kept.fingerprint for kept in report.finds}
    counted = {name.partition(":")[0] for name in kinds}
    gone = tuple(each for each in memory.known
                 if each.fingerprint in memory.tried - found and each.kind in counted)  # fmt: skip
    if settings.accept:
        left_over = [each for each in memory.known if each not in gone]
        write(settings.known, [*map(_entry, report.finds), *left_over])
    return Run(
        settings=settings,
        picked=picked,
        report=report,
        left_out=picked.others if is_short else (),
        gone=gone,
        untried=sum(each.fingerprint not in memory.tried | found for each in memory.known),
        loaded=memory.loaded,
        kept=memory.size,
    )


def weights(first: int, others: int) -> list[float]:
    """The share of each recording: of those that execute what changed, then of the others."""
    if not first or not others:
        return [1.0] * (first + others)
    return [CHANGED_SHARE / first] * first + [(1 - CHANGED_SHARE) / others] * others


def _entry(kept: Kept) -> KnownFind:
    failure, frames = kept.find.failure, kept.find.failure.frames
    return KnownFind(
        fingerprint=kept.fingerprint,
        kind=failure.kind,
        what=escape(heading(failure))[:300],
        where=escape(f"{frames[-1].function} in {frames[-1].file}" if frames else kept.parent.entrypoint),
        edit="; ".join(map(str, kept.find.edits)),
        edits=[edit.tree() for edit in kept.find.edits],
        recording=kept.parent.digest,
    )
