"""Code whose errors are raised while it handles others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import replay

HANDLES: list[type[Exception]] = []
"""What is handled now; empty: as in production."""


class Down(Exception):
    """The world's."""


class First(Exception):
    """The code's own."""


@replay.boundary
def ask(name: str) -> str:
    """Raises as it handles another error."""
    try:
        raise OSError(name)
    except OSError:
        raise Down(name)  # noqa: B904  # that is what it is about


@replay.boundary
async def ask_later(name: str) -> str:
    """A coroutine."""
    await asyncio.sleep(0)
    raise Down(name)


@replay.boundary
def read(name: str) -> Iterator[str]:
    """A generator."""
    yield name
    try:
        raise OSError(name)
    except OSError:
        raise Down(name)  # noqa: B904  # that is what it is about


def _handling(work: Callable[[], Any]) -> Any:
    try:
        raise (HANDLES or [First])[0]
    except Exception:
        return work()


@replay.capture
def asks() -> Any:
    """What the world raises comes as something else is handled."""
    return _handling(lambda: ask("a"))


@replay.capture
def reads() -> Any:
    """The same of a stream."""
    return _handling(lambda: list(read("a")))


@replay.capture
async def awaits() -> Any:
    """The same of a coroutine, which has no context of its own."""
    try:
        raise (HANDLES or [First])[0]
    except Exception:
        return await ask_later("a")


@replay.capture
def fails() -> Any:
    """Its own error says nothing of what was handled."""
    ask_as = {First: KeyError}.get((HANDLES or [First])[0], IndexError)
    try:
        raise ask_as("a")
    except LookupError:
        raise ValueError("not found")  # noqa: B904  # that is what it is about


@replay.capture
def plain() -> Any:
    """It handles nothing."""
    raise ValueError("a")


@replay.capture
async def gives_up() -> Any:
    """A limit ends a wait for an error that comes later."""
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(1)
    except TimeoutError:
        raise ValueError("late")  # noqa: B904  # that is what it is about
