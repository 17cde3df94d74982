"""`@replay.aws_lambda`: one recording for each invocation of an AWS Lambda handler, on disk before the answer.

Lambda freezes the process once the handler has answered, and may never thaw it
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html): nothing can be left to a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import monotonic
from typing import Any, TypeVar

from replay.core.families.seen import belongs
from replay.core.parameters import declare
from replay.core.snapshot import snapshot, snapshot_call, snapshot_error
from replay.core.world import current, here, is_free
from replay.engine import recorder as engine
from replay.engine.recorder import Recorder
from replay.entrypoints.naming import function_name
from replay.entrypoints.turn import end
from replay.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

FLUSH_SECONDS = 2.0
"""Longest delay of an answer; at most half of what is left of the invocation's time."""
_FACTS = (
    "function_name",
    "function_version",
    "invoked_function_arn",
    "memory_limit_in_mb",
    "aws_request_id",
    "log_group_name",
    "log_stream_name",
)
"""Attributes of the context object
(https://docs.aws.amazon.com/lambda/latest/dg/python-context.html)."""


class Context:
    """What a replay gives to the handler in place of Lambda's context."""

    identity = client_context = None

    def __init__(self, facts: dict[str, Any]) -> None:
        self._until = monotonic() + facts.get("remaining_ms", 0) / 1000
        for name in _FACTS:
            setattr(self, name, facts.get(name))

    def get_remaining_time_in_millis(self) -> int:
        """What was left when the invocation began, less what has passed."""
        return max(0, int((self._until - monotonic()) * 1000))


def aws_lambda(handler: F) -> F:
    """Record each invocation of `handler(event, context)`.

    The event is kept whole; of the context its plain attributes and the time that was left. What is kept is on disk
    before the answer is given.
    """
    entrypoint = function_name(handler)
    if entrypoint is None or isinstance(handler, type):
        raise UsageError(f"@replay.aws_lambda is for functions of a module, not for {type(handler).__qualname__}")
    declare(entrypoint, handler)
    belongs(entrypoint)

    @wraps(handler)
    def invoked(event: Any, context: Any = None) -> Any:
        if engine.active is None or not is_free():
            return handler(event, _given(context))
        recorder = _begun(entrypoint, event, context)
        if recorder is None:
            return handler(event, context)
        token = current.set(recorder)
        try:
            value = handler(event, context)
        except BaseException as error:
            end(recorder, token, "raised", snapshot_error, error)
            _flush(context)
            raise
        end(recorder, token, "returned", snapshot, value)
        _flush(context)
        return value

    invoked.__replay_entry__ = entrypoint  # type: ignore[attr-defined]
    invoked.__replay_kind__ = "function"  # type: ignore[attr-defined]
    return invoked  # type: ignore[return-value]


def _given(context: Any) -> Any:
    """A replay's context for the handler; any other as it is."""
    if type(context) is dict and (world := here()) is not None and not world.live:
        return Context(context)
    return context


def _begun(entrypoint: str, event: Any, context: Any) -> Recorder | None:
    """By itself, so that what stands around the handler is short: see `replay.core.encoder.Encoder._written`."""
    try:
        return engine.begin("function", entrypoint, snapshot_call((event, facts_of(context)), {}))
    except Exception:
        engine.dropped["begin-failed"] += 1
        return None


def facts_of(context: Any) -> dict[str, Any]:
    """What is kept of Lambda's context. Never raises."""
    facts: dict[str, Any] = {}
    for name in _FACTS:
        try:
            value = getattr(context, name, None)
        except Exception:
            value = None
        facts[name] = value if type(value) is str or type(value) is int else None
    facts["remaining_ms"] = _remaining_ms(context)
    return facts


def _remaining_ms(context: Any) -> int:
    try:
        return int(context.get_remaining_time_in_millis())
    except Exception:  # a test's context, or none
        return int(FLUSH_SECONDS * 2000)


def _flush(context: Any) -> None:
    try:
        if not engine.flush(min(FLUSH_SECONDS, _remaining_ms(context) / 2000)):
            engine.dropped["flush-late"] += 1
    except Exception:
        engine.dropped["flush-failed"] += 1
