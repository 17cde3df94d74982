"""Answers for what a recording was not asked: those that other recordings of the same entry point got."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from replay.core.cause import is_minimal
from replay.core.codec import Value
from replay.core.recording import Interaction, Recording
from replay.engine.waiting import alike, request_of


def completed(
    recording: Recording, answers: Iterable[Interaction], others: Iterable[Recording]
) -> tuple[Interaction, ...]:
    """`answers`, and for each further kind of request what `others` were answered."""
    found = list(answers)
    taken = {(each.boundary, each.target) for each in found}
    found += [each for each in borrowed(recording, others) if (each.boundary, each.target) not in taken]
    return tuple(found)


def borrowed(recording: Recording, others: Iterable[Recording]) -> list[Interaction]:
    """One answer for each kind of request that `others` of the same entry point were answered and `recording` was not.

    Of the recording that was answered most before the others, so that the answers fit together; of what was made of a
    recording by edits last, of a minimal one never: its values are neutral. A request is of one kind with another if it
    has the same target, or a URL of which one part is another.
    """
    found: list[Interaction] = []
    mates = [each for each in others if each.entrypoint == recording.entrypoint and each.digest != recording.digest]
    for mate in sorted(mates, key=_last):
        for each in mate.interactions if not is_minimal(mate) else ():
            if each.state == "returned" and not is_answered(each, [*recording.interactions, *found]):
                found.append(as_answer(each.boundary, each.target, each.request, each.answer))
    return found


def _last(mate: Recording) -> tuple[Any, ...]:
    return mate.edits is not None, mate.status == "error", -len(mate.interactions), mate.id


def is_answered(interaction: Interaction, answered: Sequence[Interaction]) -> bool:
    """Whether one of these answers would do for that request."""
    return any(each.state == "returned" and alike(each, request_of(interaction)) for each in answered)


def as_answer(boundary: str, target: str, request: Value, answer: Value) -> Interaction:
    """An answer that production did not give here: neither when nor where it was asked is known."""
    return Interaction(seq=0, lane="", boundary=boundary, target=target, request=request, answer=answer,
                       state="returned", offset_ns=0, duration_ns=0)  # fmt: skip
