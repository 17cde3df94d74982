"""Log lines of a language model with JSON in them."""

from __future__ import annotations

import json
from typing import Any

import fix_busted_json

import replay


@replay.capture
def decision(answer: str) -> Any:
    """What the model decided."""
    return json.loads(fix_busted_json.repair_json(answer))


def record() -> None:
    decision("{ action: 'refund', amount: 12.5 }")
