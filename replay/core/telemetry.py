"""Threads that tell of the service: they send errors, spans and logs away, of whatever work there was, by themselves.

Which of them runs when depends on what the process did before, so nothing of them belongs to one unit of work: they are
not recorded, and what they ask at a replay is refused and left out of the verdict.
"""

from __future__ import annotations

from threading import Thread
from types import FunctionType, MethodType
from typing import Any

from replay.core.looking import instance_dict, module_and_name

LIBRARIES = frozenset({
    "bugsnag", "datadog", "ddtrace", "elasticapm", "gradio.analytics", "honeybadger", "langfuse", "langsmith",
    "logfire", "mixpanel", "newrelic", "opentelemetry", "posthog", "rollbar", "segment.analytics", "sentry_sdk",
    "statsd", "traceloop", "watchtower",
})  # fmt: skip
"""Packages whose threads do nothing else; of a name that many a service has, what lies in it."""


def tells(thread: Thread) -> bool:
    """Whether a thread is one of theirs: by its class, or the function that it was given."""
    if _is_theirs(module_and_name(type(thread))[0]):
        return True
    target = instance_dict(thread).get("_target")
    while type(target) is MethodType:
        target = target.__func__
    return type(target) is FunctionType and _is_theirs(target.__module__)


def _is_theirs(module: Any) -> bool:
    if type(module) is not str:
        return False
    top, _, rest = module.partition(".")
    return top in LIBRARIES or f"{top}.{rest.partition('.')[0]}" in LIBRARIES
