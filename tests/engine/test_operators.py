"""What is tried where, and what each operator does to a value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

import replay
from replay.core.changes import Gone, Renamed, Twice
from replay.core.edits import Edit
from replay.core.faults import Fault
from replay.core.messages import Verbatim
from replay.core.opened import Typed, Unfit
from replay.core.parts import Parts
from replay.core.recording import Prediction
from replay.engine import operators
from replay.engine.constants import constants_of
from replay.engine.mutation import mutate
from replay.engine.operators import CHANGES, suggested
from replay.engine.operators.site import Site, applied
from replay.engine.operators.texts import parts
from replay.engine.places import places
from replay.engine.shrink import fewest, shrink
from replay.errors import UsageError
from tests.core.test_parts import JSON, call, http, recording

ANSWER = {"status": 200, "headers": {"a": "b"}, "body": {"data": [1], "has_more": False}}
CHAT = {"choices": [{"finish_reason": "tool_calls", "message": {"content": "{}", "tool_calls": [
    {"function": {"name": "route", "arguments": '{"a": 1}'}}]}}]}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "argument", "expected"),
    [
        ("set", 1, None, None),
        ("pad", "a", ["", " "], "a "),
        ("put", "ab", [1, "-"], "a-b"),
        ("put", {"a": 1}, [0, "\ufeff"], Verbatim('\ufeff{"a":1}'.encode())),
        ("case", "straße", "upper", "STRASSE"),
        ("line", "a: 1\nb: 2\n", ["gone", 0], "b: 2\n"),
        ("line", "a: 1\r\nb: 2", ["cut short", 0], "a: \r\nb: 2"),
        ("line", "a: 1\nb: 2\n", ["without value", 1], "a: 1\nb:\n"),
        ("line", "a: 1\nb: 2\n", ["name only", 1], "a: 1\nb\n"),
        ("line", "a: 1\nb: 2\n", ["without delimiter", 0], "a 1\nb: 2\n"),
        ("line", "a: 1\nb: 2\n", ["blank", 0], "\nb: 2\n"),
        ("line", "a\nb", ["twice", 1], "a\nb\nb"),
        ("line", "a\nb\nc\n", ["swapped", 0], "b\na\nc\n"),
        ("number", "in 3 days at 10", [1, "-1"], "in 3 days at -1"),
        ("date", "since 2024-03-05.", [0, "0000-00-00"], "since 0000-00-00."),
        ("long", "x", [3, "é"], "ééé"),
        ("cut", "abc", -1, "ab"),
        ("cut", [1, 2, 3], 1, [1]),
        ("cut", {"a": [1]}, 4, Verbatim(b'{"a"')),
        ("replace", "a,b", [",", ";"], "a;b"),
        ("mangle", "é", "latin-1", "Ã©"),
        ("many", [1], 3, [1, 1, 1]),
        ("reverse", (1, 2), None, (2, 1)),
        ("first", [7, 8], None, 7),
        ("listed", 7, None, [7]),
        ("wrap", 7, "data", {"data": 7}),
        ("add", {"a": 1}, ["b", 2], {"a": 1, "b": 2}),
        ("swap", {"a": 1, "b": 2}, ["a", "b"], {"a": 2, "b": 1}),
        ("resize", [1.0, 2.0], 4, [1.0, 2.0, 2.0, 2.0]),
        ("scale", {"a": 0.5, "b": "x"}, 2.0, {"a": 1.0, "b": "x"}),
        ("scale", [0.5, 0.25], 2.0, [1.0, 0.5]),
        ("recode", "a\u00e9", "latin-1", Verbatim(b"a\xe9")),
        ("recode", {"a": 1}, "broken", Verbatim(b'{"a\xff":1}')),
        ("splice", "abcdef", "123456", "abc456"),
        ("say", '{"a": 1}', "fence", '```json\n{"a": 1}\n```'),
        ("say", "abcd", "truncated", "ab"),
        ("duplicate_key", {"a": 1}, ["a", None], Verbatim(b'{"a":1,"a":null}')),
        ("fault", ANSWER, "reset", Fault("reset")),
        ("empty_page", {"data": [1], "hasMore": False}, True, {"data": [], "hasMore": True}),
        ("at", 0, "1970-01-01T00:00:01", 10**9),
    ],
)
def test_what_an_operator_does(name: str, value: Any, argument: Any, expected: Any) -> None:
    """Each gives a new value."""
    assert CHANGES[name](value, argument) == expected


def test_places_are_marked() -> None:
    """Some operators say what becomes of a place."""
    assert isinstance(CHANGES["drop"](1, None), Gone)
    assert isinstance(CHANGES["twice"](1, None), Twice)
    renamed = CHANGES["rename"](1, "b")
    assert isinstance(renamed, Renamed)
    assert renamed.name == "b"


def test_an_answer_of_another_status() -> None:
    """With its header, and a body of an error."""
    found = CHANGES["answer"](ANSWER, [429, "1"])
    assert (found["status"], found["headers"]["retry-after"], "error" in found["body"]) == (429, "1", True)
    assert "body" not in CHANGES["answer"](ANSWER, [204, None])
    assert ANSWER["status"] == 200


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("empty", lambda c: c["message"]["content"] == "" and "tool_calls" not in c["message"]),
        ("truncated", lambda c: c["finish_reason"] == "length"),
        ("refusal", lambda c: c["finish_reason"] == "stop" and "can't" in c["message"]["content"]),
        ("fence", lambda c: c["message"]["content"].startswith("```json")),
        ("bad tool arguments", lambda c: c["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": 1'),
        ("wrong tool", lambda c: c["message"]["tool_calls"][0]["function"]["name"] == "route_v2"),
    ],
)
def test_chat_answers(kind: str, check: Any) -> None:
    """What a model does wrong."""
    before = json.dumps(CHAT)
    assert check(CHANGES["chat"](CHAT, kind)["choices"][0])
    assert json.dumps(CHAT) == before


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    math.nan,
    "",
    "x",
    "\ud800",
    b"\xff",
    [],
    [1],
    {},
    {"a": 1},
    (1,),
    object(),
    ANSWER,
    CHAT,
    Typed("stream", {"text": "a"}, {"bytes": 3, "pieces": 1, "form": "events", "bites": (), "acts": ()}),
]


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_operators_are_total(name: str) -> None:
    """On any value, with any argument: a value, or Unfit. Nothing else comes out, and nothing is changed in place."""
    before = repr(ODD)
    for value in ODD:
        for argument in ODD:
            try:
                applied({"x": value}, ("x",), CHANGES[name], argument)
            except Unfit:
                pass
    assert repr(ODD) == before


RICH = recording(
    http(json.dumps({"data": [{"id": 1, "when": "2026-01-01"}], "has_more": False}).encode(), JSON),
    call({"label": "ok", "score": 0.9, "scores": {"ok": 0.9, "fraud": 0.1}, "embedding": [0.1] * 8}, seq=1),
    given={"args": [{"name": "Ann", "count": 2, "tags": ["a"], "price": 1.5, "vip": True, "x": None}], "kwargs": {}},
    context={"draws": {"0": {"random": [0.5]}}},
)
"""A recording with something of everything."""


def _all_suggested() -> list[Edit]:
    return [edit for site in places(Parts(RICH), None, ()) for edit in suggested(site)]


def test_each_suggestion_changes_the_recording() -> None:
    """Nothing is tried in vain: at least nine of ten edits change something, each alone."""
    edits = _all_suggested()
    assert len(edits) > 500
    idle = [edit for edit in edits if replace(mutate(RICH, [edit]), id="r", parent_digest=None, edits=None) == RICH]
    assert len(idle) < len(edits) / 10, [str(edit) for edit in idle][:20]


def test_suggestions_are_where_they_bite() -> None:
    """Statuses on answers, times on the clock, labels that the model knows, no call without its argument."""
    lines = [str(edit) for edit in _all_suggested()]
    for line in (
        'http[0]: fault "timeout"', "http[0]: answer 503, null", "http[0].body: empty page true", "call[1].score: NaN",
        "call[1].embedding: resize 7", 'call[1].label: "fraud"', "input.args[0].name: null", 'input.args[0].count: "2"',
        "input.args[0].tags: []", "input.args[0].vip: false", 'draws["0"].random[0]: 0.0',
    ):  # fmt: skip
        assert line in lines
    assert any(line.startswith("clock.started_at: at ") for line in lines)
    assert "input.args[0]: drop" not in lines
    assert "input.args[0]: twice" not in lines


def test_lines_numbers_and_dates_of_a_text_are_places() -> None:
    """The first lines and the last, the first numbers and dates; text of one line without any has none."""
    text = "".join(f"name{n}: {n}\n" for n in range(20)) + "day: 2024-03-05\n"
    tried = list(parts(Site("input", ("args", 0), text)))
    assert {argument[1] for name, argument in tried if name == "line"} == {0, 1, 2, 3, 4, 5, 19, 20}
    assert {argument[0] for name, argument in tried if name == "number"} == {0, 1, 2, 3}
    assert ("date", [0, "0000-00-00"]) in tried
    assert list(parts(Site("input", ("args", 0), "plain words"))) == []


def test_a_page_of_a_proxy_has_its_status() -> None:
    """An error page with 502, or the page alone with the answer's own status."""
    assert CHANGES["html"](ANSWER, 502)["status"] == 502
    assert CHANGES["html"](ANSWER, None)["status"] == ANSWER["status"]
    assert CHANGES["html"](ANSWER, 502)["headers"]["content-type"] == "text/html"


