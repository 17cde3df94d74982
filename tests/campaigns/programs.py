"""Random programs of tasks and threads that ask the world at the same time, as services do.

A program is a tree `[operation, seconds, [program, ...]]`, its leaves `["ask", name]`, `["look", name]` (the answer is
there at once), `["sleep", seconds]`, `["draw"]` and `["fail"]`. Operations are those of `asyncio`, `threading` and
`concurrent.futures` in which it matters who comes first.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from typing import Any

import replay

Program = list[Any]
EDITED: dict[str, str] = {}
"""Other names for what is asked: the program as somebody has changed it."""
_LIVE = random.Random()
"""How long the world takes: another time each time, and no draw of the program's."""


_NUMBERS = itertools.count()


def named(name: str) -> str:
    """What is asked for by that name."""
    return EDITED.get(name, name)


class Broken(Exception):
    """A program's own."""


def _latency() -> float:
    return _LIVE.choice((0.0, 0.001, 0.003, 0.01, 0.02)) * _LIVE.random() * 2


@replay.boundary
def ask(name: str) -> str:
    """A thread asks."""
    time.sleep(_latency())
    return f"{name} as number {next(_NUMBERS)}"


@replay.boundary
async def ask_later(name: str) -> str:
    """A task asks."""
    await asyncio.sleep(_latency())
    return f"{name} as number {next(_NUMBERS)}"


@replay.boundary
async def look(name: str) -> str:
    """A task asks for what is there."""
    return f"{name} as number {next(_NUMBERS)}"


def program(seed: int) -> tuple[str, Program]:
    """`tasks` or `threads`, and what they do."""
    chance, names = random.Random(seed), itertools.count()
    kind = chance.choice(("tasks", "threads"))
    parts = [_tree(chance, chance.choice((2, 2, 3)), kind, names) for _ in range(chance.randint(1, 3))]
    return kind, ["one by one", 0, parts]


def _tree(chance: random.Random, depth: int, kind: str, names: Iterator[int]) -> Program:
    if depth == 0 or chance.random() < 0.15:
        return _leaf(chance, names)
    operations = TASKS if kind == "tasks" else THREADS
    parts = [_tree(chance, depth - 1, kind, names) for _ in range(chance.randint(2, 4))]
    return [chance.choice([*operations]), chance.choice((0.002, 0.01, 0.03)), parts]


def _leaf(chance: random.Random, names: Iterator[int]) -> Program:
    found = chance.random()
    if found < 0.7:
        return ["ask" if found < 0.6 else "look", f"q{next(names)}"]
    if found < 0.85:
        return ["sleep", chance.choice((0, 0.001, 0.01, 0.03))]
    return ["draw"] if found < 0.95 else ["fail"]


def asked(part: Program) -> Iterator[str]:
    """The names that a program asks for, each once."""
    if part[0] in ("ask", "look"):
        yield part[1]
    elif len(part) == 3:
        for each in part[2]:
            yield from asked(each)


@replay.capture
def run(kind: str, part: Program) -> Any:
    """Run it."""
    return asyncio.run(_task(part)) if kind == "tasks" else _thread(part)


async def _task(part: Program) -> Any:
    what = part[0]
    if what in ("ask", "look"):
        return await (ask_later if what == "ask" else look)(named(part[1]))
    if what == "sleep":
        return await asyncio.sleep(part[1])
    if what in ("draw", "fail"):
        return _thread(part)
    try:
        return await TASKS[what](part[1], part[2])
    except (Broken, TimeoutError) as error:
        return type(error).__name__
    except BaseExceptionGroup:
        return "group"


def _thread(part: Program) -> Any:
    what = part[0]
    if what in ("ask", "look"):
        return ask(named(part[1]))
    if what == "sleep":
        return time.sleep(part[1])
    if what == "draw":
        return random.randrange(1000)
    if what == "fail":
        raise Broken
    try:
        return THREADS[what](part[1], part[2])
    except (Broken, TimeoutError) as error:
        return type(error).__name__


async def kept(part: Program) -> str:
    """How it ended, an error of its own too."""
    try:
        return str(await _task(part))
    except Broken:
        return "broken"


# Tasks --------------------------------------------------------------------------------------------------------------


async def in_turn(seconds: float, parts: Sequence[Program]) -> Any:
    return [await _task(part) for part in parts]


async def _gathered(seconds: float, parts: Sequence[Program]) -> Any:
    found = await asyncio.gather(*map(_task, parts), return_exceptions=True)
    return [str(each) for each in found]


async def _first(seconds: float, parts: Sequence[Program]) -> Any:
    tasks = [asyncio.create_task(_task(part)) for part in parts]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [str(each.exception() or each.result()) if each in done else None for each in tasks]


