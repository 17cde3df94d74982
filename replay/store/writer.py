"""What the writer's thread does: settled recordings become bundles in a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from os import urandom
from pathlib import Path
from time import monotonic
from typing import Protocol

from replay.core.recording import Recording
from replay.errors import BundleError, RedactionError
from replay.store.bundle import SUFFIX, write_bundle
from replay.store.durable import remove_abandoned
from replay.store.quota import Quota

SEGMENT = 200
"""Most recordings of one segment of samples."""
BACKLOG = 8
"""Incidents that wait, from which on they share bundles."""
SEGMENT_SECONDS = 5.0
"""Longest time that a sample waits for its segment to fill."""
TIDY_SECONDS = 60.0
"""Time between two looks for what dead processes left."""


_EPOCH = datetime(1970, 1, 1)
"""Names are dated by arithmetic: the C library's gmtime and strftime take a lock that a fork may leave locked."""


class Settling(Protocol):
    """What becomes a recording when it is asked to."""

    @property
    def urgent(self) -> bool:
        """An incident: written at once, in a bundle of its own."""
        ...

    def note(self, name: str, value: object) -> None:
        """A fact to keep with the recording, before it is settled."""
        ...

    def settle(self) -> Recording:
        """The recording. Called once, on the writer's thread. What it raises drops this recording."""
        ...


class _Segment:
    """Settled recordings that wait to be written together."""

    def __init__(self) -> None:
        self.recordings: dict[str, Recording] = {}
        self.size = 0


