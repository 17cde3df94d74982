"""A unit of work with three HTTP calls, as a test of it has them. The address comes with the order."""

from __future__ import annotations

from typing import Any

import httpx

import replay

client = httpx.Client(trust_env=False)


def three_calls(address: str, client: httpx.Client = client) -> list[Any]:
    """Ask three things of an API."""
    return [client.post(f"{address}/v1/thing{number}", json={"a": number}).json()["id"] for number in range(3)]


captured = replay.capture(name="tests.benchmarks.calls:captured")(three_calls)
