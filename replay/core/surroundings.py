"""Parts of a recording beside what was asked and answered: its environment variables, and when answers came."""

from __future__ import annotations

from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.opened import Unfit
from replay.core.recording import Recording

_LONGEST = 1 << 53


class Environ:
    """The recorded variables: name -> text, or None for one that was not set."""

    def __init__(self, recording: Recording) -> None:
        self._context = recording.context.tree
        found = self._context.get("environ") if type(self._context) is dict else None
        if not found or type(found) is not dict or recording.context.gaps:
            raise Unfit("no variables were recorded")
        self.value: dict[str, Any] = found

    def write(self, draft: dict[str, Any], value: Any) -> None:
        """Raises Unfit for what no environment holds."""
        if type(value) is not dict or not all(each is None or type(each) is str for each in value.values()):
            raise Unfit("variables are text")
        tree = draft["context"].tree if "context" in draft else self._context
        draft["context"] = Value(msgspec.json.encode({**tree, "environ": value}).decode())


class Timing:
    """When an interaction was asked and how long its answer took: `{"offset_ns", "duration_ns"}`."""

    def __init__(self, recording: Recording, place: int) -> None:
        self._place = place
        each = recording.interactions[place]
        self.value = {"offset_ns": each.offset_ns, "duration_ns": each.duration_ns}

    def write(self, draft: dict[str, Any], value: Any) -> None:
        """Raises Unfit for what is no time."""
        if type(value) is not dict or value.keys() != self.value.keys():
            raise Unfit("a timing has an offset and a duration")
        if not all(type(each) is int and 0 <= each < _LONGEST for each in value.values()):
            raise Unfit("times are nanoseconds from 0")
        before = draft["interactions"][self._place]
        draft["interactions"][self._place] = msgspec.structs.replace(before, **value)
