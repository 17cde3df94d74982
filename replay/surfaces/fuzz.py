"""`replay fuzz`: explore what lies next to a recording, keep each failure as a bundle that replays."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import msgspec

from replay.boundaries import ALL
from replay.boundaries.clock import linger, move_to, pauses, wait
from replay.boundaries.environ import apply
from replay.boundaries.model import predict
from replay.core.damage import with_damage
from replay.core.edits import Edit, parse
from replay.core.opened import Unfit
from replay.core.parts import Parts
from replay.core.recording import Recording
from replay.engine.against import Against
from replay.engine.constants import constants_of
from replay.engine.contract import Contract, Label, contract_of
from replay.engine.explorer import Explorer
from replay.engine.failures import Failure, is_same
from replay.engine.finished import Property
from replay.engine.invariants import invariants_of
from replay.engine.invariants import load as load_modules
from replay.engine.judges import Judges
from replay.engine.kinds import chosen, counts
from replay.engine.mutation import Edits, mutate
from replay.engine.operators.site import applied
from replay.engine.progress import Find, Progress
from replay.engine.remains import noted
from replay.engine.runs import Runner
from replay.engine.session import Session
from replay.engine.stage import Stage
from replay.engine.targets import Targets
from replay.engine.values import RECORDINGS, Profile
from replay.entrypoints import RUNNERS
from replay.errors import BundleError, Unanswerable, UsageError
from replay.store.bundle import SUFFIX, open_bundle, write_bundle
from replay.store.durable import check_folder
from replay.surfaces.config import Config, code_words, load
from replay.surfaces.contracts import documents
from replay.surfaces.git import repository
from replay.surfaces.init import install, replaying
from replay.surfaces.known import fingerprint
from replay.surfaces.other import Checkout, Setup, Version, checkout
from replay.surfaces.packages import located
from replay.surfaces.remembered import Remembered

SECONDS = 20.0
"""The budget where none is given."""
MOST_WORKERS = 64
MOST_BESIDE = 200
"""Bundles of a folder that are looked at."""
LEAST_MEMORY = 16


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to search."""

    seconds: float | None = None
    """Of all recordings together."""
    executions: int | None = None
    """Of each recording."""
    seed: int = 0
    out: Path = Path("finds")
    """Folder that finds are written to."""
    allowed: tuple[str, ...] = ()
    """Types of errors that the code declares."""
    limit: float = 5.0
    """Seconds that one execution may take."""
    workers: int | None = None
    """Processes to run in; 0: this one; None: one a core."""
    memory: int = 1024
    """Megabytes that one execution may take in a worker."""
    kinds: tuple[str, ...] = ()
    """Kinds that count (see `replay.engine.kinds`), `+` and `-` beside those of the configuration; none: those."""
    same_failure: bool = False
    """What fails as a recording itself does is found too."""
    against: str | None = None
    """A revision: what ends in another way there is found too."""
    packages: tuple[str, ...] = ()
    """Installed packages whose lines and constants count as the project's."""
    root: str | None = None
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}
    writable: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    """What must hold of each run that returned."""
    remembers: str | None = None
    """Whose finds are kept in the project, and tried first the next time; None: nobody's."""


class Kept(msgspec.Struct, frozen=True):
    """A find, where it was written, and whether a strict replay of it ends in the same way."""

    find: Find
    parent: Recording
    parent_name: str
    """`PATH::ID` of the recording that was mutated."""
    bundle: Path | None
    reproduced: bool
    contract: Label | None = None
    """Whether the edits keep what is declared of input and answers; None: nothing is."""
    fingerprint: str = ""
    """Equal for the same failure in every version of the code (see `replay.surfaces.known`)."""
    known: bool = False
    """The project knows of it."""
    lost: BundleError | None = None
    """Why there is no bundle of it, if one was to be written."""
    code: str = ""
    """Options of the command line that name the code, if there were such."""
    shows: bool = False
    """A replay of the bundle shows by itself what is wrong, so that a test of it can demand its fix."""


class Report(msgspec.Struct):
    """What a search of one or more recordings found."""

    seed: int
    finds: list[Kept] = []
    executions: int = 0
    seconds: float = 0.0
    lines: int = 0
    workers: int = 0
    """Processes that ran the code; 0: this one."""
    known: int = 0
    """Runs that ended in the failure of the recording itself."""
    diverged: int = 0
    against: str | None = None
    """The commit whose code ran beside."""
    compared: int = 0
    """Runs that ended in both versions: of mutations, of the recording itself, again of some."""
    stopped: str = ""
    skipped: list[tuple[str, str]] = []
    """Recordings that cannot be run here, and why."""


