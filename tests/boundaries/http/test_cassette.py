"""The cassette: vcrpy decides what matches, and says what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vcr.errors import CannotOverwriteExistingCassetteException, UnhandledHTTPRequestError
from vcr.request import Request

from replay.boundaries.http import http
from replay.boundaries.http.cassette import BundleCassette
from replay.boundaries.http.exchange import HttpRequest
from replay.core.codec import encode
from replay.core.recording import Interaction
from replay.core.verdict import Window

NOON = 1_700_000_000_000_000_000
HOUR = 3_600_000_000_000
FORM = [("content-type", "application/x-www-form-urlencoded")]
JSON = [("content-type", "application/json")]


def interaction(
    seq: int, method: str, url: str, body: bytes = b"", headers: Any = (), text: bytes = b"x"
) -> Interaction:
    asked = HttpRequest("httpx", method, url, headers, body)
    answer = {"status": 200, "reason": "OK", "http_version": "HTTP/1.1", "headers": [["a", "1"], ["a", "2"]],
              "pieces": [[1, text]], "decoded": False, "dropped": 0, "end": "complete", "error": None}  # fmt: skip
    return Interaction(seq=seq, lane="0", boundary="http", target=asked.target, request=asked.settle(),
                       answer=encode(answer), state="returned", offset_ns=0, duration_ns=1)  # fmt: skip


def asked(method: str, url: str, body: bytes = b"", headers: Any = ()) -> Any:
    return HttpRequest("requests", method, url, headers, body).settle()


def cassette(*interactions: Interaction) -> BundleCassette:
    return BundleCassette(interactions, Window(NOON, NOON + HOUR))


SAME = {
    "another client, other headers": (("GET", "http://h/p"), ("GET", "http://h/p", b"", [("user-agent", "y")])),
    "query in another order": (("GET", "http://h/p?a=1&b=2"), ("GET", "http://h/p?b=2&a=1")),
    "default port": (("GET", "http://h/p"), ("GET", "http://h/p")),
    "JSON spelled otherwise": (("POST", "http://h/p", b'{"a": 1, "b": 2}', JSON),
                               ("POST", "http://h/p", b'{"b":2,"a":1}', JSON)),
    "JSON with a name twice, spelled otherwise": (("POST", "http://h/p", b'{"a": 1, "a": 2}', JSON),
                                                  ("POST", "http://h/p", b'{"a":1,"a":2}', JSON)),
    "form in another order": (("POST", "http://h/p", b"a=1&b=2", FORM), ("POST", "http://h/p", b"b=2&a=1", FORM)),
    "times of the recording in a query": (("GET", "http://h/p?since=2023-11-14T22:13:20.5&t=1&t=1700000100.5"),
                                          ("GET", "http://h/p?since=2023-11-14T22:13:21.25&t=1&t=1700000101.25")),
    "such in a longer one": (("GET", "http://h/p?q=ts%3E2023-11-13T22:13:20.5+AND+a"),
                             ("GET", "http://h/p?q=ts%3E2023-11-13T22:13:20.75+AND+a")),
    "such in a form": (("POST", "http://h/p", b"until=2023-11-21+22:13:20.5", FORM),
                       ("POST", "http://h/p", b"until=2023-11-21+22:13:20.75", FORM)),
    "such in JSON": (("POST", "http://h/p", b'{"say": "It is 2023-11-14 22:13:20.5 now"}', JSON),
                     ("POST", "http://h/p", b'{"say": "It is 2023-11-14 22:13:20.75 now"}', JSON)),
    "such in XML": (("POST", "http://h/p", b"<at>2023-11-14T22:13:20.5Z</at>"),
                    ("POST", "http://h/p", b"<at>2023-11-14T22:13:20.75Z</at>")),
    "another multipart boundary": (
        ("POST", "http://h/p", b"--AA\r\nx\r\n--AA--", [("content-type", "multipart/form-data; boundary=AA")]),
        ("POST", "http://h/p", b"--BBB\r\nx\r\n--BBB--", [("content-type", "multipart/form-data; boundary=BBB")])),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_request_that_means_the_same_is_answered(name: str) -> None:
    """Matching sees through what varies without meaning."""
    recorded, now = SAME[name]
    one = interaction(0, *recorded)
    assert cassette(one).take(asked(*now), [one]) is one


OTHER = {
    "method": (("GET", "http://h/p"), ("PUT", "http://h/p")),
    "scheme": (("GET", "http://h:1/p"), ("GET", "https://h:1/p")),
    "host": (("GET", "http://h/p"), ("GET", "http://other/p")),
    "port": (("GET", "http://h:1/p"), ("GET", "http://h:2/p")),
    "path": (("GET", "http://h/p"), ("GET", "http://h/q")),
    "query.a": (("GET", "http://h/p?a=1"), ("GET", "http://h/p?a=2")),
    "body.a.b": (("POST", "http://h/p", b'{"a": {"b": 1}}', JSON), ("POST", "http://h/p", b'{"a": {"b": 2}}', JSON)),
    "body.b": (("POST", "http://h/p", b'{"b": 1, "b": 2}', JSON), ("POST", "http://h/p", b'{"b": 2}', JSON)),
    "body.c": (("POST", "http://h/p", b'{"c": [1, 2]}', JSON), ("POST", "http://h/p", b'{"c": 1, "c": [1, 2]}', JSON)),
    "body.d[0].e": (
        ("POST", "http://h/p", b'{"d": [{"e": 1, "e": 2}]}', JSON),
        ("POST", "http://h/p", b'{"d": [{"e": 2, "e": 1}]}', JSON),
    ),
    "query.since": (
        ("GET", "http://h/p?since=2023-11-14T22:13:20.5"),
        ("GET", "http://h/p?since=2023-11-15T10:13:20.5"),
    ),
    "query.t": (("GET", "http://h/p?t=1&t=1700000100.5"), ("GET", "http://h/p?t=2&t=1700000101.0")),
    "body.say": (
        ("POST", "http://h/p", b'{"say": "2023-11-14 22:13:20.5, one"}', JSON),
        ("POST", "http://h/p", b'{"say": "2023-11-14 22:13:20.5, two"}', JSON),
    ),
    "body.k": (("POST", "http://h/p", b"k=1", FORM), ("POST", "http://h/p", b"k=2", FORM)),
    "body": (("POST", "http://h/p", b"one"), ("POST", "http://h/p", b"two")),
}


@pytest.mark.parametrize("field", OTHER)
def test_a_request_that_differs_is_refused_with_the_field(field: str) -> None:
    """What differs is not answered, and the differing field is named by path."""
    recorded, now = OTHER[field]
    one = interaction(0, *recorded)
    shelf = cassette(one)
    assert shelf.take(asked(*now), [one]) is None
    assert [difference.path for difference in shelf.differences(one, asked(*now))] == [field]


def test_the_refusal_is_the_error_of_vcrpy_with_the_nearest_request() -> None:
    """The application gets vcrpy's exception; its text has our message, the nearest request and the failed matcher."""
    one = interaction(0, "POST", "http://h/p", b'{"a": 1}', JSON)
    shelf = cassette(one)
    error = shelf.refusal(asked("POST", "http://h/p", b'{"a": 2}', JSON), "our words")
    assert isinstance(error, CannotOverwriteExistingCassetteException)
    assert str(error).startswith("our words\n")
    assert "body differs" in str(error)
    assert error.reason == "no_match"


