"""What each line of user code did in one replay: values by their digests, so that two runs can be laid side by side.

Runs in the fresh process, for `replay run --check`. Of every line that ran there is one event: which variables it
changed, and which functions outside the project it called.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from linecache import getline
from pathlib import Path
from time import monotonic
from types import CodeType, FrameType
from typing import Any

import msgspec

from replay.core.codec import Limits, encode
from replay.core.looking import attributes, module_and_name
from replay.engine.user_code import UserCode, is_machinery

MOST_EVENTS = 100_000
LONGEST = 60.0
"""Seconds after which no more is noted."""
_SMALL = Limits(depth=8, nodes=400, size=20_000)
_PARTS = 60
"""Leaves of a value whose digests are kept."""
_ATOMS = (str, int, float, bool, bytes, type(None))
_RESUMED = 0x20 | 0x80 | 0x200
"""Flags of the code of generators, coroutines and asynchronous generators."""
_NAME = re.compile(r"[^\W\d]\w*")
_now = monotonic  # the real one: the replay's is virtual
_running_loop = asyncio._get_running_loop
_current_task = asyncio.current_task


class Change(msgspec.Struct, array_like=True, frozen=True):
    """A variable that has another value than before; `return` and `raise` are what a function ended with."""

    name: str
    digest: str
    parts: tuple[str, ...] = ()
    """Digests of the leaves in it."""


class Event(msgspec.Struct, array_like=True, frozen=True):
    """A line that ran; or the call of a function, which lies in the line that called it."""

    kind: str
    """`line`, `call`, `return`."""
    file: str
    line: int
    function: str
    frame: int
    parent: int
    """The frame that called; -1: none of user code."""
    next: int
    """The line that came next in this frame; 0 at its end."""
    changes: tuple[Change, ...] = ()
    calls: tuple[str, ...] = ()
    """`random:random`, `open data.csv`; `set tags` and `native libc` for names on the line that stand for such."""

    @property
    def did(self) -> tuple[Any, ...]:
        """What must be equal in two runs."""
        return self.next, [(change.name, change.digest) for change in self.changes]


class Trace(msgspec.Struct, frozen=True):
    """Events by thread and task."""

    lanes: dict[str, list[Event]] = {}
    cut: bool = False
    """There was more than is noted."""


def pack(trace: Trace) -> bytes:
    """As bytes."""
    return msgspec.msgpack.encode(trace)


def unpack(data: bytes) -> Trace:
    """The trace. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(data, type=Trace)


def digest(value: Any, held: Mapping[str, Any] = {}) -> str:
    """Equal for equal values, in every process; never runs code of the value. `held`: what an instance holds that has
    no form of its own."""
    kind = type(value)
    if kind in _ATOMS:
        text = f"{kind.__name__} {value!r}" if kind is not int or value.bit_length() < 4096 else "int large"
    else:
        text = encode(set(value) if kind is frozenset else value, _SMALL).text
        if held:
            text = encode({"": text, **held}, _SMALL).text
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _parts(value: Any) -> tuple[str, ...]:
    found: list[str] = []
    waiting = [value]
    while waiting and len(found) < _PARTS:
        one = waiting.pop()
        try:
            if type(one) is dict:
                waiting.extend(one.values())
            elif type(one) in (list, tuple, set, frozenset):
                waiting.extend(one)
            elif type(one) in _ATOMS and one is not value:
                found.append(digest(one))
        except RuntimeError:  # changed by another thread
            continue
    return tuple(found)


class _State:
    """One frame of user code."""

    __slots__ = ("calls", "code", "held", "line", "number", "parent", "raised", "seen")

    def __init__(self, code: CodeType, number: int, parent: int) -> None:
        self.code = code
        self.number = number
        self.parent = parent
        self.line = 0
        self.calls: list[str] = []
        self.raised: tuple[Change, ...] = ()
        """What was raised in the line that runs."""
        self.seen: dict[str, str] = {}
        self.held: dict[str, Any] = {}
        """Values that cannot change, by which an unchanged variable is told cheaply."""


