"""`asyncio.as_completed` starts what it is given in the order of a set, by addresses: another order in each process.
Within a recording and its replay that is the order in which it is given."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import wraps
from inspect import isawaitable, isgeneratorfunction
from types import ModuleType
from typing import Any

from replay.boundaries.seam import rebind, when_imported
from replay.core.world import failed, here


def install() -> None:
    """Idempotent. A service that does not use asyncio does not import it for this."""
    when_imported("asyncio", _patch)


def _patch(asyncio: ModuleType) -> None:
    original = asyncio.as_completed
    if not hasattr(original, "__replay_tapped__"):
        tapped = _tap(original, asyncio)
        tapped.__replay_tapped__ = True  # type: ignore[attr-defined]
        asyncio.as_completed = asyncio.tasks.as_completed = tapped  # type: ignore[attr-defined]
        rebind({"as_completed": (original, tapped)})


def _tap(original: Callable[..., Any], asyncio: Any) -> Callable[..., Any]:
    def is_ours(fs: Any) -> bool:
        is_one = asyncio.isfuture(fs) or asyncio.iscoroutine(fs)  # the original says what is wrong
        return not is_one and here() is not None and asyncio._get_running_loop() is not None

    def started(given: list[Any]) -> list[Any]:
        each_once = list(dict.fromkeys(given))
        if all(asyncio.isfuture(each) or isawaitable(each) for each in each_once):
            return [asyncio.ensure_future(each) for each in each_once]
        return given  # the original says what is wrong; what was started could not be started again

    def in_order(fs: Any) -> Any:
        """What the original is given: tasks, each once, in their order."""
        try:
            if not is_ours(fs):
                return fs
        except Exception:
            failed("order-failed")
            return fs
        given = list(fs)  # raises what the application's iterable does
        try:
            return started(given)
        except Exception:
            failed("order-failed")
            return given

    @wraps(original)
    def lazily(fs: Any, *, timeout: float | None = None) -> Generator[Any, Any, None]:
        yield from original(in_order(fs), timeout=timeout)

    @wraps(original)
    def at_once(fs: Any, *, timeout: float | None = None) -> Any:
        return original(in_order(fs), timeout=timeout)

    return lazily if isgeneratorfunction(original) else at_once  # that it is until Python 3.13
