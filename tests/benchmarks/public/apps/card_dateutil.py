"""Payment cards."""

from __future__ import annotations

from typing import Any

from dateutil import parser

import replay


@replay.capture
def expires(card: dict[str, Any]) -> int:
    """The year in which a card expires."""
    return int(parser.parse(card["expires"]).year)


def record() -> None:
    expires({"holder": "A. Lee", "expires": "03/2027"})
