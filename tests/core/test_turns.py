"""The times of answers that one turn of an event loop brought."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context

import httpx
import pytest

import replay
from replay.boundaries.http.exchange import Exchange, HttpRequest, open_exchange
from replay.core.recording import Recording, State
from replay.core.turns import arrived_ns
from replay.core.world import Answer, Request, Settles, Ticket
from tests.boundaries.http.server import Server
from tests.boundaries.worlds import Listener
from tests.engine import timed
from tests.engine.conftest import record as record  # a fixture

Record = Callable[..., list[Recording]]


async def _two_at_once() -> list[int]:
    ready = asyncio.Event()
    found: list[int] = []

    async def one() -> None:
        asked = time.perf_counter_ns()
        await ready.wait()
        time.sleep(0.002)  # what a client computes
        found.append(arrived_ns(asked))

    tasks = [asyncio.create_task(one()) for _ in range(3)]
    await asyncio.sleep(0)
    ready.set()
    await asyncio.gather(*tasks)
    ready.clear()
    later = asyncio.create_task(one())
    await asyncio.sleep(0)
    ready.set()
    await later
    return found


def test_one_turn_is_one_time() -> None:
    """Three tasks that go on in one turn, 2 ms of computing each: nanoseconds apart, in their order. The next turn is
    later."""
    first, second, third, later = asyncio.run(_two_at_once())
    assert (second - first, third - first) == (1, 2)
    assert later - first > 2_000_000


def test_what_blocks_the_loop_took_the_time_it_took() -> None:
    """What was asked after the turn's first answer came is no part of it."""

    async def blocking() -> list[int]:
        found = []
        for _ in range(3):
            asked = time.perf_counter_ns()
            time.sleep(0.002)
            found.append(arrived_ns(asked) - asked)
        return found

    assert all(each >= 2_000_000 for each in asyncio.run(blocking()))


def test_a_thread_has_no_turns() -> None:
    """Times as they are."""
    found: list[int] = []

    def work() -> None:
        for _ in range(2):
            before = time.perf_counter_ns()
            found.append(arrived_ns(0) - before)
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert all(each >= 0 for each in found)


@pytest.fixture
def server() -> Iterator[Server]:
    """Eight answers are there when the loop looks."""
    running = Server()
    timed.URL["base"] = running.url
    yield running
    running.stop()


class _Counting(asyncio.SelectorEventLoop):
    """Counts the rounds that it is made to take at the end of a turn."""

    rounds = 0

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        self.rounds += getattr(callback, "__name__", "") == "over"
        return super().call_soon(callback, *args, context=context)


@pytest.mark.parametrize("what", ["calls", "requests", "errors"])
@pytest.mark.parametrize("tasks", [1, 2])
def test_only_answers_that_another_may_come_with_cost_the_loop_a_round(
    record: Record, server: Server, tasks: int, what: str
) -> None:
    """One after the other, as most code asks, they cost none: calls, and requests with their pieces."""
    loop = _Counting()

    @replay.boundary
    async def call(number: int) -> int:
        await asyncio.sleep(0)
        if what == "errors":
            raise ValueError
        return number

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for number in range(6):
                with suppress(ValueError):
                    await (client.get(f"{server.url}/json") if what == "requests" else call(number))

    @replay.capture(name="tests.core.test_turns:work")
    async def work() -> None:
        await asyncio.gather(*(ask() for _ in range(tasks)))

    (recording,) = record(lambda: loop.run_until_complete(work()))
    loop.close()
    assert len(recording.interactions) == 6 * tasks
    assert (loop.rounds > 0) is (tasks > 1)


def test_who_is_alone_now_has_the_time_of_the_turn_all_the_same() -> None:
    """The answer that it came with is told already."""

    async def two() -> list[int]:
        asked = time.perf_counter_ns()
        first = arrived_ns(asked)
        time.sleep(0.002)
        return [first, arrived_ns(asked, is_alone=True)]

    first, second = asyncio.run(two())
    assert second == first + 1


def test_answers_that_came_in_one_turn_come_in_one(record: Record, server: Server) -> None:
    """All tasks have their answer before the first that waits for one of them goes on."""
    (recording,) = record(lambda: asyncio.run(timed.comes_at_once(8)))
    assert recording.outcome.value == 8
    server.stop()
    verdict = replay.run(recording)
    assert (verdict.status, verdict.reason) == ("reproduced", None), verdict


class _Counts(Listener):
    """As a recorder does: who is not told of is waited for."""

    def ask(self, request: Request) -> Ticket | Answer | None:
        self.awaited += 1
        return Ticket(request, "0", time.perf_counter_ns())

    def tell(self, ticket: Ticket, state: State, answer: Settles | None, ended_ns: int = 0) -> None:
        self.awaited -= 1
        ticket.ended_ns = ended_ns


def test_requests_that_are_let_go_of_in_one_turn() -> None:
    """Nobody is waited for any more: they came together all the same."""
    ends: list[int] = []

    async def two() -> None:
        world = _Counts()
        asked = [open_exchange(world, HttpRequest("httpx", "GET", "http://x/", [], b"")) for _ in range(2)]  # type: ignore[arg-type]
        for each in asked:
            assert isinstance(each, Exchange)
            each.head(200, "OK", [])
            each.finish("complete")
        await asyncio.sleep(0.001)
        for each in asked:
            each.close()  # type: ignore[union-attr]
            ends.append(each._ticket.ended_ns)  # type: ignore[union-attr]
            time.sleep(0.002)

    asyncio.run(two())
    assert ends[1] == ends[0] + 1
