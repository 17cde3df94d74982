"""Sentry events: as an SDK sends them, as the API exports them, wrapped, chained, grouped, damaged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from replay.core.sentry import is_event, read_event
from replay.core.signature import SignatureError
from replay.core.verdict import Frame

FRAMES = [
    {"filename": "flask/app.py", "abs_path": "/venv/lib/python3.11/site-packages/flask/app.py", "function": "view",
     "lineno": 3, "in_app": False, "vars": {"noise": "1"}},
    {"filename": "shop/billing.py", "abs_path": "/srv/app/releases/123/shop/billing.py", "function": "Bill.parse",
     "module": "shop.billing", "lineno": 41, "context_line": "    return float(amount)", "in_app": True,
     "vars": {"amount": "'12,50'", "row": {"id": "7", "tags": ["'a'"]}, "self": "<shop.Bill object at 0x7f00>",
              "none": "None"}},
]  # fmt: skip
EVENT: dict[str, Any] = {
    "event_id": "a" * 32,
    "platform": "python",
    "timestamp": "2026-11-01T10:00:07Z",
    "exception": {"values": [
        {"type": "KeyError", "module": None, "value": "'x'", "stacktrace": {"frames": FRAMES[:1]}},
        {"type": "ValueError", "module": "builtins", "value": "could not convert string to float: '12,50'",
         "stacktrace": {"frames": FRAMES}},
    ]},
}  # fmt: skip


def test_the_last_exception_counts() -> None:
    """With its frames, variables of the project's own ones, cause and time."""
    found = read_event(EVENT)
    assert (found.error_type, found.message) == ("ValueError", "could not convert string to float: '12,50'")
    assert found.frames[-1] == Frame("/srv/app/releases/123/shop/billing.py", 41, "parse", "return float(amount)")
    assert dict(found.variables) == {"amount": "12,50", "id": 7, "tags": "a", "none": None}
    assert found.when == "2026-11-01T10:00:07+00:00"
    assert found.cause is not None
    assert found.cause.error_type == "KeyError"


def test_a_module_is_part_of_the_type() -> None:
    """But for builtins."""
    value = {"type": "ReadTimeout", "module": "httpx", "value": "", "stacktrace": {"frames": FRAMES}}
    assert read_event({"exception": {"values": [value]}}).error_type == "httpx.ReadTimeout"


def test_the_form_of_the_web_interface_is_read() -> None:
    """`entries`, and names in its own style."""
    frame = {"filename": "shop/billing.py", "absPath": "/srv/shop/billing.py", "function": "parse", "lineNo": 4,
             "inApp": True, "context": [[3, "def parse(amount):"], [4, "    return float(amount)"]]}  # fmt: skip
    entry = {"type": "exception", "data": {"values": [{"type": "ValueError", "value": "x",
                                                       "stacktrace": {"frames": [frame]}}]}}  # fmt: skip
    expected = (Frame("/srv/shop/billing.py", 4, "parse", "return float(amount)"),)
    assert read_event({"entries": [{"type": "message"}, entry]}).frames == expected


@pytest.mark.parametrize("wrapped", [{"event": EVENT}, {"data": {"event": EVENT}}, [EVENT], {"payload": EVENT}])
def test_what_stands_around_it_does_not_matter(wrapped: Any) -> None:
    """Exports and web hooks."""
    assert read_event(wrapped) == read_event(EVENT)


def test_an_envelope_is_read() -> None:
    """A JSON object a line, of which one is the event."""
    text = "\n".join(map(json.dumps, ({"event_id": "a"}, {"type": "event"}, EVENT)))
    assert is_event(text) == EVENT
    assert is_event("Traceback (most recent call last):") is None


def test_a_group_has_its_members() -> None:
    """By the numbers that the mechanism gives."""
    values = [
        {"type": "TypeError", "value": "b",
         "mechanism": {"exception_id": 2, "parent_id": 0, "source": "exceptions[1]"}},
        {"type": "KeyError", "value": "a",
         "mechanism": {"exception_id": 1, "parent_id": 0, "source": "exceptions[0]"}},
        {"type": "ExceptionGroup", "value": "two", "stacktrace": {"frames": FRAMES},
         "mechanism": {"exception_id": 0, "is_exception_group": True}},
    ]  # fmt: skip
    found = read_event({"exception": {"values": values}})
    assert [each.error_type for each in found.members] == ["KeyError", "TypeError"]
    assert found.cause is None


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "no exception"),
        ([], "no exception"),
        ({"exception": {"values": []}}, "no exception"),
        ({"exception": {"values": [{"value": "x"}]}}, "no `type`"),
        ({"platform": "javascript", "exception": {"values": [{"type": "TypeError"}]}}, "platform 'javascript'"),
    ],
)
def test_what_is_no_event_is_refused(event: Any, message: str) -> None:
    """With what is missing."""
    with pytest.raises(SignatureError, match=message):
        read_event(event)


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, {"frames": 3}, {"frames": [None, {"lineno": "x", "vars": []}]}])
def test_hostile_frames_never_break_the_reader(odd: Any) -> None:
    """What is not of the form is left out."""
    value = {"type": "KeyError", "value": odd, "stacktrace": odd, "mechanism": odd, "module": odd}
    assert read_event({"exception": {"values": [value]}, "timestamp": odd}).error_type.endswith("KeyError")
