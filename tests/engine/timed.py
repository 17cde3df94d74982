"""Units of work that wait, race and time out, as the tests of virtual time record and replay them."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import math
import multiprocessing
import queue
import random
import select
import selectors
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from random import Random
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import httpx

import replay
from replay.boundaries.order import real_monotonic

SCALE = {"seconds": 0.001}
"""How long a second of back-off really is: tests record short waits, and replay what a service would do."""
DELAYS = Random()
"""Of the live side only: how the world's answers race."""
URL = {"base": ""}
MODULES = threading.Lock()
"""Of a module: made before there is a replay in this process."""


def seconds(number: float) -> float:
    """So many seconds at replay; a thousandth of them where it is recorded."""
    return number * SCALE["seconds"]


@replay.boundary
async def slow(name: str, delay: float) -> str:
    """An answer that takes a while."""
    await asyncio.sleep(delay)
    return name.upper()


@replay.boundary
def blocking(name: str, delay: float) -> str:
    """The same for a thread."""
    time.sleep(delay)
    return name.upper()


@replay.boundary
async def racing(name: str) -> str:
    """An answer whose time nobody knows."""
    await asyncio.sleep(0.005 + DELAYS.random() * 0.02)
    return name.upper()


@replay.boundary
def racing_blocking(name: str) -> str:
    """The same for a thread."""
    time.sleep(0.005 + DELAYS.random() * 0.02)
    return name.upper()


@replay.boundary
def flaky(number: int) -> int:
    """Fails twice."""
    if number < 3:
        raise ConnectionError(f"attempt {number}")
    return number


@replay.capture
async def backs_off() -> int:
    """Half a minute of asyncio's own waits."""
    for attempt in range(1, 5):
        try:
            async with asyncio.timeout(seconds(90)):
                return flaky(attempt)
        except ConnectionError:
            await asyncio.sleep(seconds(15))
    raise AssertionError


@replay.capture
def backs_off_blocking() -> int:
    """The same with a deadline of the monotonic clock."""
    deadline, attempt = time.monotonic() + seconds(3600), 0
    while time.monotonic() < deadline:
        attempt += 1
        with suppress(ConnectionError):
            return flaky(attempt)
        time.sleep(seconds(15))
    raise TimeoutError


@replay.capture
def selects() -> list[bool]:
    """Waits for nothing, in vain, and for what another thread sends later."""
    left, right = socket.socketpair()
    with left, right:
        found = [any(select.select([], [], [], seconds(15))), any(select.select([left], [], [], seconds(15)))]
        timer = threading.Timer(seconds(15), right.send, [b"x"])
        timer.start()
        began = time.monotonic()
        found.append(left in select.select([left], [], [], seconds(60))[0])
        timer.join()
        return [*found, seconds(10) < time.monotonic() - began < seconds(30)]


@replay.capture
def polls_descriptors() -> list[Any]:
    """Every other way to wait for a descriptor: nothing comes."""
    left, right = socket.socketpair()
    found: list[Any] = []
    with left, right, selectors.DefaultSelector() as selector, select.epoll() as events:
        poll = select.poll()
        poll.register(left, select.POLLIN)
        events.register(left, select.EPOLLIN)
        selector.register(left, selectors.EVENT_READ)
        found += [poll.poll(seconds(15) * 1000), events.poll(seconds(15)), selector.select(seconds(15))]
        right.send(b"x")
        found += [len(each) for each in (poll.poll(), events.poll(), selector.select())]
    return found


@replay.capture
def waits_beside_processes() -> list[Any]:
    """What is made for several processes, in one."""
    lock, event, reader = multiprocessing.Lock(), multiprocessing.Event(), multiprocessing.Pipe()[0]
    inbox: multiprocessing.Queue[int] = multiprocessing.Queue()
    lock.acquire()
    found: list[Any] = [lock.acquire(timeout=seconds(15)), event.wait(seconds(15)), reader.poll(seconds(15))]
    timer = threading.Timer(seconds(15), lock.release)
    timer.start()
    found.append(lock.acquire(timeout=seconds(60)))
    timer.join()
    with suppress(queue.Empty):
        inbox.get(timeout=seconds(15))
    return found


