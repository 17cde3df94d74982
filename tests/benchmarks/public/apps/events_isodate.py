"""Events with start and end, ISO 8601."""

from __future__ import annotations

from typing import Any

import isodate

import replay


@replay.capture
def minutes(event: dict[str, Any]) -> float:
    """How long an event takes."""
    start, end = isodate.parse_datetime(event["start"]), isodate.parse_datetime(event["end"])
    return float((end - start).total_seconds() / 60)


def record() -> None:
    minutes({"name": "stand-up", "start": "2024-07-27T19:00:00Z", "end": "2024-07-27T19:15:00Z"})