STREAM = Typed("stream", {"text": "abcd", "finish_reason": "stop", "arguments": '{"a": 1}', "tool": "route"},
               {"bytes": 300, "pieces": 6, "form": "events", "bites": (7,), "acts": ()})  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("truncated", {"text": "ab", "finish_reason": "length"}),
        ("refusal", {"text": "I'm sorry, but I can't help with that."}),
        ("empty", {"text": ""}),
        ("bad tool arguments", {"arguments": '{"a": 1'}),
        ("wrong tool", {"tool": "route_v2"}),
        ("no tool", {"tool": "", "arguments": ""}),
    ],
)
def test_chat_answers_that_are_streamed(kind: str, expected: dict[str, str]) -> None:
    """The text of the deltas and the reason for its end go together."""
    assert CHANGES["chat"](STREAM, kind).fields == {**STREAM.fields, **expected}


def test_a_stream_is_one_place_and_each_of_its_texts_another() -> None:
    """Few edits each, however long the stream; none that takes a text out of it."""
    whole = suggested(Site("http[0]", ("stream",), STREAM))
    assert {"breaks_at", "ends_at", "split", "error_after", "late_piece", "chat"} <= {edit.operator for edit in whole}
    assert len(whole) < 40
    texts = suggested(Site("http[0]", ("stream", "text"), "billing"))
    assert [edit.argument for edit in texts[:2]] == ["", "bil"]
    assert 'http[0].stream.text: "unknown"' in [str(edit) for edit in texts]
    assert not {"drop", "rename"} & {edit.operator for edit in texts}
    reasons = suggested(Site("http[0]", ("stream", "finish_reason"), "stop"))
    assert reasons[0] == Edit("http[0].stream.finish_reason", "set", "length")