@replay.capture
def takes_locks(unit: float) -> list[Any]:
    """Locks and a queue with limits: held by another thread, free again later, and by itself."""
    found: list[Any] = []
    for lock in (threading.Lock(), threading.RLock(), MODULES):
        held = threading.Event()

        def hold(lock: Any = lock, held: threading.Event = held) -> None:
            with lock:
                held.set()
                time.sleep(20 * unit)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        found.append((lock.acquire(False), lock.acquire(timeout=5 * unit), lock.acquire(timeout=60 * unit)))
        lock.release()
        thread.join()
    inbox: queue.SimpleQueue[int] = queue.SimpleQueue()
    with suppress(queue.Empty):
        inbox.get(timeout=15 * unit)
    threading.Timer(15 * unit, inbox.put, [7]).start()
    return [*found, inbox.get(timeout=30 * unit), blocking("end", 0)]


@replay.capture
def waits_for_a_bare_thread() -> bool:
    """One of which `threading` does not know, and that takes its (real) time."""
    lock = threading.Lock()
    lock.acquire()

    def work() -> None:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        lock.release()

    _thread.start_new_thread(work, ())
    return lock.acquire(timeout=5)


@replay.capture
def shuts_down(jobs: int) -> str:
    """Leaves a pool whose jobs wait for one worker."""
    with ThreadPoolExecutor(1) as pool:
        for _ in range(jobs):
            pool.submit(time.sleep, seconds(1))
    return blocking("end", 0)


@replay.capture
def brings_a_loop() -> str:
    """Names the class of its loop."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(_sleeps_long())


async def _sleeps_long() -> str:
    await asyncio.sleep(seconds(30))
    return await slow("a", 0.001)


@replay.capture
def gives_up_a_lock(limit: float, held_for: float) -> str:
    """A lock that is held while its holder asks; who waits for it does so for a while."""
    lock, held = threading.Lock(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            blocking("holder", held_for)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    got = lock.acquire(timeout=limit)
    if got:
        lock.release()
    thread.join()
    return "got it" if got else "gave up"


@replay.capture
def asks_under_a_lock(kind: str, threads: int, times: int) -> int:
    """A client that only one may use at a time; whoever waits, waits for recorded answers."""
    lock: Any = {"Lock": threading.Lock, "RLock": threading.RLock, "Condition": threading.Condition}[kind]()
    count = {"asked": 0}

    def one(number: int) -> None:
        for turn in range(times):
            with lock:
                before = count["asked"]
                blocking(f"n{number}.{turn}", 0.001)
                count["asked"] = before + 1

    each = [threading.Thread(target=one, args=(number,)) for number in range(threads)]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()
    return count["asked"]


@replay.capture
def works_off(workers: int, items: int) -> int:
    """Workers on simple queues."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    outbox: queue.SimpleQueue[str] = queue.SimpleQueue()

    def work() -> None:
        while (item := inbox.get()) is not None:
            outbox.put(racing_blocking(item))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for number in range(items):
        inbox.put(f"i{number}")
    for _ in threads:
        inbox.put(None)
    found = {outbox.get() for _ in range(items)}
    for thread in threads:
        thread.join()
    return len(found)


@replay.capture
def joins_again() -> str:
    """Waits for a thread, gives up, and waits again."""
    thread = threading.Thread(target=lambda: time.sleep(seconds(0.4)))
    thread.start()
    time.sleep(seconds(0.05))  # it sleeps by now, so that nothing runs when the wait begins
    thread.join(seconds(0.1))
    late = thread.is_alive()
    thread.join()
    return f"{late}, then {thread.is_alive()}"


@replay.capture
def tells_the_time() -> list[str]:
    """Every way to write the time of now."""
    return [time.ctime(), time.asctime(), time.strftime("%c"), time.ctime(0), time.asctime(time.gmtime(0))]


@replay.capture
def waits_until(least: float) -> str:
    """Waits on until the wall clock has passed a moment; with a `least` of 0 the last wait is of nothing."""
    condition = threading.Condition()
    until = time.time() + seconds(30.0)
    with condition:
        while (left := until - time.time()) >= least:
            condition.wait(left)
    return "done"


