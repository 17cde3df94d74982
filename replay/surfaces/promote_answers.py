"""Answers for what a fix asks where production had failed already: given as values, or taken from other recordings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from replay.core.codec import Value, encode
from replay.core.recording import Interaction, Recording
from replay.core.world import Request
from replay.engine.waiting import alike
from replay.errors import UsageError

EMPTY = encode({"args": [], "kwargs": {}})


def further(recording: Recording, texts: Iterable[str], others: Iterable[Recording]) -> tuple[Interaction, ...]:
    """What `TARGET=JSON` says, and of the rest what `others` were answered. Raises UsageError."""
    found = [given(text) for text in texts]
    taken = {(each.boundary, each.target) for each in found}
    found += [each for each in borrowed(recording, others) if (each.boundary, each.target) not in taken]
    return tuple(found)


def given(text: str) -> Interaction:
    """The answer that `TARGET=JSON` says, of a `@replay.boundary` function. Raises UsageError."""
    target, separator, value = text.partition("=")
    module, colon, name = target.strip().partition(":")
    if not separator or not (module and colon and name):
        raise UsageError(f"--answer {text}: give TARGET=JSON, e.g. shop.store:save=null")
    try:
        answer = encode(json.loads(value))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--answer {text}: what follows `=` is not JSON ({error})") from error
    return _interaction("call", target.strip(), EMPTY, answer)


def borrowed(recording: Recording, others: Iterable[Recording]) -> list[Interaction]:
    """One answer for each kind of request that `others` of the same entry point were answered and `recording` was not.

    Of the recording that was answered most before the others, so that the answers fit together. A request is of one
    kind with another if it has the same target, or a URL of which one part is another.
    """
    found: list[Interaction] = []
    mates = [each for each in others if each.entrypoint == recording.entrypoint and each.digest != recording.digest]
    for mate in sorted(mates, key=lambda each: (each.status == "error", -len(each.interactions), each.id)):
        for each in mate.interactions:
            if each.state == "returned" and not _known(each, [*recording.interactions, *found]):
                found.append(_interaction(each.boundary, each.target, each.request, each.answer))
    return found


class _Whole:
    """A recorded request, as one that is asked."""

    size = 0

    def __init__(self, stored: Value) -> None:
        self._stored = stored

    def settle(self) -> Value:
        return self._stored


def _known(interaction: Interaction, answered: Sequence[Interaction]) -> bool:
    request = Request(interaction.boundary, interaction.target, _Whole(interaction.request))
    return any(each.state == "returned" and alike(each, request) for each in answered)


def _interaction(boundary: str, target: str, request: Any, answer: Any) -> Interaction:
    return Interaction(seq=0, lane="", boundary=boundary, target=target, request=request, answer=answer,
                       state="returned", offset_ns=0, duration_ns=0)  # fmt: skip
