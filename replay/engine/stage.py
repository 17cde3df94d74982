"""Running many mutations of one recording: what they share is prepared once, each runs in a world of its own.

Each run goes through the same player, seams and virtual clock as a replay.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from functools import cached_property
from inspect import unwrap
from threading import get_ident
from time import perf_counter
from typing import Any, ClassVar, Protocol

import msgspec

from replay.core.codec import Resolve, Value
from replay.core.compare import unexpected
from replay.core.noise import Known, known
from replay.core.recording import Interaction, Kind, Outcome, Prediction, Recording
from replay.core.verdict import Frame
from replay.core.world import Boundary, Renewed, current, occupy
from replay.engine import guard
from replay.engine.earlier import earlier
from replay.engine.execution import Execution, asked_of, context_of, endless, not_run
from replay.engine.failures import OURS, Failure, error_of, failed_with, is_allowed, relative, status_of
from replay.engine.finished import Property, Run, broken
from replay.engine.heard import hearing
from replay.engine.keyed import keyed
from replay.engine.lines import Lines, in_project, last_raised, standing
from replay.engine.mutant import Mutant
from replay.engine.mutation import Edits, Mutations
from replay.engine.player import EqualityShelf, OnAsk, window
from replay.engine.playing import Shelves, by_boundary, playing
from replay.engine.steps import Waits
from replay.engine.targets import Targets
from replay.errors import Unanswerable

Runner = Callable[[Recording, Any, Resolve | None], Outcome]
_NOTHING = nullcontext()
_TICK = 0.25
"""Seconds between looks at the time limit."""


class Overrun(BaseException):
    """Raised into code that does not end."""


class Judge(Protocol):
    """Looks at a run that did not fail by itself."""

    def judge(self, edits: Edits, execution: Execution, lines: Lines, reached: int) -> Failure | None:
        """What is wrong with it. `reached`: the lines that it reached, of `lines`."""
        ...


class Stage:
    """Where the mutations of one recording run."""

    _started: ClassVar[float | None] = None
    """When the run that is under way began: a process has one at a time."""

    def __init__(
        self,
        recording: Recording,
        *,
        boundaries: Sequence[Boundary],
        runners: Mapping[Kind, Runner],
        targets: Targets,
        move: Callable[[int], None],
        wait: Waits | None = None,
        pauses: Callable[[], int] | None = None,
        folders: Collection[str] = (),
        allowed: Collection[str] = (),
        limit: float = 5.0,
        properties: Sequence[Property] = (),
    ) -> None:
        """`pauses`: see `Mutant`. `allowed`: types of errors that are declared. `limit`: seconds that one run may take
        (main thread only).
        `properties`: what must hold of each run that returned and is no failure by itself. Raises Unanswerable if the
        target cannot be had."""
        guard.install()
        self.recording = recording
        self.target = targets.load(recording.entrypoint)
        self.mutations = Mutations(recording)
        self.root = targets.root
        self._boundaries, self._run = boundaries, runners[recording.kind]
        self.resolve, self._move, self._wait, self._pauses = targets.resolve, move, wait, pauses
        self._folders, self._allowed, self.limit = folders, tuple(allowed), limit
        self.properties = tuple(properties)
        self.predict: Callable[[Interaction], Prediction | None] = lambda interaction: None
        """Reads a model's answer."""
        self.judges: Judge | None = None
        """Looks at runs that are no failure by themselves."""
        self.packages: tuple[str, ...] = ()
        """Folders and files of installed packages whose lines and constants count too."""
        self.hears = False
        """Keeps what is logged as an error."""
        self.compares = False
        """Tells of each run what another version of the code is compared with."""
        self._asked = by_boundary(recording)
        self._earlier = earlier(recording)
        self._kinds = {each.kind: each for each in boundaries}
        self._playing: list[Boundary] | None = None
        """Those that have something hold around a run in the recording's own context, if it can be kept."""
        self._held: list[Any] | None = None
        self._permits = guard.permits((), folders)
        self.on_ask: OnAsk | None = None
        """Called where an interaction is asked, as by `Player`."""
        self.on_start: Callable[[], None] = lambda: None
        """Called as the code under test begins to run."""
        self.expendable = False
        """In a process of its own, which Ctrl-C does not reach."""
        self.on_memory: Callable[[], None] = lambda: None
        """Called where memory is used up, before anything else is tried."""

    @cached_property
    def _noise(self) -> Known:
        return known(self.recording, keyed(self.recording))

    def excused(self, recorded: Interaction, asked: Value) -> bool:
        """Whether a request is apart from a recorded one only where redaction, known noise or the clock say that it may
        be, or in what stands for something."""
        noise, span = self._noise.requests, window(self.recording)
        boundary = next((each for each in self._boundaries if each.kind == recorded.boundary), None)
        shelf = None if boundary is None else boundary.shelf((recorded,), span, noise)
        return not unexpected((shelf or EqualityShelf(span, noise)).differences(recorded, asked))

    def execute(self, edits: Sequence[Any]) -> Execution:
        """Run the recording with these edits. Never raises for what the code does, but KeyboardInterrupt."""
        return self.run(self.mutations.quick(edits), edits)

    def run(self, mutated: Recording, edits: Sequence[Any] = ()) -> Execution:
        """Run what was made of the recording, by these edits."""
        try:
            player, outcome = copy_context().run(self._play, mutated)
        except Unanswerable as error:
            return not_run(mutated, str(error))
        except Overrun:
            Stage._started = None
            hang = Failure("hang", "Overrun", f"did not end within {self.limit:g} s", ())
            return msgspec.structs.replace(not_run(mutated, hang.message), failure=hang)
        except KeyboardInterrupt:
            if not self.expendable:
                raise
            raised = Failure("error", "KeyboardInterrupt", "", ())  # nobody pressed a key: it raised it itself
            return msgspec.structs.replace(not_run(mutated, "KeyboardInterrupt"), failure=raised)
        except MemoryError as error:
            self.on_memory()
            return msgspec.structs.replace(not_run(mutated, "out of memory"), failure=self._exhausted(error))
        except Exception as error:  # not the application's: an edited value that our own code cannot serve
            return not_run(mutated, f"{type(error).__name__}: {error}"[:300])
        if player.endless is not None and mutated.input is self.recording.input:
            return endless(mutated, player.endless)
        diverged = player.diverged
        execution = Execution(
            mutated,
            outcome,
            None if diverged else self._failure(outcome),
            diverged,
            player.stretched,
            tuple(player.taken),
            player.drawn,
            heard=tuple(player.heard),
            notes=player.notes,
            seed=player.made_seed,
            half_read=frozenset(player.half_read),
        )
        if not self.properties or execution.diverged or outcome.state != "returned" or execution.failure is not None:
            return execution
        self.let_go()  # properties are the project's code, in the time of this process
        found = broken(self.finished(execution, edits), self.properties, self.root)
        return execution if found is None else msgspec.structs.replace(execution, failure=found)

    def _exhausted(self, error: BaseException) -> Failure:
        """Where memory was used up: the innermost of the errors, as storing it took memory too."""
        while isinstance(error.__context__, MemoryError):
            error = error.__context__
        frames = []
        step = error.__traceback__
        while step is not None:
            code = step.tb_frame.f_code
            if in_project(self.root, code.co_filename):
                frames.append(Frame(relative(self.root, code.co_filename), step.tb_lineno, code.co_name))
            step = step.tb_next
        return Failure("memory", "MemoryError", "", tuple(frames))

    def locate(self, changed: Sequence[Any] | Recording, failure: Failure) -> Failure:
        """A status's failure with the place of the error behind it; where nothing was heard of that, it is run once
        more: edits, or what was made of the recording."""
        if failure.kind != "status" or failure.frames:
            return failure
        mutated = changed if isinstance(changed, Recording) else self.mutations.quick(changed)
        found = last_raised(self.root, lambda: self.run(mutated))
        if found is None:
            return failure
        frame = msgspec.structs.replace(found, file=relative(self.root, found.file))
        message = f"{failure.message.partition(' after ')[0]} after {found.source}"
        return msgspec.structs.replace(failure, message=message, frames=(frame,))

    def placed(self, edits: Edits, failure: Failure) -> Failure:
        """A failure that is something asked, with the line that asked it last, found by running it once more."""
        if not failure.target or failure.frames:
            return failure
        found: list[tuple[Frame, ...]] = []

        def look(interaction: Interaction, asked: Value) -> None:
            if interaction.target == failure.target:
                found.append(standing(self.root, __file__))

        before, self.on_ask = self.on_ask, look
        try:
            self.execute(edits)
        finally:
            self.on_ask = before
        frames = found[-1] if found else ()
        places = tuple(msgspec.structs.replace(frame, file=relative(self.root, frame.file)) for frame in frames)
        return msgspec.structs.replace(failure, frames=places)

    def finished(self, execution: Execution, edits: Sequence[Any]) -> Run:
        """The run as properties are given it."""
        assert execution.outcome is not None
        return Run(execution.mutated, execution.outcome, tuple(edits), lambda: asked_of(execution, self.resolve),
                   lambda: self.recorded(execution, edits), execution.notes)  # fmt: skip

    def recorded(self, execution: Execution, edits: Sequence[Any]) -> Recording:
        """The run as a recording of its own: what it asked, what answered, what it drew, how it ended."""
        outcome = execution.outcome
        assert outcome is not None
        mutated = execution.mutated
        interactions = asked_of(execution, self.resolve)
        longest = max((each.offset_ns + each.duration_ns for each in interactions), default=0)
        ran = msgspec.structs.replace(
            mutated,
            interactions=interactions,
            outcome=outcome,
            duration_ns=max(mutated.duration_ns, longest),
            context=context_of(execution),
            model_calls=(),
            predictions=tuple(filter(None, map(self.predict, interactions))),
            logs=(),
            http_response_status_code=status_of(outcome) if mutated.kind in ("asgi", "wsgi") else None,
        )
        return self.mutations.named(ran, edits)

    def _play(self, recording: Recording) -> tuple[Mutant, Outcome]:
        own = self.recording
        is_usual = recording.context is own.context and recording.started_at == own.started_at
        if is_usual and self._held is not None and self._hold(self._held):
            return self._ran(recording)
        self.let_go()
        with playing(self._boundaries, recording):
            return self._ran(recording)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """While it is open, what holds around a run still does after it, for the next one (see `let_go`)."""
        self._held = []
        try:
            yield
        finally:
            self.let_go()
            self._held = None

    def let_go(self) -> None:
        """Nothing of the recording's holds here any more: neither its time nor its variables."""
        while self._held:
            self._held.pop().__exit__(None, None, None)

    def _hold(self, held: list[Any]) -> bool:
        """Be as around a first run; False: something cannot be kept."""
        if held and all(each.again() for each in held):
            return True
        self.let_go()
        if self._playing is None:
            found = {each.kind: each.playing(self.recording) for each in self._boundaries}
            self._playing = [each for each in self._boundaries if type(found[each.kind]) is not nullcontext]
            if not all(isinstance(found[each.kind], Renewed) for each in self._playing):
                self._playing = []
        for boundary in self._playing:
            around = boundary.playing(self.recording)
            around.__enter__()
            held.append(around)
        return bool(held)

    def _ran(self, recording: Recording) -> tuple[Mutant, Outcome]:
        asked = by_boundary(recording) if recording.interactions is not self.recording.interactions else self._asked
        shelves = Shelves(self._kinds, asked, window(recording), before=self._earlier)
        player = Mutant(
            recording,
            shelves=shelves,
            resolve=self.resolve,
            move=self._move,
            wait=self._wait,
            pauses=self._pauses,
            root=self.root,
            permits=self._permits if self._permits.thread == get_ident() else guard.permits((), self._folders),
            on_ask=self.on_ask,
            noise=self._noise if recording.context is self.recording.context else None,
            before=shelves.before,
        )
        occupy(player)
        try:
            current.set(player)  # of the copied context: nothing to reset
            with hearing(player.heard) if self.hears else _NOTHING:
                Stage._started = perf_counter()
                self.on_start()
                try:
                    outcome = self._run(recording, self.target, self.resolve)
                finally:
                    Stage._started = None
                    player.closed = True
        finally:
            occupy(None)
        if outcome.payload.error_type == _OVERRUN:
            raise Overrun
        return player, outcome

    def _failure(self, outcome: Outcome) -> Failure | None:
        if outcome.state == "returned" and self.recording.kind in ("asgi", "wsgi"):
            return failed_with(outcome, self.root)
        failure = error_of(outcome, self.root)
        if failure is None or not OURS.isdisjoint((failure.error_type, *failure.members)):
            return None
        return None if is_allowed(failure, self._allowed) else failure

    @contextmanager
    def limited(self) -> Iterator[None]:
        """While it is open, a run that takes too long is ended, of whichever stage. Where there are no timers, it is
        not."""
        if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
            yield
            return

        def look(number: int, frame: Any) -> None:
            if Stage._started is not None and perf_counter() - Stage._started > self.limit:
                raise Overrun(f"did not end within {self.limit:g} s")

        setitimer = unwrap(signal.setitimer)  # the virtual one, where Ctrl-C left a run's world in place, stops nothing
        before = signal.signal(signal.SIGALRM, look)
        setitimer(signal.ITIMER_REAL, _TICK, _TICK)
        try:
            yield
        finally:
            setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


_OVERRUN = f"{Overrun.__module__}.{Overrun.__qualname__}"
