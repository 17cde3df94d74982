"""What a boundary changes in containers of the application's own, before it raises, and as it yields."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import replay
from replay.core.codec import Value
from replay.core.recording import Recording
from tests.engine import filled_ways
from tests.engine.filled_ways import KINDS
from tests.recordings import again, normalised, record


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing has run."""
    yield
    filled_ways.RAN.clear()


def _is_filled(tmp_path: Path, work: Callable[[], Any]) -> Recording:
    (recording,) = record(tmp_path, work)
    filled_ways.RAN.clear()
    verdict, second = again(recording)
    assert (verdict.status, verdict.difference, filled_ways.RAN) == ("reproduced", (), [])
    assert normalised(second) == normalised(recording)
    return recording


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_container(tmp_path: Path, kind: str) -> None:
    """In place, by the methods of its base; what it holds stays the same object."""
    _is_filled(tmp_path, lambda: filled_ways.changes(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_changed_before_an_error(tmp_path: Path, kind: str) -> None:
    """The caller catches it, and goes on with what there is."""
    recording = _is_filled(tmp_path, lambda: filled_ways.fails(kind))
    (one,) = recording.interactions
    assert (one.state, one.answer.error_type) == ("raised", "LookupError")
    _is_filled(tmp_path, lambda: asyncio.run(filled_ways.fails_later(kind)))


@pytest.mark.parametrize("most", [1, 2, 9])
@pytest.mark.parametrize("last", ["end", "error"])
def test_what_a_generator_changes(tmp_path: Path, last: str, most: int) -> None:
    """When it is read to its end, in an error, or left."""
    _is_filled(tmp_path, lambda: filled_ways.reads(last, most))
    _is_filled(tmp_path, lambda: asyncio.run(filled_ways.reads_later(last, most)))


def test_what_did_not_change_is_not_stored(tmp_path: Path) -> None:
    """An error and pieces are as ever."""
    (recording,) = record(tmp_path, lambda: filled_ways.fails("own list"))
    assert '"left":' in recording.interactions[0].answer.text
    KINDS["nothing"] = (lambda: [1], lambda into: None)
    try:
        (recording,) = record(tmp_path, lambda: filled_ways.fails("nothing"))
    finally:
        del KINDS["nothing"]
    assert '"left":' not in recording.interactions[0].answer.text


LEFT = ["5", "[]", '{"args":5,"kwargs":null}', '{"args":[[1]]}', '{"args":[{"$ref":7}],"kwargs":{}}', '{"$ref":0}']


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("work", [lambda: filled_ways.fails("own list"), lambda: filled_ways.reads("end", 9)])
def test_a_bundle_may_hold_any_shape(tmp_path: Path, work: Callable[[], Any], left: str) -> None:
    """What is malformed ends in a verdict."""
    (recording,) = record(tmp_path, work)
    (one,) = recording.interactions
    head, _, tail = one.answer.text.partition('"left":')
    end = "}" * (1 + one.answer.text.startswith('{"$error"'))
    assert tail.endswith(end)
    hostile = msgspec.structs.replace(one, answer=Value(f'{head}"left":{left}{end}'))
    assert replay.run(msgspec.structs.replace(recording, interactions=(hostile,))).status != "reproduced"


def test_what_is_too_large_to_be_looked_at_again_is_told(tmp_path: Path) -> None:
    """Whether it was changed is not known: the verdict says so, whatever it is."""
    (small,) = record(tmp_path, lambda: filled_ways.sorts(100))
    assert replay.run(small).difference == ()
    (large,) = record(tmp_path, lambda: filled_ways.sorts(2_000))
    verdict = replay.run(large)
    (told,) = [each for each in verdict.difference if each.kind == "unknown"]
    assert told.path == "interaction[0].request afterwards"
    assert "64 KB" in (told.note or "")
