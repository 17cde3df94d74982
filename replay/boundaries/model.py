"""Models: functions whose answer is a prediction, with its confidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from replay.boundaries.call import wrap
from replay.boundaries.seam import Seam
from replay.core.world import Ticket

F = TypeVar("F", bound=Callable[..., Any])


def model(
    name: str,
    *,
    score: Callable[[Any], float] | None = None,
    label: Callable[[Any], str] | None = None,
    threshold: float | None = None,
) -> Callable[[F], F]:
    """Record what a model answers under `name`; at replay answer from the recording instead of running it.

    `score` and `label` read the confidence and the decision off the output (of a generator: off the list of its
    pieces); where they fail there is none. `threshold` is the score from which an output counts.
    """

    def mark(ticket: Ticket, output: Any) -> None:
        ticket.threshold = threshold
        ticket.score = _read(score, output, float)
        ticket.label = _read(label, output, str)

    def decorate(function: F) -> F:
        return wrap(function, "model", name, mark)  # type: ignore[no-any-return]

    return decorate


def _read(reader: Callable[[Any], Any] | None, output: Any, kind: type) -> Any:
    """What `reader` finds, made a `kind`; None where it finds nothing that is one."""
    if reader is None:
        return None
    try:
        return kind(reader(output))
    except Exception:
        return None


class ModelBoundary(Seam):
    """Patches nothing: the application names its models with `model`. Clients of model servers speak `http`."""


predictions = ModelBoundary("model")