@replay.capture
def polls(limit: float) -> str:
    """Looks at a clock until its time is over; nothing ever comes."""
    inbox: queue.Queue[int] = queue.Queue()
    deadline = time.perf_counter() + seconds(limit)
    while time.perf_counter() < deadline:
        with suppress(queue.Empty):
            inbox.get(timeout=seconds(limit / 10))
    return blocking("over", 0)


@replay.capture
async def times_out(limit: float, delay: float) -> str:
    """A limit around a call."""
    try:
        return await asyncio.wait_for(slow("a", delay), limit)
    except TimeoutError:
        return "too slow; " + await slow("b", 0.001)


@replay.capture
async def shields(limit: float, delay: float) -> list[str]:
    """A limit around a call that goes on nevertheless."""
    task = asyncio.create_task(slow("a", delay))
    order = []
    with suppress(TimeoutError):
        order.append(await asyncio.wait_for(asyncio.shield(task), limit))
    order.append("limit")
    order.append(await task)
    return order


def _compute(duration: float) -> None:
    until = time.perf_counter() + duration
    while time.perf_counter() < until:
        pass


@replay.capture
async def computes_under_limits(limit: float) -> list[str]:
    """All set their limits, one asks, the next computes for a while before it asks: the limits are over by then."""

    async def ask(number: int) -> str:
        if number == 1:
            _compute(0.2)
        return await slow(f"n{number}", 0.5 if number == 0 else 0.01 * number)

    async def one(number: int) -> str:
        task = asyncio.create_task(ask(number))
        try:
            await asyncio.wait_for(asyncio.shield(task), limit)
        except TimeoutError:
            return "late " + await task
        return "in time"

    return await asyncio.gather(*map(one, range(3)))


@replay.capture
async def asks_on_under_a_limit(times: int) -> int:
    """A far limit, looked at again and again while a thread asks too."""

    def ask(thread: int) -> None:
        for number in range(times):
            blocking(f"t{thread}.{number}", 0.003)

    async with asyncio.timeout(300):
        threads = [asyncio.create_task(asyncio.to_thread(ask, thread)) for thread in range(3)]
        found = [await slow(f"n{number}", 0.01) for number in range(times)]
        await asyncio.gather(*threads)
        return len(found)


@replay.capture
async def finishes_in_order(names: list[str]) -> list[str]:
    """What comes first is first."""
    return [await each for each in asyncio.as_completed([racing(name) for name in names])]


@replay.capture
async def first_wins(names: list[str]) -> list[str]:
    """The first answer is taken, the others are cancelled."""
    tasks = [asyncio.create_task(racing(name), name=name) for name in names]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return sorted(task.get_name() for task in done)


@replay.capture
async def in_groups(names: list[str]) -> list[str]:
    """Task groups of asyncio and anyio, and threads of both."""
    order: list[str] = []

    async def one(name: str) -> None:
        order.append(await racing(name))
        order.append(await asyncio.to_thread(racing_blocking, name + "-t"))
        order.append(await anyio.to_thread.run_sync(racing_blocking, name + "-a"))

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))
    async with anyio.create_task_group() as other:
        for name in names:
            other.start_soon(one, name)
    return order


@replay.boundary
def answers_late(number: int) -> int:
    """After ten milliseconds."""
    time.sleep(0.01)
    return number


@replay.capture
async def in_workers_of_anyio(number: int) -> list[int]:
    """One after the other, as a web framework runs plain functions: a worker waits for the next job in between."""
    return [await anyio.to_thread.run_sync(answers_late, each) for each in range(number)]


@replay.capture
def in_threads(names: list[str]) -> list[str]:
    """Threads and a pool append as they finish."""
    order: list[str] = []

    def one(name: str) -> None:
        order.append(racing_blocking(name))
        order.append(racing_blocking(name * 2))

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(racing_blocking, name + "-p") for name in names]
        order.extend(job.result() for job in concurrent.futures.as_completed(jobs))
    return order


