"""`replay.celery.install(app)`: one recording for each run of a Celery task."""

from __future__ import annotations

from functools import wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

from replay.engine import recorder as engine
from replay.entrypoints.function import capture
from replay.entrypoints.naming import function_name

if TYPE_CHECKING:
    from celery import Celery

FLUSH_SECONDS = 5.0
"""Longest delay of a worker process's end."""


def install(app: Celery) -> None:
    """Record the tasks of `app`, those that it has and those that are still to be made. Call it once, best right after
    the app is made. A worker writes what it kept before one of its processes ends."""
    from celery import signals

    base = app.Task

    class Task(base):  # type: ignore[misc,valid-type]  # the class that the app makes
        abstract = True

        def __init_subclass__(cls, **named: Any) -> None:
            super().__init_subclass__(**named)
            run = cls.__dict__.get("run")
            if run is not None:
                _mark(cls, run)

    app.Task = Task
    _wrap_all(app)
    app.on_after_finalize.connect(lambda sender, **named: _wrap_all(sender), weak=False)
    for signal in (signals.worker_process_shutdown, signals.worker_shutdown):
        signal.connect(_flush, weak=False, dispatch_uid=f"replay-{id(signal)}")


def _wrap_all(app: Celery) -> None:
    """Tasks made before, or upon another base."""
    for task in list(app._tasks.values()):
        function = getattr(task.run, "__func__", task.run)
        name = function_name(function) or ""
        if hasattr(type(task), "__replay_entry__") or name.startswith("celery."):
            continue
        _mark(type(task), function if function is not task.run else staticmethod(function))


def _mark(task: type, run: Any) -> None:
    """Have the class of a task record `run`, a function of its own or a static method."""
    function = run.__func__ if isinstance(run, staticmethod) else run
    name = function_name(function)
    if name is None:
        return
    task.run = capture(run) if isinstance(run, staticmethod) else _bound(function)  # type: ignore[attr-defined]
    # What the recorded name leads to is the task: a replay calls it, and the task binds itself.
    task.__replay_entry__ = name  # type: ignore[attr-defined]
    task.__replay_kind__ = "function"  # type: ignore[attr-defined]


def _bound(function: Any) -> Any:
    """A task with `bind=True`: the task itself is no part of what it was given."""

    @wraps(function)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        captured = vars(self).get("_replay_run")
        if captured is None:
            captured = self._replay_run = capture(MethodType(function, self))
        return captured(*args, **kwargs)

    return run


def _flush(**named: Any) -> None:
    engine.flush(FLUSH_SECONDS)
