"""The neighbours that fail as the recording does: other values at places that decide whether it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from replay.core.edits import Edit, parse
from replay.engine.failures import Failure, is_same
from replay.engine.lines import Lines
from replay.engine.mutation import Edits
from replay.engine.runs import Ran
from replay.engine.trials import spot

MOST = 20
"""Places that are told."""


class Like:
    """What single edits did to the recording's own failure."""

    def __init__(self, *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self.failure: Failure | None = None
        """The recording's own."""
        self._failing: dict[str, set[str]] = {}
        """Keys of the edits that left the failure as it is, by place."""
        self._marks: frozenset[int] | None = None
        """Of the failing statement."""
        self._deciding: set[str] = set()
        """Places where some edit made it go."""

    def note(self, edits: Edits, ran: Ran, lines: Lines) -> None:
        """A run of these edits."""
        if not self.is_wanted or self.failure is None or len(edits) != 1 or ran.diverged:
            return
        (edit,) = edits
        if ran.failure is not None and is_same(ran.failure, self.failure):
            self._failing.setdefault(edit.path, set()).add(edit.key)
        elif self._got_there(ran, lines):
            self._deciding.add(edit.path)

    def _got_there(self, ran: Ran, lines: Lines) -> bool:
        """It ran the failing statement: what kept it from that decides nothing."""
        assert self.failure is not None
        if not self.failure.frames:
            return ran.failure is None and ran.returned
        if self._marks is None:
            self._marks = spot(lines, self.failure.frames[-1])[0]
        return any(ran.reached >> (8 * mark) & 1 for mark in self._marks)

    def edits(self, plans: Mapping[str, Sequence[Edit]]) -> list[Edit]:
        """The simplest edit of each such place, in the order of the plans. `plans`: what was tried, by place. Of places
        that lie within each other, the innermost."""
        if not self.is_wanted:
            return []
        places = [path for path in plans if path in self._deciding and path in self._failing]
        inner = [path for path in places if not any(_is_below(other, path) for other in places)]
        found = []
        for path in inner[:MOST]:
            found.append(next(edit for edit in plans[path] if edit.key in self._failing[path]))
        return found


def _is_below(path: str, other: str) -> bool:
    (root, steps), (above, its) = parse(path), parse(other)
    return root == above and len(steps) > len(its) and steps[: len(its)] == its
