"""When an answer came, of those that one turn of an event loop brought: nanoseconds apart.

A loop finds many sockets ready at once and lets one task after the other go on. Each has its answer before the first of
them can act on it, however long the turn takes. Times as the tasks read them would say otherwise, and a replay that
goes by them would wake one and let it act before the next.
"""

from __future__ import annotations

import sys
from threading import get_ident
from time import perf_counter_ns

_LONGEST = 50_000_000
"""Nanoseconds. What takes longer blocks its loop: the times are then what they are."""


class _Turn:
    __slots__ = ("count", "first", "loop")

    def __init__(self, loop: int, first: int) -> None:
        self.loop = loop
        self.first = first
        self.count = 0

    def over(self) -> None:
        if _turns.get(get_ident()) is self:
            del _turns[get_ident()]


_turns: dict[int, _Turn] = {}
"""Thread -> the turn of its loop in which an answer has come."""


def arrived_ns(asked_ns: int, *, is_alone: bool = False) -> int:
    """The time, `time.perf_counter_ns`, at which what was asked at `asked_ns` has come. `is_alone`: no other answer is
    waited for that the same turn could bring. Then none begins: it would cost the loop a round that it else rests."""
    now = perf_counter_ns()
    events = sys.modules.get("asyncio.events")  # not imported for this: it is a large part of our import
    loop = None if events is None else events._get_running_loop()
    if loop is None:
        return now
    turn = _turns.get(get_ident())
    if turn is None or turn.loop != id(loop) or asked_ns > turn.first or now - turn.first > _LONGEST:
        if is_alone:
            return now
        turn = _turns[get_ident()] = _Turn(id(loop), now)
        loop.call_soon(turn.over)
        return now
    turn.count += 1
    return turn.first + turn.count
