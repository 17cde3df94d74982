"""The value codec: what goes in comes out, nobody's code runs, and nothing breaks it."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import random
import struct
import subprocess
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.core.codec import Gap, Limits, Opaque, Record, Truncated, Value, encode
from replay.core.compare import differences
from replay.errors import CodecError


class Color(enum.Enum):
    RED = "red"


class Flags(enum.Flag):
    A = 1
    B = 2


Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass(frozen=True)
class Frozen:
    name: str
    parts: Any = ()


@dataclasses.dataclass(slots=True)
class Slotted:
    count: int

    def __post_init__(self) -> None:
        self.count += 1


@attrs.define
class Tool:
    name: str
    tags: list[str]


class Ticket(pydantic.BaseModel):
    id: int
    labels: list[str] = []


class Labels(pydantic.RootModel[list[str]]):
    pass


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Loud(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class Text(str):
    pass


def ours(module: str, qualname: str) -> object | None:
    """Resolves the classes of this file."""
    return globals().get(qualname) if module == __name__ else None


def same(one: Any, two: Any) -> bool:
    """Equal in type, order and bits."""
    if type(one) is not type(two):
        return False
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", two)
    if isinstance(one, dict):
        return len(one) == len(two) and all(map(same, one.items(), two.items()))
    if isinstance(one, list | tuple | deque):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, set | frozenset):
        return one == two and sorted(type(item).__name__ for item in one) == sorted(type(item).__name__ for item in two)
    if isinstance(one, datetime):
        return (one.isoformat(), one.fold, repr(one.tzinfo)) == (two.isoformat(), two.fold, repr(two.tzinfo))
    if isinstance(one, Decimal):
        return str(one) == str(two)
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one))
    return bool(one == two)


zones = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(1, -1), "X"),
                         ZoneInfo("Europe/Amsterdam")])  # fmt: skip
any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(1 << 62, 1 << 70) | any_text | st.binary(max_size=8)
    | st.decimals(allow_nan=False) | st.fractions() | st.uuids() | st.dates() | st.timedeltas()
    | st.sampled_from([*Color, *Flags])
    | st.datetimes(timezones=zones) | st.complex_numbers(allow_nan=False) | st.sampled_from([..., range(3, 9, 2)])
    | st.floats(allow_nan=False),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3) | st.builds(Pair, inner, inner)
    | st.builds(Frozen, st.just("n"), inner),
    max_leaves=6,
)  # fmt: skip
values = st.recursive(
    hashable | st.floats() | st.decimals() | st.binary(max_size=4).map(bytearray),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4)
    | st.dictionaries(hashable, inner, max_size=3) | st.sets(hashable, max_size=3)
    | st.lists(inner, max_size=3).map(tuple) | st.builds(Slotted, st.integers(0, 9)) | st.builds(Frozen, any_text,
    inner)
    | st.dictionaries(st.just("$id"), inner, max_size=1) | st.lists(inner, max_size=3).map(deque)
    | st.builds(Tool, st.just("t"), st.lists(st.just("x"))) | st.builds(Ticket, id=st.integers(0, 5)),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(values)
def test_round_trip(value: Any) -> None:
    """Every supported value comes back equal in type, order and bits, and its text is canonical."""
    stored = encode(value)
    assert stored.gaps == ()
    back = stored.decode(ours)
    assert same(value, back)
    assert encode(back).text == stored.text
    assert encode(stored.decode()).text == stored.text


@settings(max_examples=300, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["$id", "$ref", "$error", "$dataclass", "$ndarray", "$tuple", "$set", "$datetime", "$subclass",
                         "type", "fields", "args", "message", "frames", "a", "base", "items", "at", "zone", "dtype"]),
        inner, max_size=3),
    max_leaves=20,
).map(json.dumps))  # fmt: skip
def test_hostile_text(text: str) -> None:
    """Text that nobody encoded is refused with CodecError or means something; nothing else is raised."""
    for attempt in (lambda: Value(text).decode(ours), lambda: Value(text).error_type):
        try:
            attempt()
        except CodecError:
            pass


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", '{"$what":1}', '{"$int":"x"}', '{"$ref":0}', '{"$id":[0,[]],"a":1}', '{"$base64":"?"}',
     '{"$bytes":1}',
     '{"$error":{}}', '{"$dataclass":{"type":"x","fields":{}}}', "[" * 100_000, '{"$zoneinfo":"../../etc/passwd"}',
     '{"$ndarray":{"dtype":"|O","shape":[1],"data":"AAAAAAAAAAA="}}', '{"$set":[[]]}', '{"$decimal":"x"}'],
)  # fmt: skip
def test_malformed(text: str) -> None:
    """Malformed text raises CodecError."""
    with pytest.raises(CodecError):
        Value(text).decode()


def test_plain_json_stands_for_itself() -> None:
    """A plain JSON value is stored as such, readable in Datasette."""
    assert encode({"b": [1, None, True, "x", 1.5], "a": {}}).text == '{"b":[1,null,true,"x",1.5],"a":{}}'


def test_shared_and_cyclic() -> None:
    """References to one object come back as references to one object."""
    loop: list[Any] = [1]
    loop += [loop, {"up": loop}]
    back = encode(loop).decode()
    assert back[1] is back
    assert back[2]["up"] is back
    part: dict[str, Any] = {}
    twice = encode([part, (part,), Frozen("x", part)]).decode(ours)
    assert twice[0] is twice[1][0] is twice[2].parts


def test_records_without_their_classes() -> None:
    """Unresolved classes become stand-ins with attributes and equality."""
    stored = encode([Frozen("x", [1]), Color.RED, Pair(1, 2), Tool("t", []), Ticket(id=3), Point(4), Text("s")])
    frozen, color, pair, tool, ticket, point, text = stored.decode()
    assert isinstance(frozen, Record)
    assert (frozen.type, frozen.name, frozen.fields) == (f"{__name__}:Frozen", "x", {"name": "x", "parts": [1]})
    assert (color.name, color.value, pair, pair.right) == ("RED", "red", (1, 2), 2)
    assert (tool.name, ticket.id, point.x, text, type(text).__name__) == ("t", 3, 4, "s", "Text")
    assert stored.decode() == stored.decode()
    assert encode(stored.decode()).text == stored.text


def test_records_with_their_classes() -> None:
    """Resolved classes are rebuilt without their __init__ or __post_init__."""
    model = Ticket(id=3)
    value = [Slotted(1), Flags.A | Flags.B, model, Point(4), Text("s"), OrderedDict(a=1), Counter("aab")]
    back = encode(value).decode(ours)
    assert back == value
    assert [type(item) for item in back] == [type(item) for item in value]
    assert back[0].count == 2
    assert back[2].model_fields_set == {"id"}


def test_stdlib_containers() -> None:
    """The containers of collections, paths and namespaces survive."""
    default = defaultdict(list, {1: [2]})
    value = [default, deque([1, 2], maxlen=2), SimpleNamespace(a=1), PurePosixPath("/a"), PureWindowsPath("c:/x")]
    back = encode(value).decode()
    assert back == value
    assert (back[0].default_factory, back[1].maxlen) == (list, 2)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error after it was raised."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_error() -> None:
    """An exception keeps its type, message, arguments, notes, frames, cause and context."""
    error = raised(ValueError("bad", 3), raised(OSError(2, "gone", "/x")))
    error.add_note("seen")
    stored = encode(error)
    body = stored.tree["$error"]
    assert stored.error_type == "ValueError"
    assert body["message"] == "('bad', 3)"
    assert body["frames"][-1][0] == __file__
    assert body["frames"][-1][2:] == ["raised", "raise error from cause"]
    back = stored.decode()
    assert (type(back), back.args, back.__notes__) == (ValueError, ("bad", 3), ["seen"])
    assert (type(back.__cause__), back.__cause__.errno, str(back.__cause__)) == (
        FileNotFoundError,
        2,
        "[Errno 2] gone: '/x'",
    )
    assert back.__context__ is None
    assert back.__suppress_context__
    assert encode(back).text == stored.text


@pytest.mark.parametrize(
    "error",
    [KeyError("k"), StopIteration(3), SystemExit(2), json.JSONDecodeError("m", "doc", 1), TimeoutError(),
     ConnectionResetError(104, "r"),
     UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), SyntaxError("m", ("f", 1, 2, "t")), ExceptionGroup("g",
     [ValueError(1), KeyError(2)])],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_standard_errors(error: BaseException) -> None:
    """Exceptions of the standard library come back as their own type with their own text."""
    back = encode(error).decode()
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert {k: v for k, v in vars(back).items() if k[:2] != "__"} == vars(error)
    assert encode(back).text == encode(error).text


def test_foreign_error() -> None:
    """An unknown exception becomes a stand-in of its name under its builtin base; resolved, it skips __init__."""
    stored = encode(Loud(7))
    stand_in = stored.decode()
    assert stored.error_type == f"{__name__}.Loud"
    assert (type(stand_in).__name__, type(stand_in).__module__, stand_in.code) == ("Loud", __name__, 7)
    assert type(stand_in) is type(stored.decode())
    assert type(stored.decode(ours)) is Loud
    assert str(stored.decode(ours)) == "code 7"


class Order(pydantic.BaseModel):
    """What a model's answer should have been."""

    items: list[int]
    total: int = pydantic.Field(gt=0)
    code: str = "A"

    @pydantic.field_validator("code")
    @classmethod
    def known(cls, code: str) -> str:
        """Raises what pydantic wraps."""
        if code != "A":
            raise ValueError("unknown {code}")
        return code


