"""Models: functions whose answer is a prediction, with its confidence."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from replay.boundaries.call import wrap
from replay.boundaries.seam import Seam
from replay.core.codec import Resolve
from replay.core.left import returned
from replay.core.policy import Policy
from replay.core.recording import Interaction, Prediction, predicted
from replay.core.world import Reading, Ticket
from replay.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


class Model(NamedTuple):
    """How a named model's outputs are read."""

    score: Callable[[Any], float] | None
    label: Callable[[Any], str] | None
    threshold: float | None
    policy: Policy | None
    streams: bool = False
    """It is a generator: an output is the list of its pieces."""

    def prediction(self, interaction: Interaction, resolve: Resolve | None = None) -> Prediction:
        """What is read off a recorded answer. One that raised has no score."""
        output = returned(interaction.answer.decode(resolve)) if interaction.state == "returned" else None
        if self.streams and isinstance(output, dict):
            output = [piece[1] for piece in output["pieces"]]
        score, label = _read(self.score, output, float), _read(self.label, output, str)
        return predicted(interaction.seq, interaction.target, score, label, self.threshold, self.policy)


models: dict[str, Model] = {}
"""By name, as this process has declared them."""


def model(
    name: str,
    *,
    score: Callable[[Any], float] | None = None,
    label: Callable[[Any], str] | None = None,
    threshold: float | None = None,
    policy: Policy | None = None,
) -> Callable[[F], F]:
    """Record what a model answers under `name`; at replay answer from the recording instead of running it.

    `score` and `label` read the confidence and the decision off the output (of a generator: off the list of its
    pieces); where they fail there is none. `threshold` is the score from which an output counts;
    `policy` (`replay.Policy`) says who answers for it and what acting on it is.
    """
    if not isinstance(name, str):
        raise UsageError("@replay.model needs the model's name, for instance @replay.model('fraud-v3').")
    if policy is not None and not isinstance(policy, Policy):
        raise UsageError(f"replay.model({name!r}, policy=...): give a replay.Policy.")

    def mark(ticket: Ticket, output: Any) -> None:
        ticket.reading = Reading(_read(score, output, float), _read(label, output, str), threshold, policy)

    def decorate(function: F) -> F:
        streams = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        models[name] = Model(score, label, threshold, policy, streams)
        return wrap(function, "model", name, mark)  # type: ignore[no-any-return]

    return decorate


def predict(interaction: Interaction, resolve: Resolve | None) -> tuple[Prediction, Policy | None] | None:
    """What the project's code reads off a model's answer, and the policy that it names for it now."""
    model = models.get(interaction.target) if interaction.boundary == "model" else None
    return None if model is None else (model.prediction(interaction, resolve), model.policy)


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
