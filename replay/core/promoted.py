"""What `replay promote` notes in a recording: that a test demands its fix, with answers for what a fix asks further.

It is stored in the recording's `context`, under `promoted`, as known noise is. A bundle is untrusted: what does not
have the form below counts as not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from replay.core.notes import with_note
from replay.core.recording import Interaction, Recording
from replay.core.sound import unsound

ONWARD = "onward"
"""The lane of the answers for a fix: no recorded lane has a name like it."""
Expect = Literal["no-exception", "result", "property"]


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """A test demands the fix of this recording."""

    test: str
    """Its file, from the root of the project, with `/`."""
    expect: Expect
    """What it demands: it ends without an exception; with this result; with a property."""
    origin: str
    """Digest of the recording before it was promoted."""
    onward: tuple[Interaction, ...] = ()
    """Answers for requests that production never came to ask, because it failed first. Only `boundary`, `target`,
    `request`, `answer` and `state` matter."""


def promoted(recording: Recording) -> Promoted | None:
    """What is noted; None if nothing is, or nothing of the right form."""
    if '"promoted"' not in recording.context.text:
        return None
    try:
        return msgspec.convert(recording.context.tree["promoted"], Promoted)
    except (KeyError, TypeError, ValueError):  # msgspec's errors are ValueErrors
        return None


def with_promotion(recording: Recording, found: Promoted | None) -> Recording:
    """The recording with exactly this note; its id stays. Raises ValueError if its context is no mapping."""
    return with_note(recording, "promoted", None if found is None else msgspec.to_builtins(found))


def with_onward(recording: Recording, onward: Iterable[Interaction]) -> Recording:
    """The recording with these answers behind its own, in a lane that no code runs in.

    Raises ValueError for numbers that no recorder writes.
    """
    first = max((each.seq for each in recording.interactions), default=-1) + 1
    further = tuple(
        msgspec.structs.replace(each, seq=first + number, lane=ONWARD, offset_ns=recording.duration_ns, duration_ns=0)
        for number, each in enumerate(onward)
    )
    found = msgspec.structs.replace(recording, interactions=(*recording.interactions, *further))
    if wrong := unsound(found):
        raise ValueError(wrong)
    return found
