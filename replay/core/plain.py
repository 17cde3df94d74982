"""Decoded values as plain data: what two values are compared by, and what a reader is shown of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Set
from decimal import Decimal
from reprlib import Repr
from typing import Any

from replay.core.families.errors import FRAMES
from replay.core.families.seen import MAKERS, parts_of
from replay.core.families.stated import asked_by, fields_of, is_answer
from replay.core.looking import address_of, computed, dotted, loaded
from replay.core.standins import STARTED, Opaque, Record, Truncated

_ATOMS = (str, int, float, bool, type(None), bytes)
_KEYS = (str, int, type(None), bytes)
"""Of these no two that differ are equal, as 1, 1.0 and True are."""
_LONG, _MANY, _DEEP = 500, 20, 4


class Handled(str):
    """The type of what was being handled when an error was raised without a cause. A type of text of its own, so that
    nothing of the code's is taken for one."""

    __slots__ = ()


_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = _LONG


class Plainly:
    """Turns values into dicts, lists, tuples and leaves. Shared parts stay shared; a cycle becomes a mark."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[object, Any]] = {}
        self._holders = 0
        """Errors and answers around the value: of a request of theirs only some headers are compared."""

    def of(self, value: Any) -> Any:
        """The plain form of `value`."""
        if type(value) in _ATOMS:
            return value
        known = self._done.get(address_of(value))
        if known is not None:
            return known[1]
        self._done[address_of(value)] = (value, "<cycle>")
        plain = self._compound(value)
        self._done[address_of(value)] = (value, plain)
        return plain

    def _compound(self, value: Any) -> Any:
        if isinstance(value, BaseException):
            return self._error(value)
        if isinstance(value, Opaque):
            return value if value.fields is None else self._seen(value.type, value.fields)
        if isinstance(value, Record):
            return self._record(value)
        if isinstance(value, Mapping):
            kind = {} if type(value) is dict else {"<type>": dotted(type(value))}
            return {**kind, **{self._key(k): self.of(v) for k, v in value.items()}}
        if isinstance(value, frozenset):
            return {"<type>": dotted(type(value)), "items": self._members(value)}
        if isinstance(value, set):
            return self._members(value)
        names = getattr(type(value), "_fields", None)
        if isinstance(value, tuple) and names:
            return {"<type>": dotted(type(value)), **{n: self.of(v) for n, v in zip(names, value, strict=False)}}
        if isinstance(value, list | tuple):
            items = [self.of(item) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, deque):
            return {"<type>": dotted(type(value)), "items": [self.of(item) for item in value]}
        if isinstance(value, range):  # DeepDiff would walk it
            return {"<type>": "range", "start": value.start, "stop": value.stop, "step": value.step}
        if isinstance(value, Decimal) and value.is_nan():  # comparing a signaling one raises
            return f"Decimal({str(value)!r})"
        for base in (str, int, float, bytes):
            if isinstance(value, base) and type(value).__module__ != "numpy":
                return base(value)  # type: ignore[arg-type]
        return self._other(value)

    def _record(self, value: Record) -> dict[str, Any]:
        """Without what a property has computed by now: that tells no values apart."""
        kind = loaded(value.type) if value.rest or value.tag == "$pydantic" else None
        done = () if kind is None else computed(kind)
        fields = {name: item for name, item in {**value.fields, **value.rest}.items() if name not in done}
        return {"<type>": value.type, **{name: self.of(item) for name, item in fields.items()}}

    def _seen(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"<type>": kind, **{name: self.of(item) for name, item in fields.items()}}

    def _members(self, value: Set[Any]) -> frozenset[Any] | list[str]:
        items = [self.of(item) for item in value]
        return frozenset(items) if all(type(item) in _ATOMS for item in items) else sorted(map(_written, items))

    def _other(self, value: Any) -> Any:
        if dotted(type(value)) in MAKERS and (parts := parts_of(value)) is not None:
            return self._seen(dotted(type(value)), parts.needed)
        if (held := fields_of(value) or (asked_by(value) if self._holders else None)) is not None:
            return self._seen(dotted(type(value)), held)
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            return {"dtype": str(value.dtype), "values": self.of(value.tolist())}
        if hasattr(value, "to_dict"):
            return {"<type>": dotted(type(value)), "values": self.of(value.to_dict())}
        found = getattr(value, "__dict__", None)
        if type(found) is dict and found and not isinstance(value, Truncated):
            of = self._held if is_answer(value) else self.of
            return {"<type>": dotted(type(value)), **{k: of(v) for k, v in found.items()}}
        return value

    def _held(self, part: Any) -> Any:
        """Of an error or an answer."""
        self._holders += 1
        try:
            return self.of(part)
        finally:
            self._holders -= 1

    def _key(self, key: Any) -> Any:
        return key if type(key) in _KEYS else _written(key)

    def _error(self, error: BaseException) -> dict[str, Any]:
        message = str(error)
        plain: dict[str, Any] = {"type": dotted(type(error)), "message": message}
        if error.args and error.args != (message,):
            plain["args"] = self._held(error.args)
        if notes := getattr(error, "__notes__", None):
            plain["notes"] = list(notes)
        if error.__cause__ is not None:
            plain["cause"] = dotted(type(error.__cause__))
        elif error.__context__ is not None:
            plain["context"] = Handled(dotted(type(error.__context__)))
        if isinstance(error, BaseExceptionGroup):
            plain.pop("args", None)
            plain["exceptions"] = [self.of(each) for each in error.exceptions]
        return plain


def aligned(before: Any, now: Any) -> tuple[Any, Any]:
    """Two plain forms, where of a value either has nothing but the type: there the other is taken for it if it is of
    that type. Older recordings have no more of any."""
    return _aligned(before, now, {})


def _aligned(before: Any, now: Any, seen: dict[tuple[int, int], tuple[Any, Any]]) -> tuple[Any, Any]:
    kind, other = _opaque_type(before), _opaque_type(now)
    if other == STARTED and (kind is not None or _type_of(before) is not None):
        return now, now  # it stands for anything that no recording can hold
    if kind is not None or other is not None:
        same = (kind or _type_of(before)) == (other or _type_of(now)) and not _sized(before, now)
        return (now, now) if same else (before, now)
    if type(before) is not type(now) or not isinstance(before, dict | list | tuple):
        return before, now
    pair = address_of(before), address_of(now)
    if pair in seen:
        return seen[pair]
    seen[pair] = before, now
    if isinstance(before, dict):
        both = {key: _aligned(item, now[key], seen) for key, item in before.items() if key in now}
        before, now = ({**side, **{key: two[at] for key, two in both.items()}} for at, side in enumerate((before, now)))
    else:
        each = [_aligned(one, two, seen) for one, two in zip(before, now, strict=False)]
        before, now = (
            type(side)([*(two[at] for two in each), *side[len(each) :]]) for at, side in enumerate((before, now))
        )
    seen[pair] = before, now
    return before, now


def _opaque_type(plain: Any) -> str | None:
    return plain.type if isinstance(plain, Opaque) else None


def _type_of(plain: Any) -> Any:
    return plain.get("<type>") if isinstance(plain, dict) else None


def _sized(before: Any, now: Any) -> bool:
    """Whether both are of a kind whose size says how much they hold, and of another one. That of others is up to the
    version of Python."""
    if not isinstance(before, Opaque) or not isinstance(now, Opaque):
        return False
    return before.type in MAKERS and before.size != now.size


def weight(plain: Any, most: int, seen: dict[int, int] | None = None) -> int:
    """About how many bytes it takes written out, shared parts each time; counting stops at `most`."""
    seen = {} if seen is None else seen
    if isinstance(plain, str | bytes):
        return len(plain) + 8
    if not isinstance(plain, dict | list | tuple | frozenset):
        return 8
    if address_of(plain) in seen:
        return seen[address_of(plain)]
    total = 8
    for item in plain.values() if isinstance(plain, dict) else plain:
        total += weight(item, most, seen)
        if total > most:
            break
    seen[address_of(plain)] = total
    return total


def readable(value: Any, deep: int = _DEEP) -> Any:
    """JSON data for people: long ones cut short, exotic ones as short text."""
    if isinstance(value, str):
        text = value.encode(errors="backslashreplace").decode()
        return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text)} characters)"
    if value is None or type(value) in (bool, int) or (type(value) is float and math.isfinite(value)):
        return value if type(value) is not int or -(1 << 63) <= value < 1 << 63 else hex(value)[:80]
    if deep and isinstance(value, dict):
        shown = {readable(str(k)): readable(v, deep - 1) for k, v in list(value.items())[:_MANY]}
        return shown if len(value) <= _MANY else {**shown, "...": f"{len(value) - _MANY} more"}
    if deep and isinstance(value, list | tuple | set | frozenset):
        members = sorted(value, key=_written) if isinstance(value, set | frozenset) else value
        items = [readable(item, deep - 1) for item in list(members)[:_MANY]]
        return items if len(value) <= _MANY else [*items, f"... {len(value) - _MANY} more"]
    if isinstance(value, Opaque):
        return f"<opaque {value.type}>"
    if isinstance(value, dict | list | tuple | set | frozenset):
        return _short.repr(value)  # parts that are shared, each in the next, would fill any memory
    text = value.isoformat() if hasattr(value, "isoformat") else _written(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def _written(value: Any) -> str:
    """`repr`, where Python gives one: an int of many digits has none."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        return f"<{dotted(type(value))}>"


def innermost(error: BaseException) -> str | None:
    """`file:line in function` of the frame where a recorded error was raised."""
    frames = getattr(error, FRAMES, ())
    if not frames:
        return None
    file, line, function, _ = frames[-1]
    return f"{file.replace(chr(92), '/').rpartition('/')[2]}:{line} in {function}"
