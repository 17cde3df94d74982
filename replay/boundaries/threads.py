"""Threads: the world goes along into a thread or an executor, which start with an empty context.

Only the harness's own variables are carried. The application's variables stay as they are without the harness: a
thread does not see them, and must not begin to because it is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from functools import wraps
from threading import Thread
from typing import Any

from replay.core.world import LIVE, current, followed

_NOWHERE = (None, LIVE)
"""What is not carried: under LIVE nothing is recorded, and a thread without a world records nothing either."""


class _Carried:
    """A callable that runs in the world in which it was made."""

    __slots__ = ("function", "values")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.values: list[tuple[ContextVar[Any], Any]] = [(var, var.get()) for var in followed]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tokens = [(var, var.set(value)) for var, value in self.values]
        try:
            return self.function(*args, **kwargs)
        finally:
            for var, token in tokens:
                var.reset(token)


def _put_back(thread: Thread, own: object) -> None:
    if own is None:
        thread.__dict__.pop("run", None)
    else:
        thread.__dict__["run"] = own


def _tap_start(original: Callable[[Thread], None]) -> Callable[[Thread], None]:
    @wraps(original)
    def start(self: Thread) -> None:
        if current.get() in _NOWHERE or self.ident is not None:
            return original(self)
        own = self.__dict__.get("run")
        carried = _Carried(self.run)

        def run() -> None:
            _put_back(self, own)
            carried()

        self.run = run  # type: ignore[method-assign]  # the one method that every subclass may override
        try:
            original(self)
        except BaseException:
            _put_back(self, own)
            raise

    return start


def _tap_submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    @wraps(original)
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if current.get() in _NOWHERE:
            return original(self, fn, *args, **kwargs)
        carried = _Carried(fn)
        token = current.set(None)  # a worker that is started now serves others later: it must not keep this world
        try:
            return original(self, carried, *args, **kwargs)
        finally:
            current.reset(token)

    return submit


_installed = False


def install() -> None:
    """Patch `Thread.start` and `ThreadPoolExecutor.submit` (which `run_in_executor` and `to_thread` use). Idempotent.

    What others patched before is kept and called.
    """
    global _installed
    if _installed:
        return
    _installed = True
    Thread.start = _tap_start(Thread.start)  # type: ignore[method-assign,assignment]
    ThreadPoolExecutor.submit = _tap_submit(ThreadPoolExecutor.submit)  # type: ignore[method-assign]
