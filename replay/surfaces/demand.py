"""What a test that `replay promote` wrote demands of the code, and which bundles such a test has taken over."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from replay.core.cause import is_minimal
from replay.core.promoted import Promoted
from replay.core.recording import Recording
from replay.core.verdict import Divergence, Verdict
from replay.surfaces.source import quoted
from replay.surfaces.text import broke, headline, outcome_line, parted

HARMLESS = frozenset({"missing", "reordered"})
"""A fix may ask less, and in another order: what it was answered is still what production got."""
LARGEST = 1 << 20
"""Bytes of a test file that are looked through."""


def parting(verdict: Verdict) -> Divergence | None:
    """The first request that the recording has no answer for, or that reached for the real world."""
    return next((each for each in verdict.divergences if each.kind not in HARMLESS), None)


def objection(verdict: Verdict) -> str | None:
    """Why a run is no fixed one, in a line; None: it ended with a result, in the world that was recorded.

    A run that left recorded answers over is fine. The verdict is to be of a run with `onward`.
    """
    if verdict.status == "unanswerable" or verdict.outcome is None:
        return headline(verdict)
    parted_at = parting(verdict)
    if parted_at is not None:
        return (
            f"it {parted(parted_at)}: nothing says what the world would have answered. If that is right, promote the "
            "incident again with an answer: --answer TARGET=JSON, or --answers-from PATH (another recording)"
        )
    if verdict.outcome.state != "returned":
        still = verdict.status == "reproduced" or same_error(verdict)
        return f"it {'still ' if still else ''}fails with {outcome_line(verdict.outcome)}"
    if verdict.violations:
        return f"it breaks an invariant: {broke(verdict.violations[0])}"
    return None


def lacking(verdict: Verdict, recording: Recording) -> str:
    """What to do if mended code fails for want of what `replay minimize` left out; else nothing."""
    raised = verdict.outcome is not None and verdict.outcome.state == "raised"
    if not is_minimal(recording) or not raised or same_error(verdict):
        return ""
    if parting(verdict) is not None:
        return (
            ". The recording is minimal: give `replay minimize --overwrite` the same answers first, so that what is "
            "read behind them stays, or promote the incident with --whole"
        )
    return ". If that is for want of something: the recording is minimal; promote the whole incident with --whole"


def same_error(verdict: Verdict) -> bool:
    """Whether it raised the type of error that was recorded."""
    now = verdict.outcome
    return now is not None and now.payload.error_type is not None and (
        now.payload.error_type == verdict.recorded.payload.error_type
    )  # fmt: skip


def unclaimed(note: Promoted, bundle: Path) -> str | None:
    """Why the test that a bundle names does not stand for it; None: it is there, and names the bundle.

    What the bundle says is not believed: the test is looked for in the folders around the bundle, and must name it.
    """
    place = PurePosixPath(note.test)
    if place.is_absolute() or ".." in place.parts or "\0" in note.test:
        return f"it says that {note.test!r} demands its fix, which is no file of this project"
    seen = False
    for root in bundle.absolute().parents:
        try:
            with open(root / place, "rb") as file:
                text = file.read(LARGEST)
        except OSError:
            continue
        seen = True
        name = quoted(bundle.absolute().relative_to(root).as_posix())[1:-1]
        if any(f"incident({mark}{name}".encode() in text.replace(b"(\n    ", b"(") for mark in "'\""):
            return None
    why = "that test does not name this bundle" if seen else "there is no such file"
    return f"it says that {note.test} demands its fix, and {why}"


def is_failure(recording: Recording) -> bool:
    """Whether it ended as no unit of work should: with an error, or a status of 500 or more."""
    return recording.status == "error"