@replay.capture
def waits_in_threads() -> list[Any]:
    """Every kind of wait with a limit, in a thread."""
    seen: list[Any] = []
    event, condition = threading.Event(), threading.Condition()
    seen.append(event.wait(seconds(30)))
    with condition:
        seen.append(condition.wait(seconds(30)))
        seen.append(condition.wait_for(lambda: False, seconds(30)))
    seen.append(threading.Semaphore(0).acquire(timeout=seconds(30)))
    try:
        queue.Queue[int]().get(timeout=seconds(30))
    except queue.Empty:
        seen.append("empty")
    release = threading.Event()
    thread = threading.Thread(target=release.wait, daemon=True)
    thread.start()
    thread.join(seconds(30))
    seen.append(thread.is_alive())
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(release.wait)
        done, _ = concurrent.futures.wait([future], timeout=seconds(30))
        seen.append(len(done))
        try:
            future.result(timeout=seconds(30))
        except TimeoutError:
            seen.append("no result")
        release.set()
    thread.join()
    seen.append(blocking("end", 0))
    return seen


@replay.capture
def loops_inside() -> list[str]:
    """Sync code with loops of its own."""

    async def main(name: str) -> str:
        await asyncio.sleep(seconds(30))
        with anyio.move_on_after(seconds(30)):
            await anyio.sleep(seconds(3600))
        return await slow(name, 0.001)

    with asyncio.Runner() as runner:
        first = runner.run(main("a"))
    loop = asyncio.new_event_loop()
    try:
        second = loop.run_until_complete(main("b"))
    finally:
        loop.close()
    third = anyio.run(main, "c")
    with ThreadPoolExecutor(1) as pool:
        return [first, second, third, asyncio.run(main("d")), pool.submit(asyncio.run, main("e")).result()]


@replay.capture
async def reads(client: str, limit: float) -> str:
    """A request whose answer does not come in time, by either client."""
    try:
        if client == "httpx":
            async with httpx.AsyncClient(timeout=limit, trust_env=False) as session:
                return (await session.get(URL["base"] + "/slow")).text
        timeout = aiohttp.ClientTimeout(total=limit)
        async with aiohttp.ClientSession(timeout=timeout) as other, other.get(URL["base"] + "/slow") as response:
            return await response.text()
    except (httpx.ReadTimeout, TimeoutError) as error:
        return type(error).__name__


@replay.capture
async def comes_at_once(tasks: int) -> int:
    """The loop is blocked while all answers come: how many are there when the first is looked at."""
    async with httpx.AsyncClient(trust_env=False) as session:
        waiting = [asyncio.create_task(session.get(f"{URL['base']}/late?n={number}")) for number in range(tasks)]
        asyncio.get_running_loop().call_later(0.3, time.sleep, 0.8)
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        found = len(done)
        return found if {(await each).text for each in waiting} == {"late"} else -1


@replay.capture
async def many(tasks: int, threads: int) -> list[str]:
    """A crowd of tasks and threads."""
    order: list[str] = []

    async def one(number: int) -> None:
        order.append(await racing(f"t{number}"))
        await asyncio.sleep(0.001)
        order.append(await racing(f"u{number}"))

    with ThreadPoolExecutor(threads) as pool:
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(pool, racing_blocking, f"j{number}") for number in range(threads)]
        await asyncio.gather(*(one(number) for number in range(tasks)))
        order.extend(await asyncio.gather(*jobs))
    return order


@replay.capture
def measures() -> tuple[bool, bool, float]:
    """What the clocks say of a call and a sleep."""
    started, wall = time.perf_counter(), time.time()
    blocking("a", 0.02)
    time.sleep(0.03)
    return time.perf_counter() - started >= 0.05, time.time() - wall >= 0.05, time.monotonic() - started


@replay.capture
async def never_woken() -> None:
    """Waits for what never comes, until somebody gives it up."""
    await slow("a", 0.001)
    await asyncio.Event().wait()


@replay.capture
async def gives_up(client: str) -> str:
    """Waits for a fifth of a second (where it is recorded) for what takes longer."""
    try:
        async with asyncio.timeout(seconds(200)):
            if client == "call":
                return await slow("a", 30)
            if client == "httpx":
                async with httpx.AsyncClient(trust_env=False) as asks:
                    return (await asks.get(f"{URL['base']}/slow")).text
            async with aiohttp.ClientSession() as session, session.get(f"{URL['base']}/slow_body") as answer:
                return await answer.text()
    except TimeoutError:
        return "given up"


COMPUTES = {"seconds": 0.0}


