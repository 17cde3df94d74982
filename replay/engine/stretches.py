"""When the code of a recording ran: before, between and after its long waits for answers.

A replay's clock stands where production's did as an answer came, and goes as far as the next is asked. So a clock that
was read in one such stretch is read in the same one again.
"""

from __future__ import annotations

from replay.core.recording import Interaction, Recording
from replay.core.verdict import Window
from replay.errors import CodecError

_LONG = 50_000_000
"""Nanoseconds from which on a wait is a long one."""
_NEAR = 5_000_000
"""Nanoseconds by which a replay may be off at the ends of a stretch."""


def stretches(recording: Recording) -> list[Window]:
    """In their order; all of the recording, if others may have run meanwhile, or an edit may have moved its answers."""
    at, end = recording.started_at, recording.started_at + recording.duration_ns
    whole = [Window(at, end)]
    if recording.parent_digest is not None or len({each.lane for each in recording.interactions}) > 1:
        return whole
    found = []
    for each in recording.interactions:
        asked = recording.started_at + each.offset_ns
        if asked < at - 2 * _NEAR:  # while another was waited for
            return whole
        waited = _waited(each)
        if waited > _LONG:
            found.append(Window(at, asked + _NEAR))
            at = asked + waited - _NEAR
    return [*found, Window(at, max(at, end))]


def _waited(interaction: Interaction) -> int:
    """Nanoseconds from the asking until the code goes on: with an answer's head, or the first piece of a stream."""
    if interaction.duration_ns <= _LONG or '"pieces"' not in interaction.answer.text:
        return interaction.duration_ns
    try:
        tree = interaction.answer.tree
    except CodecError:
        return 0
    pieces = tree.get("pieces") if isinstance(tree, dict) else None
    if not isinstance(pieces, list):
        return interaction.duration_ns
    first = pieces[0] if pieces else None
    moments = [tree.get("offset_ns"), *(first[:1] if isinstance(first, list) else ())]
    return min([interaction.duration_ns, *(each for each in moments if type(each) is int and each >= 0)])
