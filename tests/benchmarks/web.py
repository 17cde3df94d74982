"""A FastAPI request with three outbound calls: bare, with capture, with OpenTelemetry's and with Sentry's tracing.

Each variant is a process of its own, since each of the three patches what the others would; the rounds take turns. The
request and its calls run in that process's one event loop, over loopback, so its CPU time is the whole cost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.playback import serving

BARE = "bare"
OURS = "replay, recorded"
KEPT = "replay, recorded and kept"
SPANS = "opentelemetry, spans"
SENTRY = "sentry-sdk, tracing"

ROOT = Path(__file__).parents[2]

_SERVICE = """
import asyncio, json, sys, time
import httpx
from fastapi import FastAPI

variant, address, spool = sys.argv[1:]
app = FastAPI()
client = httpx.AsyncClient(trust_env=False)


@app.post("/orders")
async def orders(order: dict):
    found = []
    for number in range(3):
        answer = await client.post(f"{address}/v1/thing{number}", json={"a": number})
        found.append(answer.json()["id"])
    return {"id": order["id"], "found": found}


served = app
if variant.startswith("replay"):
    import replay
    keep = replay.always() if variant.endswith("kept") else replay.on_error()
    replay.init(service="web", spool=spool, keep=keep, max_cpu=100.0)
    served = replay.ASGI(app, target="web:served")
elif variant.startswith("opentelemetry"):
    from opentelemetry import trace
    from opentelemetry.propagate import inject
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.trace import SpanKind

    class Nowhere(SpanExporter):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=1 << 16))
    tracer = provider.get_tracer("web")
    plain = client.send

    # By hand, with the least that a span of HTTP has; the contributed instrumentation does more.
    async def send(request, **options):
        with tracer.start_as_current_span(request.method, kind=SpanKind.CLIENT) as span:
            span.set_attribute("http.request.method", request.method)
            span.set_attribute("url.full", str(request.url))
            inject(request.headers)
            answer = await plain(request, **options)
            span.set_attribute("http.response.status_code", answer.status_code)
            return answer

    client.send = send

    async def served(scope, receive, send):
        with tracer.start_as_current_span("POST /orders", kind=SpanKind.SERVER) as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", scope["path"])
            await app(scope, receive, send)
elif variant.startswith("sentry"):
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope):
            pass

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=Nowhere, traces_sample_rate=1.0)

body = json.dumps({"id": 7, "lines": [{"sku": f"x{n}", "count": n} for n in range(40)]}).encode()


async def request():
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/orders",
             "raw_path": b"/orders", "query_string": b"", "root_path": "", "scheme": "http", "server": ("h", 80),
             "client": ("c", 1), "headers": [(b"content-type", b"application/json"), (b"host", b"h")]}
    await served(scope, receive, send)
    assert sent[0]["status"] == 200, sent
    return json.loads(sent[1]["body"])


async def main():
    assert await request() == {"id": 7, "found": ["x0", "x1", "x2"]}
    for _ in range(30):
        await request()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        cpu, wall = time.thread_time_ns(), []
        for _ in range(int(line)):
            began = time.perf_counter_ns()
            await request()
            wall.append(time.perf_counter_ns() - began)
        wall.sort()
        print(json.dumps([(time.thread_time_ns() - cpu) / int(line), wall[len(wall) // 2]]), flush=True)


asyncio.run(main())
"""

VARIANTS = (BARE, OURS, KEPT, SPANS, SENTRY)


def run(*, rounds: int = 41, requests: int = 60, variants: Sequence[str] = VARIANTS) -> dict[str, tuple[float, float]]:
    """Name of the variant -> nanoseconds of the service's thread, and of the clock (p50), for one request."""
    return {
        name: (median(cpu for cpu, _ in each), median(wall for _, wall in each))
        for name, each in interleaved(rounds=rounds, requests=requests, variants=variants).items()
    }


def interleaved(
    *, rounds: int, requests: int, variants: Sequence[str] = VARIANTS
) -> dict[str, list[tuple[float, float]]]:
    """The same of each round."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory()))
        address = stack.enter_context(serving())
        (place / "web.py").write_text(_SERVICE)
        services = {}
        for name in variants:
            services[name] = service = _started(place, name, address)
            stack.callback(_stopped, service)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
        for number in range(rounds):
            for name in (*variants[number % len(variants) :], *variants[: number % len(variants)]):
                found[name].append(_asked(services[name], requests))
        return found


def _started(place: Path, name: str, address: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), str(ROOT)])}
    command = [sys.executable, str(place / "web.py"), name, address, str(place / "spool")]
    service = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    if service.stdout.readline() != "ready\n":
        raise RuntimeError(f"{name} did not start")
    return service


def _asked(service: subprocess.Popen[str], requests: int) -> tuple[float, float]:
    assert service.stdin is not None
    assert service.stdout is not None
    service.stdin.write(f"{requests}\n")
    service.stdin.flush()
    cpu, wall = json.loads(service.stdout.readline())
    return cpu, wall


def _stopped(service: subprocess.Popen[Any]) -> None:
    service.kill()
    service.communicate()


def rows(found: Mapping[str, tuple[float, float]]) -> list[tuple[str, str]]:
    """Name, and CPU and clock over the bare request in microseconds."""
    cpu, wall = found[BARE]
    shown = [(f"{BARE}: CPU, p50", f"{cpu / 1000:,.0f} µs, {wall / 1000:,.0f} µs")]
    return shown + [
        (f"{name}: added", f"{(mine - cpu) / 1000:+,.0f} µs, {(clock - wall) / 1000:+,.0f} µs")
        for name, (mine, clock) in found.items()
        if name != BARE
    ]
