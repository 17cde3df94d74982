"""Added cost of capture on the request's thread: ours, OpenTelemetry's, Sentry's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import replay
from replay.engine import recorder
from tests.benchmarks import measure
from tests.benchmarks.workload import Order, classify, look_up, order, price, unit

BARE = "bare"
OURS = "replay, recorded"
KEPT = "replay, recorded and kept"
OFF = "replay, disabled"
SPANS = "opentelemetry-sdk, spans"
PAYLOADS = "opentelemetry-sdk, spans with payloads"
SENTRY = "sentry-sdk, tracing"

Handler = Callable[[Order], Order]


def run(*, rounds: int = 31, batch_ns: int = 20_000_000) -> dict[str, float]:
    """Name of the variant -> nanoseconds of CPU that it adds to one call with three parts."""
    payload = order()
    with _ours() as (recorded, configure), _opentelemetry() as (spans, payloads), _sentry() as traced:
        handlers: dict[str, Handler] = {
            BARE: unit(look_up, price, classify),
            OURS: recorded,
            KEPT: recorded,
            OFF: recorded,
            SPANS: spans,
            PAYLOADS: payloads,
            SENTRY: traced,
        }
        assert all(handler(payload) == handlers[BARE](payload) for handler in handlers.values())
        cases = {name: _case(handler, payload) for name, handler in handlers.items()}
        return measure.added(measure.interleaved(cases, rounds=rounds, batch_ns=batch_ns, before=configure), BARE)


def _case(handler: Handler, payload: Order) -> measure.Case:
    return lambda: handler(payload)


@contextmanager
def _ours() -> Iterator[tuple[Handler, Callable[[str], None]]]:
    """A captured handler, and what turns capture on for a variant: keeping errors (this is none), or everything;
    off for all others."""
    seen: list[int] = [0]

    def sink(captured: recorder.Captured) -> None:
        seen[0] += len(captured.recorder.tickets)

    settings = {
        name: recorder.Settings(service="benchmark", keep=keep, sink=sink)
        for name, keep in ((OURS, replay.on_error()), (KEPT, replay.always()))
    }
    handler = replay.capture(unit(replay.boundary(look_up), replay.boundary(price), replay.boundary(classify)))
    try:
        recorder.configure(settings[KEPT])
        handler(order())
        assert seen == [3], "the benchmark does not record"
        yield handler, lambda name: recorder.configure(settings.get(name))
    finally:
        recorder.configure(None)


@contextmanager
def _opentelemetry() -> Iterator[tuple[Handler, Handler]]:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=1 << 16, max_export_batch_size=1 << 12))
    tracer = provider.get_tracer("benchmark")

    def span(function: Any) -> Any:
        name = function.__qualname__

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(name):
                return function(*args, **kwargs)

        return call

    def span_with_payload(function: Any) -> Any:
        name = function.__qualname__

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(name) as current:
                current.set_attribute("input", json.dumps({"args": args, "kwargs": kwargs}))
                value = function(*args, **kwargs)
                current.set_attribute("output", json.dumps(value))
                return value

        return call

    try:
        yield _through(span), _through(span_with_payload)
    finally:
        provider.shutdown()


@contextmanager
def _sentry() -> Iterator[Handler]:
    import sentry_sdk
    from sentry_sdk.envelope import Envelope
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            pass

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Nowhere,
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
    )

    def span(function: Any) -> Any:
        name = function.__qualname__

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with sentry_sdk.start_span(op="function", name=name):
                return function(*args, **kwargs)

        return call

    inner = unit(*map(span, (look_up, price, classify)))

    def handle(order: Order) -> Order:
        with sentry_sdk.start_transaction(op="function", name="handle"):
            return inner(order)

    try:
        yield handle
    finally:
        sentry_sdk.get_client().close(timeout=1)
        sentry_sdk.get_global_scope().set_client(None)


def _through(wrap: Callable[[Any], Any]) -> Handler:
    handler: Handler = wrap(unit(*map(wrap, (look_up, price, classify))))
    return handler


def rows(found: Mapping[str, float]) -> list[tuple[str, str]]:
    """Name and cost in microseconds, with how many times ours it is."""
    return [
        (name, f"{cost / 1000:.1f} µs, {cost / found[OURS]:.1f} x" if name != OURS else f"{cost / 1000:.1f} µs")
        for name, cost in found.items()
    ]
