"""What a policy says of a score, and how it is recorded with the prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import replay
from replay.core.recording import Recording
from replay.errors import UsageError
from tests.engine import till
from tests.engine.conftest import record as record  # a fixture

POLICY = replay.Policy("refunds", acts=["shop:pay*", "POST https://pay.example/*"])


@pytest.mark.parametrize(
    ("score", "threshold", "decision"),
    [
        (0.9, 0.9, "auto"), (0.95, None, "auto"), (0.89, 0.9, "review"), (None, 0.9, "fail_safe"),
        (float("nan"), 0.9, "fail_safe"),
    ],
)  # fmt: skip
def test_decisions(score: float | None, threshold: float | None, decision: str) -> None:
    """From the threshold on by itself; without a score not at all."""
    assert POLICY.decide(score, threshold) == decision


@pytest.mark.parametrize(
    ("target", "is_act"),
    [("shop:pay", True), ("shop:pay_back", True), ("shop:ask", False), ("POST https://pay.example/refunds", True)],
)
def test_acts(target: str, is_act: bool) -> None:
    """By pattern of the target."""
    assert POLICY.is_act(target) is is_act


@pytest.mark.parametrize(
    "arguments", [{"name": ""}, {"name": "x", "owner": 3}, {"name": "x", "acts": "a"}, {"name": "x", "automatic": 1}]
)
def test_what_cannot_be_meant(arguments: dict[str, Any]) -> None:
    """Is refused where it is written."""
    with pytest.raises(UsageError, match=r"replay\.Policy"):
        replay.Policy(**arguments)
    with pytest.raises(UsageError, match=r"give a replay\.Policy"):
        replay.model("x", policy="refunds")  # type: ignore[arg-type]


def test_the_decision_is_recorded(record: Callable[..., list[Recording]]) -> None:
    """With the policy, its owner and its escalation."""
    (found,) = record(lambda: till.receipt(7))[0].predictions
    assert (found.name, found.score, found.threshold) == ("risk", 0.95, 0.9)
    assert (found.decision, found.policy, found.owner, found.escalation) == ("auto", "refunds", "payments", "#refunds")