class Memory(Protocol):
    """What is kept from one search of a recording to the next."""

    def first(self, recording: Recording) -> Sequence[Edits]:
        """What is tried before anything else, as it is."""
        ...

    def corpus(self, recording: Recording) -> Sequence[Edits] | None:
        """What is grown from; None: no corpus is made."""
        ...

    def keep(self, recording: Recording, progress: Progress) -> None:
        """A search of the recording has ended."""
        ...

    def knows(self, fingerprint: str) -> bool:
        """Whether a find is known."""
        ...


class Nothing:
    """No memory."""

    def first(self, recording: Recording) -> Sequence[Edits]:
        return ()

    def corpus(self, recording: Recording) -> Sequence[Edits] | None:
        return None

    def keep(self, recording: Recording, progress: Progress) -> None:
        """Forget it."""

    def knows(self, fingerprint: str) -> bool:
        return False


@contextmanager
def prepared(options: Options) -> Iterator[Config]:
    """While it is open, the project's code runs here as under a replay. Raises UsageError."""
    check(options)
    config = load(options.root)
    if str(config.root) not in sys.path:
        sys.path.insert(0, str(config.root))
    install()
    with replaying():
        load_modules(config.imports)
        yield config


def fuzz(
    recordings: Sequence[tuple[str, Recording]],
    options: Options,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_kept: Callable[[Kept], None] = lambda kept: None,
    *,
    weights: Sequence[float] | None = None,
    memory: Memory = Nothing(),  # noqa: B008  # it has no state
) -> Report:
    """Search around each recording, in order; the seconds are shared evenly, or by `weights`.

    `on_kept` is told of each find when it is written.

    Raises UsageError for a budget that cannot be meant. The environment of each recording is set in this process, and
    workers are forked from it.
    """
    report = Report(seed=options.seed)
    started = perf_counter()
    seen: list[Failure] = []
    seconds = options.seconds
    if seconds is None and options.executions is None:
        seconds = SECONDS
    shares = [1.0] * len(recordings) if weights is None else weights
    with prepared(options) as config, ExitStack() as stack:
        kinds = kinds_of(config, options)
        if options.properties:
            kinds |= {"invariant"}
        beside = None
        if options.against is not None:
            beside = stack.enter_context(checkout(repository(config.root), options.against))
            report.against = beside.commit
        for number, (path, recording) in enumerate(recordings):
            share = None
            if seconds is not None:
                share = (seconds - (perf_counter() - started)) * shares[number] / sum(shares[number:])
            profile = learned(path, recording, [other for _, other in recordings])
            try:
                progress = _search(config, recording, options, share, profile, on_progress, kinds, beside, report,
                                   memory)  # fmt: skip
            except Unanswerable as error:
                report.skipped.append((f"{path}::{recording.id}", str(error)))
                continue
            memory.keep(recording, progress)
            number_before = len(report.finds)
            _add(report, progress, path, recording, config, options, seen, profile.contract, memory)
            for kept in report.finds[number_before:]:
                on_kept(kept)
            if progress.stopped == "interrupted":
                break
    report.seconds = perf_counter() - started
    return report


def learned(path: str, recording: Recording, others: Iterable[Recording]) -> Profile:
    """What is known of a recording's values: from the captures of its entry point in its folder, and from others.

    Mutations are no captures: nothing is learned from them.
    """
    found = [*_beside(Path(path).parent, recording.entrypoint)]
    known = {each.digest for each in found}
    found += [each for each in (recording, *others) if each.digest not in known]
    profile = Profile()
    profile.learn(each for each in found if each.entrypoint == recording.entrypoint and each.edits is None)
    return profile


