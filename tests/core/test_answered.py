"""Answers of a web application are compared by what their JSON says."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from replay.core.answered import told
from replay.core.codec import encode
from replay.core.compare import differences
from replay.core.noise import Noise
from replay.core.varying import varied
from replay.core.verdict import Window

START = 1_700_000_000
WINDOW = Window(START * 10**9, (START + 3) * 10**9)


def answer(body: bytes, kind: str = "application/json", **headers: str) -> dict[str, Any]:
    """What `replay.ASGI` and `replay.WSGI` record of a response."""
    named = {"content-type": kind, "content-length": str(len(body)), **headers}
    return {"status": 200, "headers": [[name, value] for name, value in named.items()], "body": body}


def found(one: Any, two: Any, **how: Any) -> list[tuple[str, str, str | None]]:
    """Path, kind and note of each difference."""
    return [(each.path, each.kind, each.note) for each in differences(encode(one), encode(two), **how)]


def said(value: Any) -> dict[str, Any]:
    """An answer of that JSON."""
    return answer(json.dumps(value).encode())


def test_a_time_in_a_body_is_shown_as_such() -> None:
    """Inside the recorded window, and written longer: neither it nor the length of the body is a change."""
    one, two = said({"id": 1, "at": START + 0.25}), said({"id": 1, "at": START + 0.0625})
    assert one["headers"] != two["headers"]
    assert found(one, two, window=WINDOW) == [("$.body.at", "changed", "time inside the recorded window")]


def test_places_in_a_body_are_ignored_and_tolerated() -> None:
    """By their paths."""
    one, two = said({"items": [{"id": "a", "score": 1.0}]}), said({"items": [{"id": "bc", "score": 1.001}]})
    assert found(one, two, ignore=["$.body.items[*].id"]) == [("$.body.items[0].score", "changed", None)]
    assert found(one, two, ignore=["**.id"], tolerances={"$.body.items[*].score": 0.01}) == [
        ("$.body.items[0].score", "changed", "within tolerance")
    ]


def test_known_noise_covers_places_in_a_body() -> None:
    """As it covers whole bodies."""
    one, two = said({"tags": ["a", "b"]}), said({"tags": ["b", "a"]})
    within = Noise(place="outcome", path="$.body.tags", matcher="unordered")
    assert found(one, two, noise=[within]) == [("$.body.tags", "changed", "known noise: unordered")]
    whole = Noise(place="outcome", path="$.body", matcher="type")
    assert found(one, two, noise=[whole]) == [("$.body", "changed", "known noise: type")]


def test_a_compressed_body_is_compared_by_what_it_says() -> None:
    """As middleware of the application compresses it."""
    one, two = (
        answer(gzip.compress(b'{"plan": %s}' % plan), **{"content-encoding": "gzip"}) for plan in (b'"free"', b"null")
    )
    assert found(one, two)[0] == ("$.body.plan", "type", None)


def test_the_order_of_names_is_no_difference() -> None:
    """As in any other dict; the order of items is, and 1 is not true."""
    assert found(said({"a": 1, "b": [2]}), said({"b": [2], "a": 1})) == []
    assert [path for path, _, _ in found(said({"a": True}), said({"a": 1}))] == ["$.body.a"]
    assert [path for path, _, _ in found(said([1, True]), said([True, 1]))] == ["$.body[0]", "$.body[1]"]


@pytest.mark.parametrize("name", ["Allow", "vary", "Access-Control-Allow-Methods"])
def test_headers_that_are_sets_have_no_order(name: str) -> None:
    """Django REST framework writes `Allow` from a set: another hash seed, another order."""
    one, two, other = (answer(b"x", "text/plain", **{name: value}) for value in ("GET, POST", "POST,GET", "POST, PUT"))
    assert found(one, two) == []
    assert found(one, other) == [("$.headers[2][1]", "changed", None)]
    assert list(varied(told(one), [told(one), told(two)])) == []
    assert found(answer(b"x", "text/plain", Accept="a, b"), answer(b"x", "text/plain", Accept="b, a")) != []


def test_what_varies_is_told_by_its_place_in_a_body() -> None:
    """The length of a body follows from it: only what it says varies."""
    runs = [told(said({"id": text, "label": "spam"})) for text in ("a", "bcd")]
    assert [(each.steps, each.matcher) for each in varied(runs[0], runs)] == [(("body", "id"), "type")]


def returned(body: str, **more: Any) -> dict[str, Any]:
    """What a Lambda function returns to API Gateway."""
    return {"statusCode": 200, "body": body, **more}


def test_the_body_that_a_lambda_function_returns_is_compared_by_what_it_says() -> None:
    """Times, ignored places, noise and the order of names, as of any answer."""
    one, two = (returned(json.dumps({"id": id, "at": at})) for id, at in (("a", START + 0.25), ("bc", START + 0.5)))
    assert found(one, two, window=WINDOW, ignore=["$.body.id"]) == [
        ("$.body.at", "changed", "time inside the recorded window")
    ]
    noise = varied(told(one), [told(one), told(two)])
    assert sorted((each.steps, each.matcher) for each in noise) == [(("body", "at"), "type"), (("body", "id"), "type")]
    assert found(returned('{"a": 1, "b": 2}'), returned('{"b": 2, "a": 1}')) == []


@pytest.mark.parametrize(
    "more", [{"headers": {"Content-Type": "text/plain"}}, {"isBase64Encoded": True}, {"statusCode": "200"}]
)
def test_a_body_that_a_lambda_function_calls_something_else_is_text(more: dict[str, Any]) -> None:
    """Of another type, in Base64, or no answer at all."""
    assert [path for path, _, _ in found(returned('{"a": 1}', **more), returned('{"a": 2}', **more))] == ["$.body"]


@pytest.mark.parametrize(
    ("one", "two", "paths"),
    [
        (answer(b'{"a": 1}'), answer(b'{"a":1}'), ["$.body", "$.headers[1][1]"]),
        (answer(b'{"a": 1, "a": 2}'), answer(b'{"a": 3, "a": 2}'), ["$.body"]),
        (answer(b'{"a": 1}'), answer(b'["a", 1]'), ["$.body"]),
        (answer(b'{"a": 1}', "text/plain"), answer(b'{"a": 2}', "text/plain"), ["$.body"]),
        (answer(b'{"a": 1'), answer(b'{"a": 2'), ["$.body"]),
        (answer(b"[" * 9000), answer(b"[" * 8999 + b"1"), ["$.body"]),
        (answer(b"[" * 200 + b"1" + b"]" * 200), answer(b"[" * 200 + b"2" + b"]" * 200), ["$.body"]),
        (said({"a": 1}), {**said({"a": 10}), "status": 201}, ["$.body.a", "$.status"]),
        (said({"a": 1}), {**said({"a": 22}), "headers": said({"a": 1})["headers"]}, ["$.body.a"]),
        (said({"a": 1}), {**said({"a": 2}), "headers": [["content-type", "text/json"], ["content-length", "3"]]},
         ["$.body.a", "$.headers[0][1]", "$.headers[1][1]"]),
    ],
)  # fmt: skip
def test_all_else_is_compared_as_it_was(one: Any, two: Any, paths: list[str]) -> None:
    """Other ways to write the same, names that stand twice, no JSON, and headers that say something of their own."""
    assert [path for path, _, _ in found(one, two)] == paths