def test_a_root_model_is_written_the_same_again() -> None:
    """What a boundary gave and the code hands on is asked with the text it was recorded with."""
    first = encode({"labels": Labels(["a"])})
    assert encode(first.decode(ours)).text == first.text


def test_the_frequency_of_an_index_is_kept() -> None:
    """Arithmetic on an index depends on it."""
    pandas = pytest.importorskip("pandas")
    for index in (pandas.date_range("2026-01-01", periods=3, freq="D"), pandas.timedelta_range("1h", periods=2)):
        assert encode(index).decode().freq == index.freq


def refused(**given: Any) -> pydantic.ValidationError:
    with pytest.raises(pydantic.ValidationError) as found:
        Order(**given)
    return found.value


def test_what_pydantic_refused() -> None:
    """Errors of pydantic tell what failed, differ where that differs, and come back as they were."""
    error = refused(items=[1, "q"], total=-1, code="B")
    stored = encode(error)
    assert stored.tree["$error"]["message"].startswith(
        "3 validation errors for Order\nitems.1\n  Input should be a valid integer, unable to parse"
    )
    assert not stored.gaps
    assert stored.text != encode(refused(items=["q"], total=-1, code="B")).text
    back = stored.decode(lambda module, name: pydantic.ValidationError)
    assert type(back) is pydantic.ValidationError
    assert str(back) == str(error)
    assert [each["msg"] for each in back.errors()] == [each["msg"] for each in error.errors()]
    assert encode(back).text == stored.text
    assert stored.error_type == stored.decode().__class__.__module__ + ".ValidationError"


