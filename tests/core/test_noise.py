"""Known noise: what its matchers cover, and what nothing may cover, whatever a bundle says."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest

from replay.core.codec import Value, encode
from replay.core.compare import differences, unexpected
from replay.core.covering import TOO_MUCH
from replay.core.noise import Matcher, Noise, below, known, with_noise
from replay.core.paths import parse, path_of
from replay.core.recording import Outcome, Recording
from replay.core.verdict import Window

ONE, TWO = "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "9b2d7c9e-1c9b-4c0e-8f0e-5b6f5d1f0a11"
WINDOW = Window(1_700_000_000_000_000_000, 1_700_000_010_000_000_000)


def _noise(path: str, matcher: Any, place: str = "outcome") -> Noise:
    return Noise(place=place, path=path, matcher=matcher, cause="hash seed")


def _left(recorded: Any, actual: Any, *noise: Noise, window: Window | None = None) -> list[str]:
    """Paths of the unexpected differences."""
    return [each.path for each in unexpected(differences(encode(recorded), encode(actual), noise=noise, window=window))]


def _recording(context: str) -> Recording:
    return Recording(
        id="one",
        kind="function",
        entrypoint="a:b",
        started_at=0,
        duration_ns=0,
        input=encode(None),
        outcome=Outcome("returned", encode(None)),
        context=Value(context),
    )


@pytest.mark.parametrize(
    ("path", "matcher", "recorded", "actual"),
    [
        ("$.id", "uuid", {"id": ONE}, {"id": TWO}),
        ("$.id", "uuid", {"id": f"job {ONE} of {TWO}"}, {"id": f"job {TWO} of {TWO}"}),
        ("$.rows[*].id", "uuid", {"rows": [{"id": ONE}, {"id": ONE}]}, {"rows": [{"id": TWO}, {"id": ONE}]}),
        ("$.rows[1]", "type", {"rows": [1, 2]}, {"rows": [1, 3]}),
        ("$['odd key']", "type", {"odd key": 1}, {"odd key": 2}),
        ("$.items", "unordered", {"items": ["a", "b"]}, {"items": ["b", "a"]}),
        ("$", "unordered", [1, 2, 3], [3, 1, 2]),
        ("$.tags", "type", {"tags": ["a", "b"]}, {"tags": ["b", "c"]}),
        ("$.text", "unordered", {"text": "a, b"}, {"text": "b, a"}),
        ("$.sum", "near", {"sum": 0.3}, {"sum": 0.1 + 0.2}),
        ("$.took", "took", {"took": 0.5}, {"took": 0.25}),
        ("$.left", "took", {"left": 3_589}, {"left": 3_592}),
        ("$.ms", "took", {"ms": 9_000}, {"ms": 8_000}),
        ("$.text", "took", {"text": "done in 4.25 s"}, {"text": "done in 2.5 s"}),
        ("$.took", "took", {"took": timedelta(seconds=4)}, {"took": timedelta(seconds=2)}),
        ("$.took", "took", {"took": Decimal("4.5")}, {"took": Decimal("2.25")}),
        ("$.at", "time", {"at": 1_700_000_001.5}, {"at": 1_700_000_009.25}),
    ],
)
def test_a_matcher_covers_what_it_says(path: str, matcher: str, recorded: Any, actual: Any) -> None:
    """Nothing unexpected is left, and what is covered stays, with a note that says so."""
    assert _left(recorded, actual, window=None) != []
    found = differences(encode(recorded), encode(actual), noise=[_noise(path, matcher)], window=WINDOW)
    assert unexpected(found) == []
    assert found
    if matcher != "time":  # those the window excuses anyway
        assert {each.note for each in found} == {f"known noise: {matcher}, hash seed"}


@pytest.mark.parametrize(
    ("path", "matcher", "recorded", "actual", "left"),
    [
        ("$.id", "uuid", {"id": ONE}, {"id": "none"}, ["$.id"]),
        ("$.id", "uuid", {"id": ONE}, {"id": TWO.replace("-", "")}, ["$.id"]),
        ("$.id", "uuid", {"id": f"job {ONE} failed"}, {"id": f"job {TWO} done"}, ["$.id"]),
        ("$.id", "uuid", {"id": f"job {ONE}"}, {"id": f"job {TWO}, {TWO}"}, ["$.id"]),
        ("$.id", "uuid", {"id": "job"}, {"id": f"job {TWO}"}, ["$.id"]),
        ("$.id", "type", {"id": 1}, {"id": "1"}, ["$.id"]),
        ("$.id", "type", {"id": 1}, {}, ["$.id"]),
        ("$.id", "type", {}, {"id": 1}, ["$.id"]),
        ("$.id", "type", {"id": {"a": 1}}, {"id": {"a": 2}}, ["$.id.a"]),
        ("$.rows", "type", {"rows": [{"a": 1}]}, {"rows": [{"a": 2}]}, ["$.rows[0].a"]),
        ("$.items", "unordered", {"items": ["a", "b"]}, {"items": ["a", "c"]}, ["$.items[1]"]),
        ("$.items", "unordered", {"items": [1]}, {"items": [1, 2]}, ["$.items[1]"]),
        ("$.tags", "type", {"tags": ["a"]}, {"tags": ["b", "c"]}, ["$.tags[0]", "$.tags[1]"]),
        ("$.late", "type", {"late": True}, {"late": False}, ["$.late"]),
        ("$.late", "took", {"late": True}, {"late": False}, ["$.late"]),
        ("$.flags", "type", {"flags": [True]}, {"flags": [False]}, ["$.flags[0]"]),
        ("$.text", "unordered", {"text": "a, b"}, {"text": "b, c"}, ["$.text"]),
        ("$.sum", "near", {"sum": 0.3}, {"sum": 0.3001}, ["$.sum"]),
        ("$.sum", "near", {"sum": Decimal("sNaN")}, {"sum": Decimal(1)}, ["$.sum"]),
        ("$.sum", "near", {"sum": Decimal("1e999")}, {"sum": Decimal("2e999")}, ["$.sum"]),
        ("$.took", "took", {"took": timedelta.min}, {"took": timedelta.max}, ["$.took"]),
        ("$.took", "took", {"took": 0.5}, {"took": 11.0}, ["$.took"]),
        ("$.took", "took", {"took": 0.5}, {"took": 1}, ["$.took"]),
        ("$.text", "took", {"text": "done in 4.25 s"}, {"text": "failed in 4.5 s"}, ["$.text"]),
        ("$.text", "took", {"text": "done"}, {"text": "failed"}, ["$.text"]),
        ("$.took", "took", {"took": timedelta(seconds=4)}, {"took": timedelta(seconds=20)}, ["$.took"]),
        ("$.other", "type", {"id": 1}, {"id": 2}, ["$.id"]),
        ("$", "type", 1, 2, ["$"]),
        ("$", "type", "a", "b", ["$"]),
        ("$.at", "time", {"at": 1_700_000_001.5}, {"at": 1_800_000_009.25}, ["$.at"]),
    ],
)
def test_what_a_matcher_does_not_cover_stays(path: str, matcher: str, recorded: Any, actual: Any, left: Any) -> None:
    """Another type, a field more or less, a mapping, a whole root: differences, whatever the noise says."""
    assert _left(recorded, actual, _noise(path, matcher), window=WINDOW) == left


def test_an_error_of_another_type_is_never_covered() -> None:
    """Its message may vary; what it is may not, at the root or inside a value."""
    noise = [_noise("$.type", "type"), _noise("$.message", "type"), _noise("$.error.type", "type")]
    assert _left(ValueError("a 1"), ValueError("a 2"), *noise) == []
    assert "$.type" in _left(ValueError("a"), KeyError("a"), *noise)
    assert "$.error.type" in _left({"error": ValueError("a")}, {"error": TypeError("a")}, *noise)


def test_an_order_that_varies_may_have_noise_inside() -> None:
    """Items are paired by what does not vary in them."""
    recorded = {"rows": [{"n": 1, "id": ONE}, {"n": 2, "id": TWO}]}
    actual = {"rows": [{"n": 2, "id": ONE}, {"n": 1, "id": ONE}]}
    noise = [_noise("$.rows", "unordered"), _noise("$.rows[*].id", "uuid")]
    assert _left(recorded, actual, *noise) == []
    assert _left(recorded, {"rows": [{"n": 3, "id": ONE}, {"n": 1, "id": ONE}]}, *noise) != []
    assert _left(recorded, {"rows": [{"n": 1, "id": ONE}, {"n": 1, "id": ONE}]}, *noise) != []


def test_noise_is_stored_with_a_recording_that_keeps_its_id() -> None:
    """What is written is what is read; the rest of the context stays; without noise it is as it was."""
    recording = _recording('{"zone":"UTC"}')
    noise = [
        _noise("$.a", "type"),
        _noise("$.kwargs.nonce", "uuid", "interaction[3].request"),
        _noise("$.random", "type", "draws"),
    ]
    stored = with_noise(recording, noise)
    found = known(stored)
    assert (found.outcome, found.requests, found.draws, found.refused) == (
        (noise[0],),
        {3: (noise[1],)},
        {"random": noise[2]},
        0,
    )
    assert (stored.id, json.loads(stored.context.text)["zone"]) == ("one", "UTC")
    assert with_noise(stored, []) == recording


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        {"place": "outcome", "path": "$.a", "matcher": "anything"},
        {"place": "input", "path": "$.a", "matcher": "type"},
        {"place": "interaction[x].request", "path": "$.a", "matcher": "type"},
        {"place": "outcome", "path": "a.b", "matcher": "type"},
        {"place": "outcome", "path": "$", "matcher": "type"},
        {"place": "outcome", "path": "$" + "[0]" * 100, "matcher": "unordered"},
        {"place": "outcome", "path": "$.a" * 1000, "matcher": "type"},
        {"place": "outcome", "path": "$[__import__('os')]", "matcher": "type"},
        {"place": "outcome", "matcher": "type"},
        {"place": "outcome", "path": 1, "matcher": "type"},
    ],
)
def test_malformed_noise_covers_nothing_and_is_counted(entry: Any) -> None:
    """A bundle may say anything."""
    good = {"place": "outcome", "path": "$.ok", "matcher": "type"}
    found = known(_recording(json.dumps({"noise": [entry, good]})))
    assert (len(found.outcome), found.refused, found.requests) == (1, 1, {})


@pytest.mark.parametrize("context", ['{"noise":{"a":1}}', '["noise"]', '"noise"'])
def test_noise_of_another_shape_covers_nothing(context: str) -> None:
    """It is no list, or the context is no mapping."""
    assert known(_recording(context)).outcome == ()


def test_hostile_noise_ends_in_bounded_time() -> None:
    """Lists that hold the next one many times, and paths into each of them."""
    value: Any = ["x"]
    for _ in range(30):
        value = [value, value]
    other: Any = ["y"]
    for _ in range(30):
        other = [other, other]
    noise = [_noise("$" + "[*]" * 31, "type"), _noise("$", "unordered")]
    assert differences(encode(value), encode(other), noise=noise)


def _nested(leaf: str, twice: int, once: int) -> Any:
    value: Any = [leaf]
    for level in range(twice + once):
        value = [value, value] if level < twice else [value]
    return value


_TYPE, _LONG = Noise(place="outcome", path="$.t", matcher="type", within=(0,)), 100_000
_HOSTILE: dict[str, tuple[Any, Any, list[Noise]]] = {
    "a word without a digit": ({"t": "a" * _LONG}, {"t": "b" * _LONG}, [_TYPE]),
    "such beside one with a digit": ({"t": f"1 {'a' * 90_000}"}, {"t": f"2 {'b' * 90_000}"}, [_TYPE] * 1_000),
    "a long word that may end anywhere": ({"t": f"1.1{'a' * 49_000}!"}, {"t": "a" * _LONG}, [_TYPE]),
    "lists in lists in any order": (
        _nested("x", 14, 25), _nested("y", 14, 25), [_noise("$" + "[*]" * deep, "unordered") for deep in range(40)]
    ),
    "a list that holds one many times": ([["x"] * 50_000] * 500, [["y"] * 50_000] * 500, [_noise("$[*]", "type")]),
    "such in any order": ([["x"]] * 6_000, [["y"]] * 6_000, [_noise("$", "unordered")]),
    "a long text many times": (
        ["a b " * 250_000] * 500, ["b a " * 249_999 + "cc"] * 500, [_noise("$[*]", "unordered")]
    ),
    "many long texts with words": (
        [f"1 {number} {'a' * 1_000}" for number in range(4_000)],
        [f"2 {number} {'b' * 1_000}" for number in range(4_000)],
        [Noise(place="outcome", path="$[*]", matcher="type", within=(0,))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_values_under_noise_end_in_bounded_time(name: str) -> None:
    """What a bundle holds and what it says varies are a stranger's: some took minutes. They stay different."""
    recorded, actual, noise = _HOSTILE[name]
    one, two = encode(recorded), encode(actual)
    began = perf_counter()
    found = differences(one, two, noise=noise, window=WINDOW)
    assert unexpected(found)
    assert perf_counter() - began < 10


