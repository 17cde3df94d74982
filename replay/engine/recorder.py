"""The world that goes live and records: what happens on the request path, and nothing more.

Values are snapshots, exchanges keep the pieces the application read; all encoding is put off to `Captured.settle`,
which runs off the request path and only for what is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import perf_counter_ns, time_ns
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from replay.core import snapshot as snapshots
from replay.core.left import at_the_end
from replay.core.recording import MOST_LOGS, WEB, Interaction, Kind, ModelCall, Recording, State
from replay.core.snapshot import snapshot
from replay.core.verdict import Difference
from replay.core.world import ReadSoFar, Request, Settles, Ticket, lost
from replay.core.world import dropped as dropped  # where those who record look for it
from replay.engine.behind import Behind
from replay.engine.budget import cut_tickets, size_of
from replay.engine.captured import PLAIN, Captured
from replay.engine.entropy import MOST_CHOICES
from replay.engine.keep import End, test_of
from replay.engine.lanes import Lanes, owner_here
from replay.engine.load import Load
from replay.engine.remembering import MOST_AT_ONCE, Earlier, Memory
from replay.errors import DivergenceError

T = TypeVar("T")
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and named arguments."""
_MOST_MISSED = 100
_WEIGHED = 8
"""Least number of interactions between two looks at what a recording holds."""


class Sink(Protocol):
    """Where kept captures go; must not block."""

    def __call__(self, captured: Captured) -> None: ...


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What `replay.init` decided."""

    service: str
    keep: Callable[[End], bool]
    """A trigger or any function of the end; of a trigger the function is kept."""
    sink: Sink
    version: str | None = None
    environment: str | None = None
    begin: tuple[Callable[[], dict[str, Any]], ...] = ()
    """Parts of the context that are read as a recording starts: on the path of every request, so as few as may be."""
    end: tuple[Callable[[], dict[str, Any]], ...] = ()
    """Parts of the context that do not change meanwhile: read once it is known to be kept."""
    flush: Callable[[float], bool] = lambda timeout: True
    """Waits, at most so many seconds, until what the sink was given is safe."""
    model_call: Callable[[Interaction], ModelCall | None] | None = None
    load: Load | None = None
    """What capture costs now."""
    most_bytes: int = 32 << 20
    """Of one recording, in memory."""
    redact: Callable[[Recording, frozenset[str]], Recording] | None = None
    """Takes the secrets out, off the request path; the texts given are none. What it raises drops the recording."""
    most_interactions: int = 10_000
    most_copying_ns: int = 250_000_000
    """Of one recording, for copies of large values; beyond it no further interactions are kept."""
    most_logs: int = MOST_LOGS
    memory: Memory | None = None
    """What the process asked once and keeps; None: it is not remembered."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "keep", test_of(self.keep))


active: Settings | None = None
"""None: capture is off."""
_ONE_VALUE = 4
"""Times `most_copying_ns` that one value may take."""


def configure(settings: Settings | None) -> None:
    """Turn capture on (with these settings) or off."""
    global active
    active = settings
    snapshots.longest_ns = 0 if settings is None else _ONE_VALUE * settings.most_copying_ns


def flush(timeout: float) -> bool:
    """Wait, at most `timeout` seconds, until what was kept is safe. Never raises."""
    settings = active
    try:
        return True if settings is None else settings.flush(timeout)
    except Exception:
        dropped["flush-failed"] += 1
        return False


def begin(kind: Kind, entrypoint: str, input: Settles, given: Call | None = None) -> Recorder | None:
    """A recorder, or None where capture is off. `given`: arguments that the call may change. The caller has seen that
    it `is_free` here: what is done for an outer unit of work that is recorded belongs to that one."""
    settings = active
    if settings is None:
        return None
    try:
        context = [read() for read in settings.begin] if settings.begin else []
        lanes = Lanes(owner=owner_here())
        return Recorder(settings, kind, entrypoint, input, context, time_ns(), perf_counter_ns(), lanes, given)
    except Exception:
        dropped["begin-failed"] += 1
        return None


