"""The world that answers from a recording.

Order is exact within a lane: a request is answered by the next unserved interaction of a lane. Which recorded lane
a live task or thread follows is found by what it asks (its own name first), so that threads may start in another
order. What nothing answers is noted as a divergence *before* it is raised, since applications swallow exceptions.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from replay.core.codec import Resolve, Value
from replay.core.compare import differences, unexpected, unknown
from replay.core.decoder import items_of
from replay.core.noise import Known, Noise, known
from replay.core.recording import MOST_LOGS, WEB, Interaction, Outcome, Recording, State, turns_of
from replay.core.verdict import Difference, Divergence, DivergenceKind, Frame, Shown, Spans, Window
from replay.core.world import Answer, ReadSoFar, Request, Settles, Shelf, Ticket
from replay.engine.behind import Behind
from replay.engine.beyond import beyond
from replay.engine.earlier import Remembered, remembered
from replay.engine.entropy import BELOW, LONG, chosen, drawn
from replay.engine.guard import Permits
from replay.engine.keyed import keyed
from replay.engine.lanes import FIRST, Lanes, numbering
from replay.engine.later import LONGER, Later
from replay.engine.logged import LEVELS, Line
from replay.engine.partings import Partings
from replay.engine.remembering import way
from replay.engine.steps import Clocked, InOrder, Waits
from replay.engine.stretches import Stretches
from replay.engine.user_code import library_of, user_code
from replay.engine.waiting import Waiting
from replay.errors import DivergenceError

T = TypeVar("T")
MOST_TRIES = 3
"""Times that the same refusal is noted: code that is refused may try for ever."""
_LIKELY = 8
"""Recorded requests that one is held against before it is encoded."""
MOST_TOLD = 20
"""Requests without an answer whose exception says all that the matchers found: for that it compares all that are
recorded."""
_KEPT = "drawn by {}, which may keep what production drew before"
MOST_UNKNOWN = 20
"""Parts of requests that no recording holds, told."""
MOST_REFUSED = 200
"""Different refusals that are noted."""
OnAsk = Callable[[Interaction, Value], None]
"""Called where a recorded interaction was asked, before it is served; with what was asked now. For debuggers."""
Before = Callable[[Request], tuple[Shelf | None, Sequence[Remembered]]]
"""The shelf for what production's process had asked before the recording, if the boundary has one of its own, and what
of that may be the same thing."""
_JUST_MISSED = "not read: cancelled at about the moment at which it came; no recording says which was first"
_LEFT = 250_000_000
"""Nanoseconds that tasks may go on after the entry point has ended: a loop under load took as long to get there."""
UNREAD = "unread"
"""The field of the context that `_unread` reads."""
_BLOCKS = 50_000_000
"""Nanoseconds from which on an answer that was there at once took time from all tasks: they see it go by."""
_DIGITS = "0123456789"
_SHORT = 1_000_000
"""Nanoseconds below which an awaited answer may have been there at once."""


class Shelves(Protocol):
    """Those of the boundaries that find answers in a way of their own; a dictionary is one."""

    def get(self, boundary: str, otherwise: Shelf, /) -> Shelf:
        """That of a boundary; `otherwise`: it has none."""
        ...


class EqualityShelf:
    """Finds an answer by equality of requests: canonical text first, then with times in the window and the known noise
    of the interaction excused."""

    def __init__(self, window: Window, noise: Mapping[int, tuple[Noise, ...]]) -> None:
        self._window = window
        self._noise = noise

    def take(self, asked: Value, candidates: Sequence[Interaction]) -> Interaction | None:
        for candidate in candidates:
            if candidate.request.text == asked.text:
                return candidate
        return next((c for c in candidates if not unexpected(self.differences(c, asked))), None)

    def differences(self, recorded: Interaction, asked: Value) -> list[Difference]:
        noise = self._noise.get(recorded.seq, ())
        return differences(recorded.request, asked, window=self._window.of(recorded), noise=noise)

    def noted(self, recorded: Interaction, asked: Value) -> list[Difference]:
        return self.differences(recorded, asked) if recorded.seq in self._noise else []

    def refusal(self, asked: Value, message: str, *, brief: bool = False) -> BaseException:
        return DivergenceError(message)


def _unread(recording: Recording) -> frozenset[int]:
    """The numbers of the answers that a mutation's run did not read to their end: they are whole all the same, for code
    that does. It is read of a stranger's bundle, too."""
    facts = recording.facts if UNREAD in recording.context.text else None
    found = facts.get(UNREAD) if type(facts) is dict else None
    return frozenset(each for each in found if type(each) is int) if type(found) is list else frozenset()


