"""The counts of capture as OpenTelemetry metrics: with the real SDK, in a process that sets a provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.safety.services import run


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_counts_are_metrics(tmp_path: Path, when: str) -> None:
    """A provider set before or after `replay.init` reads what `replay.stats()` says; without one nothing is loaded."""
    pytest.importorskip("opentelemetry.sdk.metrics")
    provider = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
"""
    done = run(
        f"""
import json, os, sys
import replay
{provider if when == "before" else ""}
replay.init(service="m", spool=os.environ["SPOOL"], keep=replay.always(), same_failure=(2, 0.0))
{provider if when == "after" else ""}
@replay.capture(name="m:unit")
def unit(n):
    if n > 2:
        raise ValueError(n)
for n in range(7):
    try: unit(n)
    except ValueError: pass
assert replay.flush(20)
unit(0)
assert replay.flush(20)
if {when == "never"}:
    assert not any(name.startswith("opentelemetry") for name in sys.modules)
    sys.exit()
points = {{}}
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                points[metric.name + "".join(f"|{{v}}" for v in point.attributes.values())] = point.value
print(json.dumps(points))
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    if when == "never":
        return
    assert json.loads(done.stdout) == {
        "replay.recordings|captured": 8,
        "replay.recordings|kept": 6,
        "replay.recordings|written": 6,
        "replay.recordings.dropped|storm": 2,
        "replay.bundles.evicted": 0,
        "replay.queue.size": 0,
    }
