"""Units of work of threads that race each other, between their questions or without any."""

from __future__ import annotations

import _thread
import asyncio
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from typing import Any

import replay

COMPUTES: dict[str, float] = {}
"""Seconds that a job computes, by its name: in production. The machine that replays it is another one."""
_plain = _thread.allocate_lock()
"""One that no replay made."""


def compute(name: str) -> str:
    """It looks at a clock that no replay moves."""
    end = time.thread_time() + COMPUTES.get(name, 0)
    while time.thread_time() < end:
        pass
    return name


@replay.capture
def as_they_end(names: list[str]) -> list[str]:
    """Of jobs that only compute."""
    with ThreadPoolExecutor(len(names)) as pool:
        return [each.result() for each in as_completed([pool.submit(compute, name) for name in names])]


@replay.capture
def before_the_next(names: list[str]) -> list[str]:
    """Each is given time to end before the next begins."""
    found = list[str]()
    threads = [threading.Thread(target=lambda name=name: found.append(compute(name))) for name in names]  # type: ignore[misc]
    for each in threads:
        each.start()
        compute("between")
    for each in threads:
        each.join()
    return found


@replay.capture
def computes_too_long(name: str, seconds: float) -> str:
    """A limit around a job that only computes."""
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(compute, name).result(timeout=seconds)
        except TimeoutError:
            return "too long"


@replay.capture
def told_one_after_the_other(number: int) -> list[Any]:
    """Threads that wait for each other's signs, and pools that end meanwhile."""
    found, told = list[Any](), [threading.Event() for _ in range(number)]

    def one(index: int) -> None:
        told[index].wait()
        found.append(index)
        with ThreadPoolExecutor(2) as pool:
            done, _ = wait([pool.submit(compute, str(each)) for each in range(3)], return_when=FIRST_COMPLETED)
        found.append((index, sorted(each.result() for each in done)))

    threads = [threading.Thread(target=one, args=(index,)) for index in range(number)]
    for each in threads:
        each.start()
    time.sleep(0.001)
    for sign in told:
        sign.set()
    for each in threads:
        each.join()
    return found


@replay.capture
def computes_on_the_clock(name: str) -> bool:
    """Until a timer of processor time goes off."""
    rang = list[int]()
    before = signal.signal(signal.SIGPROF, lambda *given: rang.append(1))
    signal.setitimer(signal.ITIMER_PROF, 0.1)
    try:
        compute(name)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return bool(rang)


@replay.capture
def spins() -> list[str]:
    """The caller looks again and again, and never waits."""
    found = list[str]()
    thread = threading.Thread(target=lambda: found.append(compute("spun")))
    thread.start()
    while not found:
        pass
    thread.join()
    return found


@replay.capture
def holds_a_plain_lock() -> list[str]:
    """A thread is woken with a lock in its hands that the one who woke it wants next."""
    found, sign = list[str](), threading.Event()

    def hold() -> None:
        with _plain:
            held.set()
            sign.wait()
            found.append("thread")

    held = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    sign.set()
    with _plain:
        found.append("caller")
    thread.join()
    return found


@replay.capture
def through_sets() -> list[Any]:
    """Code that goes through sets of tasks and futures as they come."""

    async def main() -> list[int]:
        tasks = {asyncio.ensure_future(asyncio.sleep(0, number)) for number in range(12)}
        done, _ = await asyncio.wait(tasks)
        futures = {asyncio.get_running_loop().run_in_executor(None, int, number) for number in range(12)}
        await asyncio.wait(futures)
        return [each.result() for each in [*done, *futures]]

    with ThreadPoolExecutor(1) as pool:
        jobs = [pool.submit(int, number) for number in range(12)]
        wait(jobs)
        return [asyncio.run(main()), [each.result() for each in as_completed(jobs)], [j.result() for j in {*jobs}]]
