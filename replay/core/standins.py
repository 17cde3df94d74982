"""What stands where a value or its class could not be kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

import msgspec


class Gap(msgspec.Struct, frozen=True):
    """One place where what is stored is less than what was there."""

    path: str
    """Where, e.g. `input.args[0].session` (the codec gives it from the value's root: `$.args[0].session`)."""
    reason: str
    """`opaque`, `truncated-depth`, `truncated-size`, `truncated-count`, `subclass`, `not-rebuilt`, `cyclic`,
    `encode-failed`, ..."""
    type: str
    """`module.qualname` of what was there."""


class Opaque(msgspec.Struct, frozen=True):
    """Stands where a value could not be stored: its type and its size in bytes, or what it holds, as far as known."""

    type: str
    size: int | None = None
    fields: dict[str, Any] | None = None
    """What is known of it (`replay.core.families.seen`); None: nothing."""

    def __hash__(self) -> int:
        return hash((self.type, self.size))


ABSENT = " (not imported)"
"""Behind the type of what could be made again, were its module imported here."""


STARTED = "replay:Started"
"""The type of what a boundary gave as an application started, which no recording holds (see `Outset`)."""


STARTED = "replay:Started"
"""The type of what stands for an answer that an application got as it started."""


class Truncated(msgspec.Struct, frozen=True):
    """Stands where encoding stopped at a limit."""

    type: str
    reason: str
    """`truncated-depth`, `truncated-size` or `truncated-count`."""
    size: int | None = None
    """How long it was: characters, bytes or entries; of a list's last entry: how many are missing."""
    head: str | dict[str, Any] | None = None
    """The beginning, where it was kept."""

    def __hash__(self) -> int:
        return hash((self.type, self.reason, self.size))


_HASHED = (str, int, float, bool, bytes, type(None))


class Record:
    """A dataclass, model, enum member or the like whose class is not at hand: its fields as attributes.

    `.type` is the class (`module:qualname`) and `.fields` a mapping; fields of such names are read as
    `record["type"]`.
    """

    __slots__ = ("fields", "rest", "tag", "type")
    tag: str
    type: str
    fields: Mapping[str, Any]
    rest: Mapping[str, Any]

    def __init__(self, tag: str, type: str, fields: Mapping[str, Any], rest: Mapping[str, Any] | None = None) -> None:
        for name, value in (("tag", tag), ("type", type), ("fields", fields), ("rest", {} if rest is None else rest)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name[:2] != "__":
            for part in (self.fields, self.rest):
                if name in part:
                    return part[name]
        raise AttributeError(f"{self.type} was stored without {name!r}")

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a stand-in is frozen")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return (self.tag, self.type, self.fields, self.rest) == (other.tag, other.type, other.fields, other.rest)

    def __hash__(self) -> int:
        plain = ((name, value) for name, value in self.fields.items() if type(value) in _HASHED)
        return hash((self.type, frozenset(plain)))  # by content: a set of many of one class takes no quadratic time

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __repr__(self) -> str:
        return f"{self.type.rpartition(':')[2]}({', '.join(f'{k}={v!r}' for k, v in self.fields.items())})"


_made: dict[tuple[str, type, tuple[str, ...]], type] = {}
_MOST = 4096


def made_class(name: str, base: type, fields: tuple[str, ...] = ()) -> type:
    """A class of the name `module:qualname` under a builtin base, made once; no code of the bundle is involved."""
    key = (name, base, fields)
    found = _made.get(key)
    if found is None:
        module, _, qualname = name.rpartition(":")
        body: dict[str, Any] = {"__module__": module, "__qualname__": qualname, "__replay_standin__": True}
        if fields:
            body["_fields"] = fields
            body.update({field: property(itemgetter(at)) for at, field in enumerate(fields)})
        found = type(qualname.rpartition(".")[2] or "Unnamed", (base,), body)
        if len(_made) >= _MOST:
            _made.clear()
        _made[key] = found
    return found
