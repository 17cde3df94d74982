"""Checking the recordings of a bundle, and storing what was found with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from replay.core.noise import Noise, with_noise
from replay.core.verdict import Verdict
from replay.errors import BundleError
from replay.store.bundle import open_bundle, write_bundle
from replay.surfaces.check import Report, check
from replay.surfaces.select import Chosen


def store(path: Path, id: str, noise: Sequence[Noise]) -> None:
    """Store the noise of one recording; the others stay as they are. The bundle is replaced whole.

    Raises BundleError (`bundle-unwritable`, `bundle-unfit`); then it is as it was.
    """
    bundle = open_bundle(path)
    before = list(bundle)
    try:
        after = [with_noise(each, noise) if each.id == id else each for each in before]
    except ValueError as error:
        raise BundleError(f"{path}: the noise that was found was not stored: {error}.", slug="bundle-unfit") from error
    if after == before:
        return
    mode = path.stat().st_mode
    if not mode & 0o222:
        raise BundleError(
            f"{path} is read-only, so the noise that was found was not stored. Make it writable, or give --no-save.",
            slug="bundle-unwritable",
        )
    write_bundle(after, path, overwrite=True, created_ns=bundle.created, producer=bundle.producer)
    path.chmod(mode & 0o777)


def check_bundle(
    chosen: Chosen,
    replay: Callable[..., Verdict],
    root: Path,
    *,
    save: bool,
    unsaved: Callable[[BundleError], object],
) -> Iterator[Report]:
    """Check recordings of a bundle one by one, and store what was found with each. `unsaved` is told what could not be
    stored."""
    for recording in chosen.recordings():
        report = replace(check(recording, replay, root), path=str(chosen.path))
        if save and report.verdict.status != "unanswerable":
            try:
                store(chosen.path, recording.id, report.noise)
                report = replace(report, saved=True)
            except BundleError as error:
                unsaved(error)
        yield report
