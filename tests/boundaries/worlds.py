"""Two tiny worlds that implement the protocol: one records in memory, one answers from what the other heard."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from replay.core.codec import Value, encode
from replay.core.recording import Outcome, Recording, State
from replay.core.verdict import Difference
from replay.core.world import Answer, ReadSoFar, Request, Settles, Ticket, World, current
from replay.errors import DivergenceError


class Listener:
    """Goes live and keeps what it hears."""

    live = True
    full = False
    awaited = 0

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []
        self.draws: dict[str, list[Any]] = defaultdict(list)
        self.lengths: list[int] = []
        self.slept: list[float] = []

    def spend(self, nanoseconds: int) -> None:
        """Its budget is large."""

    def ask(self, request: Request) -> Ticket | Answer | None:
        ticket = Ticket(request, "0", 0)
        self.tickets.append(ticket)
        return ticket

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        ticket.state, ticket.answer = state, answer

    def draw(self, kind: str, live: Callable[[], Any]) -> Any:
        value = live()
        self.draws[kind].append(value)
        return value

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        self.lengths.append(size)
        return live(size)

    def below(self, among: int, live: Callable[[], int]) -> int:
        value = live()
        self.draws["below"].append(value)
        return value

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        self.slept.append(seconds)

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        return ReadSoFar(whole)

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        """Nothing is compared here."""

    def note(self, name: str, value: Settles) -> None:
        """Nobody asks."""


class Teller:
    """Answers in order what a `Listener` heard."""

    live = False
    full = False
    awaited = 0

    def __init__(self, heard: Listener) -> None:
        self.answers = deque(
            (ticket.request.target, ticket.request.payload.settle().text,
             Answer(ticket.answer.settle() if ticket.answer else encode(None), ticket.state, seq=number))
            for number, ticket in enumerate(heard.tickets)
        )  # fmt: skip
        self.draws = {kind: deque(values) for kind, values in heard.draws.items()}
        self.slept: list[float] = []
        self.refused: list[str] = []

    def spend(self, nanoseconds: int) -> None:
        """Its budget is large."""

    def ask(self, request: Request) -> Ticket | Answer | None:
        asked = (request.target, request.payload.settle().text)
        if not self.answers or self.answers[0][:2] != asked:
            self.refused.append(request.target)
            raise DivergenceError(f"{asked} was not recorded")
        return self.answers.popleft()[2]

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        raise AssertionError("a player gives no tickets")

    def draw(self, kind: str, live: Callable[[], Any]) -> Any:
        return self.draws[kind].popleft()

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        return bytes(size)

    def below(self, among: int, live: Callable[[], int]) -> int:
        value: int = self.draws["below"].popleft()
        return value

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        self.slept.append(seconds)

    def beyond(self, seq: int, message: str) -> BaseException:
        self.refused.append(message)
        return DivergenceError(message)

    def reads(self, seq: int, whole: int) -> ReadSoFar:
        return ReadSoFar(whole)

    def apart(self, seq: int, found: Sequence[Difference]) -> None:
        """Nothing is compared here."""

    def note(self, name: str, value: Settles) -> None:
        """A replay writes no notes."""

    def handled(self, error: BaseException, *, is_sure: bool) -> None:
        """No web application runs here."""


@contextmanager
def inside(world: World) -> Iterator[None]:
    """What runs here asks `world`."""
    token = current.set(world)
    try:
        yield
    finally:
        current.reset(token)


def answer(ticket: Ticket) -> Any:
    """What the ticket's answer decodes to."""
    assert ticket.answer is not None
    return ticket.answer.settle().decode()


def asked(ticket: Ticket) -> Any:
    """What the ticket's request decodes to."""
    return ticket.request.payload.settle().decode()


def a_recording(started_at: int = 0, **context: Any) -> Recording:
    """A recording of nothing, with this context."""
    nothing: Value = encode(None)
    return Recording(id="r", kind="function", entrypoint="m:f", started_at=started_at, duration_ns=0, input=nothing,
                     outcome=Outcome("returned", nothing), context=encode(context))  # fmt: skip
