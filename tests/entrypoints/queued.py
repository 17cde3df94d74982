"""Celery tasks that look at what their worker told them, retry themselves, and send others."""

from __future__ import annotations

from typing import Any

from celery import Celery, current_task

import replay

app = Celery("queued", broker="memory://", set_as_current=False)
app.conf.task_ignore_result = True
replay.celery.install(app)


@app.task(bind=True, max_retries=2)
def charge(self: Any, order: int) -> list[Any]:
    """Another end at each attempt."""
    if self.request.retries < 2:
        raise self.retry(exc=TimeoutError(f"order {order}"), countdown=10 * (1 + self.request.retries))
    return [order, self.request.retries, self.request.id, self.request.delivery_info["routing_key"], self.request.eta]


@app.task
def attempt(order: int) -> list[Any]:
    """Not bound: by way of the current task."""
    return [order, current_task.request.retries]


@app.task(autoretry_for=(TimeoutError,), retry_backoff=True, max_retries=3)
def fetch(order: int) -> None:
    """Celery retries it, around what is recorded."""
    raise TimeoutError(f"order {order}")


@app.task
def close(orders: list[int]) -> list[bool]:
    """Sends a task for each order."""
    return [bool(charge.apply_async((order,), countdown=5).id) for order in orders]


@app.task
def tag(orders: list[int]) -> None:
    """Changes what it was given."""
    orders.append(0)
