"""What a call leaves in its arguments: some functions answer by filling what they are given.

The answer of such a call is stored as a record, `{"$struct": {"type": "replay:Filled", "fields": {"returned", "args",
"kwargs"}}}`, arguments as they were after it. At replay, where the function is not run, what it changed is
changed in the arguments of that call: containers in place, of objects the attributes. What the unit of work leaves in
its own arguments is part of how it ended, and compared; it is in the recording's `context`, under `left`. The arguments
of a call that raised are in its error, under the same name, those of a generator in its form beside the pieces.
"""

from __future__ import annotations

from array import array
from collections import UserDict, UserList, deque
from io import BytesIO, StringIO
from operator import is_
from types import SimpleNamespace
from typing import Any

import msgspec

from replay.core.codec import Gap, Value, encode
from replay.core.families.seen import SEEN, is_own
from replay.core.looking import address_of, attributes, mro
from replay.core.recording import Recording
from replay.core.snapshot import Exact, OfMethod, Plain, Settled, snapshot, snapshot_call
from replay.core.standins import Record
from replay.core.world import FILLED, Answer, Settles, lost
from replay.core.written import json_text

LEFT = "left"
CONTAINERS = (dict, list, set, bytearray, deque, BytesIO, StringIO, array, memoryview)
"""Whose content a replay changes."""
HOLDERS = (SimpleNamespace, UserDict, UserList)
"""Classes of the standard library whose attributes a replay changes, as those of the application's objects."""
LARGEST = 65_536
"""Bytes of arguments that are looked at once more."""
_MOST_MARKS = 200
_STORED = frozenset({SEEN, "subclass"})
"""Gaps of arguments that are changed again all the same: of what they hold all is there."""
_ERROR = '{"$error":{'
_HEAD = f'{{"$struct":{{"type":"{FILLED}","fields":'
_FIELDS = {"returned", "args", "kwargs"}


_Marks = tuple[list[Any], list[int]]


class Marked(msgspec.Struct):
    """Arguments that were encoded at once, and marks by which it is seen that they did not change."""

    encoded: Settled
    marks: _Marks | None

    @property
    def size(self) -> int:
        return self.encoded.size

    @property
    def seen(self) -> str:
        """Equal for equal values."""
        return self.encoded.seen

    def settle(self) -> Value:
        return self.encoded.settle()


def given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles:
    """What a boundary is given, which may change it. Never raises."""
    made = snapshot_call(args, kwargs)
    return Marked(made, _marks(args, kwargs)) if type(made) is Settled else made