def test_a_brief_refusal_is_the_same_error_with_our_words_only() -> None:
    """A search refuses by the hundred: nothing is compared, and the error has all that vcrpy's has."""
    one = interaction(0, "POST", "http://h/p", b'{"a": 1}', JSON)
    now = asked("POST", "http://h/p", b'{"a": 2}', JSON)
    brief, whole = (cassette(one).refusal(now, "our words", brief=each) for each in (True, False))
    assert type(brief) is type(whole) is CannotOverwriteExistingCassetteException
    assert str(brief) == "our words"
    assert vars(brief).keys() == vars(whole).keys()


def test_each_answer_is_played_once_and_in_order() -> None:
    """Two equal requests get the two recorded answers in order; a third is refused as already played."""
    first = interaction(0, "GET", "http://h/p", text=b"1")
    second = interaction(1, "GET", "http://h/p", text=b"2")
    tape = cassette(first, second)
    request = Request("GET", "http://h/p", None, {})
    assert tape.can_play_response_for(request)
    assert [tape.play_response(request)["body"]["string"] for _ in range(2)] == [b"1", b"2"]
    assert not tape.can_play_response_for(request)
    with pytest.raises(UnhandledHTTPRequestError):
        tape.play_response(request)
    assert (tape.play_count, tape.all_played, len(tape)) == (2, True, 2)


def test_answers_have_the_form_that_vcrpy_gives() -> None:
    """`data` holds requests and responses as any cassette does, repeated headers as lists."""
    tape = cassette(interaction(0, "GET", "http://h/p", text=b"1"))
    (request, response) = tape.data[0]
    assert (request.method, request.uri) == ("GET", "http://h/p")
    assert response == {
        "status": {"code": 200, "message": "OK"},
        "headers": {"a": ["1", "2"]},
        "body": {"string": b"1"},
    }


def test_taking_counts_as_playing() -> None:
    """What the player took is played for vcrpy too."""
    one = interaction(0, "GET", "http://h/p")
    tape = cassette(one)
    tape.take(asked("GET", "http://h/p"), [one])
    assert tape.all_played
    assert not tape.can_play_response_for(Request("GET", "http://h/p", None, {}))


def test_times_inside_the_recorded_window_match() -> None:
    """A JSON body that carries the time of asking matches while that time is inside the recording."""
    body = [
        json.dumps({"at": at}).encode()
        for at in ("2023-11-14T22:13:21Z", "2023-11-14T22:30:00Z", "2024-01-01T00:00:00Z")
    ]
    one = interaction(0, "POST", "http://h/p", body[0], JSON)
    assert cassette(one).take(asked("POST", "http://h/p", body[1], JSON), [one]) is one
    assert cassette(one).take(asked("POST", "http://h/p", body[2], JSON), [one]) is None


def test_a_shelf_imports_vcr_only_for_a_request() -> None:
    """The boundary gives a shelf at once; its cassette is made when something is asked."""
    one = interaction(0, "GET", "http://h/p")
    shelf: Any = http.shelf([one], Window(NOON, NOON + HOUR))
    assert shelf._made is None
    assert shelf.take(asked("GET", "http://h/p"), [one]) is one
    assert isinstance(shelf.cassette, BundleCassette)
