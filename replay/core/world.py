"""The one protocol: how a boundary asks the world, and the two kinds of world that answer.

A boundary is installed once per process and patches its seam. Each call at the seam asks `here()` for the current
world. There is none in plain production: straight through. A recorder gives a `Ticket` (go live, then `tell`), a
player gives an `Answer` (return or raise it). Neither `ask` nor `tell` awaits, so sync and async share them.

The outermost crossing wins: while a call is live, the world is `LIVE`, so what a model client does inside
(`http`) is not recorded a second time under `model`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import msgspec

from replay.core.codec import Resolve, Value
from replay.core.policy import Policy
from replay.core.raising import throw
from replay.core.recording import Interaction, Recording, State
from replay.core.standins import Opaque, Truncated
from replay.core.verdict import Difference, Window
from replay.errors import DivergenceError, ReplayError

if TYPE_CHECKING:
    from replay.core.noise import Noise

T = TypeVar("T")


class Settles(Protocol):
    """Something captured on the request path. Its encoding is put off until it is known to be kept."""

    def settle(self) -> Value:
        """The encoded value. Called once, off the request path; in a player at once."""
        ...

    @property
    def size(self) -> int:
        """About how many bytes it holds in memory."""
        ...


class Request(msgspec.Struct, gc=False):
    """What a boundary asks."""

    boundary: str
    target: str
    """See `Interaction.target`."""
    payload: Settles
    awaits: bool = False
    """The caller is a coroutine: it awaits the answer's arrival itself."""
    paced: bool = False
    """The caller is a thread that waits for each piece of the answer itself. Of what is neither, the world lets all of
    the time pass."""


class Reading(msgspec.Struct, frozen=True):
    """What a project's code reads off an answer of a model."""

    score: float | None
    """Its confidence."""
    label: str | None
    """What it decided for."""
    threshold: float | None
    """The score from which it counts."""
    policy: Policy | None
    """What decides what is done with it."""


class Ticket(msgspec.Struct):
    """Says: go live, then `world.tell(ticket, ...)`. The fields belong to the world that gave it."""

    request: Request
    lane: str
    asked_ns: int
    """`time.perf_counter_ns` at the asking."""
    state: State = "unfinished"
    answer: Settles | None = None
    ended_ns: int = 0
    reading: Reading | None = None
    """Of a `model` answer."""
    turns: int | None = None
    """Of a coroutine: how often it let others go on until its answer was there. -1: it waited for something; None: that
    is not known."""
    cancelled: bool | None = None
    """Of a coroutine that ended as a cancelled one: its task was; else what it waited for was."""
    way: tuple[str, ...] | None = None
    """The functions of the project that asked, innermost first; None: it was not looked."""


_LONGER = 0.1
"""Seconds by which a thread may wait longer than it did in production, until that is told."""
FILLED = "replay:Filled"
"""The type of the record of a call that changed its arguments (see `replay.core.left`)."""
_FILLED = f'{{"$struct":{{"type":"{FILLED}"'


class Answer(msgspec.Struct, frozen=True):
    """What the recording has for a request."""

    value: Value
    """The interaction's `answer`."""
    state: State
    resolve: Resolve | None = None
    """Which classes of the project may be rebuilt."""
    seq: int = -1
    duration_ns: int = 0
    """How long production waited for it."""
    ends_at: int = 0
    """When production had it, nanoseconds since the epoch."""
    turns: int | None = None
    """How often others went on until it was there, which waited for nothing else; None: it comes when its time has."""
    asked: Value | None = None
    """The recorded request."""
    cancelled: bool | None = None
    """See `Ticket.cancelled`; None: that is not known."""

    def open(self) -> Any:
        """Return the recorded value, or raise the recorded error. One that never came is a divergence: no value stands
        for it."""
        if self.state == "unfinished":
            message = "The recording ended before this was answered: there is nothing to serve."
            world = here()
            if world is None:
                raise DivergenceError(message)
            world.sleep(self.duration_ns / 1e9 + _LONGER, lambda seconds: None)  # a thread waits as it did, to the end
            raise world.beyond(self.seq, message)
        if self.state == "raised":
            throw(self.value.decode(self.resolve, partial(_unkept, self.seq)))
        is_filled = self.value.text.startswith(_FILLED)  # then parts that were not stored say what they hold
        return self.value.decode(self.resolve, None if is_filled else partial(_unkept, self.seq))


def _unkept(seq: int, value: Opaque | Truncated) -> Any:
    """What stands for an answer, or a part of one, that no recording can hold: a cursor, an iterator, a connection."""
    from replay.core.families.objects import Unkept

    world = here()
    made = getattr(world, "made", None)  # as an application starts
    if made is not None:
        return made[seq]
    return value if world is None else Unkept(world, seq, value)


