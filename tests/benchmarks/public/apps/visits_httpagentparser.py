"""Visits of a web site."""

from __future__ import annotations

from typing import Any

import httpagentparser

import replay

BENIGN = (
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36"
)


@replay.capture
def browser(visit: dict[str, Any]) -> list[str]:
    """System and browser of a visitor."""
    return list(httpagentparser.simple_detect(visit["user_agent"]))


def record() -> None:
    browser({"path": "/", "user_agent": BENIGN})
