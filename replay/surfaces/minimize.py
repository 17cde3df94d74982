"""`replay minimize`: the smallest recording that fails in the same way, proved by a strict replay, as a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from replay.core.behind import error_behind, type_of
from replay.core.notes import with_note
from replay.core.recording import WEB, Interaction, Recording
from replay.core.verdict import Verdict
from replay.engine.earlier import NAME as EARLIER
from replay.engine.earlier import earlier
from replay.engine.failures import error_of, status_of
from replay.engine.minimize import Smaller, minimize, weight
from replay.engine.redaction import Redacting
from replay.engine.trials import identity
from replay.errors import UsageError
from replay.store.bundle import SUFFIX, holds_sealed, write_bundle
from replay.store.durable import check_folder
from replay.surfaces import fresh
from replay.surfaces.config import code_words, load
from replay.surfaces.job import Options as Replaying
from replay.surfaces.redaction import key_of, redactor
from replay.surfaces.run import run
from replay.surfaces.why import Options, at_work

RUNS = 3000
"""The budget where none is given."""


class Minimized(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of one incident."""

    path: Path
    incident: Recording
    smaller: Smaller
    verdict: Verdict | None
    """Of a strict replay of the smallest recording, in a fresh process where that can be."""
    bundle: Path | None
    """Where it was written; None: it was not."""
    sealed: bool = False
    """Whether the incident is; what was written is not."""
    code: str = ""
    """Options of the command line that name the code, if there were such."""
    file_before: int = 0
    file_after: int = 0
    """Bytes of the bundles; that of the incident may hold more recordings."""


def shorten(path: Path, incident: Recording, options: Options, out: Path | None = None, *, overwrite: bool = False,
            others: Sequence[Recording] = (), answers: Sequence[Interaction] = (),
            on_run: Callable[[int, int], None] = lambda runs, most: None) -> Minimized:  # fmt: skip
    """Make the incident small and write it to `out` (default: beside it, `NAME.min.replay.db`).

    `others`, `answers`: see `replay.engine.minimize`. Raises UsageError if there is a file, Unanswerable if its code
    cannot be run here.
    """
    place = out if out is not None else path.with_name(path.name.removesuffix(SUFFIX) + f".min{SUFFIX}")
    if place.exists() and not overwrite:
        raise UsageError(f"{place} is there already: name another with --out, or say --overwrite", slug="out-exists")
    check_folder(place.parent, place)
    with at_work(incident, options) as stage:
        smaller = minimize(incident, stage, runs=options.runs, others=others, answers=answers, on_run=on_run)
    found, verdict, bundle = smaller.recording, None, None
    if found is not None and incident.redacted:
        found = smaller.recording = redacted(found, path)
        smaller.after = weight(found)
    if found is not None:
        verdict = _replayed(found, options)
        if not _same(verdict, incident, options) and earlier(incident):  # found in a process that keeps what it asked
            found = smaller.recording = _with_earlier(found, incident)
            smaller.after = weight(found)
            verdict = _replayed(found, options)
        if _same(verdict, incident, options):
            bundle = write_bundle([found], place, overwrite=overwrite)
        else:
            smaller.reason = f"a strict replay of the smallest one is {_told(verdict)}"
    return Minimized(path=path, incident=incident, smaller=smaller, verdict=verdict, bundle=bundle,
                     sealed=holds_sealed(path), code=code_words(options.root, options.allow, options.targets),
                     file_before=path.stat().st_size if path.is_file() else 0,
                     file_after=bundle.stat().st_size if bundle is not None else 0)  # fmt: skip


def _with_earlier(found: Recording, incident: Recording) -> Recording:
    """With what production's process had asked before."""
    found = with_note(found, EARLIER, incident.facts[EARLIER])
    return msgspec.structs.replace(found, id=found.digest[:16])


def redacted(recording: Recording, path: Path) -> Recording:
    """What the code asked here with is no pseudonym: a credential of whoever runs this must not be in the bundle."""
    own = load(path.parent).redaction
    found = Redacting(lambda: redactor(own, key_of(None)))(recording)
    return msgspec.structs.replace(found, id=found.digest[:16])


def _replayed(recording: Recording, options: Options) -> Verdict:
    if fresh.AVAILABLE:
        how = Replaying(root=options.root, allow=options.allow, targets=dict(options.targets))
        return fresh.replay_fresh(recording, how)
    return run(recording, root=options.root, allow=options.allow, targets=options.targets)


def _told(verdict: Verdict) -> str:
    """How it ended where that is not the incident's failure."""
    if verdict.reason is not None or verdict.status != "reproduced":
        return verdict.status + (f": {verdict.reason}" if verdict.reason else "")
    return "reproduced, but does not fail as the incident did: report this with the incident"


def _same(verdict: Verdict, incident: Recording, options: Options) -> bool:
    """It reproduces, and what it reproduces is the incident's failure: its error, or a property that it breaks."""
    if verdict.status != "reproduced" or verdict.outcome is None:
        return False
    root = load(options.root).root
    one, two = error_of(incident.outcome, root), error_of(verdict.outcome, root)
    if one is None and incident.kind in WEB and incident.status == "error":
        now = type_of(error_behind(verdict.outcome))
        return (
            verdict.green and status_of(verdict.outcome) == status_of(incident.outcome) and incident.error_type == now
        )
    if one is None:
        return bool(verdict.violations)
    return verdict.green and two is not None and identity(one)[1] == identity(two)[1]
