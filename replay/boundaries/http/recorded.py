"""A stored answer as the clients' seams serve it. How it is stored: see `exchange`."""

from __future__ import annotations

from asyncio import CancelledError, sleep
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from replay.boundaries.http.faults import rebuild
from replay.boundaries.http.limits import Limit, checked, is_own
from replay.core.world import Answer, ReadSoFar, World, here
from replay.errors import DivergenceError

if TYPE_CHECKING:
    from replay.boundaries.http.bound import Bound
    from replay.boundaries.pace import Pace
    from replay.boundaries.virtual_loop import Arrival

End = Literal["complete", "truncated", "closed_early", "abandoned", "error"]
HEAD = -1
"""In place of a piece's number."""
_LONG = 3600.0
"""Seconds of the replay's clock, after which a unit of work that does not end never will."""


class Recorded:
    """A stored answer, opened for a client to serve: the same pieces in the same cuts, then the same end."""

    __slots__ = (
        "_arrival", "_ends_at", "_head", "_lasts", "_pace", "_reading", "beyond", "bound", "decoded", "dropped", "end",
        "error", "headers", "heads", "http_version", "limit", "offsets", "pieces", "reason", "status",
    )  # fmt: skip

    def __init__(self, answer: dict[str, Any] | None, beyond: Callable[[str], BaseException] = DivergenceError) -> None:
        """`beyond` is told that the code reads more than there is, and gives what is raised (see `World.beyond`)."""
        self.beyond = beyond
        answer = answer or {}
        self.status: int | None = answer.get("status")
        self.reason: str = answer.get("reason") or ""
        self.http_version: str = answer.get("http_version") or "HTTP/1.1"
        self.headers: list[tuple[str, str]] = [(name, value) for name, value in answer.get("headers") or ()]
        offsets = answer.get("pieces") or ()
        self.pieces: list[bytes] = [data for _, data in offsets]
        self.offsets: list[int] = [offset for offset, _ in offsets]
        self._head: int | None = answer.get("offset_ns")
        self._arrival: Arrival | None = None
        self._pace: Pace | None = None
        self._reading: ReadSoFar | None = None
        self.decoded = bool(answer.get("decoded"))
        self.dropped: int = answer.get("dropped") or 0
        self.end: End = answer.get("end") or "abandoned"
        self.error: dict[str, Any] | None = answer.get("error")
        self.limit = checked(answer.get("limit", UNSET))
        """The client's own time limit in production."""
        self.bound: Bound | None = None
        """The client's own time limit now, if it is another one."""
        self._lasts = self._ends_at = 0
        self.heads: dict[str, Any] = {}
        """What a client's seam makes of the head, by client; shared by all servings of the answer, so never changed."""

    def again(self, beyond: Callable[[str], BaseException]) -> Recorded:
        """The same answer for another request of it."""
        other = Recorded.__new__(Recorded)
        other.status, other.reason, other.http_version = self.status, self.reason, self.http_version
        other.headers, other.heads, other.pieces = self.headers, self.heads, self.pieces
        other.offsets, other._head, other.decoded, other.dropped = self.offsets, self._head, self.decoded, self.dropped
        other.end, other.error, other.limit = self.end, self.error, self.limit
        other.beyond, other.bound, other._arrival, other._pace, other._reading = beyond, None, None, None, None
        return other

    @property
    def cancelled(self) -> float | None:
        """Seconds after which the application cancelled the task that waited (its own time limit, a lost race)."""
        if self.error is None or self.error.get("type") != "asyncio.exceptions.CancelledError":
            return None
        return float(self.error.get("offset_ns") or 0) / 1e9

    def is_read_in(self, world: World, answer: Answer) -> None:
        """If production read all of it, the code does too, or it is told. One that is whole and unfinished came when
        the unit of work had ended: it was kept for as long as the recording waited to be written."""
        if self.end == "complete" and self.pieces and answer.state != "unfinished":
            self._reading = world.reads(answer.seq, len(self.pieces))

    def travels(self, answer: Answer, *, awaits: bool) -> None:
        """It is asked for by a task (`awaits`), or a thread, which waits for it as long as production did."""
        if awaits:
            from replay.boundaries.virtual_loop import Arrival  # at replay only

            self._arrival = Arrival(answer)
        else:
            self._pace = _pace()(answer)

    async def arrive(self, piece: int = HEAD) -> None:
        """Wait for this piece of the body, or the head. After the last: for the end."""
        arrival = self._arrival
        offset = self.offset(piece)
        if arrival is not None and self.bound is not None:
            wait = arrival.left(self._due(offset))
            limit = self.bound.cut(wait)
            if limit is not None:
                await sleep(limit)
                if self._answers(offset):
                    raise self.bound.over(wait)
                return
        if self._reading is not None and piece >= self._reading.taken:
            self._reading.taken = piece + 1
        if arrival is None:
            return
        try:
            if offset is not None:
                await arrival.at(offset)
            elif self.cancelled is None:
                await arrival.whole()
        except CancelledError:
            if self._reading is not None:
                self._reading.just_missed = arrival.just_missed
            raise

    def pass_to(self, piece: int = HEAD) -> None:
        """Let the thread that reads wait for this piece, as `arrive` does a task."""
        pace = self._pace
        offset = self.offset(piece)
        if pace is not None and self.bound is not None:
            wait = pace.left(self._due(offset))
            limit = self.bound.cut(wait)
            if limit is not None:
                pace.at(self._due(offset) - wait + int(limit * 1e9))
                if self._answers(offset):
                    raise self.bound.over(wait)
                return
        if self._reading is not None and piece >= self._reading.taken:
            self._reading.taken = piece + 1
        if pace is None:
            return
        pace.whole() if offset is None else pace.at(offset)
        if pace.is_over:
            self._pace = None

    def hold_to(self, limit: Limit, world: World, answer: Answer) -> None:
        """The client's own time limit now is this one. What was asked before the recording comes at once."""
        if limit != self.limit and answer.duration_ns:
            self.bound = _bound()(self.limit, limit, world, answer.seq)
            self._lasts, self._ends_at = answer.duration_ns, answer.ends_at

    def _due(self, offset: int | None) -> int:
        """When what came at that offset was there, nanoseconds from the asking."""
        return self._lasts if offset is None else offset

    def _answers(self, offset: int | None) -> bool:
        """Whether something else came then in production than the end of the client's own time limit."""
        return offset is not None or not is_own(self.error)

    def _outlasted(self) -> BaseException | None:
        """Where the client's own time limit was over in production: what is raised if it is longer now."""
        told = self.bound.outlasts(self._ends_at) if self.bound is not None and is_own(self.error) else None
        return None if told is None else self.beyond(told)

    def offset(self, piece: int = HEAD) -> int | None:
        """When a piece came, or the head, nanoseconds from the asking; None: with the end."""
        if piece == HEAD and self.status is not None and self._head is not None:
            return self._head
        piece = max(piece, 0)
        return self.offsets[piece] if piece < len(self.offsets) else None

    async def wait_for_cancel(self) -> None:
        """Where the recorded task was cancelled: wait for the application to do it again, else raise."""
        seconds = self.cancelled
        if seconds is None and self.status is None and self.error is None and self._arrival is not None:
            await self._arrival.never(self.beyond)  # the recording ended first
        if seconds is not None:
            if self._arrival is not None:
                await self._arrival.never(self.beyond)
            else:
                await sleep(2 * seconds + 5)
            raise self.beyond("The recorded task was cancelled while it waited here; this time it was not.")

    def head_error(self) -> BaseException | None:
        """What is raised instead of a head; a new exception each time. None: there is a head."""
        if self.status is not None:
            return None
        if self.error is None:
            world = here()
            if self._arrival is None and world is not None:
                world.sleep(_LONG, lambda seconds: None)  # a thread waits as it did, to the end
            return self.beyond("The recording ended before this request was answered: there is nothing to serve.")
        return self._outlasted() or rebuild(self.error)

    @property
    def clean(self) -> bool:
        """After the last piece comes the end of the stream, no error."""
        return self.error is None and self.end in ("complete", "truncated") and not self.dropped

    def body_error(self) -> BaseException | None:
        """What is raised after the last piece; None: a clean end of the stream. Called when the code gets there: that
        it reads further than production did is noted as a divergence."""
        if self.error is not None:
            return self._outlasted() or rebuild(self.error)
        if self.clean:
            return None
        kept = sum(map(len, self.pieces))
        why = "was too long to keep whole" if self.dropped else "was not read further when it was recorded"
        return self.beyond(f"Only the first {kept} bytes of this body are in the recording: it {why}.")


@cache
def _pace() -> type[Pace]:
    """Known at replay only: an import in each call would take longer than all else that it does."""
    from replay.boundaries.pace import Pace

    return Pace


@cache
def _bound() -> Callable[[Limit, Limit, World, int], Bound | None]:
    from replay.boundaries.http.bound import bound

    return bound
