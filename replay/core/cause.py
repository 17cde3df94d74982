"""What `replay why` notes in a recording: the values that it failed by, and what cured it.

It is stored in the recording's `context`, under `cause`, as known noise is. A bundle is untrusted: what does not have
the form below counts as not there.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from replay.core.edits import Edit, parse, read_edit, write
from replay.core.notes import with_note, without_notes
from replay.core.recording import Recording

MOST = 64
"""Values of one cause, and edits that cure it."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The cause of one failure, as an experiment found it."""

    values: tuple[tuple[str, str], ...]
    """Of each value its path, and what was asked for it (empty: nothing was)."""
    cure: tuple[list[Any], ...] = ()
    """Edits, as `Edit.tree` writes them, with which it passes the failing line; none: no edits can say it."""

    @property
    def key(self) -> str:
        """Equal for incidents with the same cause: `body.plan of http GET https://crm/customers/*`."""
        return ", ".join(sorted(_named(path, target) for path, target in self.values))

    def edits(self) -> list[Edit]:
        """The cure. Raises ValueError for what are no edits."""
        return [read_edit(each) for each in self.cure]


def asked(target: str) -> str:
    """What an interaction asked, without what is another each time: ports, and parts of a path that hold a number (but
    of a version)."""
    plain = re.sub(r"(://[^/:]+):\d+", r"\1", target.partition("?")[0])
    head, scheme, path = plain.partition("://")
    host, slash, path = path.partition("/") if scheme else ("", "", "")
    numbered = re.sub(r"(?<![^/])(?!v\d{1,2}(?:/|$))[^/]*\d[^/]*", "*", path)
    return f"{head}{scheme}{host}{slash}{numbered}"


def within(path: str, target: str) -> str:
    """A value's place in the answer that has it, or in the recording, without the numbers of interactions and items."""
    root, steps = parse(path.replace("[*]", "[0]"))
    return re.sub(r"\[\d+\]", "[*]", write("" if target else root, steps)).lstrip(".")


def _named(path: str, target: str) -> str:
    """A value by its place, and by what was asked for it."""
    place = within(path, target)
    return f"{place} of {asked(target)}" if place and target else place or asked(target)


def known_cause(recording: Recording) -> Cause | None:
    """What is noted; None if nothing is, or nothing of the right form."""
    if '"cause"' not in recording.context.text:
        return None
    try:
        found = msgspec.convert(recording.facts["cause"], Cause)
        for path, _ in found.values:
            parse(path.replace("[*]", "[0]"))
        found.edits()
    except (KeyError, TypeError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return found if 0 < len(found.values) <= MOST and len(found.cure) <= MOST else None


def with_cause(recording: Recording, found: Cause | None) -> Recording:
    """The recording with exactly this note; its id stays. Raises ValueError if there is one to make and its context is
    no mapping."""
    return with_note(recording, "cause", None if found is None else msgspec.to_builtins(found))


STOPPED = "stopped"
"""Argument of its edits where `replay minimize` was stopped before its end."""


def is_minimal(recording: Recording) -> bool:
    """Whether `replay minimize` made it."""
    edits = None if recording.edits is None else recording.edits.tree
    return type(edits) is list and bool(edits) and all(
        type(each) is list and len(each) == 3 and each[1] == "minimize" for each in edits
    )  # fmt: skip


def minimal_of(recording: Recording) -> str | None:
    """What `replay minimize` has left in the recording, for people; None if it did not make it."""
    if not is_minimal(recording):
        return None
    if recording.edits is not None and any(each[2] == STOPPED for each in recording.edits.tree):
        return "it was stopped before its end, so values that the failure does not need may be left"
    return "what the failure does not need is left out, or replaced by neutral values"


def origins(recording: Recording) -> set[str]:
    """Digests by which what was made of it names it: as production recorded it, and with what was noted since."""
    bare = without_notes(recording)
    if bare is recording:
        return {recording.digest}
    return {recording.digest, with_cause(recording, None).digest, bare.digest}
