"""Parts of a recording beside what was asked and answered: its variables, its time zone, when answers came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.left import LEFT
from replay.core.opened import Unfit
from replay.core.recording import Interaction, Recording
from replay.core.sound import LONGEST

_YIELDED = frozenset({"pieces", "returned", "error"})
"""What the answer of a generator consists of (see `replay.boundaries.stream`)."""
_LONGEST = 1 << 53
_SECOND = 10**9
_DAY = 86_400 * _SECOND
SETTINGS = "clock_settings"
"""In a context: `[[offset_ns, nanoseconds], ...]`, when the wall clock was set and by how much. The monotonic one never
is. Only mutations have it: no recorder looks for it."""


class Jump(msgspec.Struct, frozen=True):
    """In place of a timing: the wall clock moved by so much while the answer was under way, and nobody waited."""

    nanoseconds: int | None
    """None: to just behind the next midnight, UTC. Below 0: it was set back, as when it is put right."""


class Environ:
    """The recorded variables: name -> text, or None for one that was not set."""

    def __init__(self, recording: Recording) -> None:
        self._context = recording.context.tree
        found = self._context.get("environ") if type(self._context) is dict else None
        if type(found) is not dict or recording.context.gaps:
            raise Unfit("no variables were recorded")
        self.value: dict[str, Any] = found

    def write(self, draft: dict[str, Any], value: Any) -> None:
        """Raises Unfit for what no environment holds."""
        if type(value) is not dict or not all(each is None or type(each) is str for each in value.values()):
            raise Unfit("variables are text")
        tree = draft["context"].tree if "context" in draft else self._context
        draft["context"] = Value(msgspec.json.encode({**tree, "environ": value}).decode())


def is_yielded(form: dict[str, Any]) -> bool:
    """Whether a recorded answer is that of a generator; beside it is what that left in its arguments, if it did."""
    return _YIELDED <= form.keys() <= _YIELDED | {LEFT}


def paced(each: Interaction, moved: Callable[[int], int]) -> Value:
    """The answer with a head and pieces that came at other times; `moved`: nanoseconds from the asking -> those now."""
    answer = each.answer
    tree: Any = answer.tree if '"pieces"' in answer.text else None
    if type(tree) is not dict or not (each.boundary == "http" or is_yielded(tree)):
        return answer
    pieces = tree.get("pieces")
    if type(pieces) is not list or not all(type(piece) is list and piece and type(piece[0]) is int for piece in pieces):
        return answer
    tree = {**tree, "pieces": [[moved(offset), *rest] for offset, *rest in pieces]}
    if type(tree.get("offset_ns")) is int:
        tree["offset_ns"] = moved(tree["offset_ns"])
    return Value(msgspec.json.encode(tree).decode(), answer.gaps)


class Timing:
    """When an interaction was asked and how long its answer took: `{"offset_ns", "duration_ns"}`; its pieces are
    slower as all of it is. A Jump in its place: it and all that was asked later came so much later by the clock, or the
    clock was set back as it was asked."""

    def __init__(self, recording: Recording, place: int) -> None:
        self._place = place
        self._started_at, self._context = recording.started_at, recording.context
        each = recording.interactions[place]
        self.value = {"offset_ns": each.offset_ns, "duration_ns": each.duration_ns}

    def write(self, draft: dict[str, Any], value: Any) -> None:
        """Raises Unfit for what is no time."""
        if isinstance(value, Jump):
            if value.nanoseconds is not None and value.nanoseconds < 0:
                return self._set_back(draft, value.nanoseconds)
            return self._jump(draft["interactions"], value)
        if type(value) is not dict or value.keys() != self.value.keys():
            raise Unfit("a timing has an offset and a duration")
        if not all(type(each) is int and 0 <= each < _LONGEST for each in value.values()):
            raise Unfit("times are nanoseconds from 0")
        before = draft["interactions"][self._place]
        answer = before.answer
        if value["duration_ns"] != before.duration_ns:
            factor = value["duration_ns"] / max(before.duration_ns, 1)
            answer = paced(before, lambda offset: int(offset * factor))
        draft["interactions"][self._place] = msgspec.structs.replace(before, answer=answer, **value)
        return None

    def _set_back(self, draft: dict[str, Any], nanoseconds: int) -> None:
        before = draft.get("context", self._context)
        tree = before.tree
        if type(tree) is not dict or type(tree.get(SETTINGS, [])) is not list:
            raise Unfit("no context to write it to")
        offset = draft["interactions"][self._place].offset_ns
        tree = {**tree, SETTINGS: [*tree.get(SETTINGS, ()), [offset, nanoseconds]]}
        draft["context"] = Value(msgspec.json.encode(tree).decode(), before.gaps)

    def _jump(self, interactions: list[Interaction], jump: Jump) -> None:
        this = interactions[self._place]
        now = self._started_at + this.offset_ns
        move = _DAY - now % _DAY + _SECOND if jump.nanoseconds is None else jump.nanoseconds
        later = [place for place, each in enumerate(interactions) if each.offset_ns >= this.offset_ns]
        if any(interactions[place].offset_ns + move + interactions[place].duration_ns > LONGEST for place in later):
            raise Unfit("longer than a recording lasts")
        for place in later:
            each = interactions[place]
            interactions[place] = msgspec.structs.replace(each, offset_ns=each.offset_ns + move)


class Zone:
    """The local time zone: its name."""

    def __init__(self, recording: Recording) -> None:
        self._context = recording.context.tree
        self.value = self._context["zone"]
        if type(self.value) is not str or recording.context.gaps or '"$ref"' in recording.context.text:
            raise Unfit("no zone was recorded")

    def write(self, draft: dict[str, Any], value: Any) -> None:
        """Raises Unfit for what is no name."""
        if type(value) is not str or not value:
            raise Unfit("a zone has a name")
        before = draft["context"].tree if "context" in draft else self._context
        draft["context"] = Value(msgspec.json.encode({**before, "zone": value}).decode())
