"""Where a variation came in: the first line in which two runs differ, followed back from the value that varies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from linecache import getline
from pathlib import Path
from typing import Any

import msgspec

from replay.core.verdict import Frame
from replay.surfaces.tracing import Change, Event, Trace, digest

_HOPS = 50
"""Lines that a value is followed back over."""
_KNOWN = {
    "builtins:id": "reads the address of an object: id()",
    "builtins:hash": "reads a hash, which depends on the hash seed or an address: hash()",
    "os:getpid": "reads the process id: os.getpid()",
    "posix:getpid": "reads the process id: os.getpid()",
    "posix:getcwd": "reads the working folder: os.getcwd()",
    "posix:urandom": "reads an untaped source: os.urandom",
}
_OWN_TIME = frozenset({"process_time", "process_time_ns", "thread_time", "thread_time_ns", "get_clock_info"})
"""Of `time`: what a replay leaves to the process."""
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
_CLOCKS = "replay.boundaries.waits"
_MONOTONIC = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"})
_UNTAPED = frozenset({
    "_datetime", "_locale", "_random", "_socket", "_thread", "_uuid", "datetime", "gc", "locale", "numpy", "platform",
    "posix", "psutil", "random", "resource", "secrets", "socket", "tempfile", "threading", "time", "uuid",
})  # fmt: skip
"""Modules whose answers are the world's."""


class Origin(msgspec.Struct, frozen=True):
    """The line, and what it reads as far as that can be told."""

    where: Frame
    source: str | None


class Parted(msgspec.Struct, frozen=True):
    """An event in which two runs differ."""

    lane: str
    number: int
    one: Event
    two: Event

    @property
    def names(self) -> frozenset[str]:
        """The variables that differ."""
        one, two = ({change.name: change.digest for change in event.changes} for event in (self.one, self.two))
        return frozenset(name for name in one | two if one.get(name) != two.get(name))


class Partings:
    """The events in which two runs differ, lane by lane, as long as both went the same way."""

    def __init__(self, one: Trace, two: Trace, besides: Partings | None = None) -> None:
        self._one = one
        known = {} if besides is None else {(each.lane, each.number): each.names for each in besides.all}
        self.all: list[Parted] = []
        for lane, events in one.lanes.items():
            for number, (first, second) in enumerate(zip(events, two.lanes.get(lane, ()), strict=False)):
                if (first.file, first.line, first.kind) != (second.file, second.line, second.kind):
                    break
                if first.did != second.did:
                    found = Parted(lane, number, first, second)
                    if (lane, number) not in known or found.names - known[lane, number]:
                        self.all.append(found)
                if first.next != second.next:
                    break
        self.cut = one.cut or two.cut

    def origin(
        self,
        values: tuple[Any, Any],
        field: Any,
        claimed: Sequence[tuple[Any, Any]],
        root: Path,
        asked: Frame | None = None,
        place: int | None = None,
    ) -> Origin | None:
        """Where the value that is the first in one run and the second in the other came in.

        `field`: its name in what holds it, by which it is found in a statement that makes several. `claimed`: the
        values of the other places that vary. `asked`: of a request, the line that asked. `place`: in a list.
        """
        parted = self._shows(values)
        if parted is None and asked is not None:
            parted = self._read_at(asked, field)
            if parted is None:
                return self._told(self._event_at(asked), field, root)
            field = place = None
        if parted is None and self.all:
            others = {each.number for pair in claimed if (each := self._shows(pair)) is not None}
            parted = next((each for each in self.all if each.number not in others), self.all[0])
            return self._told(parted.one, None, root, parted)
        if parted is None:
            return None
        for _ in range(_HOPS):
            before = self._before(parted, field)
            if before is None:
                break
            parted, field, place = before, None, None
        origin = self._told(parted.one, field, root, parted, place, digest(values[0]))
        if origin.source is None and all(isinstance(each, str) and _ADDRESS.search(each) for each in values):
            return Origin(origin.where, "shows the address of an object")
        return origin

    def _event_at(self, asked: Frame) -> Event:
        """What ran there; where it was not noted, the bare line."""
        bare = Event("line", asked.file, asked.line, asked.function, -2, -2, 0)
        events = (event for lane in self._one.lanes.values() for event in lane)
        return next((each for each in events if (each.file, each.line) == (asked.file, asked.line)), bare)

    def _read_at(self, asked: Frame, field: Any) -> Parted | None:
        """The last change of what is read on the line that asked."""
        names = _names(asked, field)
        here = (asked.file, asked.function)
        found = [each for each in self.all if (each.one.file, each.one.function) == here and each.names & names]
        return found[-1] if found else None

    def _shows(self, values: tuple[Any, Any]) -> Parted | None:
        """The first event in which the value is seen, alone or as a part."""
        first, second = map(digest, values)
        for parted in self.all:
            if _holds(parted.one.changes, first) and _holds(parted.two.changes, second):
                return parted
        return None

    def _before(self, parted: Parted, field: Any) -> Parted | None:
        """The event from which this one has its variation: a callee's return, or an earlier change of a name in it."""
        event = parted.one
        earlier = [each for each in self.all if each.lane == parted.lane and each.number < parted.number]
        start = self._previous(parted)
        for each in reversed(earlier):
            if each.number > start and each.one.kind == "return" and each.one.parent == event.frame:
                return each
        names = _names(event, field)
        frame = event.parent if event.kind == "call" else event.frame
        for each in reversed(earlier):
            if each.one.frame == frame and each.names & names:
                return each
        return None

    def _previous(self, parted: Parted) -> int:
        """Where the event before it in its frame stands."""
        events = self._one.lanes[parted.lane]
        for number in range(parted.number - 1, -1, -1):
            if events[number].frame == parted.one.frame:
                return number
        return -1

    def _told(
        self,
        event: Event,
        field: Any,
        root: Path,
        parted: Parted | None = None,
        place: int | None = None,
        wanted: str = "",
    ) -> Origin:
        names = frozenset[str]() if parted is None or event.kind == "call" else parted.names
        held = names & {change.name for change in event.changes if wanted and _holds([change], wanted)}
        names = held or names
        node = _item(_part(event, field, names), place)
        first = getattr(node, "lineno", event.line)
        last = getattr(node, "end_lineno", None) or first
        calls = list(event.calls)
        for events in self._one.lanes.values():  # a statement of several lines has an event for each
            for each in events:
                if each.frame == event.frame and each.file == event.file and first <= each.line <= last:
                    calls += each.calls
        if parted is not None and event.kind == "call":
            calls += self._calls_at(parted)
        line = first if isinstance(field, str) else event.line
        source = getline(event.file, line).strip()
        where = Frame(_relative(event.file, root), line, event.function, source)
        return Origin(where, _reads(tuple(dict.fromkeys(calls)), node, root))

    def _calls_at(self, parted: Parted) -> Iterator[str]:
        """Of a call: what the calling line did besides, which is noted when that line ends."""
        events = self._one.lanes[parted.lane]
        for event in events[parted.number + 1 :]:
            if event.frame == parted.one.parent:
                yield from event.calls
                return