def test_an_error_that_only_its_own_class_makes() -> None:
    """A class in C that makes its instances itself is replaced by a stand-in: the value is still read."""
    text = '{"$error":{"type":"pydantic_core.ValidationError","base":"ValueError","message":"","args":[],"frames":[]}}'
    back = Value(text).decode(lambda module, name: pydantic.ValidationError)
    assert isinstance(back, ValueError)
    assert type(back).__name__ == "ValidationError"


@pytest.mark.parametrize(
    "error",
    [KeyError((1, "a")), KeyError(date(2026, 1, 2)), ValueError("a", {"b": [1]}), SyntaxError("m", ("f", 1, 2, "t")),
     subprocess.CalledProcessError(3, ["git", "gc"]), subprocess.TimeoutExpired(["git"], 3),
     ValueError(KeyError("k")), RuntimeError("gone", ConnectionResetError(104, "reset"), ValueError(OSError(2, "x")))],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_the_message_is_what_the_error_says(error: BaseException) -> None:
    """Arguments of plain data, errors in an error, and classes of the standard library, are told in full."""
    assert encode(error).tree["$error"]["message"] == str(error)


def test_group_inside_its_own_context() -> None:
    """A group that is the context of its own member still ends, and decodes."""
    inner = ValueError(1)
    group = ExceptionGroup("g", [inner])
    inner.__context__ = group
    stored = encode(group)
    assert [gap.reason for gap in stored.gaps] == ["cyclic"]
    assert type(stored.decode()) is ExceptionGroup


def hostile() -> list[Any]:
    """Objects all of whose methods fail with an error that `except Exception` does not stop."""

    def fail(*args: Any) -> Any:
        raise SystemExit("a user's method was called")

    names = "repr str eq hash bool len iter getattr getattribute getstate reduce reduce_ex deepcopy index int float"
    body: dict[str, Any] = {f"__{name}__": fail for name in names.split()}
    body["__class__"] = property(fail)
    body["__dict__"] = property(fail)
    made = []
    for base in (
        object,
        dict,
        list,
        str,
        int,
        float,
        tuple,
        bytes,
        set,
        deque,
        Exception,
        OSError,
        OrderedDict,
        datetime,
    ):
        own = {**body, "items": fail}
        if base is datetime:
            own.pop("__hash__")
        kind = type("Hostile", (base,), own)
        made.append(base.__new__(kind, 2020, 1, 1) if base is datetime else base.__new__(kind))
    meta = type("Meta", (type,), dict.fromkeys(("__getattribute__", "__eq__", "__hash__", "__instancecheck__"), fail))
    made.append(object.__new__(type.__new__(meta, "Odd", (), {})))
    made.append(Exception(made[0], made[3]))
    return made


def test_hostile_objects_are_never_called() -> None:
    """No method of a value runs, whatever it is."""
    for value in hostile():
        stored = encode([value, {"x": value}])
        stored.decode()


def test_opaque() -> None:
    """What cannot be stored is named with its path, type and size."""
    stored = encode({"args": [{"session": object()}]})
    assert stored.gaps == (Gap("$.args[0].session", "opaque", "object"),)
    assert stored.decode() == {"args": [{"session": Opaque("object", 16)}]}


def test_lone_surrogate_in_an_opaque_path() -> None:
    """A path with a lone surrogate does not break the gap."""
    assert encode({"\ud800": object()}).gaps[0].reason == "opaque"


def test_deep_shared_and_endless_end_quickly() -> None:
    """Deep, exponentially shared and cyclic values end within a second, each with its gap where cut."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    lists: list[Any] = ["lol"]
    tuples: Any = ("lol",)
    sets: Any = frozenset(["lol"])
    for _ in range(40):
        lists, tuples, sets = [lists] * 10, (tuples,) * 10, frozenset([sets, (sets, 1)])
    began = time.thread_time()
    for value, reasons in ((deep, {"truncated-depth"}), (lists, set()), (tuples, set())):
        stored = encode(value)
        assert {gap.reason for gap in stored.gaps} == reasons
        stored.decode()
    assert {gap.reason for gap in encode(sets).gaps} <= {"truncated-size", "truncated-count", "truncated-depth"}
    assert time.thread_time() - began < 5


def test_limits() -> None:
    """Depth, size and count limits mark where they cut."""
    assert encode([[[1]]], Limits(depth=2)).decode() == [[Truncated("list", "truncated-depth")]]
    assert encode(list(range(100)), Limits(nodes=11)).decode()[-1] == Truncated("list", "truncated-count", 90)
    long = encode({"a": "x" * 1000}, Limits(size=500))
    assert long.gaps == (Gap("$.a", "truncated-size", "str"),)
    assert long.decode()["a"].head == "x" * 200
    wide = encode({str(n): n for n in range(100)}, Limits(nodes=11))
    assert (wide.gaps[0].reason, wide.decode().size) == ("truncated-count", 100)


def test_floats() -> None:
    """Floats keep their bits, the payload of a nan included."""
    odd = struct.unpack(">d", bytes.fromhex("7ff8000000000abc"))[0]
    for value in (0.1, -0.0, math.nan, -math.nan, odd, math.inf, -math.inf, 5e-324, 1.7976931348623157e308):
        assert struct.pack(">d", encode(value).decode()) == struct.pack(">d", value)


def test_big_ints() -> None:
    """Ints of any length survive, past the interpreter's limit on decimal digits too."""
    for value in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**100, -(7**5000)):
        assert encode(value).decode() == value


