"""Tasks and futures of a replay's event loop, with a place in sets that is the same at each replay.

By their addresses it would be another one each time, and with it the order in which code goes through a set of them:
what `asyncio.wait` returns, the tasks that a group cancels.
"""

from __future__ import annotations

import asyncio
from typing import Any


class _Numbered:
    __slots__ = ()

    def __hash__(self) -> int:
        number: int | None = getattr(self, "_number", None)
        if number is None:
            number = self.get_loop().timeline.number()  # type: ignore[attr-defined]  # of a future
            self._number = number  # type: ignore[misc]  # a slot of those below
        return number or 0


class Task(_Numbered, asyncio.Task[Any]):
    """As asyncio's."""

    __slots__ = ("_number",)


class Future(_Numbered, asyncio.Future[Any]):
    """As asyncio's."""

    __slots__ = ("_number",)


Task.__module__ = Future.__module__ = "_asyncio"
