"""Which threads tell of the service, and are no part of what it does."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread, Timer
from typing import Any

import pytest

from replay.core.telemetry import tells


def _of(module: str) -> Callable[..., Any]:
    def work() -> None: ...

    work.__module__ = module
    return work


class _Worker:
    def work(self) -> None: ...


@pytest.mark.parametrize(
    "module", ["sentry_sdk.worker", "opentelemetry.sdk.trace.export", "segment.analytics.consumer", "gradio.analytics"]
)
def test_threads_of_their_packages_tell(module: str) -> None:
    """By the function, a method, or the class."""
    assert tells(Thread(target=_of(module)))
    kind = type("Worker", (_Worker,), {"work": _of(module), "__module__": "shop"})
    assert tells(Thread(target=kind().work))
    assert tells(type("Consumer", (Thread,), {"__module__": module})())


@pytest.mark.parametrize(
    "module", ["shop.jobs", "segment.worker", "segment", "gradio.routes", "sentry_sdk_of_ours", "my.sentry_sdk", ""]
)
def test_those_of_the_service_do_not(module: str) -> None:
    """Whatever it is called: images are segmented, too."""
    assert not tells(Thread(target=_of(module)))
    assert not tells(type("Consumer", (Thread,), {"__module__": module})())


def test_a_thread_without_a_function_tells_nothing() -> None:
    """Nor one of which nobody knows what it runs."""
    assert not tells(Thread())
    assert not tells(Timer(1, _of("shop")))
    assert not tells(Thread(target=_Worker.work.__get__(7)))
    nameless = _of("sentry_sdk")
    nameless.__module__ = None  # type: ignore[assignment]
    assert not tells(Thread(target=nameless))