@replay.capture
async def gives_up_after_work() -> str:
    """What it waited for is not needed any more. It looks at the clock as it computes."""
    task = asyncio.create_task(slow("a", 30))
    await asyncio.sleep(0.01)
    began = real_monotonic()
    while real_monotonic() - began < COMPUTES["seconds"] * 1e9:
        time.monotonic()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return "given up"


def _sends(waiting: queue.Queue[str]) -> None:
    """What the thread of a library does that tells of the service: it tries again after a while."""
    waiting.get()
    time.sleep(COMPUTES["seconds"])
    waiting.task_done()


_sends.__module__ = "langfuse.consumer"


@replay.capture
def flushes() -> str:
    """Waits until all is told."""
    found = blocking("a", 0.001)
    waiting: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_sends, args=(waiting,)).start()
    waiting.put(found)
    waiting.join()
    return found


STUCK: set[str] = set()


@replay.capture
async def woken() -> str:
    """Waits for what something unrecorded brought."""
    if STUCK:
        await asyncio.Event().wait()
    return await slow("a", 0.001)


@replay.capture
def swallows() -> str:
    """The same in a thread, whatever comes of it."""
    brought = threading.Event()
    if not STUCK:
        brought.set()
    with suppress(Exception):
        brought.wait()
    return blocking("a", 0.001)


@replay.capture
def pooled() -> str:
    """A job waits for what another thread brings."""
    brought = threading.Event()
    if not STUCK:
        brought.set()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(brought.wait).result()
    return blocking("a", 0.001)


@replay.capture
async def threaded() -> str:
    """The same in a loop."""
    brought = threading.Event()
    if not STUCK:
        brought.set()
    await asyncio.to_thread(brought.wait)
    return await slow("a", 0.001)


@replay.capture
def fed(number: int) -> list[str]:
    """A worker takes what it is given, until it fails."""
    waiting: queue.Queue[Any] = queue.Queue(maxsize=1)
    found: list[str] = []

    def work() -> None:
        while (name := waiting.get()) is not None:
            if STUCK:
                return
            found.append(blocking(name, 0.001))

    worker = threading.Thread(target=work)
    worker.start()
    for name in [*map(str, range(number)), None]:
        waiting.put(name)
    worker.join()
    return found


@replay.boundary
async def pieces(number: int) -> Any:
    """A stream that takes its time."""
    for piece in range(number):
        await asyncio.sleep(0.01)
        yield piece


@replay.capture
async def stream_against_calls() -> list[Any]:
    """A stream and calls, each coming in between."""
    order: list[Any] = []

    async def read() -> None:
        async for piece in pieces(4):
            order.append(piece)

    async def ask(name: str, delay: float) -> None:
        order.append(await slow(name, delay))

    await asyncio.gather(read(), *(ask(f"c{number}", 0.005 + number * 0.01) for number in range(4)))
    return order


@replay.capture
async def streams_at_once() -> list[Any]:
    """A stream and calls, of which a busy loop sees all in one turn."""
    order: list[Any] = []

    async def read() -> None:
        async for piece in pieces(1):
            order.append(piece)

    async def ask(name: str, delay: float) -> None:
        order.append(await slow(name, delay))

    work = asyncio.gather(ask("c0", 0.005), read(), ask("c1", 0.015))
    await asyncio.sleep(0.001)
    time.sleep(0.03)
    await work
    return order


@replay.capture
async def polls_a_task() -> str:
    """Looks again and again whether the answer is there."""
    task = asyncio.create_task(slow("a", 0.02))
    while not task.done():
        await asyncio.sleep(0)
    deadline = asyncio.get_running_loop().time() + 0.05
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0)
    return task.result()


@replay.capture
async def cancels(number: int) -> list[str]:
    """Tasks that are cancelled while they wait, some before they asked, and clean up by asking."""
    ended: list[str] = []

    async def one(name: str) -> None:
        try:
            await slow(name, 5)
        except asyncio.CancelledError:
            ended.append(await slow("undo " + name, 0.001))
            raise

    tasks = [asyncio.create_task(one(f"n{each}")) for each in range(number)]
    await asyncio.sleep(0.02)
    tasks.append(asyncio.create_task(one("late")))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return ended


def _draw(index: int) -> tuple[int, float, str]:
    time.sleep(DELAYS.random() * 0.01)
    return index, random.random(), str(uuid.uuid4())


