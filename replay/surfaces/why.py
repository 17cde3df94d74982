"""`replay why`: the recordings beside an incident, the search for its cause, and the proof in fresh processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from replay.boundaries import ALL
from replay.boundaries.clock import move_to, pauses, wait
from replay.boundaries.environ import apply
from replay.core.cause import MOST, Cause, is_minimal, with_cause
from replay.core.edits import parse
from replay.core.parts import Parts
from replay.core.recording import Recording
from replay.engine.causes import Named, why
from replay.engine.finding import Finding
from replay.engine.invariants import invariants_of
from replay.engine.invariants import load as load_modules
from replay.engine.stage import Stage
from replay.engine.targets import Targets
from replay.entrypoints import RUNNERS
from replay.errors import BundleError
from replay.surfaces import fresh
from replay.surfaces.config import code_words, load
from replay.surfaces.init import install, replaying
from replay.surfaces.job import Options as Replaying
from replay.surfaces.noted import store
from replay.surfaces.select import choose

RUNS = 600
"""The budget where none is given."""
BESIDE = 300
"""Recordings beside an incident that are looked at."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to search."""

    runs: int = RUNS
    limit: float = 5.0
    """Seconds that one run may take."""
    root: str | None = None
    allow: tuple[str, ...] = ()
    targets: Mapping[str, str] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out of one incident."""

    path: Path
    incident: Recording
    finding: Finding
    beside: int
    """Recordings of the same entry point that were at hand."""
    failing_again: bool | None = None
    """Whether the incident fails in the same way in a fresh process. None: there was no such run."""
    passing_again: bool | None = None
    """Whether the run without the cause ends in a fresh process as it did here."""
    code: str = ""
    """Options of the command line that name the code, if there were such."""


def beside(path: Path, incident: Recording, names: Iterable[str] = ()) -> list[Named]:
    """Recordings of the incident's entry point: of these names, else those in its folder, of a web application those of
    the same route. Bundles of the folder that cannot be read are left out, minimal recordings too: what they hold was
    never seen. Raises BundleError if names are given and none of theirs is of that entry point."""
    given = list(names)
    folder = path if path.is_dir() else path.parent
    found: list[Named] = []
    for chosen in choose(given or [str(folder)], None if given else lambda path, error: None):
        for recording in chosen.recordings():
            same = recording.id == incident.id or recording.digest == incident.digest
            if not given and (is_minimal(recording) or not _same_route(recording, incident)):
                continue
            if recording.entrypoint == incident.entrypoint and recording.kind == incident.kind and not same:
                found.append((f"{chosen.path}::{recording.id}", recording))
            if len(found) >= BESIDE:
                return found
    if given and not found:
        raise BundleError(f"{', '.join(given)}: no other recording of {incident.entrypoint} there", slug="no-recording")
    return found


def _same_route(one: Recording, other: Recording) -> bool:
    """Of a request to another route everything is another, and no value of it could have been this one's."""
    unknown = one.http_route is None or other.http_route is None
    return unknown or (one.http_route, one.http_request_method) == (other.http_route, other.http_request_method)


def explain(path: Path, incident: Recording, others: list[Named], options: Options,
            on_run: Callable[[int, int], None] = lambda runs, most: None) -> Answer:  # fmt: skip
    """Search in this process, whose environment becomes the incident's; prove the answer in fresh ones.

    Raises Unanswerable if its code cannot be run here.
    """
    with at_work(incident, options) as stage:
        finding = why(incident, others, stage, runs=options.runs, on_run=on_run)
    failing = passing = None
    if finding.isolated and fresh.AVAILABLE and not finding.interrupted:
        try:
            failing, passing = _proven(incident, finding.passing, options)
        except KeyboardInterrupt:  # what was found is kept
            finding.interrupted = True
        if failing is False:
            finding.isolated = False
            finding.reason = "in a fresh process it does not reproduce: see `replay run`"
    return Answer(path=path, incident=incident, finding=finding, beside=len(others), failing_again=failing,
                  passing_again=passing, code=code_words(options.root, options.allow, options.targets))  # fmt: skip


def _proven(incident: Recording, passing: Recording | None, options: Options) -> tuple[bool, bool | None]:
    """Whether the incident fails in a fresh process as it does here, and the run without the cause ends so, if any."""
    replaying = Replaying(root=options.root, allow=options.allow, targets=dict(options.targets))
    again = fresh.replay_fresh(incident, replaying)
    failing = again.green or (incident.outcome.state == "returned" and again.status == "reproduced")
    return failing, None if passing is None else fresh.replay_fresh(passing, replaying).green


def remember(answer: Answer) -> None:
    """Store the cause with the incident, in its bundle: `list --group` and `minimize` go by it.

    Raises BundleError; then it is as it was.
    """
    finding = answer.finding
    if not finding.isolated or finding.interrupted:
        return
    parts = Parts(answer.incident)
    values = tuple((value.path, _target(parts, value.path)) for value in finding.values)
    cure = tuple(edit.tree() for edit in finding.cure) if len(finding.cure) <= MOST else ()
    found = Cause(values=values, cure=cure)
    store(answer.path, answer.incident.id, lambda recording: with_cause(recording, found), "the cause that was found")


def _target(parts: Parts, path: str) -> str:
    interaction = parts.interaction(parse(path.replace("[*]", "[0]"))[0])
    return "" if interaction is None else f"{interaction.boundary} {interaction.target}"


class at_work:
    """While it is open, the code of a recording can be run here; gives what makes a stage of a recording."""

    def __init__(self, recording: Recording, options: Options) -> None:
        self._recording, self._options = recording, options

    def __enter__(self) -> Callable[[Recording], Stage]:
        config = load(self._options.root)
        if str(config.root) not in sys.path:
            sys.path.insert(0, str(config.root))
        install()
        load_modules(config.imports)
        self._replaying = replaying()
        self._replaying.__enter__()
        apply(self._recording)
        options = self._options
        targets = Targets(config.root, (*config.allow, *options.allow), {**config.targets, **options.targets})

        def stage(recording: Recording) -> Stage:
            made = Stage(recording, boundaries=ALL, runners=RUNNERS, targets=targets, move=move_to, wait=wait,
                         pauses=pauses, folders=config.writable, limit=options.limit)  # fmt: skip
            if self._recording.outcome.state == "returned":  # then it fails by a property, if it does
                made.properties = invariants_of(recording.entrypoint, targets)
            return made

        return stage

    def __exit__(self, *error: object) -> None:
        self._replaying.__exit__(None, None, None)
