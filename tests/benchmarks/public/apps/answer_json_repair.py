"""Answers of a language model that should be JSON."""

from __future__ import annotations

from typing import Any

import json_repair

import replay


@replay.capture
def ticket(answer: str) -> Any:
    """What the model says of a ticket."""
    return json_repair.loads(answer)


def record() -> None:
    ticket('{"label": "billing", "urgent": true, "steps": ["check the invoice", "answer"]}')
