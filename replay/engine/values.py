"""What was seen at each path of the recordings at hand: values, types, missing names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from replay.core.edits import Steps
from replay.core.nested import within
from replay.core.parts import Parts
from replay.core.recording import Recording
from replay.engine.contract import Contract

MOST = 12
"""Values kept of a path."""
MOST_ABSENT = 4
"""Names that a mapping is offered."""
LONGEST = 200
"""Characters of a value that is kept."""
RECORDINGS = 200
"""Recordings looked at."""
PARTS = 20_000
"""Values looked at in one recording."""
Place = tuple[str, Steps]
_NOTHING = object()


class Seen(msgspec.Struct):
    """What one path held."""

    count: int = 0
    types: dict[str, int] = {}
    values: dict[tuple[str, Any], int] = {}
    lowest: float | None = None
    highest: float | None = None
    """Of numbers; of texts and lists their lengths."""
    longest: int = 0


class Profile:
    """Values by place. A place is a part's boundary and target, and steps with `*` for each item of a list."""

    def __init__(self) -> None:
        self.seen: dict[Place, Seen] = {}
        self._names: dict[Place, dict[str, None]] = {}
        """Of the mappings at a place, in the order in which they were seen."""
        self.recordings = 0
        self.contract: Contract | None = None
        """What is declared of the recording that is searched."""

    def learn(self, recordings: Iterable[Recording]) -> None:
        """Look at more recordings, of the same entry point."""
        for recording in recordings:
            if self.recordings >= RECORDINGS:
                return
            self.recordings += 1
            parts = Parts(recording)
            for root in parts.names():
                part = parts.get(root)
                if part is not None and root not in ("clock", "draws"):
                    self._walk(origin(parts, root), part.value)

    def _walk(self, root: str, value: Any) -> None:
        waiting: list[tuple[Steps, Any]] = [((), value)]
        left = PARTS
        while waiting and left:
            steps, each = waiting.pop()
            left -= 1
            self._note((root, steps), each)
            is_list = isinstance(each, list | tuple)
            if type(each) is dict:
                names = self._names.setdefault((root, steps), {})
                names.update((name, None) for name in each if type(name) is str and len(names) < PARTS)
            waiting += [((*steps, "*" if is_list else step), item) for step, item in within(each)]

    def _note(self, place: Place, value: Any) -> None:
        seen = self.seen.setdefault(place, Seen())
        seen.count += 1
        kind = type(value).__name__
        seen.types[kind] = seen.types.get(kind, 0) + 1
        if isinstance(value, str | list | tuple | bytes):
            seen.longest = max(seen.longest, len(value))
        if isinstance(value, str | int | float | bool) or value is None:
            if isinstance(value, int | float) and value == value:
                seen.lowest = value if seen.lowest is None else min(seen.lowest, value)
                seen.highest = value if seen.highest is None else max(seen.highest, value)
            key = (kind, value)
            if not (isinstance(value, str) and len(value) > LONGEST) and (
                key in seen.values or len(seen.values) < MOST
            ):
                seen.values[key] = seen.values.get(key, 0) + 1

    def others(self, root: str, steps: Steps, value: Any) -> tuple[Any, ...]:
        """Other values that were seen at a place, the most frequent first."""
        seen = self.seen.get((root, general(steps)))
        if seen is None:
            return ()
        ranked = sorted(seen.values.items(), key=lambda pair: -pair[1])
        here = (type(value).__name__, value) if not isinstance(value, list | dict | tuple) else None
        return tuple(found for (kind, found), _ in ranked if (kind, found) != here)

    def absent(self, root: str, steps: Steps, value: Any) -> tuple[tuple[str, Any], ...]:
        """Names that a mapping lacks and had in other recordings, each with its most frequent value."""
        if type(value) is not dict:
            return ()
        place = general(steps)
        names = [name for name in self._names.get((root, place), ()) if name not in value]
        held = [(name, self.others(root, (*place, name), _NOTHING)) for name in names]
        return tuple((name, values[0]) for name, values in held if values)[:MOST_ABSENT]

    def missing(self, root: str, steps: Steps) -> float:
        """In what part of the mappings that could have this name it was missing, 0 to 1."""
        seen = self.seen.get((root, general(steps)))
        above = self.seen.get((root, general(steps[:-1]))) if steps else None
        if above is None or type(steps[-1]) is int:
            return 0.0
        mappings = above.types.get("dict", 0)
        return 0.0 if not mappings else 1 - (seen.count if seen is not None else 0) / mappings


def general(steps: Steps) -> Steps:
    """Steps with `*` for each index."""
    return tuple("*" if type(step) is int else step for step in steps)


def origin(parts: Parts, root: str) -> str:
    """What a part is of, in any recording: `input`, or an interaction's boundary and target."""
    interaction = parts.interaction(root)
    return root if interaction is None else f"{interaction.boundary} {interaction.target}"
