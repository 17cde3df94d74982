"""Settings in YAML."""

from __future__ import annotations

from typing import Any

import yaml

import replay


@replay.capture
def settings(text: str) -> Any:
    """Settings of a deployment, with its date."""
    found = yaml.safe_load(text)
    return {**found, "date": str(found["date"])} if isinstance(found, dict) and "date" in found else found


def record() -> None:
    settings("service: shop\ndate: 2024-03-05\nreplicas: 3\n")