def test_scores_are_put_beside_the_threshold_of_their_model() -> None:
    """At it, below and above."""
    answered = replace(call({"score": 0.9}, seq=0), boundary="model", target="risk")
    predicted = Prediction(seq=0, name="risk", score=0.9, threshold=0.73)
    found = replace(recording(answered), predictions=(predicted,))
    lines = [str(edit) for site in places(Parts(found), None, ()) for edit in suggested(site)]
    assert {f"model[0].score: {score}" for score in (0.73, 0.72, 0.74)} <= set(lines)


def test_more_of_what_production_sends() -> None:
    """A list of one where a value was, a member that no set has, bodies in other encodings."""
    lines = [str(edit) for edit in _all_suggested()]
    for line in (
        "input.args[0].name: listed", "input.args[0].count: listed", "input.args[0].count: NaN",
        'input.args[0].name: "other"', 'http[0].body: recode "broken"', 'http[0]: packing "only said"',
    ):  # fmt: skip
        assert line in lines
    body = len('{"data":[{"id":1,"when":"2026-01-01"}],"has_more":false}')
    assert f'http[0].body: put {body}, "{{}}"' in lines
    spliced = suggested(Site("input", ("args", 0), "abcdef", learned=("123456",)))
    assert 'input.args[0]: "abc456"' in [str(edit) for edit in spliced]


def test_learned_values_come_early() -> None:
    """What production was seen to send is likelier than what nobody saw."""
    found = [str(edit) for edit in suggested(Site("input", ("args", 0, "plan"), "pro", learned=("team",)))]
    assert found.index('input.args[0].plan: "team"') <= 2


@pytest.fixture
def _clean() -> Iterator[None]:
    before = dict(operators.own)
    yield
    operators.own.clear()
    operators.own.update(before)


@pytest.mark.usefixtures("_clean")
def test_a_user_adds_an_operator() -> None:
    """The edit holds the value itself: a find does not need the operator."""

    @replay.operator
    def comma(value: object) -> Iterator[object]:
        if isinstance(value, str) and "." in value:
            yield value.replace(".", ",")

    @replay.operator
    def broken(value: object) -> Iterator[object]:
        raise RuntimeError("of the project")

    assert Edit("input.args[0].a", "set", "1,5") in suggested(Site("input", ("args", 0, "a"), "1.5"))
    with pytest.raises(UsageError):
        replay.operator(3)  # type: ignore[arg-type]


def test_constants_are_those_that_code_compares_with(tmp_path: Any) -> None:
    """And numbers beside them; other literals, broken files and missing ones give none."""
    (tmp_path / "a.py").write_text(
        'LIMIT = 40\nVALID = {"A", "B"}\nX = "not compared"\n'
        'def f(x):\n    if x == "JPY" or x in VALID or x > LIMIT or x < -0.5 or x.startswith("ord_"):\n'
        "        return 99\n"
        '    match x:\n        case "m":\n            return 1\n'
    )
    (tmp_path / "b.py").write_text("def broken(:\n")
    found = constants_of([str(tmp_path / name) for name in ("a.py", "b.py", "c.py")])
    assert {"JPY", "A", "B", "ord_", "m", 40, 39, 41, -0.5} <= set(found)
    assert not {"not compared", 99} & set(found)


def test_shrinking_finds_the_fewest_and_simplest() -> None:
    """Whatever stood beside them."""
    edits = tuple(Edit("input.args[0]", "set", number) for number in range(40))
    needed = {3, 17, 31}
    found = fewest(edits, lambda tried: needed <= {edit.argument for edit in tried})
    assert {edit.argument for edit in found} == needed
    small = shrink((edits[9],), lambda tried: tried[0].argument in (5, 7, 9), lambda edit: list(edits[: edit.argument]))
    assert [edit.argument for edit in small] == [5]
    long = (Edit("input.args[0]", "long", [65537, "x"]),)
    assert shrink(long, lambda tried: tried[0].argument[0] > 255, lambda edit: [])[0].argument == [256, "x"]
