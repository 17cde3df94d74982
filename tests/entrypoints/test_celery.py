"""Celery tasks: what their worker told them is recorded, and given back at replay; what they send is an interaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import replay
from replay.core.recording import Recording
from replay.engine import recorder

pytest.importorskip("celery")
from tests.entrypoints import queued  # after it is known to be there


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    replay.init(service="queued", spool=tmp_path, keep=replay.always(), on_sigterm=False)
    yield tmp_path
    replay.flush(60)
    recorder.configure(None)


def run_by_worker(spool: Path, task: Any, *args: Any, **request: Any) -> Recording:
    """As a worker's process runs what comes from the broker; its recording."""
    from celery.app.trace import build_tracer

    id = str(uuid4())
    told = {"id": id, "root_id": id, "delivery_info": {"routing_key": "celery"}, "is_eager": False, **request}
    build_tracer(task.name, task, app=queued.app)(id, args, {}, told)
    replay.flush(60)
    (found,) = (each for path in spool.glob("*.replay.db") for each in replay.open(path))
    return found


def test_a_task_that_looks_at_its_request(spool: Path) -> None:
    """The last attempt: its retries, id, queue and eta are those of production."""
    found = run_by_worker(spool, queued.charge, 7, retries=2, eta="2026-01-02T03:04:05+00:00")
    request = found.input.decode()["request"]
    assert request["retries"] == 2
    assert found.outcome.value == [7, 2, request["id"], "celery", "2026-01-02T03:04:05+00:00"]
    verdict = replay.run(found)
    assert verdict.status == "reproduced", verdict


@pytest.mark.parametrize("retries", [0, 1])
def test_a_task_that_retries_itself(spool: Path, retries: int) -> None:
    """The retry goes to the broker in production alone; at replay it ends as it did."""
    found = run_by_worker(spool, queued.charge, 7, retries=retries)
    assert found.error_type == "celery.exceptions.Retry"
    (sent,) = found.interactions
    assert sent.target == "celery:send_task"
    assert sent.request.decode()["kwargs"]["countdown"] == 10 * (1 + retries)
    verdict = replay.run(found)
    assert (verdict.status, verdict.served) == ("reproduced", 1), verdict


def test_a_task_that_is_not_bound(spool: Path) -> None:
    """It asks celery for the current task."""
    found = run_by_worker(spool, queued.attempt, 7, retries=1)
    assert found.outcome.value == [7, 1]
    verdict = replay.run(found)
    assert verdict.status == "reproduced", verdict


def test_a_task_that_celery_retries(spool: Path) -> None:
    """Its recording ends with the error itself, and so does the replay: Celery's part is around both."""
    found = run_by_worker(spool, queued.fetch, 7, retries=1)
    assert found.error_type == "TimeoutError"
    verdict = replay.run(found)
    assert (verdict.status, verdict.divergences) == ("reproduced", ()), verdict


def test_tasks_that_a_task_sends(spool: Path) -> None:
    """Each is an interaction; at replay nothing is sent."""
    found = run_by_worker(spool, queued.close, [1, 2])
    assert [each.request.decode()["args"][1] for each in found.interactions] == [(1,), (2,)]
    verdict = replay.run(found)
    assert (verdict.status, verdict.served) == ("reproduced", 2), verdict


@pytest.mark.parametrize("task", [queued.tag, queued.attempt], ids=["changed", "as it was"])
def test_what_a_task_leaves_in_its_arguments(spool: Path, task: Any) -> None:
    """It is compared; the request is no argument."""
    found = run_by_worker(spool, task, [1])
    verdict = replay.run(found)
    assert (verdict.status, verdict.difference) == ("reproduced", ()), verdict


def test_a_task_that_is_called(spool: Path) -> None:
    """By the code itself: there is no request."""
    queued.attempt(7)
    replay.flush(60)
    (found,) = (each for path in spool.glob("*.replay.db") for each in replay.open(path))
    assert found.input.decode() == {"args": [7], "kwargs": {}}
    verdict = replay.run(found)
    assert verdict.status == "reproduced", verdict
