"""The counts of capture as OpenTelemetry metrics, where the service has that SDK and has set a MeterProvider.

Names follow the semantic conventions for metrics (https://opentelemetry.io/docs/specs/semconv/general/metrics/).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

Stats = Callable[[], dict[str, Any]]
_observed = False


def observe(stats: Stats) -> None:
    """Have the service's meter ask for the counts. Does nothing until the service has loaded OpenTelemetry's metrics
    and set a provider, and after the first time. Never raises, imports nothing that is not imported."""
    global _observed
    module = sys.modules.get("opentelemetry.metrics._internal")
    if _observed or module is None:
        return
    provider = getattr(module, "_METER_PROVIDER", None)
    if provider is None:
        return
    _observed = True
    try:
        _register(provider.get_meter("replay-harness"), sys.modules["opentelemetry.metrics"].Observation, stats)
    except Exception:  # an SDK of another shape: the counts are still in `replay.stats()`
        pass


def _register(meter: Any, observation: Any, stats: Stats) -> None:
    def recordings(options: Any) -> Iterable[Any]:
        counts = stats()
        for state in ("captured", "kept", "written"):
            yield observation(counts.get(state, 0), {"replay.state": state})

    def dropped(options: Any) -> Iterable[Any]:
        for reason, number in stats().get("dropped", {}).items():
            yield observation(number, {"replay.reason": reason})

    def of(name: str) -> Callable[[Any], Iterable[Any]]:
        return lambda options: [observation(stats().get(name, 0))]

    meter.create_observable_counter("replay.recordings", [recordings], "{recording}", "Recordings by how far they came")
    meter.create_observable_counter("replay.recordings.dropped", [dropped], "{recording}", "Recordings lost, by reason")
    meter.create_observable_counter("replay.bundles.evicted", [of("evicted")], "{bundle}", "Bundles that made room")
    meter.create_observable_up_down_counter("replay.queue.size", [of("queue_bytes")], "By", "Captured, not yet written")
