"""One replay from start to verdict: set the world up, run the target, compare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from time import perf_counter
from typing import Any

import msgspec

from replay.core.codec import Resolve
from replay.core.compare import differences, unexpected
from replay.core.recording import Kind, Outcome, Recording
from replay.core.verdict import Difference, Verdict
from replay.core.world import Boundary, current, occupy
from replay.engine.player import Player, window
from replay.engine.targets import Targets
from replay.errors import Unanswerable

Runner = Callable[[Recording, Any, Resolve | None], Outcome]


class Session:
    """How recordings are replayed here: the boundaries, the entry points' runners, the project's targets."""

    def __init__(
        self,
        *,
        boundaries: Sequence[Boundary],
        runners: Mapping[Kind, Runner],
        targets: Targets,
        move: Callable[[int], None],
        live: Collection[str] = (),
        ignore: Collection[str] = (),
        tolerance: float = 0.0,
    ) -> None:
        self._live = frozenset(live)
        self._boundaries = boundaries
        self._runners = runners
        self._targets = targets
        self._move = move
        self._ignore = ignore
        self._tolerance = tolerance

    def run(self, recording: Recording) -> Verdict:
        """Replay `recording`. Never raises for what the recording or the code under test does."""
        started = perf_counter()
        try:
            target = self._targets.load(recording.entrypoint)
            player, outcome = copy_context().run(self._play, recording, target)
        except Unanswerable as error:
            verdict = Verdict(id=recording.id, status="unanswerable", recorded=recording.outcome, reason=str(error))
        else:
            verdict = self._judge(recording, player, outcome)
        return msgspec.structs.replace(verdict, seconds=perf_counter() - started)

    def _play(self, recording: Recording, target: Any) -> tuple[Player, Outcome]:
        span = window(recording)
        shelves = {}
        for boundary in self._boundaries:
            asked = [i for i in recording.interactions if i.boundary == boundary.kind]
            shelf = boundary.shelf(asked, span)
            if shelf is not None:
                shelves[boundary.kind] = shelf
        with ExitStack() as stack:
            for boundary in self._boundaries:
                if boundary.kind not in self._live:
                    stack.enter_context(boundary.playing(recording))
            player = Player(
                recording,
                shelves=shelves,
                resolve=self._targets.resolve,
                move=self._move,
                root=self._targets.root,
                through=self._live,
            )
            occupy(player)
            stack.callback(occupy, None)
            current.set(player)  # of the copied context: nothing to reset
            outcome = self._runners[recording.kind](recording, target, self._targets.resolve)
            player.close()
        return player, outcome

    def _judge(self, recording: Recording, player: Player, outcome: Outcome) -> Verdict:
        difference = self._difference(recording, outcome)
        nothing_served = bool(recording.interactions) and player.served == 0
        if player.divergences or nothing_served:
            status: Any = "diverged"
        elif unexpected(difference):
            status = "changed"
        else:
            status = "reproduced"
        return Verdict(
            id=recording.id,
            status=status,
            recorded=recording.outcome,
            outcome=outcome,
            divergence=player.divergences[0] if player.divergences else None,
            divergences=tuple(player.divergences),
            difference=tuple(difference),
            served=player.served,
            left_over=len(player.left_over),
            unanswered=player.unanswered,
        )

    def _difference(self, recording: Recording, outcome: Outcome) -> list[Difference]:
        if outcome.state != recording.outcome.state:
            return [Difference("$", "changed", _headline(recording.outcome), _headline(outcome))]
        return differences(
            recording.outcome.payload,
            outcome.payload,
            window=window(recording),
            tolerances=self._tolerance,
            ignore=self._ignore,
        )


def _headline(outcome: Outcome) -> str:
    if outcome.state == "raised":
        value = outcome.value
        return f"raised {outcome.payload.error_type}: {value.args[0] if value.args else ''}"
    return f"{outcome.state} {outcome.payload.text[:200]}"
