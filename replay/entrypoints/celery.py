"""`replay.celery.install(app)`: one recording for each run of a Celery task.

Its input has what a worker told of the run beside the arguments, `{"args", "kwargs", "request": {"id", "retries",
...}}`; a replay gives that back as `self.request`. What is sent to the broker meanwhile, a retry of the task or another
task, is a call of `celery:send_task`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

from replay.core.codec import Value, encode
from replay.core.snapshot import snapshot, snapshot_call, snapshot_error
from replay.core.world import Request, Settles, cross, failed, here
from replay.engine import recorder as engine
from replay.entrypoints.function import captured as capture
from replay.entrypoints.naming import function_name

if TYPE_CHECKING:
    from celery import Celery

FLUSH_SECONDS = 5.0
"""Longest delay of a worker process's end."""
_GIVEN = frozenset({"args", "kwargs", "argsrepr", "kwargsrepr", "loglevel", "logfile"})
"""What a request says of the arguments, which are recorded as they are, and of the worker's log."""
_HOW = frozenset({"producer", "publisher", "connection", "router", "result_cls", "task_type", "add_to_parent"})
"""Arguments of `send_task` that say by what it is sent."""


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
    app.send_task = _sending(app, app.send_task)
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
    task.run = capture(run, take=_take) if isinstance(run, staticmethod) else _bound(function)  # type: ignore[attr-defined]
    # What the recorded name leads to is the task: a replay calls it, and the task binds itself.
    task.__replay_entry__ = name  # type: ignore[attr-defined]
    task.__replay_kind__ = "function"  # type: ignore[attr-defined]
    task.__replay_within__ = _within  # type: ignore[attr-defined]


def _bound(function: Any) -> Any:
    """A task with `bind=True`: the task itself is no part of what it was given."""

    @wraps(function)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        captured = vars(self).get("_replay_run")
        if captured is None:
            captured = self._replay_run = capture(MethodType(function, self), take=_take)
        return captured(*args, **kwargs)

    return run


class _Told:
    """Arguments, and what the worker told of the run."""

    __slots__ = ("_called", "_request")

    def __init__(self, called: Settles, request: Settles) -> None:
        self._called = called
        self._request = request

    @property
    def size(self) -> int:
        return self._called.size + self._request.size

    def settle(self) -> Value:
        called = self._called.settle()
        request = self._request.settle()
        if request.gaps:  # a chord's callbacks, or the like: what is plain is kept
            known = {name: encode(item) for name, item in request.decode().items()}
            request = encode({name: item.decode() for name, item in known.items() if not item.gaps})
        return Value(f'{called.text[:-1]},"request":{request.text}}}', called.gaps)


def _take(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Settles:
    """The arguments of a task that begins, and its request where a worker runs it. Never raises."""
    called = snapshot_call(args, kwargs)
    try:
        from celery._state import get_current_task

        told = vars(get_current_task().request)
        if not told.get("called_directly", True):
            kept = {name: item for name, item in told.items() if item is not None and _is_told(name)}
            return _Told(called, snapshot(kept))
    except Exception:
        failed("request-failed", here())
    return called


def _is_told(name: str) -> bool:
    return name not in _GIVEN and not name.startswith("_")


def _within(self: Any, request: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Run the task as a worker does, of that request."""
    from celery._state import _task_stack

    run = getattr(self, "_orig_run", self.run)  # what retries by itself is around what was recorded
    _task_stack.push(self)
    self.push_request({**request, "args": args, "kwargs": kwargs})
    try:
        return run(*args, **kwargs)
    finally:
        self.pop_request()
        _task_stack.pop()


def _sending(app: Celery, send: Callable[..., Any]) -> Callable[..., Any]:
    """`app.send_task`, whose call the world answers. What comes back is of the id that the caller drew."""

    @wraps(send)
    def send_task(name: str, *args: Any, **kwargs: Any) -> Any:
        world = here()
        if world is None:
            return send(name, *args, **kwargs)
        if kwargs.get("task_id") is None and len(args) < 5:
            from kombu.utils.uuid import uuid

            kwargs["task_id"] = uuid()
        live = partial(send, name, *args, **kwargs)
        request = None
        try:
            request = _asked((name, *args), kwargs)
        except Exception:
            failed("ask-failed", world)
        if request is None:
            return live()
        sent = cross(request, live, _nothing, snapshot_error)
        if sent is not None:
            return sent
        return (kwargs.get("result_cls") or app.AsyncResult)(kwargs.get("task_id") or args[4])

    return send_task


def _asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
    """By itself, so that `send_task` is short: see `replay.core.encoder.Encoder._written`."""
    said = {key: item for key, item in kwargs.items() if item is not None and key not in _HOW}
    return Request("call", "celery:send_task", snapshot_call(args, said))


def _nothing(sent: object) -> Settles:
    """Of what comes back nothing is kept: it is made again."""
    return snapshot(None)


def _flush(**named: Any) -> None:
    engine.flush(FLUSH_SECONDS)
