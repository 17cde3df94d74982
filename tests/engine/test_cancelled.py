"""Tasks that production cancelled while they waited: code that does so no more is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

import replay
from replay.core.codec import encode
from replay.core.edits import Edit
from replay.core.recording import TURNS, Recording
from replay.engine.mutation import mutate

Record = Callable[..., list[Recording]]
NOW: dict[str, Any] = {"cancels": True, "limit": 0.05, "awaits": True}


@replay.boundary
async def fetch(seconds: float) -> float:
    """Takes so long."""
    await asyncio.sleep(seconds)
    return seconds


@replay.boundary
async def gone() -> None:
    """What it waits for is cancelled; who called it is not."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.02, future.cancel)
    await future


@replay.boundary
async def save(value: float) -> None:
    """Takes anything."""


@replay.capture
async def hedges() -> float:
    """Takes the first, and has no need of the others."""
    tasks = [asyncio.create_task(fetch(seconds)) for seconds in (0.3, 0.02, 0.2)]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if NOW["cancels"]:
        for task in others:
            task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    found = done.pop().result()
    await save(found)
    return found


@replay.capture
async def leaks() -> str:
    """Is told of a cancellation that was none of its own."""
    try:
        await gone()
    except asyncio.CancelledError:
        return "leaked"
    return "fine"


@replay.capture
async def waits() -> None:
    """Until somebody cancels it."""
    await fetch(5.0)


def test_who_cancels_no_more_is_told(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others would be waited for to their end, whatever comes of them."""
    (recording,) = record(lambda: asyncio.run(hedges()))
    assert recording.facts[TURNS] == "cwc0"
    verdict = replay.run(recording)
    assert (verdict.status, verdict.difference) == ("reproduced", ())
    monkeypatch.setitem(NOW, "cancels", False)
    verdict = replay.run(recording)
    assert [each.kind for each in verdict.divergences][:1] == ["exhausted"]
    assert verdict.reason is None


def test_what_is_cancelled_by_itself_is_not_waited_for(record: Record) -> None:
    """It comes when it came, also where an edit moves it."""
    (recording,) = record(lambda: asyncio.run(leaks()))
    assert recording.facts[TURNS] == "o"
    verdict = replay.run(recording)
    assert (verdict.status, verdict.difference) == ("reproduced", ())
    later = mutate(recording, [Edit("call[0]", "slow", 0.5)])
    assert later.facts[TURNS] == "o"
    assert replay.run(later).status == "reproduced"


def test_who_waits_for_the_unit_of_work_cancels_it(record: Record) -> None:
    """As a server does whose client is gone."""
    (recording,) = record(lambda: asyncio.run(_gives_up()))
    assert recording.facts[TURNS] == "c"
    assert replay.run(recording).status == "reproduced"


async def _gives_up() -> None:
    try:
        await asyncio.wait_for(waits(), 0.05)
    except TimeoutError:
        pass


@replay.boundary
async def store(value: float) -> str:
    """Takes a little."""
    await asyncio.sleep(0.02)
    return "stored"


@replay.capture
async def stores() -> None:
    """Waits for it; else its loop ends first."""
    task = asyncio.create_task(store(1.0))
    if NOW["awaits"]:
        await task
    else:
        await asyncio.sleep(0)


@replay.capture
async def hurries() -> None:
    """Gives it up sooner, whatever comes of it."""
    await fetch(0.01)
    try:
        await asyncio.wait_for(store(2.0), 5.0 if NOW["awaits"] else 0.001)
    except TimeoutError:
        pass


@pytest.mark.parametrize(("work", "number"), [(stores, 0), (hurries, 1)])
def test_an_answer_that_nobody_awaits_is_told(
    record: Record, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Coroutine[Any, Any, None]], number: int
) -> None:
    """It is asked as before, and may come to nothing now. How long code waits does not count."""
    (recording,) = record(lambda: asyncio.run(work()))
    assert replay.run(recording).difference == ()
    monkeypatch.setitem(NOW, "awaits", False)
    verdict = replay.run(recording)
    (found,) = verdict.difference
    assert (verdict.status, found.path) == ("reproduced", f"interaction[{number}] answer")
    assert str(found.note).startswith("waited for in production")
    assert replay.run(replace(recording, parent_digest=recording.digest)).difference == ()


@replay.boundary
def fetch_blocking(seconds: float) -> float:
    """Takes so long, in a thread."""
    time.sleep(seconds)
    return seconds


@replay.capture
async def gives_a_thread_up() -> str:
    """It goes on to its end all the same, for which the event loop waits."""
    try:
        await asyncio.wait_for(asyncio.to_thread(fetch_blocking, 0.4), NOW["limit"])
    except TimeoutError:
        await save(0.0)
        return "late"
    return "in time"


@replay.capture
def gives_a_future_up() -> str:
    """The same without an event loop."""
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(fetch_blocking, 0.4).result(timeout=NOW["limit"])
    except TimeoutError:
        return "late"
    finally:
        pool.shutdown(wait=False)
    return "in time"


@pytest.mark.parametrize("work", [lambda: asyncio.run(gives_a_thread_up()), gives_a_future_up])
def test_a_thread_that_goes_on_behind_the_end(
    record: Record, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]
) -> None:
    """What it would have been told nobody waited for; who waits for longer is told."""
    (recording,) = record(work)
    assert recording.interactions[0].state == "unfinished"
    for _ in range(3):
        verdict = replay.run(recording)
        assert (verdict.status, verdict.difference) == ("reproduced", ()), verdict
    monkeypatch.setitem(NOW, "limit", 0.5)
    verdict = replay.run(recording)
    assert [each.kind for each in verdict.divergences][:1] == ["exhausted"]


@pytest.mark.parametrize("turns", ["ww", None])
def test_of_older_recordings_it_is_not_known(record: Record, turns: str | None) -> None:
    """They come as cancelled, after a long while."""
    (recording,) = record(lambda: asyncio.run(leaks()))
    facts: dict[str, Any] = {name: value for name, value in recording.facts.items() if name != TURNS}
    if turns is not None:
        facts[TURNS] = turns[: len(recording.interactions)]
    assert replay.run(replace(recording, context=encode(facts))).status == "reproduced"
