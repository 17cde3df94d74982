"""What a recording took along of what its process had asked before and may keep (see `replay.engine.remembering`).

It stands in the `context`, under `earlier`, redacted with the rest. A replay begins with an empty process, and asks.
Code that asks for it once, on the way on which production did, is answered. Code that asks on another way, or once
more, is answered too. Either is run again: what the process keeps by then it does not ask; what it asks again, it may
have begun to ask, or keeps no longer. Of what may live in an event loop, an object or a start-up, which each run has
anew, that is only told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.notes import with_note
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference, Divergence, Verdict
from replay.core.written import json_text
from replay.engine.remembering import BOUNDARIES, TAKEN, Earlier, Where
from replay.errors import CodecError

NAME = "earlier"
"""In the context; and the lane of these answers, in which no code runs."""
LEFT_OUT = "earlier left out"
"""In the context: the names of those that had no room."""
REMEMBERED = "the process had asked this before the recording: answered as it was then"
"""The note of a verdict's difference whose path is such a request."""
_AGAIN = (
    f"{REMEMBERED}; a second run in the same process asks it again: what keeps it is an event loop's, an object's or a "
    "start-up's, or the code keeps it no longer"
)
_NAMED = 3
"""Requests in a reason."""
_ASKS_AGAIN = (
    "state: production's process had asked {} before this recording, and did not ask it here. The code asks it in each "
    "of two runs of one process: it does not keep the answer, or has begun to ask. Put @replay.boundary on what keeps "
    "it, if that is no module's."
)


class Remembered(msgspec.Struct, frozen=True):
    """One of those that a recording took along."""

    interaction: Interaction
    where: Where

    @property
    def name(self) -> str:
        """What was asked, in words."""
        return f"{self.interaction.boundary} {self.interaction.target}"


def with_earlier(recording: Recording, found: Iterable[Earlier]) -> Recording:
    """The recording with these behind its own interactions, to be redacted with them. What a process has in memory
    takes no time."""
    further = tuple(
        Interaction(
            seq=number,
            lane=NAME,
            boundary=each.boundary,
            target=each.target,
            request=each.request,
            answer=_at_once(each.answer) if each.boundary == "http" and not each.is_left_out else each.answer,
            state="unfinished" if each.is_left_out else "returned",
            offset_ns=0,
            duration_ns=0,
        )
        for number, each in enumerate(found, len(recording.interactions))
    )
    return msgspec.structs.replace(recording, interactions=(*recording.interactions, *further))


def _at_once(answer: Value) -> Value:
    tree = answer.tree
    pieces = [[0, piece] for _, piece in tree["pieces"]]
    return Value(json_text({**tree, "offset_ns": 0, "pieces": pieces}))


def put_apart(recording: Recording, found: Sequence[Earlier]) -> Recording:
    """The recording with its own interactions alone; these, the last of them, in its context."""
    own = len(recording.interactions) - len(found)
    pairs = [*zip(recording.interactions[own:], found, strict=True)]
    whole = [Remembered(interaction, each.where) for interaction, each in pairs if not each.is_left_out]
    names = [Remembered(interaction, ()).name for interaction, each in pairs if each.is_left_out]
    alone = msgspec.structs.replace(recording, interactions=recording.interactions[:own])
    noted = with_note(alone, NAME, [msgspec.to_builtins(each) for each in whole]) if whole else alone
    return with_note(noted, LEFT_OUT, names) if names else noted


def earlier(recording: Recording) -> tuple[Remembered, ...]:
    """What it took along, numbered on from its own interactions; nothing if that is not of the right form: a bundle is
    untrusted."""
    if f'"{NAME}"' not in recording.context.text:
        return ()
    facts: Any = recording.facts
    try:
        found = msgspec.convert(facts[NAME], tuple[Remembered, ...])[:TAKEN]
        for each in found:
            _read(each.interaction)
    except (KeyError, TypeError, ValueError, CodecError):  # msgspec's errors are ValueErrors
        return ()
    return tuple(
        msgspec.structs.replace(each, interaction=_numbered(each.interaction, number))
        for number, each in enumerate(found, len(recording.interactions))
    )


