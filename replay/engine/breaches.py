"""The kind `policy`: acted by itself on a model's output that its policy does not let pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from replay.core.codec import Resolve
from replay.core.policy import Policy
from replay.core.recording import Interaction, Outcome, Prediction
from replay.engine.failures import Failure, printable
from replay.engine.mutant import Taken

Predict = Callable[[Interaction, Resolve | None], tuple[Prediction, Policy | None] | None]
"""What is read off a model's answer, and the policy that the code names for it now."""


def breaches(
    taken: tuple[Taken, ...], outcome: Outcome, predict: Predict, resolve: Resolve | None
) -> Iterator[Failure]:
    """Acts that came after an output below its threshold: each act once."""
    held: dict[str, tuple[Prediction, Policy]] = {}
    for each in taken:
        found = predict(each.answered_by, resolve) if each.request.boundary == "model" else None
        if found is not None and found[1] is not None:
            held[found[1].name] = found[0], found[1]
            continue
        for prediction, policy in held.values():
            if prediction.decision != "auto" and policy.is_act(each.request.target):
                failure = _failure(prediction, each.request.target, f"asked {each.request.target}")
                yield msgspec.structs.replace(failure, target=each.request.target)
    for prediction, policy in held.values():
        if prediction.decision != "auto" and outcome.state == "returned" and _says_so(policy, outcome, resolve):
            yield _failure(prediction, "the result", "its result says so")


def _says_so(policy: Policy, outcome: Outcome, resolve: Resolve | None) -> bool:
    if policy.automatic is None:
        return False
    try:
        return bool(policy.automatic(outcome.decode(resolve)))
    except Exception:  # of the project: a result that it cannot read says nothing
        return False


def _failure(prediction: Prediction, act: str, how: str) -> Failure:
    score, threshold = prediction.score, prediction.threshold
    if score is None or score != score:
        scored = f"{prediction.name} gave no score"
    else:
        scored = f"{prediction.name} scored {score:g}, below {threshold:g}"
    owner = f" (owner: {prediction.owner})" if prediction.owner else ""
    decision = str(prediction.decision).replace("_", "-")
    message = f"acted by itself ({how}) where {scored}: the policy says {decision}{owner}"
    return Failure("policy", printable(f"{prediction.policy}: {act}, {decision}"), printable(message), ())
