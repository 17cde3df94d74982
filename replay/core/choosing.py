"""The headers of a request by which a server chooses its answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_BY_VALUE = frozenset({
    "accept", "accept-language", "if-match", "prefer", "range", "soapaction", "x-amz-target",
    "x-http-method-override", "accept-version", "anthropic-version", "notion-version", "stripe-version", "x-ms-version",
})  # fmt: skip
_BY_PRESENCE = frozenset({"cookie", "idempotency-key", "if-modified-since", "if-none-match", "origin"})
"""Headers of a request by which a server gives another answer. Others say who asks, and are other ones tomorrow. (A key
against repeating is drawn anew each time; a service that no longer sends one pays twice.)"""
_WHOSE = re.compile(r"(tenant|organi[sz]ation|workspace|project)s?(-?id)?$|api-version$|^host$")
"""Headers that say whose data is asked for. A laptop may have none of them, as it has no credentials; a connection that
was refused has no `Host`."""


@lru_cache(maxsize=1024)
def counts(name: str) -> Callable[[Any], str] | None:
    """What of the value of the header `name` (lower case) chooses an answer; None: nothing."""
    if name == "content-type":
        return lambda value: str(value).partition(";")[0].strip().lower()  # the boundary of a form is drawn
    if name in _BY_PRESENCE:
        return lambda value: "(there)"
    return str if name in _BY_VALUE or says_whose(name) else None


def says_whose(name: str) -> bool:
    """It counts only where both requests have it."""
    return _WHOSE.search(name) is not None