@lru_cache(maxsize=4)
def _beside(folder: Path, entrypoint: str) -> tuple[Recording, ...]:
    """Recordings of an entry point in a folder, as many as are learned from. Bundles that cannot be read are left out:
    whoever names them is told."""
    found: list[Recording] = []
    for path in islice(sorted(folder.glob(f"*{SUFFIX}")), MOST_BESIDE):
        try:
            bundle = open_bundle(path)
            found += [bundle[row["id"]] for row in bundle.rows() if row["entrypoint"] == entrypoint]
        except BundleError:
            continue
        if len(found) >= RECORDINGS:
            break
    return tuple(found[:RECORDINGS])


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check(options: Options) -> None:
    """Raises UsageError for a budget that cannot be meant, BundleError where finds cannot be written."""
    there = next(place for place in (options.out.absolute(), *options.out.absolute().parents) if os.path.exists(place))
    check_folder(there, options.out)
    if options.seconds is not None and not options.seconds > 0:
        raise UsageError("--seconds is a time above 0")
    if options.workers is not None and not 0 <= options.workers <= MOST_WORKERS:
        raise UsageError(f"--workers is a number from 0 to {MOST_WORKERS}")
    if options.memory < LEAST_MEMORY:
        raise UsageError(f"--memory is a number of megabytes from {LEAST_MEMORY}")
    if options.executions is not None and options.executions < 1:
        raise UsageError("--executions is a number from 1")


def _search(config: Config, recording: Recording, options: Options, seconds: float | None, profile: Profile,
            on_progress: Callable[[Progress], None], kinds: frozenset[str], beside: Checkout | None,
            report: Report, memory: Memory) -> Progress:  # fmt: skip
    stage = _judged(config, recording, options, kinds)
    stage.compares = beside is not None
    profile.contract = contract_of(recording, stage.target, documents(config.contracts))
    remembered = None if options.remembers is None else Remembered(config.root, recording, options.remembers)
    workers = cores() if options.workers is None else options.workers
    comparing: list[Against] = []

    def around(inner: Runner) -> Runner:
        if beside is None:
            return inner
        setup = Setup(recording=recording, root=str(beside.root(config.root)), allow=options.allow,
                      targets=dict(options.targets), writable=options.writable, limit=options.limit,
                      workers=workers, memory=options.memory << 20)  # fmt: skip
        found = Against(inner, Version(setup, beside), recording, ignore=config.ignore, tolerance=config.tolerance)
        comparing.append(found)
        return found

    explorer = Explorer(
        stage,
        seed=options.seed,
        executions=options.executions,
        seconds=seconds,
        profile=profile,
        constants=constants_of,
        on_progress=on_progress,
        workers=workers,
        memory=options.memory << 20,
        first=(*(() if remembered is None else remembered.edits()), *memory.first(recording)),
        corpus=memory.corpus(recording),
        counts=lambda failure: counts(failure, kinds),
        same_failure=options.same_failure,
        around=around,
    )
    progress = explorer.explore()
    report.compared += sum(each.compared for each in comparing)
    if remembered is not None and progress.stopped != "interrupted":
        remembered.keep(progress.finds)
    return progress


def _judged(config: Config, recording: Recording, options: Options, kinds: frozenset[str]) -> Stage:
    """Where its mutations run, and who judges them. Raises UsageError for an invariant that cannot be meant."""
    stage = stage_of(config, recording, msgspec.structs.replace(options, allowed=(*config.allowed, *options.allowed)))
    targets = targets_of(config, options)
    invariants = invariants_of(recording.entrypoint, targets)
    stage.properties = (*options.properties, *(invariants if "invariant" in kinds else ()))
    stage.predict = lambda interaction: (predict(interaction, targets.resolve) or (None,))[0]
    stage.judges = Judges(stage, kinds, predict)
    return stage


def stage_of(config: Config, recording: Recording, options: Options) -> Stage:
    """Where a recording's mutations run; its environment is set in this process. Raises Unanswerable."""
    apply(recording)
    stage = Stage(
        recording,
        boundaries=ALL,
        runners=RUNNERS,
        targets=targets_of(config, options),
        move=move_to,
        wait=wait,
        pauses=pauses,
        folders=(*config.writable, *options.writable),
        allowed=options.allowed,
        limit=options.limit,
    )
    stage.packages = packages_of(config, options)
    return stage


def kinds_of(config: Config, options: Options) -> frozenset[str]:
    """Kinds that count. Raises UsageError for a name that is none."""
    try:
        usual = chosen(config.kinds)
    except UsageError as error:
        raise UsageError(f"`kinds` in [tool.replay-harness]: {error}", slug="config") from error
    return chosen(options.kinds, usual)


