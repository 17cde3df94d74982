"""Streams: the answer of a generator, kept piece by piece.

The recorded form is `{"pieces": [[offset_ns, value], ...], "returned": value, "error": error}`. An offset counts from
the asking. A piece after which the reader sent something has it as a third element. The interaction's state tells how
it ended: `returned` (exhausted), `raised` (the error came after these pieces) or `unfinished` (not read to its end).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from time import perf_counter_ns
from typing import Any

from msgspec.structs import replace

from replay.core.codec import Gap, Value, encode
from replay.core.left import LEFT, beside, changed, put_back
from replay.core.raising import throw
from replay.core.recording import State
from replay.core.snapshot import snapshot, snapshot_error
from replay.core.turns import arrived_ns
from replay.core.world import LIVE, Answer, Settles, Ticket, World, current, failed, leave


class Stream:
    """The answer that grows while it is read. Stands on its ticket from the start: a reader may never come back."""

    def __init__(self, world: World, ticket: Ticket, mark: Callable[[Ticket, Any], None] | None,
                 args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> None:  # fmt: skip
        self._world = world
        self._ticket = ticket
        self._mark = mark
        self._raw: list[Any] = []
        self._pieces: list[list[Any]] = []
        self._returned: Settles | None = None
        self._error: Settles | None = None
        self._given: tuple[tuple[Any, ...], dict[str, Any]] | None = (args, kwargs or {})
        self._left: Settles | None = None
        ticket.answer = self

    @property
    def size(self) -> int:
        held: int = sum(64 + piece[1].size for piece in self._pieces)
        return 64 + held

    def told(self, what: Callable[..., None], *given: Any) -> None:
        """Tell it something while it is live; a fault of ours stays here."""
        try:
            what(*given)
        except Exception:
            failed("stream-failed", self._world)

    def piece(self, value: Any, came_ns: int = 0) -> None:
        """The generator gave `value`, at that `time.perf_counter_ns`; 0: now."""
        self._pieces.append([(came_ns or perf_counter_ns()) - self._ticket.asked_ns, snapshot(value)])
        if self._mark is not None:
            self._raw.append(value)

    def sent(self, value: Any) -> None:
        """The reader sent `value` after the last piece."""
        if value is not None:
            self._pieces[-1].append(snapshot(value))

    def stepped(self, value: Any, begun_ns: int) -> None:
        """The asynchronous generator gave `value` in a step that began then."""
        self.piece(value, arrived_ns(begun_ns))

    def exhausted(self, begun_ns: int) -> None:
        """It is, by such a step."""
        self.returned(None, arrived_ns(begun_ns))

    def returned(self, value: Any, came_ns: int = 0) -> None:
        """The generator is exhausted."""
        self._returned = snapshot(value)
        if self._mark is not None:
            self._mark(self._ticket, self._raw)
        self._tell("returned", came_ns)

    def raised(self, error: BaseException) -> None:
        """The generator raised."""
        self._error = snapshot_error(error)
        self._tell("raised")

    def closed(self) -> None:
        """The reader wants no more."""
        self._tell("unfinished")

    def _tell(self, state: State, came_ns: int = 0) -> None:
        self._raw = []
        if self._given is not None:
            given, self._given = self._given, None
            self._left = changed(self._ticket.request.payload, *given)
        self._world.tell(self._ticket, state, self, came_ns)

    async def step(self, step: Callable[[Any], Awaitable[Any]], given: Any) -> Any:
        """One step of a live asynchronous generator."""
        token, begun_ns = current.set(LIVE), perf_counter_ns()
        try:
            value = await step(given)
        except StopAsyncIteration:
            self.told(self.exhausted, begun_ns)
            raise
        except BaseException as error:
            self.told(self.raised, error)
            raise
        finally:
            self.told(leave, token)
        self.told(self.stepped, value, begun_ns)
        return value

    def settle(self) -> Value:
        """The recorded form, joined from what its parts settle to."""
        pieces = [(piece[0], [part.settle() for part in piece[1:]]) for piece in tuple(self._pieces)]
        returned, error = (_NOTHING if part is None else part.settle() for part in (self._returned, self._error))
        left = None if self._left is None else beside(self._ticket.request.payload, self._left)
        parts = [value for _, values in pieces for value in values] + [returned, error]
        parts += [] if left is None else [left]
        gaps = [
            _within(f"pieces[{i}][{n}]", v) for i, (_, values) in enumerate(pieces) for n, v in enumerate(values, 1)
        ]
        gaps += [_within("returned", returned), _within("error", error)]
        if any('"$ref"' in value.text for value in parts):  # references count from a value's root
            form = {
                "pieces": [[offset, *(value.decode() for value in values)] for offset, values in pieces],
                "returned": returned.decode(),
                "error": error.decode(),
            }
            text = encode(form if left is None else {**form, LEFT: left.decode()}).text
        else:
            rows = ",".join(f"[{offset},{','.join(value.text for value in values)}]" for offset, values in pieces)
            beyond = "" if left is None else f',"{LEFT}":{left.text}'
            text = f'{{"pieces":[{rows}],"returned":{returned.text},"error":{error.text}{beyond}}}'
        return Value(text, tuple(gap for found in gaps for gap in found))


_NOTHING = Value("null")


def _within(path: str, value: Value) -> list[Gap]:
    return [Gap(f"$.{path}{gap.path.removeprefix('$')}", gap.reason, gap.type) for gap in value.gaps]


def recorded(steps: Generator[Any, Any, Any], stream: Stream) -> Generator[Any, Any, Any]:
    """Every step of a live generator, told to `stream`. Between the steps the reader is in its own world."""
    step: Callable[[Any], Any] = steps.send
    given: Any = None
    while True:
        token = current.set(LIVE)
        try:
            value = step(given)
        except BaseException as error:
            if _ended(stream, token, error):
                return error.value  # type: ignore[attr-defined]  # it is a StopIteration
            raise
        _stepped(stream, token, value)
        try:
            given, step = (yield value), steps.send
            stream.told(stream.sent, given)
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                _closed(stream, steps)
                raise
            given, step = error, steps.throw


def _stepped(stream: Stream, token: Any, value: Any) -> None:
    """A step gave `value`. By itself, so that `recorded` is short: see `replay.core.encoder.Encoder._written`."""
    current.reset(token)
    stream.told(stream.piece, value)


def _ended(stream: Stream, token: Any, error: BaseException) -> bool:
    """A step ended the generator: whether it returned. By itself as `_stepped` is."""
    returned = isinstance(error, StopIteration)
    try:
        if isinstance(error, StopIteration):
            stream.told(stream.returned, error.value)
        else:
            stream.told(stream.raised, error)
    finally:
        current.reset(token)
    return returned


def _closed(stream: Stream, steps: Generator[Any, Any, Any]) -> None:
    stream.told(stream.closed)
    steps.close()


Begin = Callable[[tuple[Any, ...], dict[str, Any]], tuple[AsyncGenerator[Any, Any], Stream | None]]
"""Arguments -> the steps to follow, and what is told of them (None: nobody listens)."""


def following(function: Callable[..., Any], begin: Begin) -> Callable[..., AsyncGenerator[Any, Any]]:
    """An asynchronous generator function like `function`: `recorded`, for which there is no `yield from`."""

    @wraps(function)
    async def follow(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps, stream = begin(args, kwargs)
        step: Callable[[Any], Awaitable[Any]] = steps.asend
        given: Any = None
        while True:
            try:
                value = await step(given) if stream is None else await stream.step(step, given)
            except StopAsyncIteration:
                return
            try:
                given, step = (yield value), steps.asend
                if stream is not None:
                    stream.told(stream.sent, given)
            except GeneratorExit:
                if stream is not None:
                    stream.told(stream.closed)
                await steps.aclose()
                raise
            except BaseException as error:
                given, step = error, steps.athrow

    return follow


class _Played:
    """A recorded stream, read again."""

    def __init__(self, world: World, answer: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        form = answer.value.decode(answer.resolve)
        self._answer, self._given = answer, (args, kwargs)
        self._world = world
        self._state = answer.state
        self._seq = answer.seq
        self.pieces: list[Any] = [piece[1] for piece in form["pieces"]]
        self.offsets: list[int] = [piece[0] for piece in form["pieces"]]
        self.told: list[Any] = [piece[2] if len(piece) > 2 else None for piece in form["pieces"]]
        """By the reader, after each piece."""
        self._returned = form["returned"]
        self._error = form["error"]
        self.reading = world.reads(answer.seq, len(self.pieces) + (answer.state != "unfinished"))

    def over(self) -> None:
        """It is left, or about to end: what it changed by then is changed."""
        given, self._given = self._given, ((), {})
        put_back(self._answer, *given)

    def hears(self, number: int, given: Any) -> None:
        """The reader goes on, and sends this."""
        self._compare(f"$.pieces[{number}][2]", self.told[number], given)

    def _compare(self, place: str, recorded: Any, now: Any) -> None:
        if recorded is now:
            return
        from replay.core.compare import differences, unexpected  # at replay only

        found = unexpected(differences(encode(recorded), encode(now)))
        self._world.apart(self._seq, [replace(each, path=place + each.path.removeprefix("$")) for each in found])

    def end(self, thrown: BaseException | None) -> Any:
        """What comes after the last piece: the returned value, or an error. `thrown`: by the reader, just now."""
        self.reading.taken = self.reading.whole
        if self._state == "returned":
            return self._returned
        if thrown is not None and (self._state == "unfinished" or type(thrown) is type(self._error)):
            if self._state == "raised":
                self._compare("$.error.args", list(self._error.args), list(thrown.args))
            raise thrown
        if self._state == "raised":
            throw(self._error)
        raise self._world.beyond(self._seq, f"Production left this stream after {len(self.pieces)} pieces.")


def played(world: World, answer: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
    """The pieces in their order, each as long after the asking as in production; then the recorded end."""
    from replay.boundaries.pace import Pace  # at replay only

    stream, pace = _Played(world, answer, args, kwargs), Pace(answer)
    thrown: BaseException | None = None
    for number, (offset, piece) in enumerate(zip(stream.offsets, stream.pieces, strict=True)):
        pace.at(offset)
        stream.reading.taken = number + 1
        try:
            given, thrown = (yield piece), None
        except GeneratorExit:
            stream.over()
            raise
        except BaseException as error:  # the recorded generator was thrown it too, and went on
            given, thrown = None, error
        stream.hears(number, given)
    if answer.state != "unfinished":
        pace.whole()
    stream.over()
    return stream.end(thrown)


async def played_async(world: World, answer: Answer, args: tuple[Any, ...],
                       kwargs: dict[str, Any]) -> AsyncGenerator[Any, Any]:  # fmt: skip
    """`played` for an asynchronous generator."""
    from asyncio import CancelledError

    from replay.boundaries.virtual_loop import Arrival  # at replay only

    stream, arrival = _Played(world, answer, args, kwargs), Arrival(answer)
    thrown: BaseException | None = None
    for number, (offset, piece) in enumerate(zip(stream.offsets, stream.pieces, strict=True)):
        try:
            await arrival.at(offset)
        except BaseException:  # cancelled: when that is, and so how far it reads, may be decided by a hair
            stream.reading.whole = 0
            raise
        stream.reading.taken = number + 1
        try:
            given, thrown = (yield piece), None
        except GeneratorExit:
            stream.over()
            raise
        except BaseException as error:
            went_on = number + 1 < len(stream.pieces) or answer.state == "returned"
            if went_on and isinstance(error, CancelledError):  # as its loop ends, which was to close it
                stream.over()
                raise
            given, thrown = None, error
        stream.hears(number, given)
    if answer.state != "unfinished":
        await arrival.whole()
    stream.over()
    stream.end(thrown)
