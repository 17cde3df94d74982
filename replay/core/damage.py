"""What a find does wrong although it ends well: noted in its recording, so that every later run is judged by it.

It is stored in the recording's `context`, under `damage`. A bundle is untrusted: what does not have the form below
counts as not there.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from replay.core.notes import with_note
from replay.core.recording import Outcome, Recording

Rule = Literal["lost", "repeated", "logged", "swallowed"]


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for in a run."""

    kind: Literal["schema", "policy", "silent"]
    rule: Rule | Literal[""] = ""
    """Of `silent`."""
    target: str = ""
    """Of `lost` and `repeated`: the write."""
    result: str = ""
    """Of `lost`: digest of the result that says that all is well."""
    made: int = 0
    """Of `repeated`: how often the same write is right."""
    file: str = ""
    function: str = ""
    """Where the line was written (`logged`) or the error was caught (`swallowed`), from the root of the project."""


def damage(recording: Recording) -> Damage | None:
    """What is noted; None if nothing is, or nothing of the right form."""
    if '"damage"' not in recording.context.text:
        return None
    try:
        return msgspec.convert(recording.context.tree["damage"], Damage)
    except (KeyError, TypeError, ValueError):  # msgspec's errors are ValueErrors
        return None


def with_damage(recording: Recording, found: Damage) -> Recording:
    """The recording with this note; its id stays. Raises ValueError if its context is no mapping."""
    return with_note(recording, "damage", msgspec.to_builtins(found))


def digest_of(outcome: Outcome) -> str:
    """Equal for equal results."""
    return sha256(outcome.payload.text.encode("utf-8", "surrogatepass")).hexdigest()
