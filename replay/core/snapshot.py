"""The copy of a value that the request path can afford; its encoding comes later, if it is kept at all.

Plain data is copied in C, by `marshal`: it keeps exact builtin types, tuples, sets, shared and cyclic references,
refuses every instance of a class, and runs no code of the value. One thing it does not tell apart: an object with a
buffer is copied as if it were bytes. Where NumPy is loaded and arrays may be among the values, and from Python 3.12
on, where a class may have a buffer, the C pickler copies instead: a third slower, and exact. Elsewhere such objects
are bytearrays, memoryviews and arrays of numbers, so what the copy holds as bytes is taken for bytes, unless the
value still has one of those at that place when it is settled. What neither copies is encoded at once. No copy leaves
the process.
"""

from __future__ import annotations

import marshal
import sys
from array import array
from collections import deque
from collections.abc import Callable
from io import BytesIO
from pickle import Pickler, PicklingError, Unpickler, UnpicklingError
from time import perf_counter_ns
from typing import Any, NoReturn

import msgspec

from replay.core.codec import Limits, Value, encode
from replay.core.looking import address_of
from replay.core.receiver import encode_method
from replay.core.world import failed, here

_copy: Callable[[Any], bytes] = marshal.dumps
_load = marshal.loads
_modules = sys.modules
_CALLS_BUFFERS = sys.version_info >= (3, 12)
"""A class in Python may have a buffer (PEP 688): `marshal` would call its `__buffer__`, so the pickler copies."""
_LEAVES = frozenset({int, float, str, bool, type(None), set, frozenset})  # members of sets are hashable: no buffers
DEEPEST = Limits().depth + 1
"""Below, encoding keeps nothing anyway."""
longest_ns = 0
"""Longest time of one value on the request path: what is left of it then is cut. 0: it is taken whole, as at replay."""
LARGE = 65_536
"""Bytes of a copy from which on the world is told what it took."""


class Plain(msgspec.Struct, gc=False):
    """A copy of plain data, and the value it was copied from."""

    copy: bytes
    value: Any

    @property
    def size(self) -> int:
        return len(self.copy)

    def settle(self) -> Value:
        return _settle(_load(self.copy), self.value)

    def item(self, name: str) -> Value:
        """Of a mapping: the value of one key."""
        return _settle(_load(self.copy)[name], self.value[name])


class PlainCall(msgspec.Struct, gc=False):
    """A copy of plain arguments, and the arguments."""

    copy: bytes
    args: tuple[Any, ...]
    kwargs: dict[str, Any] | None
    """None: there are none, and the copy is of `args` alone."""

    @property
    def size(self) -> int:
        return len(self.copy)

    @property
    def seen(self) -> bytes:
        """Equal for equal values that are copied in turn, unless one has got another owner meanwhile."""
        return self.copy

    def settle(self) -> Value:
        args, kwargs = (_load(self.copy), {}) if self.kwargs is None else _load(self.copy)
        return _settle({"args": list(args), "kwargs": kwargs}, {"args": list(self.args), "kwargs": self.kwargs})


class Exact(msgspec.Struct, gc=False):
    """A copy of plain data by the pickler."""

    copy: bytes

    @property
    def size(self) -> int:
        return len(self.copy)

    @property
    def seen(self) -> bytes:
        """Equal for equal values that are copied in turn, unless one has got another owner meanwhile."""
        return self.copy

    def settle(self) -> Value:
        return encode(_Loader(BytesIO(self.copy)).load())

    def item(self, name: str) -> Value:
        """Of a mapping: the value of one key."""
        return encode(_Loader(BytesIO(self.copy)).load()[name])


class Immutable(msgspec.Struct, gc=False):
    """A value that cannot change: no copy is needed."""

    value: Any

    @property
    def size(self) -> int:
        kind = type(self.value)
        return len(self.value) if kind is str or kind is bytes else 32

    def settle(self) -> Value:
        return encode(self.value)


