"""Reminders in words."""

from __future__ import annotations

import time

import parsedatetime

import replay


@replay.capture
def remind(words: str) -> list[int]:
    """When to remind."""
    found, _ = parsedatetime.Calendar().parse(words, time.struct_time((2024, 3, 5, 12, 0, 0, 1, 65, 0)))
    return list(found[:6])


def record() -> None:
    remind("in 3 days")
