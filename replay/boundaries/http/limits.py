"""The time limit that a client gives a request (`timeout=`), as it is kept with the answer. At replay: see `bound`."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET, UnsetType

Limit = float | UnsetType | None
"""Seconds; None: there is none; `UNSET`: that is not known."""
_LONGEST = 1e9
_OWN = re.compile(r"(?:^|\.)(?:\w*Timeout(?:Error)?|timeout)\Z")
"""Types of what clients raise where their limit is over."""


def limit_of(limits: Any, error: dict[str, Any] | None) -> Limit:
    """Of what a client was given (httpx: seconds by phase; aiohttp: its `ClientTimeout`; `http.client`: seconds), the
    limit that an answer which ended so was under: that of the phase of the error, else that of reading."""
    phase = _phase(error)
    if type(limits) is dict:
        limits = limits.get(phase)
    elif hasattr(limits, "sock_read"):
        if error is not None and error.get("type") == "TimeoutError":
            limits = limits.total
        else:
            limits = limits.sock_read if phase == "read" else _shorter(limits.connect, limits.sock_connect)
    return checked(limits)


def checked(limit: Any) -> Limit:
    """What is given as a limit, or stands in a bundle as one. None that no clock counts."""
    if limit is None:
        return None
    if not isinstance(limit, int | float) or isinstance(limit, bool) or not 0 <= limit <= _LONGEST:
        return UNSET
    return float(limit)


def _shorter(one: Any, other: Any) -> Any:
    return one if other is None or (one is not None and one < other) else other


def _phase(error: dict[str, Any] | None) -> str:
    """As httpx names them."""
    name = "" if error is None else str(error.get("type")).rpartition(".")[2]
    for phase in ("Connect", "Pool", "Write"):
        if name.startswith(phase):
            return phase.lower()
    return "read"


def is_own(error: dict[str, Any] | None) -> bool:
    """Whether an error says that the client's limit was over. The kernel has limits of its own, and numbers them."""
    if error is None or _OWN.search(str(error.get("type"))) is None:
        return False
    first = next(iter(error.get("args") or ()), None)
    return not isinstance(first, int)
