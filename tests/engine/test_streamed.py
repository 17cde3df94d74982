"""Streams in searches: what a model streams is found wrong next door, and edited streams replay in real clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from replay.boundaries import ALL
from replay.boundaries.clock import move_to, wait
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.core.verdict import Frame
from replay.engine.mutation import mutate
from replay.engine.player import UNREAD
from replay.engine.session import Session
from replay.entrypoints import RUNNERS
from tests.engine import teller
from tests.engine.test_explorer import TARGETS, explore, stage, summary
from tests.engine.test_hunter import edits, hunted

Record = Callable[..., list[Recording]]
QUEUE = Frame("/srv/app/tests/engine/teller.py", 1, "_queue", 'return QUEUES[answer["label"]]')


@pytest.fixture
def told(record: Record) -> Recording:
    """The benign answer, read with httpx."""
    return record(lambda: teller.record_told(teller.told))[0]


def test_a_hunt_finds_the_label_whose_text_came_in_pieces(told: Recording) -> None:
    """From the traceback alone."""
    hunt = hunted(told, "KeyError", QUEUE, message="'facturación'")
    assert edits(hunt) == [['http[0].stream.json.label: "facturaci\\u00f3n"']]


def test_a_search_finds_what_a_model_streams_wrong(told: Recording) -> None:
    """A label that nobody knows, text that is no JSON, a connection that breaks; equal seeds find the same."""
    found = summary(explore(told, executions=200))
    assert found == summary(explore(told, executions=200))
    assert {
        ("KeyError", 'http[0].stream.json.label: ""'),
        ("json.decoder.JSONDecodeError", 'http[0].stream.text: ""'),
    } <= {(error, path) for error, (path, *_) in found}
    assert any(error == "httpx.RemoteProtocolError" and "breaks at" in path for error, (path, *_) in found)


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("split", 7, None),
        ("chunks", 1, None),
        ("together", None, None),
        ("late_piece", [2, 31.0], None),
        ("without_piece", 3, None),
        ("without_piece", 1, "JSONDecodeError"),
        ("repeat_piece", 1, "JSONDecodeError"),
        ("swap_pieces", 0, "JSONDecodeError"),
        ("error_after", 1, "KeyError"),
        ("ends_at", 150, "JSONDecodeError"),
        ("breaks_at", 150, "RemoteProtocolError ChunkedEncodingError"),
        ("unterminated", None, "RemoteProtocolError ChunkedEncodingError"),
    ],
)
@pytest.mark.parametrize("function", [teller.told, teller.told_by_requests])
def test_edited_streams_are_served_as_they_would_arrive(
    record: Record, function: Any, name: str, argument: Any, expected: str | None
) -> None:
    """To httpx, and to requests over the wire: cuts that change nothing change nothing, others end as they must."""
    (benign,) = record(lambda: teller.record_told(function))
    found = Session(boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait).run(
        mutate(benign, [Edit("http[0].stream", name, argument)])
    )
    if expected is None:
        assert found.status == "reproduced"
    else:
        assert found.outcome is not None
        assert (found.outcome.payload.error_type or "").rpartition(".")[2] in expected.split()


def test_a_find_whose_answer_is_not_read_is_reproduced(record: Record) -> None:
    """How far production read an answer says nothing of what a mutation makes of it; code that does read it may."""
    (benign,) = record(lambda: teller.record_told(teller.told_carefully))
    edited = [Edit("http[0]", "answer", [429, None])]
    on = stage(benign)
    find = on.recorded(on.execute(edited), edited)
    session = Session(boundaries=ALL, runners=RUNNERS, targets=TARGETS, move=move_to, wait=wait)
    verdict = session.run(find)
    assert (find.error_type, verdict.status, verdict.divergences) == ("ConnectionError", "reproduced", ())
    again = on.recorded(stage(find).run(find), edited)
    assert session.run(again).status == "reproduced"


def test_an_answer_that_production_read_is_missed(record: Record) -> None:
    """The mark is of a find alone: it is gone where another run reads on."""
    (benign,) = record(lambda: teller.record_told(teller.told_carefully))
    on = stage(benign)
    assert UNREAD not in on.recorded(on.execute([]), []).facts
