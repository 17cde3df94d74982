"""gRPC calls: no boundary takes them, and no audit hook sees them. A recording says so, a replay refuses them.

Who wants them recorded puts `@replay.boundary` on the function that makes them: inside of it they are its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from replay.boundaries.seam import when_imported
from replay.core.world import failed, here

_KINDS = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
_STARTS = ("__call__", "with_call", "future")
_installed = False


def install() -> None:
    """Patch the callables of channels, once per process, when gRPC is imported."""
    global _installed
    if not _installed:
        _installed = True
        for name in ("grpc._channel", "grpc.aio._channel"):
            when_imported(name, _tap)


def _tap(module: ModuleType) -> None:
    for name, kind in list(vars(module).items()):
        is_own = isinstance(kind, type) and kind.__module__ == module.__name__
        if is_own and name.endswith("MultiCallable") and any(each in name for each in _KINDS):
            _tap_class(kind)


def _tap_class(kind: type) -> None:
    for name in _STARTS:
        own = vars(kind).get(name)
        if callable(own):
            setattr(kind, name, _tapped(own))


def _tapped(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        world = refusal = None
        try:
            world = here()
            refusal = None if world is None else world.unrecorded("grpc", _method_of(self))
        except Exception:
            failed("ask-failed", world)
        if refusal is not None:
            raise refusal
        return original(self, *args, **kwargs)

    return call


def _method_of(multicallable: Any) -> str:
    """`/shop.Orders/Get`."""
    method = getattr(multicallable, "_method", "?")
    return method.decode(errors="replace") if isinstance(method, bytes) else str(method)