def _marks(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Marks | None:
    """All that can be reached: values that never change, and where those are that may (of these the life is not
    prolonged). What a library has made is left alone: no replay changes it. None: there is too much, or another kind of
    container."""
    waiting: list[Any] = [*args, *kwargs.values()]
    fixed: list[Any] = []
    places: list[int] = []
    for each in waiting:
        kind = type(each)
        if kind is str or kind is int or each is None or kind is float or kind is bool or kind is bytes:
            fixed.append(each)
            continue
        places.append(address_of(each))
        if kind is dict:
            fixed += each
            waiting += each.values()
        elif kind is list or kind is tuple:
            waiting += each
        elif _is_container(kind):
            return None
        elif is_own(kind) or any(kind is each for each in HOLDERS):
            held = attributes(each)
            fixed += held
            waiting += held.values()
        if len(waiting) > _MOST_MARKS:
            return None
    return fixed, places


_containers: dict[int, tuple[type, bool]] = {}
_MOST_KNOWN = 2048


def _is_container(kind: type) -> bool:
    """Whether its instances have content of which no attribute tells."""
    known = _containers.get(address_of(kind))
    if known is not None and known[0] is kind:
        return known[1]
    found = any(each is base for each in mro(kind) for base in CONTAINERS)
    if len(_containers) >= _MOST_KNOWN:
        _containers.clear()
    _containers[address_of(kind)] = (kind, found)
    return found


class _Returned(msgspec.Struct, gc=False):
    """What a call returned, in a copy of that and of its arguments."""

    whole: Plain | Exact

    @property
    def size(self) -> int:
        return 0

    def settle(self) -> Value:
        return self.whole.item("returned")


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
        if whole.text.endswith("," + self.before.settle().text[1:]):
            return self.answer.settle()
        record = _record(whole)
        if record is None:
            _count(whole.gaps)
            return self.answer.settle()
        return record


def filled(whole: dict[str, Any]) -> Value | None:
    """The record of `{"returned": value, "args": [...], "kwargs": {...}}`; None: arguments cannot be stored."""
    return _record(encode(whole))


def _record(whole: Value) -> Value | None:
    gaps = tuple(gap for gap in whole.gaps if gap.reason not in _STORED or _is_returned(gap))
    is_known = whole.text.startswith('{"returned":') and all(map(_is_returned, gaps))
    return Value(f"{_HEAD}{whole.text}}}}}", gaps) if is_known else None


def _is_returned(gap: Gap) -> bool:
    return gap.path.startswith("$.returned")


def answer_of(value: object, began: int, before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles:
    """What a call answered: `value`, with the arguments if they are others than `before`. Never raises."""
    if changed(before, args, kwargs) is None:
        return snapshot(value, began)
    whole = snapshot({"returned": value, "args": list(args), "kwargs": kwargs}, began)
    answer = _Returned(whole) if isinstance(whole, Plain | Exact) else snapshot(value)
    return Left(answer, before, whole)


class Failed(msgspec.Struct):
    """The error of a call that changed its arguments before."""

    error: Settles
    before: Settles
    after: Settles

    @property
    def size(self) -> int:
        return self.error.size + self.before.size + self.after.size

    def settle(self) -> Value:
        """The error, with the arguments in it if they can be stored."""
        error, left = self.error.settle(), beside(self.before, self.after)
        if left is None or not error.text.startswith(_ERROR):
            return error
        return Value(f'{error.text[:-2]},"{LEFT}":{left.text}}}}}', error.gaps)


def error_of(error: Settles, before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles:
    """What a call raised, with the arguments if they are others than `before`. Never raises."""
    after = changed(before, args, kwargs)
    return error if after is None else Failed(error, before, after)


def beside(before: Settles, after: Settles) -> Value | None:
    """The arguments, to be put beside an answer; None if they are as `before`, or cannot be stored there."""
    now = after.settle()
    if now.text == before.settle().text:
        return None
    if any(gap.reason not in _STORED for gap in now.gaps):
        _count(now.gaps)
        return None
    return now


def changed(before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles | None:
    """The arguments now; None if they are as `before`, or too large to be looked at again. Never raises. They may be
    the same all the same: a copy tells whether somebody else has got a part of them meanwhile. Who settles them sees.
    """
    if not kwargs and _are_fixed(args):
        return None
    if type(before) is Marked and before.marks is not None:
        fixed, places = before.marks
        now = _marks(args, kwargs)
        if now is not None and now[1] == places and len(now[0]) == len(fixed) and all(map(is_, now[0], fixed)):
            return None
    seen = getattr(before, "seen", None)  # nothing was copied, or it was cut meanwhile
    if seen is None or before.size > LARGEST:
        return None
    again = snapshot_call(args, kwargs)
    if again.seen == seen:
        return None
    if type(again) is Settled:
        _count(again.settle().gaps)
    return again


def _count(gaps: tuple[Gap, ...]) -> None:
    """A fault of ours as arguments were looked at again: the recording is as if they were not."""
    if any(gap.reason == "encode-failed" for gap in gaps):
        lost("left-failed")


def _are_fixed(args: tuple[Any, ...]) -> bool:
    """They are of types that never change; compared one by one: one may have a metaclass with `__eq__`."""
    for each in args:
        kind = type(each)
        if not (kind is str or kind is int or each is None or kind is bool or kind is float or kind is bytes):
            return False
    return True


def at_the_end(before: Settles, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles | None:
    """What the arguments of a unit of work are after it, which it was given as `before`; an object whose method it is
    is none of them. None: they are of types that do not change, or too large."""
    before = getattr(before, "called", before)  # of a generator there may be more to its input
    args = args[type(before) is OfMethod :]
    if before.size > LARGEST or (not kwargs and _are_fixed(args)):
        return None
    return snapshot_call(args, kwargs)


def noted(end: Value, input: Value) -> Any:
    """What a recording's `context` holds of that under `LEFT`: `{}` if it is as it was before; None: nothing."""
    if end.gaps:
        _count(end.gaps)
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


def put_back(found: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """What a call that raised, or a generator, changed in its arguments is changed in those of this one."""
    if f'"{LEFT}":' not in found.value.text or found.asked is None:
        return
    tree: Any = found.value.tree
    held = tree.get("$error", tree) if type(tree) is dict else None
    left = held.get(LEFT) if type(held) is dict else None
    if type(left) is not dict:
        return
    after = Value(json_text(left)).decode(found.resolve)
    if type(after) is dict and after.keys() == _FIELDS - {"returned"}:
        from replay.core.filling import Filling  # at replay only

        Filling(found.asked.decode(found.resolve), {**after, "returned": None}).fill(args, kwargs)


def is_left(value: Any) -> bool:
    """Whether a decoded answer is such a record."""
    return type(value) is Record and value.type == FILLED and value.fields.keys() == _FIELDS


def has_left(answer: Value) -> bool:
    """Whether a stored answer is such a record."""
    return answer.text.startswith(_HEAD)


def returned(value: Any) -> Any:
    """Of a decoded answer, what was returned."""
    return value.fields["returned"] if is_left(value) else value