class ReadSoFar(msgspec.Struct):
    """How far the code has read an answer that comes in pieces."""

    whole: int
    """Pieces that production read, its end counted as one where it saw that."""
    taken: int = 0
    """Of these, now."""
    just_missed: bool = False
    """The task that waited for it was cancelled at about the moment at which it came."""


class World(Protocol):
    """What answers. Methods are safe to call from any thread."""

    @property
    def closed(self) -> bool:
        """The unit of work has ended."""
        ...

    @property
    def live(self) -> bool:
        """True: requests go out. False: they are answered, so `ask` needs the whole request (a streamed upload is read
        to its end first)."""
        ...

    @property
    def awaited(self) -> int:
        """Tickets that it was told nothing of yet."""
        ...

    @property
    def full(self) -> bool:
        """It keeps no more: what is asked need not be copied."""
        ...

    def spend(self, nanoseconds: int) -> None:
        """So long the application waited for the copy of a large value."""
        ...

    def ask(self, request: Request) -> Ticket | Answer | None:
        """Number the request. Ticket: go live and tell. Answer: use it. None: go live, nobody listens any more.

        A player raises when the recording has no answer; the divergence is noted first. What is raised is the
        boundary's own error where it has one (http: vcrpy's), else `DivergenceError`.
        """
        ...

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        """Close a ticket. The second call for the same ticket does nothing. Never raises. `ended_ns`: when the answer
        came, `time.perf_counter_ns`; 0: now."""
        ...

    def draw(self, kind: str, live: Callable[[], T]) -> T:
        """A random draw: kept as the next of the lane's sequence of that kind, or taken from it."""
        ...

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        """`size` bytes from the system's generator. They are credentials: only their number is kept."""
        ...

    def below(self, among: int, live: Callable[[], int]) -> int:
        """A number from 0 that is below `among`, by the system's generator: one of so many. It is kept where all of a
        recording's short draws are too few bits for a credential."""
        ...

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        """A blocking sleep: real when live, else the virtual clock moves."""
        ...

    def beyond(self, seq: int, message: str) -> BaseException:
        """The code reads more of the answer `seq` than the recording holds. Noted as a divergence; returns what the
        boundary raises. A recorder is never asked."""
        ...

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        """The code begins to read the answer `seq`, of which production read so many pieces. What it leaves unread is a
        divergence in the end. A recorder is never asked."""
        ...

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        """The code told the answer `seq` something else as it read on. Noted as a divergence. A recorder is never
        asked."""
        ...

    def unrecorded(self, library: str, target: str) -> BaseException | None:
        """The code asks the world something that no boundary takes. A recorder keeps that it did; a player, which has
        no answer, notes it and returns what is raised."""
        ...

    def note(self, name: str, value: Settles) -> None:
        """A fact worth knowing later (`context.notes`). In a player it changes nothing."""
        ...

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        """The application caught an error and will answer for it (`is_sure`), or logged it."""
        ...


UNRECORDED = (
    "grpc", "pycurl", "curl_cffi", "psycopg", "psycopg2", "MySQLdb", "pyodbc", "confluent_kafka", "urllib3-future"
)  # fmt: skip
"""Libraries whose calls no boundary takes, of which `World.unrecorded` hears."""
dropped: Counter[str] = Counter()
"""What capture itself had to give up, by reason. The service never notices."""


def failed(reason: str, world: World | None = None) -> None:
    """For an `except Exception` around our own work beside the application's: count the fault, and back into `world`.
    At replay what was raised is meant for the application (a divergence, a recorded error): it is raised on."""
    if world is not None:
        if not world.live or isinstance(sys.exception(), ReplayError):
            raise  # called in an except clause only
        put_back(world)
    lost(reason)


def lost(reason: str) -> None:
    """Count a fault. Where there is no memory for that, a count is missing: the application's end is not replaced."""
    try:
        dropped[reason] += 1
    except MemoryError:
        pass


def put_back(world: World | None) -> None:
    """The world of what goes on, in an except clause. Where memory has ended CPython dies in `ContextVar.set`, which
    does not look whether it got any (seen in 3.11): the rest of that unit of work is unrecorded then."""
    if current.get() is not world and not isinstance(sys.exception(), MemoryError):
        current.set(world)


def drawn(world: World, kind: str, live: Callable[[], T]) -> T:
    """`world.draw`; a fault of ours draws live."""
    try:
        return world.draw(kind, live)
    except Exception:
        failed("draw-failed", world)
    return live()


class Carrier(Protocol):
    """What has a value in a thread, or in a context: a ContextVar, or the like."""

    def set(self, value: Any, /) -> Any:
        """What `reset` takes."""
        ...

    def reset(self, token: Any, /) -> None:
        """Back to what was."""
        ...


forks: list[tuple[Carrier, Callable[[], Any]]] = []
"""Variables that a new thread or job gets a value of its own for, and how it is made by the one that starts it."""