@replay.capture
async def sleeps_beyond_measure() -> list[str]:
    """For ever, until it is cancelled; for times that no clock reaches."""
    found = []
    for seconds in (math.inf, 2.0**63, 1e300):
        try:
            async with asyncio.timeout(SCALE["seconds"] * 20):
                await asyncio.sleep(seconds)
        except TimeoutError:
            found.append(f"{seconds} was too long")
    return found


@replay.capture
async def sleeps_for(seconds: float) -> str:
    """As long as it is told."""
    await asyncio.sleep(seconds)
    return "awake"


@replay.capture
async def draws_in_jobs(number: int) -> list[Any]:
    """Jobs of asyncio's and anyio's pools and of `Context.run`, that draw in an order that nobody knows."""
    found: list[Any] = [await anyio.to_thread.run_sync(_draw, 0), await asyncio.to_thread(_draw, 0)]

    async def one(index: int) -> None:
        found.append(await anyio.to_thread.run_sync(_draw, index))

    async with anyio.create_task_group() as group:
        for index in range(number):
            group.start_soon(one, index)
    found.sort()
    found += await asyncio.gather(*(asyncio.to_thread(_draw, index) for index in range(number)))
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(copy_context().run, _draw, index) for index in range(number)]
        return found + [job.result() for job in jobs]