def _holds(changes: Sequence[Change], wanted: str) -> bool:
    return any(change.digest == wanted or wanted in change.parts for change in changes)


def asked_at(place: Frame, root: Path) -> Frame:
    """The line that asked, its file relative to the project."""
    return Frame(_relative(place.file, root), place.line, place.function, place.source)


def _relative(file: str, root: Path) -> str:
    try:
        return str(Path(file).relative_to(root))
    except ValueError:
        return file


# What a line reads ------------------------------------------------------------------------------------------------


def _reads(calls: Sequence[str], node: ast.AST | None, root: Path) -> str | None:
    """In words, from what it called and from the names in it: what stands there by its name, the order of a set, what
    has another name there, what a replay answers as in production."""
    named = _called(node)
    here = [call for call in calls if _last(call) in named or _last(call) == call]
    sets = [f"order of a set: {call[4:]}" for call in calls if call.startswith("set ")]
    sets = sets or (["order of a set"] if _makes_a_set(node) else [])
    untaped, taped = ([call for call in calls if _is_taped(call) == which] for which in (False, True))
    for found in (
        _sources([call for call in here if call in untaped], named, root),
        sets,
        _sources(untaped, named, root),
        _sources([call for call in here if call in taped] or taped, named, root),
    ):
        if found:
            return "; ".join(dict.fromkeys(found))
    return None


def _sources(calls: Sequence[str], named: dict[str, None], root: Path) -> list[str]:
    found: list[str] = []
    for call in calls:
        module, _, name = call.partition(":")
        last = _last(call)
        if call.startswith("open "):
            found.append(f"reads the file {_relative(call[5:], root)}")
        elif call.startswith(("os.listdir ", "os.scandir ")):
            found.append(f"reads the folder {_relative(call[11:], root)}, whose order is the file system's")
        elif call.startswith("native "):
            found += [f"calls native code: {each}" for each in named if each.partition(".")[0] == call[7:]]
        elif module == _CLOCKS and last == "read":
            found += [f"reads a monotonic clock: {each}" for each in named if each in _MONOTONIC] or [
                "reads a monotonic clock"
            ]
        elif call in _KNOWN and (not named or last in named):
            found.append(_KNOWN[call])
        elif module == "replay.boundaries.random":
            found.append(f"reads an untaped source: random.{last}")
        elif module.partition(".")[0] in _UNTAPED and not last.startswith("__") and _is_read(module, last):
            found.append(f"reads an untaped source: {module.lstrip('_')}.{name}")
    return found


