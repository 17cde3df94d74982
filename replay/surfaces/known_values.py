"""What the cause that is stored with an incident says: its values, as a reader sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from replay.core.cause import Cause, asked, known_cause, within
from replay.core.edits import parse
from replay.core.parts import Parts, value_at
from replay.core.recording import Recording
from replay.engine.apart import MISSING
from replay.surfaces.why_report import shown


class Known(msgspec.Struct, frozen=True):
    """One value of the cause."""

    path: str
    value: str
    """As JSON text."""
    of: str
    """What was asked for it; empty: nothing was."""
    cure: str | None
    """A value that cures it, as JSON text; None: none is known."""

    def __str__(self) -> str:
        return f"{self.path} = {self.value}" + (f", of {self.of}" if self.of else "")


def known_values(recording: Recording) -> tuple[Known, ...]:
    """The values that `replay why` found this recording to fail by; none, if it was not asked."""
    cause = known_cause(recording)
    if cause is None:
        return ()
    parts = Parts(recording)
    return tuple(Known(path, shown(value_at(parts, path, MISSING)), target.partition(" ")[2], _cure(cause, path))
                 for path, target in cause.values)  # fmt: skip


def told(cause: Cause, recording: Recording, whole: Recording | None = None) -> Iterator[str]:
    """The cause, a line each value: as `recording` has it, which may be what is left of `whole`, and then of another
    value there its kind and size; of what was asked no more than the name of a group says."""
    parts, before = Parts(recording), None if whole is None else Parts(whole)
    for path, target in cause.values:
        interaction = parts.interaction(parse(path.replace("[*]", "[0]"))[0])
        own = "" if interaction is None else f"{interaction.boundary} {interaction.target}"
        same = asked(own).replace("*", "") == asked(target).replace("*", "")  # a smaller one asks with less
        found = value_at(parts, path, MISSING) if same else None
        value = f" = {shown(found)}" if same else ""
        if same and before is not None and shown(value_at(before, path, MISSING)) != shown(found):
            value += f" (in production {_kind(value_at(before, path, MISSING))})"
        yield ", of ".join(filter(None, [(within(path, target) or "the answer") + value, target and asked(target)]))


def _kind(value: Any) -> str:
    """A value without what may be private in it."""
    if type(value) is str:
        return f"a text of {len(value):,} characters"
    if value is None or type(value) is bool or value is MISSING:
        return shown(value)
    if type(value) in (int, float):
        return "another number"
    return f"{len(value):,} items" if isinstance(value, list | tuple | dict) else "another value"


def _cure(cause: Cause, path: str) -> str | None:
    for edit in cause.edits():
        if edit.operator == "set" and edit.path == path:
            return shown(edit.argument)
        if edit.operator == "drop" and edit.path == path:
            return shown(MISSING)
        added = edit.argument if edit.operator == "add" else None  # a bundle may hold anything
        if type(added) is list and len(added) == 2 and path == f"{edit.path}.{added[0]}":
            return shown(added[1])
    return None
