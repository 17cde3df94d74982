"""Jobs that users schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from croniter import croniter

import replay


@replay.capture
def next_run(job: dict[str, Any]) -> str:
    """When a job runs next."""
    return str(croniter(job["schedule"], datetime(2024, 3, 5, 12)).get_next(datetime))


def record() -> None:
    next_run({"name": "report", "schedule": "30 8-18 * * 1-5"})
