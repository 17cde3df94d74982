"""What the headers of a request count: by some a server chooses its answer, others are told where they differ."""

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
against repeating is drawn anew each time; a service that no longer sends one pays twice. Which requests share one is
compared where they are answered.)"""
_WHOSE = re.compile(r"(tenant|organi[sz]ation|workspace|project|account)s?(-?id)?$|api-version$|^host$")
"""Headers that say whose data is asked for. A laptop may have none of them, as it has no credentials; a connection that
was refused has no `Host`."""

_PASSING = re.compile(
    r"user-agent|connection|keep-alive|te|expect|date|via|forwarded|b3|newrelic|baggage|(accept|transfer)-encoding|"
    r"content-length|(x-)?(b3|amzn?|ms|goog|datadog|stainless|forwarded|newrelic|rh|sentry)-.*|amz-sdk-.*|"
    r".*(trace|(request|correlation|span)-?id).*"
)
"""Headers that clients, SDKs, what traces requests and what stands between add: other ones with another version of it,
or where it is not."""


@lru_cache(maxsize=1024)
def is_told(name: str) -> bool:
    """Whether the header `name` (lower case) is the code's own, by which no server chooses its answer."""
    return counts(name) is None and _PASSING.fullmatch(name) is None


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
