"""How much of the service's time capture takes, and what it gives up to take less: samples first, then bodies."""

from __future__ import annotations

from time import perf_counter_ns, thread_time_ns

import msgspec

WINDOW_NS = 10_000_000_000
"""Over which a share is measured; a level is left again after as long."""


class Shares(msgspec.Struct, frozen=True):
    """From which share on capture sheds."""

    cpu: float = 0.5
    """Of one core, taken by the writer."""
    latency: float = 0.2
    """Of the time of the requests that are kept, taken at their ends to copy and hand over what is kept. Requests of
    less than a millisecond do not count."""


SHORT_NS = 1_000_000


class Load:
    """Measured where it costs nothing: on the writer's thread, and at the ends of recordings that are kept."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._level = 0
        self._since = perf_counter_ns()
        self._cpu_ns: int | None = None
        self._ends_ns = self._requests_ns = 0

    def level(self, now_ns: int) -> int:
        """0: everything is kept; 1: samples are shed; 2: bodies of incidents too. `now_ns` of perf_counter_ns."""
        if self._level and now_ns - self._since > WINDOW_NS:
            self._level -= 1
            self._since = now_ns
        return self._level

    def ended(self, spent_ns: int, request_ns: int) -> None:
        """A recording was kept: what its end took, and how long the unit of work was."""
        if request_ns >= SHORT_NS:
            self._ends_ns += spent_ns
            self._requests_ns += request_ns

    def round(self) -> None:
        """Called on the writer's thread now and then: is a window over?"""
        now, cpu = perf_counter_ns(), thread_time_ns()
        if self._cpu_ns is None or cpu < self._cpu_ns:  # another thread than before
            self._cpu_ns = cpu
            return
        if now - self._since < WINDOW_NS:
            return
        shares = self._shares
        over = (cpu - self._cpu_ns) / (now - self._since) > shares.cpu
        over |= self._requests_ns > 0 and self._ends_ns / self._requests_ns > shares.latency
        if over:
            self._level = min(2, self._level + 1)
        elif self._level:
            self._level -= 1
        self._since, self._cpu_ns, self._ends_ns, self._requests_ns = now, cpu, 0, 0