class Tracer:
    """Notes what user code does, in all threads."""

    def __init__(self, root: Path) -> None:
        self._ours = UserCode(root)
        self._lanes: dict[str, list[Event]] = {}
        self._states: dict[int, _State] = {}
        self._frames: dict[str, int] = {}
        self._left = MOST_EVENTS
        self._end = _now() + LONGEST
        self._on = False
        self._busy = threading.local()
        self._classes: dict[type, bool] = {}
        self._words: dict[tuple[str, int], list[str]] = {}

    @property
    def trace(self) -> Trace:
        """What was noted so far."""
        return Trace(dict(self._lanes), self._left <= 0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Note what runs meanwhile."""
        sys.addaudithook(self._audited)
        self._on = True
        threading.settrace(self._called)
        threading.setprofile(self._profiled)
        sys.setprofile(self._profiled)
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(None)
            sys.setprofile(None)
            threading.settrace(None)
            threading.setprofile(None)
            self._on = False

    # What the interpreter tells ---------------------------------------------------------------------------------

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not self._on or self._left <= 0:
            return None
        if not self._ours(frame):
            back = frame.f_back
            if back is not None and self._ours(back):
                name = (
                    f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"
                    if sys.version_info >= (3, 11)
                    else "?"
                )
                self._note_call(back, name)
            return None
        state = self._state(frame)
        caller = next(self._ours.outward(frame.f_back), None)
        line = frame.f_lineno if caller is None else caller.f_lineno
        place = frame if caller is None else caller
        state.line = 0
        self._add("call", place, line, state, 0, self._changes(frame, state), ())
        return self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not self._on or self._left <= 0:
            return None
        state = self._states.get(id(frame))
        if state is None or event not in ("line", "return", "exception"):
            return self._local
        if event == "exception":
            said = arg[1].args if isinstance(arg[1], BaseException) else ()
            state.raised = (Change("raise", digest(said), _parts(said)),)
            return self._local
        if event == "line":
            if state.line:
                self._line(frame, state, frame.f_lineno, state.raised)
            state.line, state.raised = frame.f_lineno, ()
            return self._local
        returned = state.raised
        if not returned and frame.f_locals is not frame.f_globals:
            returned = (Change("return", digest(arg), _parts(arg)),)
        self._line(frame, state, 0, returned)
        if not frame.f_code.co_flags & _RESUMED:
            self._states.pop(id(frame), None)
        return self._local

    def _profiled(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and self._on and self._ours(frame):
            module = getattr(arg, "__module__", None)
            owner = getattr(arg, "__self__", None)
            if not isinstance(module, str):
                module = type(owner).__module__ if owner is not None else "?"
            self._note_call(frame, f"{module}:{getattr(arg, '__qualname__', '?')}")

    def _audited(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on or event not in ("open", "os.listdir", "os.scandir", "ctypes.dlsym"):
            return
        if getattr(self._busy, "now", False):
            return
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not self._ours(frame):
            if is_machinery(frame) or frame.f_code.co_filename.startswith("<frozen importlib"):
                return
            frame = frame.f_back
        if frame is None:
            return
        if event == "open" and isinstance(args[0], str | bytes):
            name = os.fsdecode(args[0])
            if "__pycache__" not in name and not name.endswith((".py", ".pyc")):
                self._note_call(frame, f"open {name}")
        elif event in ("os.listdir", "os.scandir"):
            self._note_call(frame, f"{event} {args[0]}")

    # Noting -----------------------------------------------------------------------------------------------------

    def _note_call(self, frame: FrameType, name: str) -> None:
        state = self._states.get(id(frame))
        if state is not None and len(state.calls) < 20 and name not in state.calls:
            state.calls.append(name)

    def _state(self, frame: FrameType) -> _State:
        state = self._states.get(id(frame))
        if state is None or state.code is not frame.f_code or not frame.f_code.co_flags & _RESUMED:
            lane = self._lane()
            number = self._frames.get(lane, 0)
            self._frames[lane] = number + 1
            outer = next(self._ours.outward(frame.f_back), None)
            above = None if outer is None else self._states.get(id(outer))
            state = self._states[id(frame)] = _State(frame.f_code, number, -1 if above is None else above.number)
        return state

    def _lane(self) -> str:
        name = threading.current_thread().name
        loop = _running_loop()
        task = None if loop is None else _current_task(loop)
        return name if task is None else f"{name} {task.get_name()}"

    def _line(self, frame: FrameType, state: _State, following: int, more: tuple[Change, ...]) -> None:
        changes = self._changes(frame, state) + more
        calls = (*state.calls, *self._marks(frame, state.line))
        state.calls = []
        kind = "line" if following else "return"
        self._add(kind, frame, state.line or frame.f_lineno, state, following, changes, calls)

    def _add(
        self,
        kind: str,
        place: FrameType,
        line: int,
        state: _State,
        following: int,
        changes: tuple[Change, ...],
        calls: tuple[str, ...],
    ) -> None:
        self._left -= 1 if _now() < self._end else self._left
        code = place.f_code
        event = Event(kind, code.co_filename, line, code.co_name, state.number, state.parent, following, changes, calls)
        self._lanes.setdefault(self._lane(), []).append(event)

    def _changes(self, frame: FrameType, state: _State) -> tuple[Change, ...]:
        self._busy.now = True
        try:
            found = []
            for name, value in list(frame.f_locals.items()):
                if name.startswith("__") or (type(value) in _ATOMS and state.held.get(name, state) is value):
                    continue
                if type(value).__name__ in ("module", "function", "type", "builtin_function_or_method"):
                    continue
                if type(value) in _ATOMS:
                    state.held[name] = value
                else:
                    state.held.pop(name, None)
                now = digest(value, self._held(value))
                if state.seen.get(name) != now:
                    state.seen[name] = now
                    found.append(Change(name, now, _parts(value)))
            return tuple(found)
        finally:
            self._busy.now = False

    def _held(self, value: Any) -> dict[str, Any]:
        """The attributes of an instance of one of the project's own classes."""
        kind = type(value)
        ours = self._classes.get(kind)
        if ours is None:
            file = getattr(sys.modules.get(module_and_name(kind)[0]), "__file__", None)
            ours = self._classes[kind] = isinstance(file, str) and self._ours.owns(file)
        return attributes(value) if ours else {}

    def _marks(self, frame: FrameType, line: int) -> Iterator[str]:
        """What names on the line stand for that iterates in no order of its own, or that leaves Python."""
        key = frame.f_code.co_filename, line
        words = self._words.get(key)
        if words is None:
            words = self._words[key] = _NAME.findall(getline(*key))
        if not words:
            return
        values = frame.f_locals
        for word in words:
            value = values.get(word, frame.f_globals.get(word))
            if type(value) in (set, frozenset):
                yield f"set {word}"
            elif any(kind.__module__ in ("ctypes", "_ctypes") for kind in type(value).__mro__):
                yield f"native {word}"
