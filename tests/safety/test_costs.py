"""What capture costs a web request: beside its peers, beside a busy writer, and beside the request itself.

Ratios of figures that are measured in turns within one run. Of up to three independent runs one has to keep the bound:
machines are busy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.benchmarks import web

Rounds = Mapping[str, list[tuple[float, float]]]
CPU, CLOCK = 0, 1
pytestmark = pytest.mark.slow


def in_one_of_three(look: Callable[[], float], bound: float) -> None:
    """One run has a ratio below the bound."""
    ratios: list[float] = []
    while len(ratios) < 3:
        ratios.append(look())
        if ratios[-1] < bound:
            return
    pytest.fail(f"{ratios}, none below {bound}")


def least(found: Rounds, name: str, what: int) -> float:
    """Of the calmest round: a round's figure is of many requests, and what else runs on the machine only adds to it."""
    return min(each[what] for each in found[name])


def test_a_request_costs_less_than_with_its_peers() -> None:
    """What capture adds to a FastAPI request with three outbound calls is less than OpenTelemetry's spans add and than
    Sentry's tracing adds. In CPU, which a busy machine blurs least."""

    def look() -> float:
        found = web.interleaved(rounds=6, requests=40)
        added = {name: least(found, name, CPU) - least(found, web.BARE, CPU) for name in web.VARIANTS}
        assert added[web.SPANS] > 0
        assert added[web.SENTRY] > 0
        return added[web.OURS] / min(added[web.SPANS], added[web.SENTRY])

    in_one_of_three(look, 1)


def test_a_saturated_writer_leaves_a_request_alone() -> None:
    """Where each request is kept and redacted, more than the writer can write, p50 is within a tenth of bare."""

    def look() -> float:
        found = web.interleaved(rounds=9, requests=60, variants=(web.BARE, web.KEPT))
        return least(found, web.KEPT, CLOCK) / least(found, web.BARE, CLOCK)

    in_one_of_three(look, 1.1)


def test_a_request_costs_hardly_more_than_bare() -> None:
    """What capture adds is less than an eighth of the CPU of the bare request, an ASGI application with three calls.

    That is less than a hundredth of a request of 50 ms on a machine where the bare one takes up to 4 ms of CPU. The
    rounds keep the processor busy: where each request sleeps, what the idle machine does between blurs ten times as
    much as there is to see.
    """

    def look() -> float:
        found = web.interleaved(rounds=9, requests=40, variants=(web.BARE, web.OURS))
        bare = least(found, web.BARE, CPU)
        return (least(found, web.OURS, CPU) - bare) / bare

    in_one_of_three(look, 1 / 8)