class Recorder(msgspec.Struct, eq=False):
    """One recording in the making. A `World`; safe to call from any thread. A struct: it is made for each request."""

    settings: Settings
    kind: Kind
    entrypoint: str
    input: Settles
    context: list[dict[str, Any]]
    started_at: int
    started_ns: int
    lanes: Lanes
    given: Call | None = None
    """The arguments, while a function runs that may change them."""
    facts: dict[str, Any] = {}
    """Fields of the recording that are known later: the status of an HTTP answer, its route."""
    tickets: list[Ticket] = []
    """In the order of asking: a place in this list is the number of an interaction."""
    awaited: int = 0
    """How many of them were not told of yet."""
    draws: dict[tuple[str, str], list[Any]] = {}
    entropies: list[tuple[str, bytes]] = []
    choices: list[tuple[str, int, int]] = []
    """Lane, among how many, which. The first ones: more are too many to be kept."""
    notes: dict[str, Settles] = {}
    missed: list[str] = []
    """What was asked that no boundary takes."""
    left: Settles | None = None
    """What they are at its end."""
    logs: list[tuple[int, str, str, str]] = []
    behind: Behind | None = None
    """Of a web application: the error that it handled."""
    earlier: tuple[Earlier, ...] = ()
    """What the process asked before, and this unit of work did not."""
    placed: int = 0
    """How many of the tickets say on which way they were asked."""
    scores: list[tuple[str, float]] = []
    look_at: int = _WEIGHED
    """The number of interactions at which to look next at what is held."""
    overflow: int = 0
    copying_ns: int = 0
    full: bool = False
    closed: bool = False
    live: ClassVar[bool] = True
    """Requests go out."""

    def ask(self, request: Request) -> Ticket | None:
        if self.closed:
            return None
        tickets = self.tickets
        if len(tickets) >= self.look_at and not self._fits():
            self.overflow += 1
            return None
        ticket = Ticket(request, self.lanes.name(), perf_counter_ns())
        memory = self.settings.memory
        if memory is not None and request.target not in memory.usual:
            self._place(memory, ticket)
        tickets.append(ticket)
        self.awaited += 1
        return ticket

    def spend(self, nanoseconds: int) -> None:
        self.copying_ns += nanoseconds
        if self.copying_ns > self.settings.most_copying_ns:
            self.full = True
            self.look_at = 0

    def _fits(self) -> bool:
        """Whether another interaction may be kept. Cuts what is held down to the budget."""
        settings, tickets = self.settings, self.tickets
        number = len(tickets)
        if number >= settings.most_interactions or self.full:
            return False
        # All are weighed, since answers come late; ever more seldom, so that it costs a fixed share of each.
        self.look_at = min(number + max(_WEIGHED, number // 4), settings.most_interactions)
        excess = size_of(tickets) - settings.most_bytes
        if excess > 0:
            cut_tickets(tickets, excess)
        return True

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        if self.closed or ticket.ended_ns:
            return
        self.awaited -= 1
        ticket.answer = answer
        ticket.state = state
        ticket.ended_ns = ended_ns or perf_counter_ns()
        reading = ticket.reading
        if reading is not None and reading.score is not None:
            self.scores.append((ticket.request.target, reading.score))

    def draw(self, kind: str, live: Callable[[], T]) -> T:
        value = live()
        try:
            if not self.closed:
                kept = value if type(value) in PLAIN else snapshot(value)
                self.draws.setdefault((self.lanes.name(), kind), []).append(kept)
        except Exception:
            dropped["draw-failed"] += 1
        return value

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        value = live(size)
        try:
            if not self.closed:
                self.entropies.append((self.lanes.name(), value))
        except Exception:
            dropped["draw-failed"] += 1
        return value

    def below(self, among: int, live: Callable[[], int]) -> int:
        value = live()
        try:
            if not self.closed and len(self.choices) < MOST_CHOICES:
                self.choices.append((self.lanes.name(), among, value))
        except Exception:
            dropped["draw-failed"] += 1
        return value

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        live(seconds)

    def beyond(self, seq: int, message: str) -> BaseException:
        """Never asked: what goes live has no end that we know."""
        return DivergenceError(message)

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        return ReadSoFar(whole)

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        """Nothing is compared here."""

    def unrecorded(self, library: str, target: str) -> BaseException | None:
        if not self.closed and len(self.missed) < _MOST_MISSED:
            self.missed.append(f"{library} {target}")
        return None

    def note(self, name: str, value: Settles) -> None:
        if not self.closed:
            self.notes[name] = value

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        if not self.closed and self.kind in WEB:
            self.behind = self.behind or Behind()
            self.behind.hear(error, is_sure=is_sure)

    def log(self, level: str, logger: str, message: str, template: str | None = None) -> None:
        """Keep a log line, up to the limit."""
        if not self.closed and len(self.logs) < self.settings.most_logs:
            self.logs.append((perf_counter_ns(), level, logger, message))

    def end(self, state: State, take: Callable[[T], Settles], given: T) -> None:
        """The unit of work ended: decide whether it is worth keeping. Only then is `take(given)`, its outcome, taken.
        Never raises; a second call does nothing."""
        if self.closed:
            return
        ended_ns = perf_counter_ns()
        broken = False
        try:
            self._remember()
            status = self.facts.get("http_response_status_code")
            failed = state != "returned" or (status or 0) >= 500
            end = End(
                state=state,
                duration_ns=ended_ns - self.started_ns,
                http_status=status,
                scores=tuple(self.scores) if self.scores else (),
                status="error" if failed else "ok",
            )
            if self.settings.keep(end):
                self._keep(state, take, given, ended_ns, failed)
        except Exception:
            broken = True
        finally:
            self.closed = True
            self.given = None
        if broken:  # counted when what was raised is let go of: it may hold all the memory that there is
            dropped["end-failed"] += 1

    def _keep(self, state: State, take: Callable[[T], Settles], given: T, ended_ns: int, failed: bool) -> None:
        load = self.settings.load
        level = 0 if load is None else load.level(ended_ns)
        if level and not failed:
            dropped["shed"] += 1
            return
        self.context += [read() for read in self.settings.end]
        if self.given is not None:
            self.left = at_the_end(self.input, *self.given)
        self._recall()
        if level > 1:
            cut_tickets(self.tickets, sys.maxsize, "shed")
        self.settings.sink(Captured(self, state, take(given), ended_ns, failed))
        if load is not None:
            load.ended(perf_counter_ns() - ended_ns, ended_ns - self.started_ns)

    def _place(self, memory: Memory, ticket: Ticket) -> None:
        try:
            if self.placed < MOST_AT_ONCE:
                self.placed += memory.place(ticket)
        except Exception:
            lost("earlier-failed")

    def _recall(self) -> None:
        """Take along what the process got before and may keep."""
        try:
            if self.settings.memory is not None:
                self.earlier = self.settings.memory.beside(self.tickets, self.entrypoint)
        except Exception:
            lost("earlier-failed")

    def _remember(self) -> None:
        """For later ones: what this one got."""
        try:
            if self.settings.memory is not None:
                self.settings.memory.hear(self.tickets, self.entrypoint)
        except Exception:
            lost("earlier-failed")
