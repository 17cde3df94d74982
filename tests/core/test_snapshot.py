"""The request-path copy: what it holds is what was there then."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from replay.core.codec import Value, encode
from replay.core.snapshot import settled, snapshot, snapshot_call, snapshot_error


def test_taken_before_the_change() -> None:
    """A later change of the value, plain or not, does not show."""
    for extra in (1, object()):
        value = {"items": [1], "extra": extra}
        before = encode(value).text
        taken = snapshot(value)
        value["items"].append(2)
        assert taken.settle().text == before


@pytest.mark.parametrize("value", [
    {"a": [1, (2, {3}), frozenset([4]), b"x", bytearray(b"y"), 1.5, None, True, 10**30, "\ud800"]}, [], "text", None,
    b"x",
    {"at": datetime(2024, 1, 1, tzinfo=UTC), "price": Decimal("1.20")}, np.arange(6).reshape(2, 3), np.float64(1),
    object(),
    {1: {"x": np.int8(2)}}, [bytearray(b"x"), (b"y", np.arange(2.0))], 1j, ValueError("x"), ...,
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_settles_to_its_encoding(value: Any) -> None:
    """Plain or not, a snapshot settles to what encoding at once would have given."""
    taken = snapshot(value)
    assert taken.settle() == encode(value)
    assert taken.size > 0


def test_buffers_are_told_from_bytes() -> None:
    """A memoryview is none, and bytes whose place was taken meanwhile are named as unsure."""
    assert snapshot([memoryview(b"x")]).settle() == encode([memoryview(b"x")])
    value = [b"x", 1]
    taken = snapshot(value)
    value.clear()
    assert taken.settle().decode() == [b"x", 1]


def test_call() -> None:
    """The arguments of a call settle to a mapping of args and kwargs, as they were."""
    items = [1]
    for extra in (None, object()):
        taken = snapshot_call((items, extra), {"k": 2})
        expected = encode({"args": [[*items], extra], "kwargs": {"k": 2}}).text
        items.append(3)
        assert taken.settle().text == expected


def test_call_by_position() -> None:
    """Without keywords the copy is of the arguments alone, and buffers are told from bytes there too."""
    items = [b"x", bytearray(b"y")]
    taken = snapshot_call((items, items), {})
    expected = encode({"args": [items, items], "kwargs": {}}).text
    items.append(b"z")
    assert taken.settle().text == expected


@pytest.mark.parametrize("depth", [50, 500, 900, 1500, 1990])
def test_deep_settles(depth: int) -> None:
    """However deep plain data is, settling it never raises."""
    deep: Any = [b"x"]
    for _ in range(depth):
        deep = (deep,) if depth == 900 else [deep]
    assert snapshot(deep).settle().text == encode(deep).text


def test_shared_and_cyclic() -> None:
    """References survive the fast path."""
    loop: list[Any] = []
    loop.append(loop)
    assert snapshot([loop, loop]).settle().text == encode([loop, loop]).text


def test_shared_tuples_settle_quickly() -> None:
    """Tuples shared at forty levels are gone through once each."""
    value: Any = (b"x",)
    for _ in range(40):
        value = (value, value)
    assert snapshot(value).settle().text == encode(value).text


def test_too_deep() -> None:
    """A list too deep for the pickler is cut by the encoder, and the next snapshot is unharmed."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert snapshot(deep).settle().gaps[0].reason == "truncated-depth"
    assert snapshot({"a": 1}).settle().text == '{"a":1}'


def test_user_code_is_never_called() -> None:
    """Pickling hooks of a value do not run."""
    calls = []

    class Hooked(dict[str, Any]):
        def __reduce_ex__(self, protocol: Any) -> Any:
            calls.append("reduce")
            raise SystemExit

        def __getstate__(self) -> Any:
            calls.append("getstate")

        def items(self) -> Any:
            calls.append("items")

    assert snapshot({"x": Hooked(a=1)}).settle().gaps[0].reason == "subclass"
    assert calls == []


def test_threads() -> None:
    """Snapshots taken by many threads at once do not mix."""
    wrong: list[Any] = []

    def work(number: int) -> None:
        value = {"n": number, "items": list(range(number * 50))}
        expected = encode(value)
        wrong.extend(number for _ in range(100) if snapshot(value).settle() != expected)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


class Held:
    """Something a frame holds."""


def test_error_keeps_nothing_alive() -> None:
    """A snapshot of an error holds no frame, and its source lines are found when it settles."""

    def fail() -> weakref.ref[Held]:
        held = Held()
        refs.append(weakref.ref(held))
        raise ValueError("bad")

    refs: list[weakref.ref[Held]] = []
    try:
        fail()
    except ValueError as error:
        taken = snapshot_error(error)
    gc.collect()
    assert refs[0]() is None
    assert taken.settle().tree["$error"]["frames"][-1][2:] == ["fail", 'raise ValueError("bad")']


def test_settled() -> None:
    """A ready value settles to itself."""
    value = Value("[1]")
    assert settled(value).settle() is value
    assert settled(value).size >= 3


WITHOUT_NUMPY = """
import json, sys
from replay.core.codec import encode
from replay.core.snapshot import Plain, PlainCall, snapshot, snapshot_call

def kept(value, change):
    taken = snapshot(value)
    assert type(taken) is Plain, taken
    change(value)
    return taken.settle().decode()

assert kept({"b": b"[1]"}, lambda v: v.update(b=json.loads(v["b"]))) == {"b": b"[1]"}
assert kept({"b": b"x"}, lambda v: v.pop("b")) == {"b": b"x"}
assert kept([b"x", (b"y", [1])], lambda v: v.clear()) == [b"x", (b"y", [1])]
grown = kept({"b": bytearray(b"x")}, lambda v: v["b"].extend(b"yy"))["b"]
assert grown == b"x" and type(grown) is bytearray
viewed = snapshot([memoryview(b"x")]).settle()
assert viewed == encode([memoryview(b"x")]), viewed
deep = [b"x"]
for _ in range(900):
    deep = [deep]
assert snapshot(deep).settle().text == encode(deep).text
wide = [b"x"]
for _ in range(60):
    wide = (wide, wide)
snapshot(wide).settle()
called = snapshot_call(([b"x"],), {"k": 1})
assert type(called) is PlainCall
assert called.settle().decode() == {"args": [[b"x"]], "kwargs": {"k": 1}}
shared = [b"x", bytearray(b"y")]
called = snapshot_call((shared, shared), {})
assert type(called) is PlainCall and called.kwargs is None
assert called.settle().text == encode({"args": [shared, shared], "kwargs": {}}).text
both = snapshot_call((shared,), {"k": shared})
assert both.settle().text == encode({"args": [shared], "kwargs": {"k": shared}}).text
assert "numpy" not in sys.modules
"""


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on marshal may call `__buffer__`: the pickler copies"
)
def test_without_numpy() -> None:
    """The quick copy, of processes that have no arrays: what was given, whatever became of it since."""
    subprocess.run([sys.executable, "-c", WITHOUT_NUMPY], check=True, timeout=60)