def _last(call: str) -> str:
    """The name of what was called, as code writes it; of a file or folder all."""
    return call if " " in call else call.partition(":")[2].rpartition(".")[2].removeprefix("_tapped_")


def _is_taped(call: str) -> bool:
    """A replay answers it, as far as it is asked in the same way: others on the line are the likelier ones."""
    module, _, name = call.partition(":")
    if module == "time":
        return name not in _OWN_TIME
    return module in ("datetime", "_datetime", "uuid", "replay.boundaries.random", "replay.boundaries.uuid_draws")


def _makes_a_set(node: ast.AST | None) -> bool:
    if node is None:
        return False
    return bool({"set", "frozenset"} & _called(node).keys()) or any(
        isinstance(each, ast.Set | ast.SetComp) for each in ast.walk(node)
    )


def _is_read(module: str, name: str) -> bool:
    """Whether it is the world's to answer: most of these modules also calculate."""
    if "datetime" in module:
        return name in ("now", "utcnow", "today", "fromtimestamp")
    return "uuid" not in module or name.startswith(("uuid", "getnode", "generate"))


def _called(node: ast.AST | None) -> dict[str, None]:
    """What is called in it, in order: each as it is written, and by its last name."""
    found: dict[str, None] = {}
    for each in () if node is None else ast.walk(node):
        if isinstance(each, ast.Call):
            found[ast.unparse(each.func)] = None
            found[getattr(each.func, "attr", "")] = None
    return found


# Statements -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _nodes(file: str) -> tuple[ast.stmt | ast.Lambda, ...]:
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.Lambda))


def _statements(file: str) -> Iterator[ast.stmt]:
    return (node for node in _nodes(file) if isinstance(node, ast.stmt))


def _lambdas(file: str) -> Iterator[ast.Lambda]:
    return (node for node in _nodes(file) if isinstance(node, ast.Lambda))


def _statement(file: str, line: int, names: frozenset[str] = frozenset()) -> ast.stmt | None:
    """The innermost statement on that line; of several one that gives one of these names a value."""
    around = [each for each in _statements(file) if each.lineno <= line <= (each.end_lineno or each.lineno)]
    return max(around, key=lambda each: (each.lineno, _gives(each, names), -(each.end_lineno or 0)), default=None)


def _gives(statement: ast.stmt, names: frozenset[str]) -> bool:
    return bool(names) and any(
        isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and each.id in names
        for each in ast.walk(statement)
    )


def _headers(statement: ast.stmt) -> list[ast.AST]:
    """Of a compound statement what runs on its own line; else all of it."""
    if isinstance(statement, ast.For | ast.AsyncFor):
        return [statement.iter]
    if isinstance(statement, ast.If | ast.While):
        return [statement.test]
    if isinstance(statement, ast.With | ast.AsyncWith):
        return [item.context_expr for item in statement.items]
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Try):
        return []
    return [statement]


def _item(node: ast.AST | None, place: int | None) -> ast.AST | None:
    """Of a list that is written there, what stands at that place."""
    inner = getattr(node, "value", node) if isinstance(node, ast.Return | ast.Assign | ast.Expr) else node
    if place is None or not isinstance(inner, ast.List | ast.Tuple) or not 0 <= place < len(inner.elts):
        return node
    is_unpacked = any(isinstance(each, ast.Starred) for each in inner.elts[: place + 1])
    return node if is_unpacked else inner.elts[place]


def _part(at: Event | Frame, field: Any, names: frozenset[str] = frozenset()) -> ast.AST | None:
    """The statement on that line, which gives one of these names a value if there are several, of a lambda what it
    gives; of one that names the field, as a key or an argument, what is given for it."""
    heads = _heads(at, names)
    if isinstance(field, str):
        for head in heads:
            for node in ast.walk(head):
                if isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value == field:
                            return value
                elif isinstance(node, ast.keyword) and node.arg == field:
                    return node.value
    return heads[0] if heads else None


def _heads(at: Event | Frame, names: frozenset[str]) -> list[ast.AST]:
    if at.function == "<lambda>":
        around = [each for each in _lambdas(at.file) if each.lineno <= at.line <= (each.end_lineno or each.lineno)]
        if around:
            return [max(around, key=lambda each: (each.lineno, each.col_offset)).body]
    statement = _statement(at.file, at.line, names)
    return [] if statement is None else _headers(statement)


def _names(at: Event | Frame, field: Any) -> frozenset[str]:
    """The variables that are read there."""
    node = _part(at, field)
    if node is None:
        return frozenset()
    return frozenset(
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    )
