"""Points in time of an API, ISO 8601."""

from __future__ import annotations

from typing import Any

import aniso8601

import replay


@replay.capture
def deadline(order: dict[str, Any]) -> str:
    """When an order must have been sent."""
    return str(aniso8601.parse_datetime(order["created"]).date())


def record() -> None:
    deadline({"id": 7, "created": "2024-03-05T10:22:31Z", "country": "DE"})
