"""What a fix goes on to: the run that a known cure leads to, which a smaller recording must not lose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replay.core.edits import Edit
from replay.core.promoted import with_onward
from replay.core.recording import Interaction, Recording
from replay.engine.mutation import Mutations
from replay.engine.trials import Trial, World, identity


class Cured:
    """Runs with the cure: code that is mended comes past the failing line, and reads on there."""

    def __init__(self, world: World, cure: Sequence[Edit], onward: Sequence[Interaction] = ()) -> None:
        """Without a cure, or with one that does not cure this recording, everything holds.

        `onward`: answers for what the recording was not asked, so that these runs go on to their end.
        """
        self._world = world
        self._cure = tuple(cure)
        self._onward = tuple(onward)
        self._wanted: Any = None
        if self._cure:
            trial = self._run(world.stage.recording)
            self._wanted = _end(trial)
            if trial.ended == "same":
                self._cure = ()

    def holds(self, recording: Recording) -> bool:
        """Whether the run with the cure ends as it did, and asks as much."""
        return not self._cure or _end(self._run(recording)) == self._wanted

    def _run(self, recording: Recording) -> Trial:
        cured = Mutations(recording).quick(self._cure)
        return self._world.judge(with_onward(cured, self._onward) if self._onward else cured)


def _end(trial: Trial) -> tuple[Any, ...]:
    ran = trial.execution
    failure = None if ran.failure is None else identity(ran.failure)
    return failure, None if ran.outcome is None else ran.outcome.state, ran.diverged, len(ran.taken)
