"""Units of work that the engine's tests record and replay. `CHANGE` is what a developer edited since."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from threading import Thread
from typing import Any

import replay

CHANGE: set[str] = set()
WORLD: dict[str, Any] = {"plan": None, "calls": 0}


@replay.boundary
def crm(customer: str) -> dict[str, Any]:
    """What the customer system says."""
    WORLD["calls"] += 1
    return {"id": customer, "plan": WORLD["plan"]}


@replay.boundary
def billing(customer: str, *, year: int = 2026) -> int:
    """What the billing system says."""
    WORLD["calls"] += 1
    if customer == "broke":
        raise ConnectionError(f"billing refused {customer}")
    return 42


@replay.boundary
async def score(text: str) -> float:
    """What a remote model says."""
    WORLD["calls"] += 1
    await asyncio.sleep(0)
    return len(text) / 100


@replay.boundary
def pages(number: int) -> Any:
    """A stream of pages."""
    WORLD["calls"] += 1
    for page in range(number):
        yield {"page": page}


@replay.capture
def quote(order: dict[str, Any]) -> dict[str, Any]:
    """Fails for a customer without a plan."""
    if "asks-other" in CHANGE:
        order = {**order, "customer": order["customer"] + "-2"}
    customer = crm(order["customer"])
    order["seen"] = True
    if "asks-more" in CHANGE:
        crm("another")
    if "asks-less" in CHANGE:
        return {"owed": 0}
    try:
        owed = billing(order["customer"])
    except ConnectionError:
        owed = 0
    if "fixed" in CHANGE and customer["plan"] is None:
        return {"plan": "none", "owed": owed}
    return {"plan": customer["plan"].lower(), "owed": owed}


@replay.capture
def swallows(customer: str) -> str:
    """An application that hides every error, ours included."""
    try:
        return str(crm(customer + ("-2" if "asks-other" in CHANGE else ""))["plan"])
    except BaseException:
        return "None"


@replay.capture
async def gathered(names: list[str]) -> list[float]:
    """Many tasks at once."""

    async def one(name: str) -> float:
        first = await score(name)
        return first + await score(name * 2)

    return list(await asyncio.gather(*(one(name) for name in names)))


@replay.capture
def threaded(names: list[str]) -> list[int]:
    """A pool and a bare thread."""
    found: list[int] = []
    thread = Thread(target=lambda: found.append(len(crm("in-thread"))))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(4) as pool:
        return [*pool.map(billing, names), *found]


@replay.capture
def plan_of(name: str) -> str:
    """Asks with the time, and needs the answer."""
    return str(crm(f"It is {datetime.now()}: {name}")["plan"].upper())


@replay.capture
def tells_the_time() -> dict[str, Any]:
    """In what it asks, in what it says, and when that ends."""
    asked = crm(f"It is {datetime.now()}. Whose turn?")
    ends = datetime.now(UTC) + timedelta(hours=2 if "ttl" in CHANGE else 1)
    return {"kept": asked["plan"], "ends": ends.isoformat(), "exp": time.time() + 60, "said": f"made {datetime.now()}"}


@replay.capture
def random_and_time() -> dict[str, Any]:
    """Everything that is different each time."""
    token = secrets.token_hex(16)
    return {
        "random": random.random(),
        "roll": random.randint(1, 6),
        "uuid": str(uuid.uuid4()),
        "token": token,
        "sent": crm(token)["id"],
        "now": datetime.now(UTC),
        "epoch": time.time(),
    }


@replay.capture
def streamed(number: int) -> Any:
    """A generator over a generator."""
    for page in pages(number):
        yield page["page"] * 2
    return "end"


@replay.capture
async def astreamed(number: int) -> Any:
    """An asynchronous generator."""
    for index in range(number):
        yield await score("x" * index)


@replay.capture
def patient() -> bool:
    """Backs off for half a minute of its own clock, unless the test runs it for real."""
    before = time.time()
    crm("slow")
    time.sleep(0.01 if WORLD["calls"] else 30)
    return time.time() - before >= 0.01


class Desk:
    """Has a captured method."""

    @replay.capture
    def answer(self, text: str) -> str:
        """Needs its desk."""
        return text + str(crm(text)["plan"])


@replay.capture
def reads_some(number: int) -> int:
    """Reads two pages and leaves; an edited version reads on and hides what happens."""
    found = 0
    try:
        for page in pages(number):
            found += page["page"] + 1
            if found >= 3 and "reads-on" not in CHANGE:
                break
    except BaseException:
        pass
    return found


JOBS: list[Any] = []


@replay.capture
def job(number: int) -> int:
    """A unit of work of its own, in a worker that somebody else's unit of work started."""
    return number


@replay.capture
def starts_a_worker() -> None:
    """The first request starts the worker that serves all others."""
    JOBS.clear()
    queue: SimpleQueue[int | None] = SimpleQueue()
    worker = Thread(target=lambda: [job(number) for number in iter(queue.get, None)])
    worker.start()
    JOBS.extend([queue, worker])


@replay.capture
async def starts_a_task() -> None:
    """The same, in asyncio."""
    JOBS.clear()
    queue: asyncio.Queue[int | None] = asyncio.Queue()

    async def work() -> None:
        while (number := await queue.get()) is not None:
            job(number)

    JOBS.extend([queue, asyncio.create_task(work())])


@replay.capture
async def waits_for_ever() -> None:
    """Until the one who waits for it gives up."""
    await asyncio.Event().wait()


@replay.capture
def interrupted() -> None:
    """Somebody pressed Ctrl-C in production."""
    raise KeyboardInterrupt


@replay.capture
def all_uuids() -> list[str]:
    """Of both kinds, and a draw after them."""
    return [str(uuid.uuid1()), str(uuid.uuid4()), str(random.random())]
