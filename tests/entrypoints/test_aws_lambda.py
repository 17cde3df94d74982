"""Lambda handlers: recorded, on disk before the answer, and replayed with a context like the one they had."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import replay
from replay.engine import recorder
from replay.engine.recorder import Captured
from replay.errors import UsageError


class LambdaContext:
    """As the runtime makes it."""

    function_name = "orders"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:1:function:orders"
    memory_limit_in_mb = 128
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    log_group_name = "/aws/lambda/orders"
    log_stream_name = "2026/01/01/[$LATEST]abc"
    identity = client_context = None

    def __init__(self, milliseconds: int = 3000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@replay.aws_lambda
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take an order."""
    if event.get("fail"):
        raise ValueError(event["fail"])
    enough = context.get_remaining_time_in_millis() > 1000
    return {"id": event["id"], "request": context.aws_request_id, "enough": enough}


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    replay.init(service="orders", spool=tmp_path, keep=replay.always(), on_sigterm=False)
    yield tmp_path
    replay.flush(60)
    recorder.configure(None)


def recordings(folder: Path) -> list[Any]:
    return [recording for path in sorted(folder.glob("*.replay.db")) for recording in replay.open(path)]


def test_on_disk_before_the_answer(spool: Path) -> None:
    """When the handler has answered, with a result or an error, the recording can be read: nobody flushed."""
    answer = handler({"id": 7}, LambdaContext())
    assert [r.outcome.value for r in recordings(spool)] == [answer]
    with pytest.raises(ValueError, match="no stock"):
        handler({"fail": "no stock"}, LambdaContext())
    assert sorted(r.status for r in recordings(spool)) == ["error", "ok"]


def test_what_is_kept_of_the_context(spool: Path) -> None:
    """Its plain attributes and the time that was left; no gap, so that it can be replayed."""
    handler({"id": 7}, LambdaContext(2500))
    (recording,) = recordings(spool)
    event, facts = recording.input.decode()["args"]
    assert event == {"id": 7}
    assert facts["aws_request_id"] == LambdaContext.aws_request_id
    assert facts["remaining_ms"] == 2500
    assert recording.input.gaps == ()
    assert recording.entrypoint == "tests.entrypoints.test_aws_lambda:handler"


def test_it_is_replayed(spool: Path) -> None:
    """With a context that has the recorded facts and time."""
    handler({"id": 7}, LambdaContext(2500))
    handler({"id": 8}, LambdaContext(400))
    with pytest.raises(ValueError, match="no stock"):
        handler({"fail": "no stock"}, LambdaContext())
    verdicts = [replay.run(recording, root=Path(__file__).parents[2]) for recording in recordings(spool)]
    assert [verdict.status for verdict in verdicts] == ["reproduced"] * 3


def test_a_context_that_is_no_context(spool: Path) -> None:
    """None, and one whose attributes raise, are handed on as they are."""

    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    seen = []

    @replay.aws_lambda
    def look(event: Any, context: Any = None) -> None:
        seen.append(context)

    hostile = Hostile()
    look({}, None)
    look({})
    look({}, hostile)
    assert seen == [None, None, hostile]
    assert len(recordings(spool)) == 3


def test_its_nature_is_kept() -> None:
    """Name, documentation and signature are the handler's; a class is refused."""
    assert (handler.__name__, handler.__doc__) == ("handler", "Take an order.")
    assert list(inspect.signature(handler).parameters) == ["event", "context"]
    with pytest.raises(UsageError):
        replay.aws_lambda(LambdaContext)


def test_a_slow_disk_delays_by_the_budget_only() -> None:
    """At most half of what is left of the invocation's time; what was not written by then is counted."""
    asked: list[float] = []

    def flush(seconds: float) -> bool:
        asked.append(seconds)
        return False

    kept: list[Captured] = []
    before = recorder.dropped["flush-late"]
    recorder.configure(recorder.Settings(service="s", keep=replay.always(), sink=kept.append, flush=flush))
    try:
        started = time.monotonic()
        handler({"id": 1}, LambdaContext(100))
        handler({"id": 1}, LambdaContext(900_000))
        assert time.monotonic() - started < 5
    finally:
        recorder.configure(None)
    assert asked == [0.05, 2.0]
    assert recorder.dropped["flush-late"] == before + 2