class Writer:
    """Settles and writes. Used by one thread at a time, which holds the spool's lock for writing.

    `drop` is told why a recording was lost.
    """

    def __init__(self, folder: Path, service: str, *, most_bytes: int, quota: Quota, producer: str | None,
                 dropped: Callable[[], Mapping[str, int]],
                 seal: Callable[[bytes], bytes] | None = None) -> None:  # fmt: skip
        self.folder = folder
        self.counts: Counter[str] = Counter()
        """`written` recordings and `files`."""
        self.dropped: Counter[str] = Counter()
        self.begun = self.released = 0
        """Recordings that `take` was given; bytes that are no longer held."""
        self.trouble: str | None = None
        """The first loss, in words; `refused` says of the folder."""
        self.refused: str | None = None
        """Why nothing can be written into the folder now, in words."""
        self._service = service
        self._most_bytes = most_bytes
        self._producer = producer
        self._seal = seal
        self._quota = quota
        self._all_dropped = dropped
        self._told: Counter[str] = Counter()
        self._samples = _Segment()
        self._incidents = _Segment()
        self._due = 0.0
        self._tidied: float | None = None

    @property
    def waiting(self) -> int:
        """Recordings that are settled and not yet written."""
        return len(self._samples.recordings) + len(self._incidents.recordings)

    @property
    def evicted(self) -> int:
        """Bundles that made room for others."""
        return self._quota.evicted

    @property
    def wait(self) -> float:
        """Seconds until the segment is due; -1: nothing waits."""
        return max(0.0, self._due - monotonic()) if self._samples.recordings else -1

    def take(self, captured: Settling, size: int, behind: int) -> None:
        """Settle one; write an incident, add a sample to its segment.

        `behind`: how many incidents are queued after this one. Many share a bundle, or a disk that takes 50 ms for a
        sync would keep up with no more than ten a second.
        """
        self.begun += 1
        segment: _Segment | None = None
        try:
            segment = self._settled(captured, size)
        except Exception as error:  # a defect of ours, or no memory
            self.drop("spool-failed", error)
        finally:
            if segment is None:
                self.released += size
        if segment is None:
            return
        number = len(segment.recordings)
        at_once = captured.urgent and (behind == 0 or (behind < BACKLOG and number == 1))
        if at_once or number >= SEGMENT or segment.size > self._most_bytes:
            self._write_segment(segment)

    def _settled(self, captured: Settling, size: int) -> _Segment | None:
        """Where the recording waits now; None: it was dropped."""
        self._note_losses(captured)
        try:
            recording = captured.settle()
        except (Exception, SystemExit) as error:
            self.drop("redaction" if isinstance(error, RedactionError) else "settle-failed", error)
            return None
        segment = self._incidents if captured.urgent else self._samples
        if recording.id in segment.recordings:  # ids differ within a bundle
            self._write_segment(segment)
        if segment is self._samples and not segment.recordings:
            self._due = monotonic() + SEGMENT_SECONDS
        segment.recordings[recording.id] = recording
        segment.size += size
        return segment

    def write_samples(self) -> None:
        """Write the samples that wait, and what incidents still do."""
        self._write_segment(self._incidents)
        self._write_segment(self._samples)

    def _write_segment(self, segment: _Segment) -> None:
        if not segment.recordings:
            return
        left = len(segment.recordings) + self._ended
        recordings, segment.recordings = list(segment.recordings.values()), {}
        size, segment.size = segment.size, 0
        try:
            self._write(recordings)
        except Exception as error:  # a defect of ours, or no memory
            self.drop("spool-failed", error, left - self._ended)
        finally:
            self.released += size

    @property
    def _ended(self) -> int:
        """Recordings that were written or dropped."""
        return self.counts["written"] + sum(self.dropped.values())

    def drop(self, reason: str, error: BaseException | None = None, number: int = 1) -> None:
        """Count a loss. The error is named by its type: its text may quote what redaction has not seen."""
        self.dropped[reason] += number
        if self.trouble is None and (self.refused is None or reason != "write-failed"):
            self.trouble = reason + ("" if error is None else f" ({_words_of(error)})")

    def _note_losses(self, captured: Settling) -> None:
        """The first recording of a bundle says what was lost since the bundle before."""
        if (self._incidents if captured.urgent else self._samples).recordings:
            return
        dropped = self._all_dropped()
        lost = {reason: number - self._told[reason] for reason, number in dropped.items()
                if number > self._told[reason]}  # fmt: skip
        if lost:
            self._told.update(lost)
            with suppress(Exception):  # a recording without the note is better than none
                captured.note("replay.dropped", lost)

    def _write(self, recordings: list[Recording]) -> bool:
        """One bundle of them. Where one does not fit, the others are still written, each alone; where there is no room
        for all, halves of them, until one finds none. Whether there was room."""
        try:
            self._write_file(recordings)
            self.refused = None
            return True
        except Exception as error:
            full = isinstance(error, OSError) or getattr(error, "slug", None) in ("bundle-unwritable", "quota")
            reason = "quota" if getattr(error, "slug", None) == "quota" else "write-failed"
            if full and reason != "quota":
                said = error.strerror if isinstance(error, OSError) else None
                self.refused = said or _words_of(error)
            if len(recordings) == 1:
                self.drop(reason, error)
                return not full
            half = len(recordings) // 2 if full else 1
            rest = recordings[half:]
            if self._write(recordings[:half]):
                return self._write(rest)
            self.drop(reason, error, len(rest))
            return False

    def _write_file(self, recordings: list[Recording]) -> None:
        first = recordings[0]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tidy()
        at = _EPOCH + timedelta(seconds=first.started_at // 10**9)
        stamp = re.sub(r"[-:]", "", at.isoformat(timespec="seconds"))
        safe = re.sub(r"[^A-Za-z0-9_]+", "-", first.id).strip("-")[:32] or "recording"
        name = f"{self._service}-{stamp}-{safe}"
        try:
            self._bundle(recordings, self.folder / (name + SUFFIX))
        except BundleError as error:
            if error.slug != "bundle-exists":
                raise
            self._bundle(recordings, self.folder / f"{name}-{urandom(4).hex()}{SUFFIX}")
        self.counts["files"] += 1
        self.counts["written"] += len(recordings)

    def _bundle(self, recordings: list[Recording], path: Path) -> None:
        write_bundle(recordings, path, producer=self._producer, before=self._make_room, seal=self._seal)

    def _make_room(self, size: int) -> None:
        if not self._quota.fits(size):
            raise BundleError(f"A bundle of {size:,} bytes is more than {self.folder} may hold; raise "
                              "replay.init(max_spool_bytes=...).", slug="quota")  # fmt: skip
        self._quota.make_room(size)

    def _tidy(self) -> None:
        now = monotonic()
        if self._tidied is None or now - self._tidied > TIDY_SECONDS:
            self._tidied = now
            with suppress(OSError):
                remove_abandoned(self.folder)


def _words_of(error: BaseException) -> str:
    """Its text only if it is ours."""
    return str(error) if isinstance(error, BundleError) else type(error).__name__
