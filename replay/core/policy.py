"""What is done with a model's output: by itself, after a person's look, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from replay.errors import UsageError

Decision = Literal["auto", "review", "fail_safe"]
"""`auto`: act on it. `review`: a person looks first. `fail_safe`: there is no score to go by: nothing is done."""


class Policy:
    """Who answers for the outputs of a model, and what counts as acting on one of them without a person."""

    __slots__ = ("acts", "automatic", "escalation", "name", "owner")

    def __init__(
        self,
        name: str,
        *,
        owner: str | None = None,
        escalation: str | None = None,
        acts: Sequence[str] = (),
        automatic: Callable[[Any], object] | None = None,
    ) -> None:
        """`acts`: what code asks only where it acts by itself, as patterns of targets (`shop:refund`,
        `POST https://pay.example/*`). `automatic`: of the result of a run, whether it was acted on by itself.

        Raises UsageError for what cannot be meant.
        """
        if not isinstance(name, str) or not name:
            raise UsageError(
                "replay.Policy(...) needs a name, for instance replay.Policy('refunds', owner='payments')."
            )
        for label, text in (("owner", owner), ("escalation", escalation)):
            if text is not None and not isinstance(text, str):
                raise UsageError(f"replay.Policy({name!r}, {label}=...): give a text, who that is.")
        if isinstance(acts, str) or not all(isinstance(each, str) for each in acts):
            raise UsageError(f"replay.Policy({name!r}, acts=...): give a list of targets: ['shop:refund'].")
        if automatic is not None and not callable(automatic):
            raise UsageError(f"replay.Policy({name!r}, automatic=...): give a function of the result.")
        self.name, self.owner, self.escalation = name, owner, escalation
        self.acts, self.automatic = tuple(acts), automatic

    def decide(self, score: float | None, threshold: float | None) -> Decision:
        """`auto` from the threshold on. Without a score (or with NaN) nothing vouches for the output."""
        if score is None or score != score:
            return "fail_safe"
        return "auto" if threshold is None or score >= threshold else "review"

    def is_act(self, target: str) -> bool:
        """Whether asking this is acting by itself."""
        return any(target == each or fnmatchcase(target, each) for each in self.acts)
