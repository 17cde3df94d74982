"""A storm of the same failure: its first few recordings are kept whole, the rest is counted.

Token buckets (Turner, "New directions in communications", IEEE Communications Magazine, 1986): one for each failure's
fingerprint, one for all failures together. They are filled by the monotonic clock, so a wall clock that is set does not
open or close them.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

MOST_KINDS = 1024
"""Fingerprints that are remembered. The one unseen for longest is forgotten first, and then begins anew."""


class Limits(msgspec.Struct, frozen=True):
    """How many failures are kept."""

    same_first: int = 50
    """Of the same failure at once."""
    same_per_minute: float = 10.0
    """Of the same failure after that."""
    all_first: int = 500
    """Of all failures at once."""
    all_per_minute: float = 120.0
    """Of all failures after that."""


class _Bucket:
    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at

    def fill(self, now: float, most: float, per_minute: float) -> bool:
        """Whether a token is there now."""
        self.tokens = min(most, self.tokens + max(0.0, now - self.at) * per_minute / 60)
        self.at = now
        return self.tokens >= 1


class Limiter:
    """Says of a failure whether it is kept. Not safe in threads: the spool asks under its lock."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._all = _Bucket(limits.all_first, now)
        self._kinds: dict[Hashable, _Bucket] = {}

    def admits(self, fingerprint: Hashable, now: float) -> bool:
        """Whether a failure of this kind is kept at `now` (seconds of a monotonic clock)."""
        limits, kinds = self._limits, self._kinds
        kind = kinds.pop(fingerprint, None) or _Bucket(limits.same_first, now)
        if len(kinds) >= MOST_KINDS:
            del kinds[next(iter(kinds))]
        kinds[fingerprint] = kind  # the latest is last
        if not kind.fill(now, limits.same_first, limits.same_per_minute):
            return False
        if not self._all.fill(now, limits.all_first, limits.all_per_minute):
            return False
        kind.tokens -= 1
        self._all.tokens -= 1
        return True