def packages_of(config: Config, options: Options) -> tuple[str, ...]:
    """Where the packages lie that are searched too. Raises UsageError for one that is not there."""
    own = located(config.packages, "`packages` in [tool.replay-harness] names", "config")
    return (*own, *located(options.packages, "--package"))


def targets_of(config: Config, options: Options) -> Targets:
    """What may be imported, and what runs in place of what."""
    return Targets(config.root, (*config.allow, *options.allow), {**config.targets, **options.targets})


def _add(report: Report, progress: Progress, path: str, recording: Recording, config: Config, options: Options,
         seen: list[Failure], contract: Contract | None, memory: Memory) -> None:  # fmt: skip
    for find in progress.finds:
        if find.failure.kind != "same_failure" and any(is_same(find.failure, failure) for failure in seen):
            continue  # of another recording
        seen.append(find.failure)
        kept = keep(find, f"{path}::{recording.id}", recording, config, options)
        label = None if contract is None else contract.label(recording, mutate(recording, find.edits), find.edits)
        is_known = memory.knows(kept.fingerprint)
        report.finds.append(msgspec.structs.replace(kept, contract=label, known=is_known))
    report.executions += progress.executions
    report.lines += progress.lines
    report.workers, report.known = progress.workers, report.known + progress.known
    report.diverged += progress.diverged
    report.stopped = progress.stopped


def keep(find: Find, name: str, parent: Recording, config: Config, options: Options) -> Kept:
    """Write a find as a bundle, and replay it strictly."""
    known = fingerprint(find.failure, parent.entrypoint, config.root)
    if find.recording is None:
        return Kept(find, parent, name, None, False, fingerprint=known)
    recording = _noted(find.recording, find.failure, parent)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        path = write_bundle([recording], options.out / file_name(find), overwrite=True)
    except OSError as error:
        return Kept(find, parent, name, None, False, fingerprint=known, lost=_unwritable(options.out, error))
    except BundleError as error:  # what a search found is told all the same
        return Kept(find, parent, name, None, False, fingerprint=known, lost=error)
    session = Session(
        boundaries=ALL, runners=RUNNERS, targets=targets_of(config, options), move=move_to, wait=wait, linger=linger,
        ignore=config.ignore, tolerance=config.tolerance,
        folders=(*config.writable, *options.writable), predict=predict,
    )  # fmt: skip
    verdict = session.run(recording)
    shows = recording.status == "error" or bool(verdict.violations)
    return Kept(find, parent, name, path, verdict.status == "reproduced", fingerprint=known, shows=shows,
                code=code_words(options.root, options.allow, options.targets))  # fmt: skip


def _unwritable(out: Path, error: OSError) -> BundleError:
    return BundleError(f"{out} cannot be made: {error.strerror or error}", slug="bundle-unwritable")


def _noted(recording: Recording, failure: Failure, parent: Recording) -> Recording:
    """A find that ended well, with a note of its damage."""
    found = noted(failure, parent)
    try:
        return recording if found is None else with_damage(recording, found)
    except ValueError:  # its context is no mapping: the find is kept, and runs judge it by nothing more
        return recording


def file_name(find: Find) -> str:
    """Of a find's bundle: `KeyError-triage-1a2b3c4d.replay.db`."""
    assert find.recording is not None
    where = find.failure.frames[-1].function if find.failure.frames else find.recording.entrypoint.rpartition(":")[2]
    words = f"{find.failure.error_type.rpartition('.')[2]}-{where}"
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', words).strip('-')[:80]}-{find.recording.id[:8]}{SUFFIX}"


def before(parent: Recording, edits: Iterable[Edit]) -> list[tuple[Edit, Any]]:
    """Each edit with what lies at its place in the recording; the edit itself where nothing does."""
    parts = Parts(parent)
    found: list[tuple[Edit, Any]] = []
    for edit in edits:
        root, steps = parse(edit.path)
        part = parts.get(root)
        held: list[Any] = []

        def look(value: Any, _: Any, held: list[Any] = held) -> Any:
            held.append(value)
            return value

        try:
            if part is not None:
                applied(part.value, steps, look, None)
        except Unfit:
            pass
        found.append((edit, held[0] if held else edit))
    return found


def command(kept: Kept, verb: str = "run") -> str:
    """The one that reproduces a find; with `promote --from-fuzz` the one that makes a test of it."""
    return f"replay {verb} {shlex.quote(os.fspath(kept.bundle))}{kept.code}" if kept.bundle is not None else ""
