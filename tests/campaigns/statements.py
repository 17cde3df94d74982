"""More operations for random programs: what tasks and threads hand to one another, wait for together, and leave early.

Each has the shape of those in `programs`, of which a program may hold both.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio

from tests.campaigns.programs import Broken, Program, ask, ask_later, asked, held, in_turn, kept, named, run_all

_WHERE = contextvars.ContextVar("where", default="outside")


# Tasks --------------------------------------------------------------------------------------------------------------


async def _handed_on(seconds: float, parts: Sequence[Program]) -> Any:
    waiting: asyncio.Queue[Program | None] = asyncio.Queue(maxsize=1)
    found = list[Any]()

    async def give() -> None:
        for part in [*parts, None, None]:
            await waiting.put(part)

    async def take(number: int) -> None:
        while (part := await waiting.get()) is not None:
            found.append([number, await kept(part)])

    await asyncio.gather(give(), take(0), take(1))
    return found


async def _set_off(seconds: float, parts: Sequence[Program]) -> Any:
    event, found = asyncio.Event(), list[Any]()

    async def wait(number: int) -> None:
        try:
            await asyncio.wait_for(event.wait(), seconds)
            found.append([number, "set"])
        except TimeoutError:
            found.append([number, "late"])

    async def come() -> None:
        found.append(await kept(parts[0]))
        event.set()
        found.append(await kept(parts[-1]))

    await asyncio.gather(wait(1), come(), wait(2))
    return found


async def _notified(seconds: float, parts: Sequence[Program]) -> Any:
    condition, items, found = asyncio.Condition(), list[str](), list[Any]()

    async def take(number: int) -> None:
        async with condition:
            await condition.wait_for(lambda: items)
            found.append([number, items.pop(0)])

    async def give(part: Program) -> None:
        value = await kept(part)
        async with condition:
            items.append(value)
            condition.notify()

    await asyncio.gather(*map(take, range(len(parts))), *map(give, parts))
    return found


async def _one_fails(seconds: float, parts: Sequence[Program]) -> Any:
    found = list[Any]()

    async def one(part: Program) -> None:
        try:
            found.append(await kept(part))
        except asyncio.CancelledError:
            found.append("cancelled")
            raise

    async def fail() -> None:
        await ask_later(named("before it fails"))
        raise Broken

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            for part in parts:
                group.create_task(one(part))
    except BaseExceptionGroup as error:
        found.append(sorted(type(each).__name__ for each in error.exceptions))
    return found


async def _shielded(seconds: float, parts: Sequence[Program]) -> Any:
    work = asyncio.ensure_future(in_turn(seconds, parts))
    try:
        return await asyncio.wait_for(asyncio.shield(work), seconds)
    except TimeoutError:
        return "late", await work


async def _closed_early(seconds: float, parts: Sequence[Program]) -> Any:
    found = list[Any]()

    async def each() -> AsyncIterator[str]:
        try:
            for part in parts:
                yield await kept(part)
        finally:
            found.append(await kept(parts[0]))

    steps = each()
    async for value in steps:
        found.append(value)
        if len(found) == len(parts) - 1:
            break
    await steps.aclose()  # type: ignore[attr-defined]  # it is a generator
    return found


async def _given_up(seconds: float, parts: Sequence[Program]) -> Any:
    loop, names = asyncio.get_running_loop(), [*asked(["", 0, list(parts)]), "one more"]
    with ThreadPoolExecutor(2) as pool:
        try:
            jobs = (loop.run_in_executor(pool, ask, named(name)) for name in names)
            return await asyncio.wait_for(asyncio.gather(*jobs), seconds)
        except TimeoutError:
            return "late"


async def _in_contexts(seconds: float, parts: Sequence[Program]) -> Any:
    async def one(number: int, part: Program) -> Any:
        _WHERE.set(f"{_WHERE.get()}/{number}")
        value = await kept(part)
        return _WHERE.get(), value, await asyncio.to_thread(_WHERE.get)

    return await asyncio.gather(*(one(*each) for each in enumerate(parts))), _WHERE.get()


async def _moved_on(seconds: float, parts: Sequence[Program]) -> Any:
    found = list[Any]()

    async def one(number: int, part: Program) -> None:
        found.append([number, await kept(part)])

    with anyio.move_on_after(seconds) as scope:
        async with anyio.create_task_group() as group:
            for each in enumerate(parts):
                group.start_soon(one, *each)
    return found, scope.cancelled_caught


async def _sent(seconds: float, parts: Sequence[Program]) -> Any:
    sender, receiver = anyio.create_memory_object_stream[str](1)
    found = list[Any]()

    async def give(part: Program, into: Any) -> None:
        async with into:
            await into.send(await kept(part))

    async def take(number: int, out_of: Any) -> None:
        async with out_of:
            async for value in out_of:
                found.append([number, value])

    async with anyio.create_task_group() as group, sender, receiver:
        for part in parts:
            group.start_soon(give, part, sender.clone())
        for number in range(2):
            group.start_soon(take, number, receiver.clone())
    return found


async def _few_threads(seconds: float, parts: Sequence[Program]) -> Any:
    limiter, found = anyio.CapacityLimiter(2), list[Any]()

    async def one(name: str) -> None:
        found.append(await anyio.to_thread.run_sync(ask, named(name), limiter=limiter))

    async with anyio.create_task_group() as group:
        for name in asked(["", 0, list(parts)]):
            group.start_soon(one, name)
    return found


# Threads ------------------------------------------------------------------------------------------------------------


def _in_time(seconds: float, parts: Sequence[Program]) -> Any:
    found = list[Any]()
    with ThreadPoolExecutor(2) as pool:
        try:
            found.extend(pool.map(held, parts, timeout=seconds))
        except TimeoutError:
            found.append("late")
    return found


def _together(seconds: float, parts: Sequence[Program]) -> Any:
    barrier, found = threading.Barrier(len(parts)), dict[int, Any]()

    def one(number: int, part: Program) -> None:
        value = held(part)
        try:
            barrier.wait(3 * seconds)
            found[number] = [value, "together"]
        except threading.BrokenBarrierError:
            found[number] = [value, "alone"]

    run_all([threading.Thread(target=one, args=each) for each in enumerate(parts)])
    return [found[number] for number in sorted(found)]


def _set_for(seconds: float, parts: Sequence[Program]) -> Any:
    found = list[Any]()
    timer = threading.Timer(seconds, lambda: found.append(held(parts[0])))
    timer.start()
    found.append(held(parts[-1]))
    timer.cancel()
    timer.join()
    return found


def _each_its_own(seconds: float, parts: Sequence[Program]) -> Any:
    own, found = threading.local(), dict[int, Any]()
    own.number = -1

    def one(number: int, part: Program) -> None:
        own.number = number
        found[number] = [held(part), own.number]

    run_all([threading.Thread(target=one, args=each) for each in enumerate(parts)])
    return [found[number] for number in sorted(found)], own.number


def _two_inside(seconds: float, parts: Sequence[Program]) -> Any:
    inside, found = threading.BoundedSemaphore(2), list[Any]()

    def one(number: int, part: Program) -> None:
        with inside:
            found.append([number, held(part)])

    run_all([threading.Thread(target=one, args=each) for each in enumerate(parts)])
    return found


def _joined(seconds: float, parts: Sequence[Program]) -> Any:
    waiting, found = queue.Queue[Any](2), list[Any]()

    def work(number: int) -> None:
        while (part := waiting.get()) is not None:
            found.append([number, held(part)])
            waiting.task_done()
        waiting.task_done()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for each in threads:
        each.start()
    for part in [*parts, None, None]:
        waiting.put(part)
    waiting.join()
    for each in threads:
        each.join()
    return found


def _tried(seconds: float, parts: Sequence[Program]) -> Any:
    lock, found = threading.Lock(), list[Any]()

    def one(number: int, part: Program) -> None:
        if not lock.acquire(timeout=seconds):
            found.append([number, "gave up"])
            return
        try:
            found.append([number, held(part)])
        finally:
            lock.release()

    run_all([threading.Thread(target=one, args=each) for each in enumerate(parts)])
    return found


TASKS: dict[str, Callable[[float, Sequence[Program]], Any]] = {
    "handed on": _handed_on,
    "set off": _set_off,
    "notified": _notified,
    "one fails": _one_fails,
    "shielded": _shielded,
    "closed early": _closed_early,
    "given up": _given_up,
    "contexts": _in_contexts,
    "moved on": _moved_on,
    "sent": _sent,
    "few threads": _few_threads,
}
THREADS: dict[str, Callable[[float, Sequence[Program]], Any]] = {
    "in time": _in_time,
    "together": _together,
    "set for": _set_for,
    "each its own": _each_its_own,
    "two inside": _two_inside,
    "joined": _joined,
    "tried": _tried,
}