def left_out(recording: Recording) -> frozenset[str]:
    """The names of what had no room; of a bundle that is untrusted."""
    found = recording.facts.get(LEFT_OUT) if f'"{LEFT_OUT}"' in recording.context.text and recording.facts else None
    return frozenset(each for each in found if type(each) is str) if type(found) is list else frozenset()


def _read(stored: Interaction) -> None:
    """Raises ValueError or CodecError for what no recorder takes along."""
    if stored.boundary not in BOUNDARIES or stored.state != "returned" or not stored.request.tree:
        raise ValueError("no request with its answer")
    stored.answer.decode()


def _numbered(stored: Interaction, number: int) -> Interaction:
    return msgspec.structs.replace(stored, seq=number, lane=NAME, offset_ns=0, duration_ns=0)


def is_all_from_before(verdict: Verdict) -> bool:
    """Whether nothing parts it from its recording but that it asked, on another way or once more, what the process had
    asked before: the code may keep it, or have begun to ask."""
    return bool(verdict.divergences) and all(map(is_from_before, verdict.divergences))


def kept_by_now(first: Verdict, second: Verdict) -> Verdict | None:
    """The verdict of a second run in the same process, with what the first one asked; None if that parts from the
    recording, too, or ends in another way."""
    asked = {each.path: each for each in first.difference if each.note == REMEMBERED}
    asked |= {each.path: each for each in map(_remembered, first.divergences)}
    ends_alike = second.outcome is not None and second.outcome == first.outcome
    is_like = second.status == "reproduced" or (second.status == "changed" and ends_alike)
    if not is_like:
        return None
    told = (each for each in asked.values() if each not in second.difference)
    return msgspec.structs.replace(
        second, difference=(*second.difference, *told), seconds=first.seconds + second.seconds
    )


def may_be_dropped(verdict: Verdict) -> bool:
    """Whether a second run in the same process would tell that the code keeps nothing of what it asked here."""
    return verdict.green and any(each.note == REMEMBERED for each in verdict.difference)


def is_kept_by_process(recording: Recording) -> bool:
    """Whether what it keeps is kept by the process, if by anything: what one thread, in no object or event loop of its
    own, is told. The start-up of an ASGI application is made again for each run, and an object is as it was
    recorded."""
    is_function = recording.kind == "function" and "." not in recording.entrypoint.partition(":")[2]
    return (recording.kind == "wsgi" or is_function) and len({each.lane for each in recording.interactions}) < 2


def dropped(first: Verdict, second: Verdict, *, counts: bool) -> Verdict:
    """The verdict of the first of two runs in one process. What both asked the code does not keep; production's process
    did, or the code did not ask for it there. `counts`: else it is told."""
    asked = {each for each in second.difference if each.note == REMEMBERED} & {*first.difference}
    if second.status != "reproduced" or not asked:
        return first
    note = None if counts else _AGAIN
    difference = tuple(msgspec.structs.replace(each, note=note) if each in asked else each for each in first.difference)
    told = msgspec.structs.replace(first, difference=difference, seconds=first.seconds + second.seconds)
    if not counts:
        return told
    names = ", ".join(sorted(each.path for each in asked)[:_NAMED])
    return msgspec.structs.replace(told, status="changed", reason=_ASKS_AGAIN.format(names))


def remembered(boundary: str, target: str) -> Difference:
    """Says in a verdict that this was asked, and answered as it was before the recording."""
    return Difference(f"{boundary} {target}", "added", actual="asked", note=REMEMBERED)


def was_recalled(difference: Difference) -> bool:
    """It is such a request, in a verdict."""
    return difference.note is not None and difference.note.startswith(REMEMBERED)


def _remembered(divergence: Divergence) -> Difference:
    return remembered(divergence.boundary, divergence.target)


def is_from_before(divergence: Divergence) -> bool:
    """It was answered from before the recording."""
    return divergence.nearest is not None and divergence.nearest.lane == NAME
