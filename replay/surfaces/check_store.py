"""Checking the recordings of a bundle, and storing what was found with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from replay.core.noise import with_noise
from replay.core.verdict import Verdict
from replay.errors import BundleError
from replay.surfaces.check import Report, check
from replay.surfaces.noted import store
from replay.surfaces.select import Chosen


def check_bundle(
    chosen: Chosen,
    replay: Callable[..., Verdict],
    root: Path,
    *,
    save: bool,
    begun: Callable[[str], object],
    unsaved: Callable[[BundleError], object],
) -> Iterator[Report]:
    """Check recordings of a bundle one by one, and store what was found with each. `begun` is told the name of each
    before, `unsaved` what could not be stored."""
    for recording in chosen.recordings():
        begun(f"{chosen.path}::{recording.id}")
        report = replace(check(recording, replay, root), path=str(chosen.path))
        if save and report.verdict.status != "unanswerable":
            try:
                noise = report.noise
                store(chosen.path, recording.id, lambda each, noise=noise: with_noise(each, noise),  # type: ignore[misc]
                      "the noise that was found")  # fmt: skip
                report = replace(report, saved=True)
            except BundleError as error:
                unsaved(error)
        yield report
