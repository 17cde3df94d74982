"""One replay of a check: what it ended with and what it asked, as plain data that runs are compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from replay.core.answered import told
from replay.core.codec import Value
from replay.core.covering import identity
from replay.core.noise import LEFT, OUTCOME
from replay.core.paths import EACH, Steps
from replay.core.plain import Plainly
from replay.core.recording import Outcome
from replay.core.varying import ABSENT, at
from replay.core.verdict import Divergence, Frame, Verdict
from replay.errors import CodecError
from replay.surfaces.job import Reply
from replay.surfaces.tracing import Trace, unpack

REQUESTS = "requests"
"""The place of what varies in which requests there are, and in their order."""
_ORDER = ("reordered", "extra", "missing", "exhausted")


class Ended(msgspec.Struct, frozen=True):
    """An outcome as plain data."""

    state: str = "not run"
    value: Any = None

    @classmethod
    def of(cls, outcome: Outcome | None) -> Ended:
        return cls() if outcome is None else cls(outcome.state, told(plainly(outcome.payload)))


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One replay."""

    verdict: Verdict
    outcome: Ended
    left: Any
    """What it left in its arguments, as plain data."""
    requests: Mapping[int, Any]
    """As plain data, by the number of the interaction."""
    asked_at: Mapping[int, Frame]
    order: Sequence[str] = ()
    """Divergences that tell of other requests, or of the same in another order."""
    trace: Trace | None = None


def run_of(verdict: Verdict, reply: Reply | None, boundaries: Mapping[int, str]) -> Run:
    """What a process replied. `boundaries`: of the recorded interactions, by number."""
    requests: dict[int, Any] = {}
    places: dict[int, Frame] = {}
    for asked in () if reply is None else reply.asked:
        requests[asked.seq] = plain_request(boundaries.get(asked.seq, ""), asked.request)
        if asked.where is not None:
            places[asked.seq] = asked.where
    for divergence in verdict.divergences:
        if divergence.kind == "changed" and divergence.seq is not None and divergence.asked is not None:
            requests.setdefault(divergence.seq, plain_request(divergence.boundary, divergence.asked))
            if divergence.where:
                places.setdefault(divergence.seq, divergence.where[-1])
    return Run(
        verdict=verdict,
        outcome=Ended.of(verdict.outcome),
        left=ABSENT if verdict.left is None else plainly(verdict.left),
        requests=requests,
        asked_at=places,
        order=[_brief(each) for each in verdict.divergences if each.kind in _ORDER],
        trace=unpack(reply.trace) if reply is not None and reply.trace else None,
    )


def _brief(divergence: Divergence) -> str:
    number = "" if divergence.seq is None else f" #{divergence.seq}"
    return f"{divergence.kind}{number} {divergence.boundary} {divergence.target}"


def plainly(value: Value) -> Any:
    """A recorded value as plain data."""
    return Plainly().of(value.decode())


def plain_request(boundary: str, value: Value) -> Any:
    """A request as plain data; of http the fields that are compared."""
    try:
        if boundary == "http":
            from replay.boundaries.http.cassette import fields

            return fields(value)
        return plainly(value)
    except (CodecError, LookupError, TypeError, ValueError, AttributeError):  # of a bundle: it may have any form
        return value.text


def seq_of(place: str) -> int:
    number = place.partition("[")[2].partition("]")[0]
    return int(number) if number else -1


def value_at(run: Run, place: str, steps: Steps) -> Any:
    if place == REQUESTS:
        return list(run.order)
    if place == LEFT:
        return at(run.left, steps)
    return at(run.outcome.value if place == OUTCOME else run.requests.get(seq_of(place)), steps)


def differing(steps: Steps, one: Any, two: Any) -> tuple[Any, Any]:
    """Two values that differ; where the steps lead to many, the first two that do."""
    for _ in range(sum(step is EACH for step in steps)):
        if not isinstance(one, list) or not isinstance(two, list):
            break
        pairs = (
            (first, second) for first, second in zip(one, two, strict=False) if identity(first) != identity(second)
        )
        one, two = next(pairs, (one, two))
    return one, two
