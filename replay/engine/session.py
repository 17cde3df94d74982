"""One replay from start to verdict: set the world up, run the target, compare."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from replay.core.behind import says_nothing
from replay.core.codec import Resolve
from replay.core.compare import MOST, differences, unexpected, unknown
from replay.core.damage import Damage, damage
from replay.core.filling import parted, unseen
from replay.core.left import is_noted
from replay.core.near import Near
from replay.core.noise import Known, known
from replay.core.recording import Interaction, Kind, Outcome, Recording
from replay.core.verdict import Difference, Frame, Spans, Verdict, Violation, Window
from replay.core.world import Boundary, current, occupy
from replay.engine import guard
from replay.engine.doubts import doubts, reworded
from replay.engine.earlier import dropped, earlier, is_all_from_before, is_kept_by_process, kept_by_now, may_be_dropped
from replay.engine.heard import Heard, hearing
from replay.engine.invariants import violations
from replay.engine.keyed import keyed
from replay.engine.logged import logged
from replay.engine.player import OnAsk, Player, window
from replay.engine.playing import Shelves, by_boundary, playing
from replay.engine.steps import Waits
from replay.engine.targets import Targets
from replay.errors import Unanswerable

Runner = Callable[[Recording, Any, Resolve | None], Outcome]
_MALFORMED = "entries of known noise that are malformed: they excuse nothing (find it anew with `replay run --check`)"


class Session:
    """How recordings are replayed here: the boundaries, the entry points' runners, the project's targets."""

    def __init__(
        self,
        *,
        boundaries: Sequence[Boundary],
        runners: Mapping[Kind, Runner],
        targets: Targets,
        move: Callable[[int], None],
        wait: Waits | None = None,
        linger: Callable[[int], bool] = lambda elapsed: False,
        near: Callable[[], Sequence[Near]] = tuple,
        stood: Callable[[], Spans | None] | None = None,
        waited: Callable[[], int] | None = None,
        listen: Callable[[], None] | None = None,
        live: Collection[str] = (),
        ignore: Collection[str] = (),
        tolerance: float = 0.0,
        on_ask: OnAsk | None = None,
        once: bool = False,
        folders: Collection[str] = (),
        player: Callable[..., Player] = Player,
        predict: Callable[[Interaction, Resolve | None], Any] | None = None,
    ) -> None:
        """`linger`: lets the threads that the entry point left go on by one step; false if none of them would by so
        many nanoseconds after the start. `near`: what came at about the same time. `stood`: where the clock stood so
        far. `waited`: for how long the replay has, nanoseconds; None: nobody asks. `listen`: lets the world hear what
        is logged; None: nobody asks for it. `once`: no second run (see `run`). `predict`: what is read off a model's
        answer now (see `replay.engine.breaches`), for finds of a breach."""
        self._live = frozenset(live)
        self._boundaries = boundaries
        self._runners = runners
        self._targets = targets
        self._move = move
        self._wait = wait
        self._linger = linger
        self._near = near
        self._stood = stood
        self._waited = waited
        self._listen = listen
        self._ignore = ignore
        self._tolerance = tolerance
        self._on_ask = on_ask
        self._once = once
        self._folders = folders
        self._player = player
        self._predict = predict

    def run(self, recording: Recording) -> Verdict:
        """Replay `recording`. Never raises for what the recording or the code under test does. Where it only asks, on
        another way or once more, what production's process had asked before, it is run again: a process that has kept
        that is as production's was, and its verdict counts. So it is where it reproduces: what it asks in both runs it
        does not keep, unless each run has anew what keeps it.

        Raises UsageError (`invariant`) for an invariant of what is no entry point.
        """
        verdict = self._run(recording)
        if self._once:
            return verdict
        if is_all_from_before(verdict):
            return kept_by_now(verdict, self._run(recording)) or verdict
        if may_be_dropped(verdict):
            counts = is_kept_by_process(recording) and not self._awaits(recording)
            return dropped(verdict, self._run(recording), counts=counts)
        return verdict

    def _awaits(self, recording: Recording) -> bool:
        """Its function is a coroutine's: each run has an event loop of its own, by which caches may keep."""
        return inspect.iscoroutinefunction(inspect.unwrap(self._targets.load(recording.entrypoint)))

    def _run(self, recording: Recording) -> Verdict:
        started = perf_counter()
        guard.install()
        player = None
        noted, heard = damage(recording), list[Heard]()
        try:
            target = self._targets.load(recording.entrypoint)
            with (
                hearing(heard) if noted is not None else nullcontext(),
                self._catching(noted) as caught,
                self._raising(recording) as raised,
            ):
                player, outcome, near = copy_context().run(self._play, recording, target)
            verdict = self._judge(recording, player, outcome, near)
            if raised:
                verdict = msgspec.structs.replace(verdict, handled=self._handled(raised))
        except Unanswerable as error:
            verdict = Verdict(id=recording.id, status="unanswerable", recorded=recording.outcome, reason=str(error))
        except Exception as error:  # not the application's: a bundle is untrusted, its values may have any shape
            reason = f"{recording.entrypoint}: the recording {_misfit(error)}. Capture it again."
            verdict = Verdict(id=recording.id, status="unanswerable", recorded=recording.outcome, reason=reason)
        except KeyboardInterrupt:
            if not _interrupts(recording):
                raise
            reason = f"{recording.entrypoint}: a KeyboardInterrupt of the recording ended the replay."
            verdict = Verdict(id=recording.id, status="unanswerable", recorded=recording.outcome, reason=reason)
        found: tuple[Violation, ...] = ()
        if player is not None and verdict.outcome is not None and verdict.status in ("reproduced", "changed"):
            found = violations(recording, verdict.outcome, player.spent, player.notes, self._targets)
            if noted is not None:
                from replay.engine.remains import remaining

                found += remaining(noted, recording, target, verdict.outcome, player.spent, heard, caught or (),
                                   self._targets, self._predict)  # fmt: skip
        return msgspec.structs.replace(verdict, violations=found, seconds=perf_counter() - started)

    def _catching(self, noted: Damage | None) -> AbstractContextManager[list[Frame] | None]:
        if noted is None or noted.rule != "swallowed":
            return nullcontext()
        from replay.engine.silent import catching

        return catching(self._targets.root)

    def _raising(self, recording: Recording) -> AbstractContextManager[list[Frame] | None]:
        """Of an answer that says nothing of the error behind it, as one of `return {...}, 500` in an `except`."""
        if not says_nothing(recording.outcome) or sys.gettrace() is not None:  # a debugger, or coverage
            return nullcontext()
        from replay.engine.lines import raising

        return raising(self._targets.root)

    def _handled(self, raised: list[Frame]) -> Frame | None:
        from replay.engine.failures import relative
        from replay.engine.lines import innermost

        found = innermost(raised)
        return None if found is None else msgspec.structs.replace(found, file=relative(self._targets.root, found.file))

    def _play(self, recording: Recording, target: Any) -> tuple[Player, Outcome, Sequence[Near]]:
        noise = known(recording, keyed(recording))
        kinds = {each.kind: each for each in self._boundaries}
        span = window(recording, None if self._live else self._stood, self._waited)
        found = Shelves(kinds, by_boundary(recording), span, noise.requests, earlier(recording))
        with playing(self._boundaries, recording, self._live):
            player = self._player(
                recording,
                shelves=found,
                resolve=self._targets.resolve,
                move=self._move,
                wait=self._wait,
                root=self._targets.root,
                through=self._live,
                on_ask=self._on_ask,
                permits=guard.permits(self._live, self._folders),
                noise=noise,
                before=found.before,
                waited=self._waited,
                span=span,
            )
            player.leaves = is_noted(recording)
            if self._listen is not None:
                self._listen()
            occupy(player)
            current.set(player)  # of the copied context: nothing to reset
            try:
                outcome = self._runners[recording.kind](recording, target, self._targets.resolve)
                near = self._near()
                shown = player.shown_to_end or span.shown
                player.span = msgspec.structs.replace(span, clock=lambda asked: shown)
                if self._waited is not None and not self._live:
                    player.later.ended(self._waited() if player.waited_to_end is None else player.waited_to_end)
                player.linger(self._linger)
                player.close()
            except Unanswerable as error:
                raise _with_refusals(error, player) from error
            finally:
                occupy(None)
        return player, outcome, near

    def _judge(self, recording: Recording, player: Player, outcome: Outcome, near: Sequence[Near]) -> Verdict:
        difference = reworded(recording, self._difference(recording, outcome, player.noise, player.span))
        left = player.left
        if left is not None and outcome.state == recording.outcome.state:
            difference += parted(recording, left, player.span, self._ignore, self._tolerance, player.noise.left)
        difference += [*unknown(recording.outcome.payload), *player.noted, *unseen(recording)][:MOST]
        if player.diverged and not unexpected(difference):
            difference += player.forgive()
        player.explain(outcome)
        if self._listen is not None and not player.diverged:
            difference += [*logged(recording, player.logs), *player.later.told()]
        if player.diverged:
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
            left=left,
            divergence=player.divergences[0] if player.divergences else None,
            divergences=tuple(player.divergences),
            difference=tuple(difference),
            served=player.served,
            left_over=len(player.left_over),
            unanswered=player.unanswered,
            reason=None
            if status == "reproduced"
            else doubts(
                recording,
                difference,
                player.short_draws,
                near,
                player.divergences,
                player.start_up,
                self._targets.resolve,
                self._targets.root,
            ),
        )

    def _difference(self, recording: Recording, outcome: Outcome, noise: Known, span: Window) -> list[Difference]:
        malformed = [Difference("context.noise", "changed", noise.refused, None, _MALFORMED)] if noise.refused else []
        if outcome.state != recording.outcome.state:
            return [Difference("$", "changed", _headline(recording.outcome), _headline(outcome)), *malformed]
        found = differences(
            recording.outcome.payload,
            outcome.payload,
            window=span,
            tolerances=self._tolerance,
            ignore=self._ignore,
            noise=noise.outcome,
        )
        return found + malformed


def _with_refusals(error: Unanswerable, player: Player) -> Unanswerable:
    """Why it cannot be run may be what was refused: an application that connects as it starts up."""
    refused = [divergence.target for divergence in player.divergences if divergence.kind == "refused"]
    return Unanswerable(f"{error} (refused: {', '.join(refused[:3])})") if refused else error


def _headline(outcome: Outcome) -> str:
    value = outcome.value if outcome.state == "raised" else None
    if isinstance(value, BaseException):
        return f"raised {outcome.payload.error_type}: {value.args[0] if value.args else ''}"
    return f"{outcome.state} {outcome.payload.text[:200]}"


def _interrupts(recording: Recording) -> bool:
    """Whether a KeyboardInterrupt may be one that the recording gave to the application: it must end no test run."""
    values = [recording.input, *(interaction.answer for interaction in recording.interactions)]
    return any("KeyboardInterrupt" in msgspec.json.encode(value.tree).decode() for value in values)


def _misfit(error: Exception) -> str:
    """What is wrong with a recording that made our own code fail, and where that was noticed."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = "" if step is None else f" at {Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}"
    return f"holds what no recording holds ({type(error).__name__}: {str(error)[:200]}{place})"