class Settled:
    """A value that is encoded already."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value = value

    @property
    def size(self) -> int:
        return len(self._value.text)

    @property
    def seen(self) -> str:
        """Equal for equal values."""
        return self._value.text

    def settle(self) -> Value:
        return self._value


class OfMethod(Settled):
    """The arguments of a method, its object the first of them."""

    __slots__ = ()


settled = Settled
Snapshot = Plain | PlainCall | Exact | Immutable | Settled


def snapshot(value: object, began: int = 0) -> Snapshot:
    """What `value` is now. Costs about 1.5 microseconds a kilobyte of plain data; never raises. `began`: what
    `perf_counter_ns` says, where the caller knows it."""
    kind = type(value)  # compared one by one: it may have a metaclass with `__hash__`
    if kind is not dict and (
        kind is str or value is None or kind is int or kind is bool or kind is float or kind is bytes
    ):
        return Immutable(value)
    return _taken(value, began or perf_counter_ns())


def _taken(value: object, began: int) -> Snapshot:
    """By itself, so that either is short: see `replay.core.encoder.Encoder._written`."""
    made: Snapshot
    try:
        made = Exact(_exact(value)) if _CALLS_BUFFERS or "numpy" in _modules else Plain(_copy(value), value)
        if len(made.copy) > LARGE:
            _tell(began)
        return made
    except _UNFIT:
        pass
    except Exception:
        failed("snapshot-failed")
    return _encoded(value, began)


def snapshot_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> PlainCall | Exact | Settled:
    """What a function is given now: settles to `{"args": [...], "kwargs": {...}}`. Never raises."""
    began = perf_counter_ns()
    made: PlainCall | Exact
    try:
        if _CALLS_BUFFERS or "numpy" in _modules:
            made = Exact(_exact({"args": list(args), "kwargs": kwargs}))
        elif kwargs:
            made = PlainCall(_copy((args, kwargs)), args, kwargs)
        else:
            made = PlainCall(_copy(args), args, None)
        if len(made.copy) > LARGE:
            _tell(began)
        return made
    except _UNFIT:
        pass
    except Exception:
        failed("snapshot-failed")
    return _encoded({"args": list(args), "kwargs": kwargs}, began)


def _encoded(value: object, began: int) -> Settled:
    """What no quick copy takes."""
    made = Settled(encode(value, until=_end(began)))
    _tell(began)
    return made


def _end(began: int) -> int:
    return began + longest_ns if longest_ns else 0


def _tell(began: int) -> None:
    world = here()
    if world is not None:
        world.spend(perf_counter_ns() - began)


def snapshot_method(args: tuple[Any, ...], kwargs: dict[str, Any]) -> OfMethod:
    """`snapshot_call` of a method: what the first argument, its object, holds is taken too. Never raises."""
    return OfMethod(encode_method(args, kwargs, _end(perf_counter_ns())))


def snapshot_error(error: BaseException) -> Settled:
    """What `error` says: type, arguments, message, frames, causes. Holds no frame and no local variable."""
    return Settled(encode(error, until=_end(perf_counter_ns())))


# The exact copy ---------------------------------------------------------------------------------------------------


class _NotPlain(Exception):
    """The value holds an instance of a class."""


_UNFIT = (_NotPlain, PicklingError, ValueError, OverflowError)
"""What no quick copy takes, an instance of a class above all. Anything else is counted: a fault of ours, or another
thread that changes the value meanwhile. Encoding takes over in both cases."""


class _Plainly(Pickler):
    def reducer_override(self, obj: object) -> NoReturn:
        raise _NotPlain


class _Loader(Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise UnpicklingError(f"{module}.{name} in a copy of plain data")


class _Parts:
    """What a pickler writes to."""

    __slots__ = ("parts", "write")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.write = self.parts.append


_picklers: deque[tuple[_Plainly, _Parts]] = deque(maxlen=16)
"""Ready ones. A thread takes one off while it uses it."""


def _exact(value: object) -> bytes:
    try:
        pickler, written = _picklers.pop()
    except IndexError:
        written = _Parts()
        pickler = _Plainly(written, 5)
    pickler.dump(value)  # after an error this one is left to the garbage collector
    copy = b"".join(written.parts)
    written.parts.clear()
    pickler.clear_memo()
    _picklers.append((pickler, written))
    return copy


# The quick copy: which of its bytes were bytes ---------------------------------------------------------------------


def _settle(copy: Any, value: Any) -> Value:
    return encode(_confirmed(copy, value, {}, 0))


def _confirmed(copy: Any, value: Any, met: dict[int, Any], depth: int) -> Any:
    """`copy` with its bytes compared with `value`, the original at the same place, or what is there by now."""
    kind = type(copy)
    if kind is bytes:
        return _confirmed_bytes(copy, value)
    if kind in _LEAVES or depth > DEEPEST:
        return copy
    if address_of(copy) in met:
        return met[address_of(copy)]
    met[address_of(copy)] = copy
    if kind is list:
        there = value if type(value) is list and len(value) == len(copy) else [None] * len(copy)
        for at, item in enumerate(copy):
            copy[at] = _confirmed(item, there[at], met, depth + 1)
    elif kind is dict:
        for key, item in copy.items():
            copy[key] = _confirmed(item, value.get(key) if type(value) is dict else None, met, depth + 1)
    elif kind is tuple:
        stand = value if type(value) is tuple and len(value) == len(copy) else (None,) * len(copy)
        items = [_confirmed(item, stand[at], met, depth + 1) for at, item in enumerate(copy)]
        if any(new is not old for new, old in zip(items, copy, strict=True)):
            met[address_of(copy)] = copy = tuple(items)
    return copy


def _confirmed_bytes(copy: bytes, value: Any) -> Any:
    kind = type(value)
    if kind is bytearray:
        return bytearray(copy)
    if kind is memoryview:
        return memoryview(copy)
    return _array(copy, value.typecode) if kind is array else copy


def _array(copy: bytes, typecode: str) -> Any:
    found: array[Any] = array(typecode)
    try:
        found.frombytes(copy)
    except ValueError:  # another array took its place
        return copy
    return found
