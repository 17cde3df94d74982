"""What is looked at where a run did not fail by itself: its result, its decisions, what it did in silence.

The recording's own run is the measure. It is made once in each process, when it is first needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from replay.engine.breaches import Predict, breaches
from replay.engine.execution import Execution
from replay.engine.failures import Failure
from replay.engine.lines import Lines
from replay.engine.mutation import Edits
from replay.engine.returns import Returns
from replay.engine.silent import RULES, Silent
from replay.engine.stage import Stage

MOST_KEPT = 2_000
"""Results whose judgement is kept."""


class Judges:
    """The judges of one stage. `kinds`: those that are asked (see `replay.engine.kinds`)."""

    def __init__(self, stage: Stage, kinds: Collection[str], predict: Predict | None = None) -> None:
        self._stage, self._predict = stage, predict
        rules = [rule for rule in RULES if f"silent:{rule}" in kinds]
        self._rules = rules
        self._returns = Returns(stage.recording, stage.target, stage.resolve, stage.root) if "schema" in kinds else None
        self._policies = "policy" in kinds and predict is not None
        self._silent: Silent | None = None
        self._known: set[object] | None = None
        """Fingerprints of what the recording itself breaks."""
        self._before = 0
        self._returned: dict[tuple[str, str], Failure | None] = {}
        stage.hears = "logged" in rules

    def judge(self, edits: Edits, execution: Execution, lines: Lines, reached: int) -> Failure | None:
        """The first thing that is wrong with a run, and is not so of the recording; of that itself, whatever it is."""
        if execution.outcome is None or execution.diverged:
            return None
        if not edits:
            return next((each for each in self._alone(execution) if not self._is_decorated(each)), None)
        if self._known is None:
            self._learn(lines)
        assert self._known is not None
        for failure in self._alone(execution):
            if failure.fingerprint not in self._known:
                return failure
        if self._silent is None:
            return None
        found = self._silent.judge(edits, execution, lines, reached, self._before)
        return next(found, None)

    def _learn(self, lines: Lines) -> None:
        lines.start()
        base = self._stage.execute(())
        self._before = lines.reached()
        self._known = set()
        if base.outcome is None or base.diverged:
            return
        self._known.update(each.fingerprint for each in self._alone(base))
        if any(self._is_decorated(each) for each in self._alone(base)):
            self._returns = None
        if self._rules:
            self._silent = Silent(self._stage, base, self._rules)

    def _is_decorated(self, failure: Failure) -> bool:
        """Of the recording itself: a decorator makes something else of what the function declares."""
        return failure.kind == "schema" and self._returns is not None and self._returns.is_decorated

    def _alone(self, execution: Execution) -> Iterator[Failure]:
        """What is wrong with a run whatever the recording did."""
        assert execution.outcome is not None
        if self._policies and self._predict is not None:
            self._stage.let_go()  # it asks the project's code
            yield from breaches(execution.taken, execution.outcome, self._predict, self._stage.resolve)
        if self._returns is not None:
            found = self._schema(execution)
            if found is not None:
                yield found

    def _schema(self, execution: Execution) -> Failure | None:
        assert self._returns is not None
        assert execution.outcome is not None
        text = execution.outcome.payload.text
        key = (text, execution.mutated.input.text if execution.mutated.kind in ("asgi", "wsgi") else "")
        if key not in self._returned:
            if len(self._returned) > MOST_KEPT:
                self._returned.clear()
            self._stage.let_go()  # as a model's validators
            self._returned[key] = self._returns.judge(execution.mutated, execution.outcome)
        return self._returned[key]
