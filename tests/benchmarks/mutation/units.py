"""Units of work whose executions are counted: a function alone."""

from __future__ import annotations

from typing import Any

import replay


@replay.capture
def total(order: dict[str, Any]) -> dict[str, Any]:
    """What an order costs; whatever is no order costs nothing."""
    lines = order.get("lines") if isinstance(order, dict) else None
    if not isinstance(lines, list):
        return {"total": 0}
    found = 0.0
    for line in lines:
        price, count = (line.get("price"), line.get("count")) if isinstance(line, dict) else (None, None)
        if isinstance(price, float) and isinstance(count, int):
            if count > 10:
                price *= 0.9
            found += price * min(count, 1000)
    return {"total": found if abs(found) < 1e12 else 0, "note": str(order.get("note"))[:40]}


def record() -> None:
    total({"number": 20931, "note": "soon", "lines": [{"price": 12.5, "count": 2}, {"price": 3.0, "count": 1}]})