def test_noise_of_too_much_covers_nothing_and_says_so() -> None:
    """Half of it would be a matter of luck."""
    recorded, actual = [["x"] * 50_000] * 50, [["y"] * 50_000] * 50
    assert _left(recorded[:1], actual[:1], _noise("$[*]", "type")) == []
    found = differences(encode(recorded), encode(actual), noise=[_noise("$[*]", "type")])
    assert unexpected(found)
    assert (found[-1].kind, found[-1].note) == ("unknown", TOO_MUCH)


@pytest.mark.parametrize("steps", [("a", 0, "b c", "'"), (), (3,), ("<type>",), ("é", "\n")])
def test_paths_are_read_as_they_are_written(steps: tuple[Any, ...]) -> None:
    """Keys that are no names are quoted."""
    assert parse(path_of(steps)) == steps


def test_below_takes_the_first_step_off() -> None:
    """Noise of a part, as seen from it."""
    found = below([_noise("$.body.user.id", "uuid"), _noise("$.query.n", "type")], "body")
    assert [each.path for each in found] == ["$.user.id"]


@pytest.mark.parametrize(
    ("matcher", "within", "recorded", "actual", "covered"),
    [
        ("took", (1,), "3 items in 0.012 s", "3 items in 0.013 s", True),
        ("took", (1,), "3 items in 0.012 s", "9 items in 0.013 s", False),
        ("took", None, "3 items in 0.012 s", "9 items in 0.012 s", True),
        ("took", None, "3 items in 0.012 s", "3 items in 0.013 s", False),
        ("took", (0, 1), "3 items in 0.012 s", "9 items in 0.013 s", True),
        ("took", (1,), "3 items in 0.012 s", "3 items in 0.013 s, 2 lost", False),
        ("took", (7,), "3 items in 0.012 s", "3 items in 0.013 s", False),
        ("took", (-1,), "3 items in 0.012 s", "3 items in 0.013 s", False),
        ("type", (0,), "job 11f7 done", "job beef done", True),
        ("type", (0,), "job 11f7 done", "job 12f7 lost", False),
        ("type", (1,), "3 of job 11f7", "4 of job 12f7", False),
        ("type", (0,), "at 0x7f3a (open)", "at 0x7f5c (shut)", False),
        ("type", (), "job 11f7", "job 12f7", False),
        ("type", None, "all of it", "another", True),
    ],
)
def test_of_a_text_only_what_varied_may_vary(
    matcher: Matcher, within: tuple[int, ...] | None, recorded: str, actual: str, covered: bool
) -> None:
    """A count or a label beside it is none of it."""
    noise = Noise(place="outcome", path="$.text", matcher=matcher, within=within)
    assert _left({"text": recorded}, {"text": actual}, noise, window=WINDOW) == ([] if covered else ["$.text"])


def test_items_are_paired_by_the_words_that_do_not_vary() -> None:
    """Of texts in which some words vary, the rest tells which is which."""
    noise = [_noise("$", "unordered"), Noise(place="outcome", path="$[*]", matcher="type", within=(0,))]
    assert _left(["job 1 done", "job 2 lost"], ["job 4 lost", "job 3 done"], *noise) == []
    assert _left(["job 1 done", "job 2 lost"], ["job 4 lost", "job 3 lost"], *noise) != []


def test_words_side_by_side_are_compared_in_bounded_time() -> None:
    """A stranger's text of many short words, of which another ends otherwise: each way to part them was tried."""
    recorded, actual = "1.1" * 80, "1.1" * 80 + "!"
    noise = Noise(place="outcome", path="$.text", matcher="type", within=tuple(range(41)))
    assert _left({"text": recorded}, {"text": actual}, noise, window=WINDOW) == ["$.text"]
