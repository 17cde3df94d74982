"""Whether a recording's numbers can be those of a run: what no recorder writes is not believed.

A digest proves only that a recording is whole, not that a recorder made it: anybody can compute one.
"""

from __future__ import annotations

from replay.core.recording import Recording

LONGEST = 10 * 366 * 86400 * 10**9
"""Nanoseconds that a unit of work may take: ten years. Times are added up and shown, so they must stay in range."""


def unsound(recording: Recording) -> str | None:
    """What cannot be, in words; None if all is well."""
    if not recording.id:
        return "a recording has an empty id"
    if not 0 <= recording.duration_ns <= LONGEST:
        return f"it took {recording.duration_ns} ns"
    before = -1
    for interaction in recording.interactions:
        if interaction.seq <= before:
            return f"interaction {interaction.seq} comes after {before}"
        before = interaction.seq
        if not 0 <= interaction.offset_ns <= LONGEST or not 0 <= interaction.duration_ns <= LONGEST:
            return (
                f"interaction {before} was asked after {interaction.offset_ns} ns and took {interaction.duration_ns} ns"
            )
    for log in recording.logs:
        if not -LONGEST <= log.offset_ns <= LONGEST:
            return f"a log line was written after {log.offset_ns} ns"
    return None