@replay.capture
def draws_in_threads(number: int) -> list[Any]:
    """Threads that draw, equal but for their luck, and ask in an order that nobody knows."""
    found: dict[int, Any] = {}

    def one(index: int) -> None:
        racing_blocking("the same")
        found[index] = (random.random(), str(uuid.uuid4()))

    threads = [threading.Thread(target=one, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[index] for index in range(number)]


PLATFORM: str | None = None
"""What a library finds out once a process."""


@replay.capture
async def draws_behind_a_job() -> list[str]:
    """Two tasks that draw; before them a thread, in a process that has not run it yet."""
    global PLATFORM
    if PLATFORM is None:
        PLATFORM = await asyncio.to_thread(lambda: "linux")

    async def one() -> str:
        await asyncio.sleep(0)
        return str(uuid.uuid4())

    return list(await asyncio.gather(one(), one()))


@replay.capture
def loses_an_update(number: int) -> int:
    """Threads that read, ask, and write back what they read: what is lost depends on the order."""
    held = {"count": 0}
    together = threading.Barrier(number - 1)

    def one(index: int) -> None:
        together.wait()
        before = held["count"]
        racing_blocking(f"i{index}")
        held["count"] = before + index

    threads = [threading.Thread(target=one, args=(index,)) for index in range(1, number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return held["count"]


@replay.capture
def looks_once() -> list[Any]:
    """What a thread sends is shown once only: by a descriptor that is told to, and by one whose edges count."""
    found = []
    for how in (select.EPOLLONESHOT, select.EPOLLET):
        one, other = socket.socketpair()
        with one, other, select.epoll() as watched:
            watched.register(one.fileno(), select.EPOLLIN | how)
            sender = threading.Timer(seconds(2), other.send, [b"x"])
            sender.start()
            found.append(len(watched.poll(seconds(30))))
            sender.join()
    return found


@replay.capture
def limits_a_socket() -> list[Any]:
    """Nothing comes in time, by each of the ways to receive; then something does."""
    one, other = socket.socketpair()
    found: list[Any] = []
    with one, other:
        one.settimeout(seconds(30))
        for receive in (one.recv, one.recvfrom, one.recvmsg, lambda size: one.recv_into(bytearray(size))):
            try:
                receive(1)
            except TimeoutError as error:
                found.append(str(error))
        other.send(b"x")
        found.append(one.recv(1))
        one.settimeout(0)
        try:
            one.recv(1)
        except BlockingIOError:
            found.append("at once")
        sender = threading.Timer(seconds(2), other.sendall, [b"line\n"])
        sender.start()
        one.settimeout(seconds(30))
        with one.makefile("rb") as file:
            found.append(file.readline())
        sender.join()
    return found


class Overtime(Exception):
    """A handler's own."""


def _raises(number: int, frame: Any) -> None:
    raise Overtime(f"signal {number}")


@contextmanager
def limited(limit: float, handler: Callable[[int, Any], None] = _raises, every: float = 0.0) -> Iterator[None]:
    """So many seconds."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, limit, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@replay.boundary
def stuck() -> None:
    """The world does not answer."""
    time.sleep(seconds(300))


@replay.capture
def alarms(how: str) -> Any:
    """Waits for longer than it may, in the way that is named."""
    began = time.monotonic()
    try:
        with limited(seconds(30)):
            WAYS[how]()
    except Overtime as error:
        return [str(error), time.monotonic() - began < seconds(290), signal.getitimer(signal.ITIMER_REAL)[0]]
    return "in time"


def _beside_a_thread() -> None:
    thread = threading.Thread(target=time.sleep, args=(seconds(300),))
    thread.start()
    try:
        thread.join()
    finally:
        DONE.append(thread)


DONE: list[threading.Thread] = []


def _asleep_in_asyncio() -> None:
    asyncio.run(asyncio.sleep(seconds(300)))


def _computes() -> None:
    while True:
        pass


def _waits_for_a_socket() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.recv(1)


WAYS: dict[str, Callable[[], Any]] = {
    "sleep": lambda: time.sleep(seconds(300)),
    "boundary": lambda: stuck(),
    "event": lambda: threading.Event().wait(seconds(300)),
    "lock": lambda: [lock := threading.Lock(), lock.acquire(), lock.acquire()],
    "queue": lambda: queue.Queue().get(timeout=seconds(300)),
    "select": lambda: select.select([], [], [], seconds(300)),
    "asyncio": _asleep_in_asyncio,
    "thread": _beside_a_thread,
    "computing": _computes,
    "pause": signal.pause,
    "socket": _waits_for_a_socket,
}


@replay.capture
def alarms_in_time() -> list[Any]:
    """Ends before its limit, twice, and looks what is left."""
    with limited(seconds(30)):
        before = signal.getitimer(signal.ITIMER_REAL)
        found = blocking("a", 0.001)
        time.sleep(seconds(2))
        after = signal.getitimer(signal.ITIMER_REAL)
    with limited(seconds(30)):
        time.sleep(seconds(1))
    time.sleep(seconds(60))
    return [found, before[0] > after[0] > 0]


@replay.capture
def beats() -> int:
    """A handler that raises nothing is called again and again while the main thread sleeps on."""
    beaten = []
    with limited(seconds(10), lambda number, frame: beaten.append(number), seconds(20)):
        time.sleep(seconds(95))
    return len(beaten)


@replay.capture
def takes_a_signal() -> list[Any]:
    """Waits for a signal that does not come, and for one that does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        late = signal.sigtimedwait({signal.SIGALRM}, seconds(30))
        signal.signal(signal.SIGALRM, _raises)
        signal.setitimer(signal.ITIMER_REAL, seconds(10))
        found = signal.sigtimedwait({signal.SIGALRM}, seconds(60))
        return [late, found and found.si_signo]
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


@replay.capture
def rings() -> str:
    """By `alarm`, whose second is a real one where it is recorded."""
    before = signal.signal(signal.SIGALRM, _raises)
    try:
        assert signal.alarm(7) == 0
        assert signal.alarm(1) in (6, 7)
        time.sleep(30)
    except Overtime:
        return "rang"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return "silent"


@replay.capture
def leaves_an_alarm() -> str:
    """Set for an hour, and not taken back."""
    signal.setitimer(signal.ITIMER_REAL, 3600)
    return "left"


@replay.capture
async def draws_after_asking(names: list[str]) -> list[tuple[str, float]]:
    """Tasks start in an order that no recording holds, as those of `asyncio.as_completed` may."""

    async def one(name: str) -> tuple[str, float]:
        answer = await slow(name, 0.01)
        return answer, random.random()

    started = {name: asyncio.create_task(one(name)) for name in ORDER.get("names", names)}
    return [await started[name] for name in names]


ORDER: dict[str, list[str]] = {}


@replay.capture
async def computes_on_under_a_limit(seconds: float) -> Any:
    """For longer than the limit; it asks at once where production computed."""
    async with asyncio.timeout(seconds):
        found = _compute(seconds * 3)
        asked = asyncio.create_task(slow("a", seconds / 100))
        await asyncio.sleep(0)
    return found, await asked