async def _as_they_come(seconds: float, parts: Sequence[Program]) -> Any:
    return [await each for each in asyncio.as_completed(map(kept, parts))]


async def _grouped(seconds: float, parts: Sequence[Program]) -> Any:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_task(part)) for part in parts]
    return [each.result() for each in tasks]


async def _limited(seconds: float, parts: Sequence[Program]) -> Any:
    async with asyncio.timeout(seconds):
        return await in_turn(seconds, parts)


async def _two_at_a_time(seconds: float, parts: Sequence[Program]) -> Any:
    turns, order = asyncio.Semaphore(2), list[int]()

    async def one(number: int, part: Program) -> Any:
        async with turns:
            order.append(number)
            return await kept(part)

    return await asyncio.gather(*(one(*each) for each in enumerate(parts))), order


async def _queued(seconds: float, parts: Sequence[Program]) -> Any:
    waiting: asyncio.Queue[Program] = asyncio.Queue()
    for part in parts:
        waiting.put_nowait(part)
    found = list[Any]()

    async def work() -> None:
        while not waiting.empty():
            found.append(await kept(waiting.get_nowait()))

    await asyncio.gather(work(), work(), return_exceptions=True)
    return found


async def _in_threads(seconds: float, parts: Sequence[Program]) -> Any:
    names = [name for part in parts for name in asked(part)]
    return await asyncio.gather(*(asyncio.to_thread(ask, named(name)) for name in names))


# Threads ------------------------------------------------------------------------------------------------------------


def _one_by_one(seconds: float, parts: Sequence[Program]) -> Any:
    return [_thread(part) for part in parts]


def _mapped(seconds: float, parts: Sequence[Program]) -> Any:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_thread, parts))


def _completed(seconds: float, parts: Sequence[Program]) -> Any:
    with ThreadPoolExecutor(4) as pool:
        jobs = {pool.submit(_thread, part): number for number, part in enumerate(parts)}
        return [[jobs[each], _ended(each)] for each in as_completed(jobs)]


def _ended(job: Future[Any]) -> str:
    return str(job.exception() or job.result())


def _first_of_pool(seconds: float, parts: Sequence[Program]) -> Any:
    with ThreadPoolExecutor(4) as pool:
        done, _ = wait([pool.submit(_thread, part) for part in parts], return_when=FIRST_COMPLETED)
        return sorted(map(_ended, done))


def _locked(seconds: float, parts: Sequence[Program]) -> Any:
    lock, found = threading.Lock(), list[Any]()

    def one(number: int, part: Program) -> None:
        value = held(part)
        with lock:
            found.append([number, value])

    run_all([threading.Thread(target=one, args=each) for each in enumerate(parts)])
    return found


def _worked_off(seconds: float, parts: Sequence[Program]) -> Any:
    waiting, found = queue.Queue[Program](), list[Any]()
    for part in parts:
        waiting.put(part)

    def work() -> None:
        while True:
            try:
                part = waiting.get_nowait()
            except queue.Empty:
                return
            found.append(held(part))

    run_all([threading.Thread(target=work) for _ in range(2)])
    return found


def _awaited(seconds: float, parts: Sequence[Program]) -> Any:
    event, found = threading.Event(), list[Any]()

    def one() -> None:
        found.append(held(parts[0]))
        event.set()

    thread = threading.Thread(target=one)
    thread.start()
    is_set = event.wait(seconds)
    thread.join()
    return is_set, found


def _late(seconds: float, parts: Sequence[Program]) -> Any:
    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(_thread, parts[0])
        try:
            return str(job.result(timeout=seconds))
        except TimeoutError:
            return "late", _ended(job)


def held(part: Program) -> str:
    """How it ended, whatever was raised: nobody is there to catch it."""
    try:
        return str(_thread(part))
    except Exception as error:
        return type(error).__name__


def run_all(threads: Sequence[threading.Thread]) -> None:
    for each in threads:
        each.start()
    for each in threads:
        each.join()


TASKS: dict[str, Callable[[float, Sequence[Program]], Any]] = {
    "one by one": in_turn,
    "gather": _gathered,
    "first": _first,
    "as completed": _as_they_come,
    "group": _grouped,
    "timeout": _limited,
    "semaphore": _two_at_a_time,
    "queue": _queued,
    "threads": _in_threads,
}
THREADS: dict[str, Callable[[float, Sequence[Program]], Any]] = {
    "one by one": _one_by_one,
    "map": _mapped,
    "as completed": _completed,
    "first": _first_of_pool,
    "lock": _locked,
    "queue": _worked_off,
    "event": _awaited,
    "late": _late,
}
