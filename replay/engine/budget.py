"""What one recording may hold: beyond it the largest parts are cut, and each is named in the recording's gaps."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from replay.core.codec import Gap, Value
from replay.core.world import Settles, Ticket
from replay.core.written import json_text

SMALL = 1024
"""Bytes of a part that is never cut: its mark would take as much."""


class Cut(msgspec.Struct, frozen=True, gc=False):
    """Stands for a part that was given up."""

    was: int
    """Its size in bytes."""
    reason: str

    @property
    def size(self) -> int:
        return 128

    def settle(self) -> Value:
        body = {"type": "?", "reason": self.reason, "size": self.was}
        text = json_text({"$truncated": body})
        return Value(text, (Gap("$", self.reason, f"{self.was} bytes"),))


def size_of(tickets: Sequence[Ticket]) -> int:
    """About how many bytes these hold."""
    size = 512 * len(tickets)
    for ticket in tickets:
        answer = ticket.answer
        size += ticket.request.payload.size + (0 if answer is None else answer.size)
    return size


def cut_tickets(tickets: Sequence[Ticket], excess: int, reason: str = "budget-bytes") -> int:
    """Cut answers, then requests, the largest first, until `excess` bytes are freed. Returns what could not be."""
    answers = [(ticket.answer.size, number) for number, ticket in enumerate(tickets) if ticket.answer is not None]
    for size, number in sorted(answers, reverse=True):
        if excess <= 0 or size <= SMALL:
            break
        tickets[number].answer = Cut(size, reason)
        excess -= size
    if excess <= 0:
        return 0
    requests = [(ticket.request.payload.size, number) for number, ticket in enumerate(tickets)]
    for size, number in sorted(requests, reverse=True):
        if excess <= 0 or size <= SMALL:
            break
        request = tickets[number].request
        # A new one: the boundary may still hold the old.
        tickets[number].request = msgspec.structs.replace(request, payload=Cut(size, reason))
        excess -= size
    return max(0, excess)


def cut_part(part: Settles, excess: int) -> tuple[Settles, int]:
    """A part that may be cut, and the excess that is left."""
    size = part.size
    if excess <= 0 or size <= SMALL:
        return part, excess
    return Cut(size, "budget-bytes"), excess - size