class _Live:
    """The mark that a crossing above us is live."""


LIVE = _Live()
current: ContextVar[World | _Live | None] = ContextVar("replay_world", default=None)
followed: list[ContextVar[Any]] = [current]
"""What goes along into threads and executors, whose context starts empty. Who needs another variable there adds it."""
_everywhere: World | None = None


def here() -> World | None:
    """The world that answers this call, or None: go straight through."""
    world = current.get()
    if world is None:
        return _everywhere
    return None if world is LIVE else world  # type: ignore[return-value]  # LIVE is the only _Live


def is_free() -> bool:
    """Nobody listens here: there is no world, or its unit of work has ended, which a thread or task that it started
    may outlive by far."""
    if _everywhere is not None:
        return False
    world = current.get()
    return world is None or (world is not LIVE and world.closed)  # type: ignore[union-attr]  # LIVE is the only _Live


def occupy(world: World | None) -> None:
    """Make `world` answer also the code that runs in no world's context (threads that lost it). Replay only."""
    global _everywhere
    _everywhere = world


def occupant() -> World | None:
    """The world that `occupy` set."""
    return _everywhere


def go_live() -> Token[Any]:
    """What is done from now on, until `leave`, goes to the real world and is part of no recording."""
    return current.set(LIVE)


def leave(token: Token[Any]) -> None:
    """Back from LIVE. A coroutine that is destroyed while it waits ends in another context, never entered."""
    try:
        current.reset(token)
    except ValueError:  # another context: there is nothing to undo in this one
        pass


def cross(request: Request, live: Callable[[], T], returned: Callable[[T], Settles],
          raised: Callable[[BaseException], Settles]) -> T:  # fmt: skip
    """Ask the world; go live if it says so, and tell it how that ended."""
    world = found = None
    try:
        world = here()
        found = None if world is None else world.ask(request)
    except Exception:
        failed("ask-failed", world)
    if world is None or found is None:
        return live()
    if isinstance(found, Answer):
        return found.open()  # type: ignore[no-any-return]
    token = current.set(LIVE)
    try:
        value = live()
    except BaseException as error:
        _tell(world, found, token, "raised", raised, error)
        raise
    _tell(world, found, token, "returned", returned, value)
    return value


def _tell(world: World, found: Ticket, token: Token[Any], state: State, settles: Callable[[Any], Settles],
          value: object) -> None:  # fmt: skip
    """How it ended. By itself, so that `cross` is short: see `replay.core.encoder.Encoder._written`."""
    try:
        leave(token)
        world.tell(found, state, settles(value))
    except Exception:
        failed("tell-failed", world)


class Shelf(Protocol):
    """Finds the recorded answer of a request; how two requests compare depends on the boundary (http: vcrpy's
    Cassette and matchers). The player calls it under its lock."""

    def take(self, asked: Value, candidates: Sequence[Interaction]) -> Interaction | None:
        """The first of `candidates` (in order of preference, none served yet) that answers `asked`."""
        ...

    def differences(self, recorded: Interaction, asked: Value) -> Sequence[Difference]:
        """The fields in which `asked` differs from the recorded request; for naming the nearest one."""
        ...

    def noted(self, recorded: Interaction, asked: Value) -> Sequence[Difference]:
        """What differs in a request that `recorded` answers, and does not count; each with its note."""
        ...

    def refusal(self, asked: Value, message: str, *, brief: bool = False) -> BaseException:
        """What is raised into the application when nothing answers. `brief`: nobody reads more than the message."""
        ...


@runtime_checkable
class Renewed(Protocol):
    """What holds around a replay (see `Boundary.playing`), where it may hold around the next one too."""

    def again(self) -> bool:
        """Be as just entered, for another run of the same recording. False: leave it, and enter another."""
        ...


class Boundary(Protocol):
    """One seam. All boundaries have the same shape and are listed, in order, in `replay.boundaries`."""

    kind: str

    def install(self) -> None:
        """Patch the seam, once per process. Idempotent. Libraries that are not installed are skipped."""
        ...

    def begin(self) -> dict[str, Any]:
        """What a recording's `context` holds from this boundary, read as the recording starts. Cheap."""
        ...

    def playing(self, recording: Recording) -> AbstractContextManager[None]:
        """What must hold around the replay of `recording` (clock, environment)."""
        ...

    def shelf(
        self, interactions: Sequence[Interaction], window: Window, noise: Mapping[int, tuple[Noise, ...]] = ...
    ) -> Shelf | None:
        """How recorded answers of this boundary are found; None: by equality of values. `noise`: known noise of
        requests, by the number of the interaction."""
        ...

    def describe(self) -> dict[str, str]:
        """For `replay doctor`: what was found and patched, name -> version."""
        ...
