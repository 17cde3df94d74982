"""Celery tasks that send others, run as a worker runs them."""

from __future__ import annotations

from typing import Any

from celery import Celery, Task

import replay

app = Celery("faults", broker="memory://")
replay.celery.install(app)


@app.task
def other(n: int) -> int:
    """What another one sends."""
    return n


@app.task(bind=True)
def sending(self: Task, n: int) -> list[Any]:
    """It knows what the worker told of its run."""
    sent = other.apply_async((n,), task_id=f"id-{n}", queue="faults")
    return [n, self.request.id, self.request.retries, sent.id]


def run(n: int) -> Any:
    """Both kinds of tasks."""
    return [sending.apply((n,), task_id="one").get(), other.apply((n,)).get()]
