"""Units of work that do bad things to their process, or to whom relies on them, when one value is another."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import threading
import time
from typing import Any, TypedDict

import replay

ARMED = False
"""Off while it is recorded."""


class Harm:
    """What `work` does for a value that it does not know."""

    kind = "none"


@replay.capture
def work(mode: str) -> int:
    """Does harm if the text is empty."""
    if mode == "":
        HARMS[Harm.kind]()
    return len(mode)


def spin() -> None:
    """For ever, and swallows what is raised into it."""
    while True:
        try:
            step()
        except BaseException:
            continue


def step() -> None:
    """A moment of it."""
    time.perf_counter()


def native() -> None:
    """For ever in C, with the interpreter's lock held."""
    re.match(r"(a|a)*b", "a" * 60)


def segfault() -> None:
    """Reads where nothing is."""
    ctypes.string_at(0)


def fill() -> None:
    """Allocates without end."""
    held: list[Any] = []
    while True:
        held.append(bytearray(1 << 20))


def crumbs() -> None:
    """The same in small pieces, which leaves no room to tell it."""
    held: Any = None
    while True:
        held = [held, bytes(2000)]


def deep() -> None:
    """Calls itself without end."""
    deep()


def later() -> None:
    """A thread raises; the unit goes on."""
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()


HARMS = {
    "spin": spin, "native": native, "segfault": segfault, "fill": fill, "crumbs": crumbs, "deep": deep, "later": later,
    "sys.exit": lambda: sys.exit(3), "os._exit": lambda: os._exit(4), "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGTERM), "interrupt": lambda: interrupt(), "none": lambda: None,
}  # fmt: skip


def interrupt() -> None:
    """As if a key had been pressed."""
    raise KeyboardInterrupt


@replay.capture
def quadratic(text: str, times: int) -> int:
    """Works far more for a number than for its neighbour."""
    total = 0
    for _ in range(min(times, 6_000_000)):
        total += 1
    return total + len(text)


@replay.capture
def hoard(count: int) -> int:
    """Takes far more memory."""
    held = [bytearray(1 << 20) for _ in range(min(count, 200))]
    return len(held)


class Answer(TypedDict):
    """What `typed` promises."""

    name: str
    tags: list[str]


@replay.capture
def typed(given: dict[str, Any]) -> Answer:
    """Passes on what it was given."""
    return {"name": given.get("name"), "tags": given.get("tags", [])}  # type: ignore[typeddict-item]  # so it is broken


class Count:
    """How often it ran."""

    runs = 0


@replay.capture
def moody(mood: str) -> int:
    """Counts its runs, in a bad mood."""
    if mood:
        return 1
    Count.runs += 1
    return Count.runs


@replay.boundary
def save(order: str) -> None:
    """Store an order."""


@replay.boundary
def price(sku: str) -> int:
    """Ask a price."""
    return 5


@replay.capture
def careless(order: str) -> dict[str, Any]:
    """Says ok whatever became of the order."""
    try:
        save(order)
    except Exception:
        pass
    return {"ok": True}


@replay.capture
def careful(order: str) -> dict[str, Any]:
    """Tries again, and says how it went; does without a price."""
    try:
        found = price(order)
    except Exception:
        found = 5
    for _ in range(2):
        try:
            save(order)
        except Exception:
            continue
        return {"ok": True, "price": found}
    return {"ok": False, "price": found}
