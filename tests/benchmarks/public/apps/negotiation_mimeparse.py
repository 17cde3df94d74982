"""What a client accepts."""

from __future__ import annotations

from typing import Any

import mimeparse

import replay


@replay.capture
def kind(request: dict[str, Any]) -> str:
    """The kind of an answer."""
    return str(mimeparse.best_match(["application/json", "text/html"], request["accept"]))


def record() -> None:
    kind({"path": "/orders", "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