def test_numpy() -> None:
    """Arrays and scalars keep dtype, shape and bits."""
    table = np.array([(1, 2.5)], dtype=[("a", "<i4"), ("b", "<f8")])
    arrays = [
        np.arange(6).reshape(2, 3),
        np.array([], dtype="f4"),
        np.array("2024-01-01", "M8[s]"),
        np.zeros((2, 0)),
        table,
    ]
    for array in arrays:
        back = encode(array).decode()
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert back.flags.writeable
    for scalar in (
        np.float64(1.5),
        np.float32(0.1),
        np.int8(3),
        np.bool_(True),
        np.datetime64("2024-01-01"),
        np.str_("x"),
    ):
        back = encode(scalar).decode()
        assert type(back) is type(scalar)
        assert back == scalar


def test_numpy_arrays_of_objects() -> None:
    """They keep shape and items, as a list does, one that holds itself too."""
    array = np.array([["a", None, 3], [b"x", {"k": 1}, np.float32(2)]], dtype=object)
    stored = encode(array)
    back = stored.decode()
    assert (stored.gaps, back.dtype, back.tolist()) == ((), array.dtype, array.tolist())
    assert differences(stored, encode(back[::-1]))[0].path == "$.values[0][0]"
    cyclic = np.empty(1, dtype=object)
    cyclic[0] = cyclic
    back = encode(cyclic).decode()
    assert back[0] is back
    assert [(gap.path, gap.type) for gap in encode(np.array([1, object()])).gaps] == [("$[1]", "object")]


