"""What a call leaves in its arguments: some functions answer by filling what they are given.

The answer of such a call is stored as a record, `{"$struct": {"type": "replay:Filled", "fields": {"returned", "args",
"kwargs"}}}`, arguments as they were after it. At replay, where the function is not run, what it changed is
changed in the arguments of that call: containers in place, of objects the attributes. What the unit of work leaves in
its own arguments is part of how it ended, and compared; it is in the recording's `context`, under `left`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from replay.core.codec import Gap, Value
from replay.core.families.seen import SEEN
from replay.core.recording import Recording
from replay.core.snapshot import OfMethod, snapshot, snapshot_call
from replay.core.standins import Record
from replay.core.world import FILLED, Answer, Settles

LEFT = "left"
LARGEST = 65_536
"""Bytes of arguments that are looked at once more."""
_TYPE = FILLED
"""Of no class that there is: it is read as fields, whatever a project has."""
_FIELDS = {"returned", "args", "kwargs"}
FIXED = (str, int, type(None), bool, float, bytes)


class Left(msgspec.Struct):
    """An answer with what the call left in its arguments."""

    answer: Settles
    before: Settles
    """`{"args": [...], "kwargs": {...}}`"""
    whole: Settles
    """`{"returned": value, "args": [...], "kwargs": {...}}`"""

    @property
    def size(self) -> int:
        return self.answer.size + self.before.size + self.whole.size

    def settle(self) -> Value:
        """The record; only the answer, if arguments cannot be stored, or turn out to be the same."""
        whole = self.whole.settle()
        gaps = tuple(gap for gap in whole.gaps if gap.reason != SEEN or _is_returned(gap))
        is_known = whole.text.startswith('{"returned":') and all(map(_is_returned, gaps))
        if not is_known or whole.text.endswith("," + self.before.settle().text[1:]):
            return self.answer.settle()
        return Value(f'{{"$struct":{{"type":"{_TYPE}","fields":{whole.text}}}}}', gaps)


def _is_returned(gap: Gap) -> bool:
    return gap.path.startswith("$.returned")


def answer_of(value: object, began: int, before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles:
    """What a call answered: `value`, with the arguments if they are others than `before`. Never raises."""
    answer = snapshot(value, began)
    if not _is_changed(before, args, kwargs):
        return answer
    return Left(answer, before, snapshot({"returned": value, "args": list(args), "kwargs": kwargs}))


def _is_changed(before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the arguments may be others than `before`; those that are too large are not looked at again."""
    if not kwargs:
        for each in args:
            kind = type(each)
            if not (kind is str or kind is int or each is None or kind is bool or kind is float or kind is bytes):
                break
        else:
            return False
    seen = getattr(before, "seen", None)  # nothing was copied, or it was cut meanwhile
    if seen is None or before.size > LARGEST:
        return False
    return bool(snapshot_call(args, kwargs).seen != seen)


def at_the_end(before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles | None:
    """What the arguments of a unit of work are after it, which it was given as `before`; an object whose method it is
    is none of them. None: they are of types that do not change, or too large."""
    args = args[type(before) is OfMethod :]
    if before.size > LARGEST or not (kwargs or any(type(each) not in FIXED for each in args)):
        return None
    return snapshot_call(args, kwargs)


def noted(end: Value, input: Value) -> Any:
    """What a recording's `context` holds of that under `LEFT`: `{}` if it is as it was before; None: nothing."""
    if end.gaps:
        return None
    return {} if end.text == input.text or input.text.startswith(end.text[:-1] + ',"') else end.decode()


def is_noted(recording: Recording) -> bool:
    """Whether the recording says what the unit of work left in its arguments."""
    return f'"{LEFT}"' in recording.context.text and LEFT in (recording.facts or ())


def opened(value: Any, found: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a decoded answer gives the caller. What the call left is put into the arguments of this one."""
    if not is_left(value) or found.asked is None:
        return value
    from replay.core.filling import Filling  # at replay only

    return Filling(found.asked.decode(found.resolve), value.fields).fill(args, kwargs)


def is_left(value: Any) -> bool:
    """Whether a decoded answer is such a record."""
    return type(value) is Record and value.type == _TYPE and value.fields.keys() == _FIELDS


def returned(value: Any) -> Any:
    """Of a decoded answer, what was returned."""
    return value.fields["returned"] if is_left(value) else value