class Player:
    """One replay of one recording. A `World`; safe to call from any thread.

    `shelves` find answers by boundary, `move` sets the virtual clock (nanoseconds since the epoch), `wait` lets the
    calling thread wait (nanoseconds; for a recorded answer: when production had it), `root` tells user code from
    libraries, `through` names boundaries that the user wants live, `waited` says for how long all has waited so far
    (nanoseconds).
    """

    __slots__ = (
        "_before", "_beyond", "_choices", "_chosen", "_draws", "_entropy", "_equality", "_has_ended", "_just_missed",
        "_left_at", "_lock", "_moments", "_move", "_now", "_on_ask", "_partings", "_readings", "_recalled", "_refused",
        "_resolve", "_seed", "_shelves", "_spent", "_turns", "_unknown", "_wait", "_waited", "_waiting", "behind",
        "closed", "goes_out", "lanes", "later", "leaves", "left", "logs", "noise", "noted", "notes", "permits",
        "recording", "served", "short_draws", "shown_to_end", "span", "start_up", "through", "unanswered",
        "waited_to_end", "where",
    )  # fmt: skip
    """A search makes one for each of its runs: a dictionary of so many names is made anew three times over."""
    live = False
    full = False
    awaited = 0

    def __init__(
        self,
        recording: Recording,
        *,
        shelves: Shelves,
        resolve: Resolve | None = None,
        move: Callable[[int], None] = lambda ns: None,
        wait: Waits | None = None,
        root: Path | None = None,
        through: Collection[str] = (),
        on_ask: OnAsk | None = None,
        permits: Permits | None = None,
        noise: Known | None = None,
        before: Before | None = None,
        waited: Callable[[], int] | None = None,
        span: Window | None = None,
    ) -> None:
        self.recording = recording
        self.span = window(recording) if span is None else span
        """When it was, and what the replay's clock showed."""
        self.later = Later(recording)
        """Whether it waits longer than production did."""
        self._waited = None if through else waited
        self.through = frozenset(through)
        """Boundaries that are live."""
        self.goes_out = bool(through)
        """Some requests go to the real world, which answers in real time."""
        self._on_ask = on_ask
        self.permits = permits
        """What it may do to the real world; None: anything."""
        self._refused: dict[tuple[str, str], int] = {}
        self.served = 0
        self.unanswered = 0
        self._shelves = shelves
        self._before = before
        self._recalled = set[tuple[str, int]]()
        """Lanes, and the numbers of what they were answered from before the recording."""
        self.noise = known(recording, keyed(recording)) if noise is None else noise
        """What is known to vary."""
        self.noted: list[Difference] = []
        """What known noise covered in requests and draws, and what of requests no recording holds."""
        self._unknown = set[tuple[str, str]]()
        self._equality: Shelf = self._shelf_of_others()
        self._resolve = resolve
        self._move = move
        self._wait = wait
        self._now = recording.started_at
        self.where = user_code(root).standing
        """The lines of the project that run in the calling thread, innermost last."""
        self._lock = RLock()
        self._waiting = Waiting(recording, self.through)
        self._partings = Partings(recording, self._waiting, self.where)
        self._spent: list[Interaction] = []
        self._readings: list[tuple[int, str, ReadSoFar]] = []
        """Of answers that come in pieces: number, lane, how far."""
        context = recording.facts or {}
        self.lanes = Lanes(
            numbered_when=numbering(context.get("lanes")),
            steps=Clocked() if wait is None else InOrder(recording, wait),
        )
        drawn_values = recording.context.decode()["draws"] if "draws" in context else {}
        self._draws = {
            (lane, kind): deque(items_of(values))
            for lane, kinds in drawn_values.items()
            for kind, values in kinds.items()
        }
        entropy = context.get("entropy", {})
        self._seed: str | None = entropy.get("seed")
        self._choices: bool | None = entropy.get("choices")
        """Whether what was chosen is among the draws; None: nothing was drawn, or it is an older recording, whose
        choices were drawn as bytes."""
        self._entropy: dict[str, int] = {}
        self._chosen: dict[str, int] = {}
        self._beyond: dict[tuple[str, str], int] = {}
        """How many draws of a kind a lane made that are not recorded."""
        self.short_draws = 0
        """Of the system's generator, that are in no recording and of which something may have been computed."""
        self._moments: list[int] | None = None
        self._turns = turns_of(recording)
        self._just_missed = set[int]()
        """Numbers of the answers that were not read to their end by a task that was cancelled about when they came."""
        self._left_at: int | None = None
        """After so many nanoseconds the entry point has, and tasks that it left go on."""
        self.closed = self._has_ended = False
        self.waited_to_end: int | None = None
        """For how long it had waited as its coroutine ended, nanoseconds."""
        self.shown_to_end: Shown | None = None
        """What the clock showed until then."""
        self.leaves = False
        """It is to be known what the unit of work leaves in its arguments."""
        self.left: Value | None = None
        """What it left there."""
        self.notes: dict[str, Settles] = {}
        """What the code noted in this run."""
        self.logs: list[Line] = []
        """What the code logged in this run, at WARNING and above."""
        self.start_up: list[tuple[str, Frame | None]] = []
        """What the application's start-up was refused, and where it asked for that (see `replay.engine.preparing`)."""
        self.behind: Behind | None = None
        """Of a web application: the error that it handled."""

    def _shelf_of_others(self) -> Shelf:
        """Of the boundaries that find answers in no way of their own."""
        return EqualityShelf(self.span, self.noise.requests)

    def start_here(self) -> None:
        """The calling task is the one that runs the entry point."""
        self.lanes.start_here()

    def end_here(self) -> None:
        """The entry point has ended, whatever its loop waits for as it is closed."""
        self.waited_to_end = None if self._waited is None else self._waited()
        self.shown_to_end = self.span.shown
        self._has_ended = True

    # The world --------------------------------------------------------------------------------------------------

    def ask(self, request: Request) -> Answer | None:
        if request.boundary in self.through:
            return None
        with self._lock:
            shelf = self._shelves.get(request.boundary, self._equality)
            lane = self.lanes.name()
            among = self._waiting.next(request)
            asked = _settled(request.payload, among)
            if self.closed:  # production did not record what came after the end either: no divergence
                raise shelf.refusal(asked, f"replay: {request.boundary} {request.target} asked after the end.")
            found = self._take(shelf, request, asked, lane, among)
            if found is None and self._is_late(lane):
                raise shelf.refusal(asked, f"replay: {request.boundary} {request.target} asked after the end.")
            if found is None:
                raise self._refuse(shelf, request, asked, lane)
            if found.request.text != asked.text:
                self._note_noise(shelf.noted(found, asked), found.seq)
            if found.request.gaps:
                self._note_unknown(found)
            if self._on_ask is not None:
                self._on_ask(found, asked)
            if self._waited is not None and found.seq < len(self.recording.interactions):
                self.later.asked(found, self._waited(), lane)
            self.served += 1
            self._spent.append(found)
            asked_at = self.recording.started_at + found.offset_ns
            ends_at = asked_at + found.duration_ns
            if self._wait is None or request.awaits:  # else it moves as it waits
                self._advance(ends_at if self._wait is None else asked_at)
        if self._wait is not None and not (request.awaits or request.paced):
            self._wait(found.duration_ns, ends_at)
        turns = self._turns_of(found) if request.awaits else None
        return Answer(found.answer, found.state, self._resolve, found.seq, found.duration_ns, ends_at, turns,
                      found.request, self._was_cancelled(found))  # fmt: skip

    def spend(self, nanoseconds: int) -> None:
        """A replay has the time."""

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        """Nothing to hear: a player never gives a ticket."""

    def draw(self, kind: str, live: Callable[[], T]) -> T:
        with self._lock:
            lane = self.lanes.name()
            values = self._draws_of(lane, kind)
            if values:
                return values.popleft()  # type: ignore[no-any-return]
            if self.closed or self._is_late(lane):
                return live()
            self._draw_on(lane, kind)
            if kind in self.noise.draws:  # known to vary: a check sees what follows from it
                return live()
            number = self._beyond[lane, kind] = self._beyond.get((lane, kind), 0) + 1
            return beyond(kind, f"{self.recording.digest}/{lane}/{kind}/{number}", live)  # type: ignore[no-any-return]

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        with self._lock:
            lane = self.lanes.name()
            number = self._entropy.get(lane, 0)
            self._entropy[lane] = number + 1
            self.short_draws += 0 < size < LONG
            seed = self._seeded()
        return drawn(seed, lane, number, size)

    def below(self, among: int, live: Callable[[], int]) -> int:
        if self._choices is None:
            return live()
        with self._lock:
            lane = self.lanes.name()
            values = self._draws_of(lane, BELOW)
            if values:
                value: int = values.popleft() % among  # the code may choose among fewer
                return value
            if self._choices and not self.closed:
                self._draw_on(lane, BELOW)
            return self._choose(lane, among)

    def _choose(self, lane: str, among: int) -> int:
        """Where the recording has no choice."""
        number = self._chosen.get(lane, 0)
        self._chosen[lane] = number + 1
        self.short_draws += not self._choices
        return chosen(self._seeded(), lane, number, among)

    def _seeded(self) -> str:
        """What the system's generator is seeded with."""
        if not self._seed:
            self._seed = self.recording.digest
        return self._seed

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        nanoseconds = max(0, int(seconds * 1e9))
        if self._wait is not None:
            self._wait(nanoseconds, None)
            return
        with self._lock:
            self._advance(self._now + nanoseconds)

    def beyond(self, seq: int, message: str) -> BaseException:
        with self._lock:
            found = None if self.closed else self._served_as(seq)
            if found is not None and not self._is_behind(found):
                self._partings.beyond(found, self.lanes.name(), message)
        return DivergenceError(message)

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        found = ReadSoFar(whole)
        if not self.closed and seq < len(self.recording.interactions):
            self._readings.append((seq, self.lanes.name(), found))
        return found

    def _served_as(self, seq: int) -> Interaction:
        """The interaction whose answer has that number."""
        own = self.recording.interactions
        return own[seq] if seq < len(own) else next(each for each in self._spent if each.seq == seq)

    def gives_up(self, seq: int) -> None:
        """The code waits no longer for the answer `seq`, which production had."""
        if not self.closed and seq < len(self.recording.interactions):
            self.later.gives_up(self.recording.interactions[seq])

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        with self._lock:
            if found and not self.closed:
                self._partings.apart(self._served_as(seq), self.lanes.name(), found)

    def unrecorded(self, library: str, target: str) -> BaseException | None:
        if self.goes_out:
            return None
        self.refused(library, target)
        return DivergenceError(
            f"replay: refused {library} {target}: it is in no recording. Put @replay.boundary on the function that "
            "makes this call."
        )

    def note(self, name: str, value: Settles) -> None:
        """Kept for those who judge the run; it is part of no verdict."""
        if not self.closed:
            self.notes[name] = value

    def log(self, level: str, logger: str, message: str, template: str | None = None) -> None:
        """The code logs something; it is told beside what production logged."""
        if not self.closed and level in LEVELS and len(self.logs) < MOST_LOGS:
            self.logs.append(Line(level, logger, message, template))

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        if not self.closed and self.recording.kind in WEB:
            self.behind = self.behind or Behind()
            self.behind.hear(error, is_sure=is_sure)

    def refused(self, boundary: str, target: str) -> None:
        """The guard will not let the code reach for the real world. Tries of the same thing are noted a few times."""
        with self._lock:
            tries = self._refused[boundary, target] = self._refused.get((boundary, target), 0) + 1
            if tries <= MOST_TRIES and len(self._refused) <= MOST_REFUSED:
                lane = self.lanes.name()
                found = Divergence(kind="refused", lane=lane, boundary=boundary, target=target, where=self.where())
                self._partings.note(found)

    # What is left -----------------------------------------------------------------------------------------------

    @property
    def half_read(self) -> set[int]:
        """The numbers of the answers that were read less far than they are long."""
        return {seq for seq, _, reading in self._readings if reading.taken < reading.whole}

    @property
    def diverged(self) -> bool:
        """It left the recording, or never asked anything of it."""
        return bool(self.divergences) or (bool(self.recording.interactions) and self.served == 0)

    def owed(self) -> int | None:
        """The entry point has ended: nanoseconds until the tasks that it left have read what they asked and had by then
        in production, or may go on no longer; None if they have it, or nobody knows. Nobody waits for what is not asked
        yet: where the loop ends with the entry point, it never is."""
        with self._lock:
            if self._waited is None or self.divergences:
                return None
            own, now = self.recording.interactions, self._waited()
            left = _unread(self.recording)
            moments = [
                own[seq].offset_ns + own[seq].duration_ns
                for seq, _, reading in self._readings
                if reading.taken < reading.whole and not (reading.just_missed or seq in left)
            ]
            if moments and self._left_at is None:
                self._left_at = now
                self.later.left(now)
            until = now if self._left_at is None else self._left_at + _LEFT
            return max(0, min(max(moments), until) - now) if moments and now <= until else None

    def linger(self, wait: Callable[[int], bool]) -> None:
        """The entry point has ended: what threads that it left had asked by then in production, they may ask yet.
        `wait`: for what comes next to them, by so many nanoseconds after the start; false if nothing does."""
        while not self.divergences:
            with self._lock:
                asked = [each.offset_ns for each in self._waiting if each.lane != FIRST]
            if not asked or not wait(max(asked)):
                return

    def close(self) -> None:
        """The run is over: what was not asked for is noted, and late requests are refused."""
        with self._lock:
            self.closed = True
            left = _unread(self.recording)
            for seq, lane, reading in self._readings:
                if reading.taken < reading.whole and seq not in left:
                    self._partings.unread(self.recording.interactions[seq], lane, reading.taken, reading.whole)
                    if reading.just_missed:
                        self._just_missed.add(seq)
            self._partings.settle([(lane, kind, len(values)) for (lane, kind), values in self._draws.items() if values])

    def forgive(self) -> list[Difference]:
        """After `close`, of a run that ended as in production: if all that it left of the recording is answers whose
        tasks were cancelled at about the moment at which they came, it did not diverge. Told are these."""
        with self._lock:
            found = self.divergences
            if any(each.kind != "missing" or each.seq not in self._just_missed for each in found):
                return []
            found.clear()
            return [Difference(f"interaction[{seq}].answer", "removed", note=_JUST_MISSED)
                    for seq in sorted(self._just_missed)]  # fmt: skip

    def explain(self, outcome: Outcome) -> None:
        """After `close`: say which divergences follow from an earlier one, now that the end is known."""
        with self._lock:
            self._partings.link(outcome)

    @property
    def divergences(self) -> list[Divergence]:
        """In the order of the replay; after `close` under their final names."""
        return self._partings.found

    @property
    def spent(self) -> tuple[Interaction, ...]:
        """The recorded interactions that were served, in the order in which they were asked now."""
        return tuple(self._spent)

    @property
    def left_over(self) -> list[Interaction]:
        """Recorded interactions that no request took, in the order in which production asked them."""
        return self._waiting.left()

    # Inside -----------------------------------------------------------------------------------------------------

    def _is_behind(self, found: Interaction) -> bool:
        """Whether only what the entry point left still waits for this answer, which had not come by then in production
        either; not where it ended that much later."""
        ended = self.waited_to_end
        is_later = ended is not None and ended > found.offset_ns + found.duration_ns + LONGER
        return self._has_ended and found.state == "unfinished" and not is_later

    def _is_late(self, lane: str) -> bool:
        """Whether what is asked there came after the end in production."""
        if self._left_at is None or lane == FIRST:
            return False
        own = self._partings.course.recorded.get(lane, lane)
        return all(each.lane != own for each in self._waiting)

    def _turns_of(self, found: Interaction) -> int | None:
        """How often others went on until it was there, if it waited for nothing else."""
        sign = self._turns[found.seq : found.seq + 1]  # none in older recordings
        if sign in ("w", "c"):
            return None
        if sign and sign in _DIGITS and found.duration_ns < _BLOCKS:
            return int(sign)
        return 0 if self._is_at_once(found) else None

    def _was_cancelled(self, found: Interaction) -> bool | None:
        """Whether the task was that waited for it. Where the whole unit of work was, by who waited for that, nobody
        does it again."""
        sign = self._turns[found.seq : found.seq + 1]
        if sign == "o":
            return False
        return True if sign == "c" and not _ended_cancelled(self.recording) else None

    def _is_at_once(self, found: Interaction) -> bool:
        """Its coroutine need not have waited: it was short, and nobody asked or got anything meanwhile."""
        if found.duration_ns >= _SHORT:
            return False
        if self._moments is None:
            spans = [(each.offset_ns, each.offset_ns + each.duration_ns) for each in self.recording.interactions]
            self._moments = sorted(moment for span in spans for moment in span)
        first = bisect_right(self._moments, found.offset_ns)
        return bisect_left(self._moments, found.offset_ns + found.duration_ns) <= first

    def _note_noise(self, found: Sequence[Difference], seq: int) -> None:
        for each in found:
            path = each.path if each.path.startswith("$") else f"$.{each.path}"
            self.noted.append(replace(each, path=f"interaction[{seq}].request {path}"))

    def _note_unknown(self, found: Interaction) -> None:
        """What of a request is not compared; of each kind of request once."""
        for each in unknown(found.request):
            mark = (found.target, each.path)
            if mark not in self._unknown and len(self._unknown) < MOST_UNKNOWN:
                self._unknown.add(mark)
                self.noted.append(replace(each, path=f"interaction[{found.seq}].request {each.path}"))

    def _draws_of(self, lane: str, kind: str) -> deque[Any] | None:
        """What the recorded lane that it follows drew: tasks may have started in another order."""
        return self._draws.get((self._partings.course.recorded.get(lane, lane), kind))

    def _draw_on(self, lane: str, kind: str) -> None:
        """A draw beyond the recorded ones. A library may make some once in a process, for what it keeps: production had
        that from before. Whatever follows from what it draws is compared."""
        noise = self.noise.draws.get(kind)
        library = None if noise is not None else library_of(sys._getframe(1))
        note = noise.note if noise is not None else library and _KEPT.format(library)
        if note is None:
            self._partings.dry(lane, kind)
        elif not any(each.path == f"draws $.{kind}" for each in self.noted):
            self.noted.append(Difference(f"draws $.{kind}", "added", note=note))

    def _advance(self, now: int) -> None:
        if now > self._now:
            self._now = now
            self._move(now)

    def _take(
        self, shelf: Shelf, request: Request, asked: Value, lane: str, among: list[Interaction]
    ) -> Interaction | None:
        """What answers; `among`: what is next in its lane and asks the same thing."""
        course = self._partings.course
        course.started.setdefault(lane, len(self._partings.found))
        own = course.recorded.get(lane, lane)
        found = self._first(shelf, asked, own, among)
        if found is None:
            found = self._first(shelf, asked, own, self._waiting.later(request))
            if found is not None:
                self._partings.out_of_turn(request, asked, lane, found)
        if found is not None:
            self._waiting.take(found)
            course.recorded.setdefault(lane, found.lane)
            course.answered[lane] = course.answered.get(lane, 0) + 1
            return found
        return self._remembered(shelf, request, asked, lane)

    def _remembered(self, shelf: Shelf, request: Request, asked: Value, lane: str) -> Interaction | None:
        """What production's process had been answered before the recording. Asked again, it answers again. Asked on
        another way than in production, or once more, it is a divergence."""
        own, likely = (None, ()) if self._before is None else self._before(request)
        if not likely:
            return None
        shelf, among = own or shelf, [each.interaction for each in likely]
        found = shelf.take(asked, among)
        if found is None:
            masked = (each for each in reversed(among) if self._partings.is_masked(shelf, request, asked, each))
            found = next(masked, None)
        if found is None:
            return None
        where, noted = self.where(), remembered(request.boundary, request.target)
        here = way((frame.file, frame.function) for frame in reversed(where))
        kind: DivergenceKind = "exhausted" if (lane, found.seq) in self._recalled else "extra"
        self._recalled.add((lane, found.seq))
        if kind == "extra" and any(each.where == here for each in likely if each.interaction is found):
            if noted not in self.noted:
                self.noted.append(noted)
        else:
            self._ask_elsewhere(Divergence(kind=kind, lane=lane, boundary=request.boundary, target=request.target,
                                           asked=asked, nearest=found, where=where))  # fmt: skip
        return found

    def _ask_elsewhere(self, divergence: Divergence) -> None:
        """What production's process had asked before is asked on another way than then, or once more in one lane: what
        is kept is asked once."""
        if not any(each.kind == divergence.kind and each.nearest is divergence.nearest for each in self.divergences):
            self._partings.note(divergence)

    def _first(self, shelf: Shelf, asked: Value, own: str, among: list[Interaction]) -> Interaction | None:
        """What answers: of the own lane before one that nobody follows, before one that another lane follows."""
        if len(among) > 1 and self._waiting.has_lanes:
            others = set(self._partings.course.recorded.values())
            among.sort(key=lambda each: (each.lane != own, each.lane in others, each.seq))
        return shelf.take(asked, among) if among else None

    def _refuse(self, shelf: Shelf, request: Request, asked: Value, lane: str) -> BaseException:
        self.unanswered += 1
        own = self._partings.course.recorded.get(lane, lane)
        _, message = self._partings.refuse(shelf, request, asked, lane, own, self._spent)
        return shelf.refusal(asked, message, brief=self.unanswered > MOST_TOLD)


def _ended_cancelled(recording: Recording) -> bool:
    return (recording.error_type or "").endswith("CancelledError")


def _settled(payload: Settles, among: Sequence[Interaction]) -> Value:
    """What is asked, encoded; nearly always it is what was asked in production, which is there already."""
    repeats = getattr(payload, "repeats", None)
    if repeats is not None:
        for each in among[-_LIKELY:]:  # behind those that the code went past
            if repeats(each.request):
                return each.request
    return payload.settle()


def window(
    recording: Recording, stood: Callable[[], Spans | None] | None = None, waited: Callable[[], int] | None = None
) -> Window:
    """The wall-clock span of the recording. Of a replay of it `stood` says where its clock stood (see `Shown.spans`),
    and `waited` for how long it has waited so far, nanoseconds: the rest production computed."""
    found = Stretches(recording)

    def clock(asked: Interaction | None) -> Shown | None:
        spans = None if stood is None or recording.parent_digest is not None else stood()  # an edit may set the clock
        if spans is None:
            return None
        took = recording.duration_ns if asked is None else asked.offset_ns
        return Shown(spans, max(0, took - waited()) if waited is not None and found.in_step else None)

    return Window(found.whole.start, found.whole.end, found.all, found.until, clock)
