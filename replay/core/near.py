"""What came at about the same time, so that a recording does not say which of it was first."""

from __future__ import annotations

from typing import Literal

import msgspec

Place = tuple[str, int, str]
"""File, line and function."""
What = Literal["answer", "step", "limits", "woken", "spared", "given up", "computed"]
"""`answer`: a recorded answer came about when a time limit or a sleep was over; `step`: a thread began or ended then;
`limits`: two of those were over. `woken`: a thread was woken about when another one began or ended. `spared`: a limit
was not met that may have been over. `given up`: nobody waited any more for an answer that came about then. `computed`:
how long that took decides."""


class Near(msgspec.Struct, frozen=True):
    """One such moment of a replay."""

    at: int
    """Nanoseconds since the epoch."""
    what: What
    stacks: tuple[tuple[Place, ...], ...] = ()
    """Where those stood who waited, each innermost first."""
