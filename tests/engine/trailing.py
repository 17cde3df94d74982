"""Units of work that leave threads behind, which ask something while the first one computes, as tests record them."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import replay

CHANGED: dict[str, Any] = {"does": None}
"""How the replayed code differs: its thread `stops` at once, or `spins`."""
OVER = {"test": threading.Event()}
"""Set when a test has ended: its threads do, too. Each test has one of its own."""
POOL = ThreadPoolExecutor(1)


@replay.boundary
def send(what: str) -> int:
    """What a thread tells the world."""
    return len(what)


def computes(seconds: float) -> None:
    """Takes that much of the processor, and no virtual time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def _starts(work: Any) -> None:
    threading.Thread(target=work, daemon=True).start()


@replay.capture
def tells_later() -> str:
    """One event, told a little later."""
    over = OVER["test"]

    def tell() -> None:
        if CHANGED["does"] == "spins":
            while not over.is_set():
                pass
        time.sleep(0.01)
        if CHANGED["does"] != "stops":
            send("placed")

    _starts(tell)
    computes(0.1)
    return "done"


@replay.capture
def tells_of_each(number: int) -> int:
    """A worker that looks for work at intervals."""
    over = OVER["test"]
    waiting: queue.Queue[str] = queue.Queue()

    def tell() -> None:
        while not over.is_set():
            try:
                send(waiting.get(timeout=0.005))
            except queue.Empty:
                continue

    _starts(tell)
    for each in range(number):
        waiting.put(f"item {each}")
        computes(0.03)
    computes(0.05)
    return number


@replay.capture
def beats() -> str:
    """A heartbeat."""
    stop, over = threading.Event(), OVER["test"]

    def beat() -> None:
        while not (stop.wait(0.01) or over.is_set()):
            send("alive")

    _starts(beat)
    computes(0.1)
    return "done"


@replay.capture
def submits(number: int) -> int:
    """Jobs for one worker, which lives longer than the work."""

    def tell(name: str) -> None:
        time.sleep(0.01)
        send(name)

    for each in range(number):
        POOL.submit(tell, f"job {each}")
    computes(0.1)
    return number


@replay.capture
def tells_too_late() -> str:
    """An event that is told after the end: no recording holds it."""
    _starts(lambda: (time.sleep(0.2), send("placed")))
    return "done"
