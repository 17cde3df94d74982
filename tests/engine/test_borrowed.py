"""Answers that other recordings lend: from whom, in which order, and what is given before them."""

from __future__ import annotations

import msgspec

from replay.core.codec import encode
from replay.core.edits import Edit
from replay.core.recording import Interaction, Recording
from replay.engine.borrowed import as_answer, borrowed, completed
from replay.engine.mutation import write_edits
from tests.core.test_parts import recording


def asking(id: str, *targets: str, edits: tuple[Edit, ...] | None = None) -> Recording:
    """A recording that was answered for these targets with its own id."""
    found = tuple(
        Interaction(seq=seq, lane="0", boundary="call", target=target, request=encode({}), answer=encode(id),
                    state="returned", offset_ns=0, duration_ns=0)
        for seq, target in enumerate(targets)
    )  # fmt: skip
    made = None if edits is None else write_edits(edits)
    return msgspec.structs.replace(recording(*found), id=id, edits=made)


def lenders(found: list[Interaction]) -> dict[str, str]:
    """By target, whose answer it is."""
    return {each.target: each.answer.decode() for each in found}


def test_the_answers_of_one_recording_come_first() -> None:
    """Of that which was answered most, so that they fit together; what the incident was answered is not borrowed."""
    incident = asking("incident", "m:one")
    found = borrowed(incident, [asking("small", "m:two"), asking("large", "m:one", "m:two", "m:three")])
    assert lenders(found) == {"m:two": "large", "m:three": "large"}


def test_what_was_never_seen_is_borrowed_last_or_not_at_all() -> None:
    """A find's answers where there are no others, a minimal recording's never: they are neutral values."""
    minimal = asking("minimal", "m:two", "m:three", "m:four", edits=(Edit("input", "minimize", None),))
    find = asking("find", "m:two", "m:three", edits=(Edit("input", "set", 1),))
    found = borrowed(asking("incident"), [minimal, find, asking("seen", "m:two")])
    assert lenders(found) == {"m:two": "seen", "m:three": "find"}


def test_what_is_given_stands_before_what_is_borrowed() -> None:
    """Of the same boundary and target."""
    given = as_answer("call", "m:two", encode({}), encode("given"))
    found = completed(asking("incident"), [given], [asking("seen", "m:two", "m:three")])
    assert lenders(list(found)) == {"m:two": "given", "m:three": "seen"}
