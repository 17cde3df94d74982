"""A batch job that asks the same three things hundreds of times, and fails at one of them."""

from __future__ import annotations

from typing import Any

import replay

BAD = 0
"""The customer whose plan is missing."""


@replay.boundary
def row(number: int) -> dict[str, Any]:
    return {"id": number, "price": number * 1.5, "tags": ["a", "b"], "note": "", "text": "x" * (number % 50)}


@replay.boundary
def customer(number: int) -> dict[str, Any]:
    plan = {} if number == BAD else {"plan": {"name": "pro"}}
    return {"name": f"customer {number}", "blob": "lorem ipsum " * 20, "seats": number, **plan}


@replay.boundary
def store(name: str, total: float) -> None:
    """Writes it away."""


@replay.capture
def nightly(count: int) -> float:
    total = 0.0
    for number in range(count, -1, -1):
        found = customer(number)
        each = row(number)
        total += each["price"] * found["seats"]
        if each["note"] == "":
            store(found["name"], total)
        if number == 0:
            total += len(found["plan"]["name"])
    return total