def test_numpy_masked_arrays() -> None:
    """They keep what is masked, and what stands for it."""
    for masked in (
        np.ma.MaskedArray([1, 2, 3], mask=[0, 1, 0], fill_value=-1),
        np.ma.MaskedArray([1.5, 2.5]),
        np.ma.MaskedArray(["a", None], mask=[1, 0], dtype=object),
    ):
        stored = encode(masked)
        back = stored.decode()
        assert (stored.gaps, encode(back).text) == ((), stored.text)
        assert (back.tolist(), back.fill_value) == (masked.tolist(), masked.fill_value)


def test_pandas() -> None:
    """Frames keep columns, index and dtypes."""
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3], "f": [1.5, math.nan, -0.0], "s": ["a", None, "c"], "c": pd.Categorical(["x", "y", "x"]),
            "d": pd.to_datetime(["2024-01-01", None, "2024-03-31"]), "i": pd.array([1, None, 3], dtype="Int64"),
            "z": pd.to_datetime(["2024-01-01"] * 3).tz_localize("Europe/Amsterdam"), "o": [[1], (2,), {"k": 3}],
        },
        index=pd.Index(["p", "q", "r"], name="key"),
    )  # fmt: skip
    stored = encode(frame)
    pd.testing.assert_frame_equal(stored.decode(), frame)
    assert stored.gaps == ()
    multi = frame.set_index(["n", "s"])[["f"]]
    pd.testing.assert_frame_equal(encode(multi).decode(), multi)
    pd.testing.assert_series_equal(encode(frame["f"]).decode(), frame["f"])
    for scalar in (
        pd.Timestamp("2024-01-01 10:00", tz="Europe/Amsterdam"),
        pd.Timedelta("1h"),
        pd.Timestamp("2024-01-01"),
    ):
        assert encode(scalar).decode() == scalar
    months = pd.period_range("2024-01", periods=3, freq="M")
    for spans in (months, pd.interval_range(0, 3, closed="both"), pd.interval_range(pd.Timestamp("2024"), periods=2)):
        stored = encode([spans[0], spans, pd.Series(spans)])
        first, index, series = stored.decode()
        assert (stored.gaps, first, list(index), index.dtype, series.dtype) == (
            (), spans[0], list(spans), spans.dtype, spans.dtype
        )  # fmt: skip
    assert encode([pd.NaT, pd.NA]).decode() == [pd.NaT, pd.NA] or encode(pd.NaT).decode() is pd.NaT


def test_order_of_a_set_does_not_show() -> None:
    """Equal sets give equal text, however they were filled."""
    items = [str(n) for n in range(50)]
    shuffled = random.Random(1).sample(items, 50)
    assert encode(set(items)).text == encode(set(shuffled)).text


def test_times() -> None:
    """Times keep fold, named zones and fixed offsets."""
    folded = datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Amsterdam"))
    back = encode([folded, date(2024, 1, 1), UUID(int=5), Fraction(1, 3), Decimal("-0.00")]).decode()
    assert back[0].utcoffset() == timedelta(hours=1)
    assert (back[1:4], str(back[4])) == ([date(2024, 1, 1), UUID(int=5), Fraction(1, 3)], "-0.00")


@pytest.mark.parametrize("tag", ["$dataclass", "$opaque"])
@pytest.mark.parametrize("container", ["$set", "$frozenset"])
def test_records_that_share_parts_are_not_compared_for_ever(tag: str, container: str) -> None:
    """Two equal ones, each of whose parts holds the next twice: comparing them as members would take hours."""

    def shared(deep: int) -> Any:
        tree: Any = 1
        for number in range(deep):
            tree = {tag: {"type": "a:b", "fields": {"x": {"$id": [number, tree]}, "y": {"$ref": number}}}}
        return tree

    text = msgspec.json.encode({container: [shared(40), shared(40)]}).decode()
    with pytest.raises(CodecError, match="too large to be hashed"):
        Value(text).decode()
    few = Value(msgspec.json.encode({container: [shared(3), shared(4)]}).decode()).decode()
    assert len(few) == 2
