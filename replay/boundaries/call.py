"""Calls: any function whose answer the world decides.

The wrapper has the nature of what it wraps (function, coroutine, generator, asynchronous generator, class or static
method). The first parameter of a method, `self` or `cls`, is left out of what is recorded: it is not what was asked.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator
from functools import wraps
from time import perf_counter_ns
from types import CoroutineType, coroutine
from typing import Any, TypeVar, overload

from replay.boundaries.seam import Seam
from replay.boundaries.stream import Stream, following, played, played_async, recorded
from replay.boundaries.unrecorded import describe as unrecorded_libraries
from replay.boundaries.unrecorded import install as watch_unrecorded
from replay.core.left import answer_of, error_of, given, opened, put_back
from replay.core.naming import module_name
from replay.core.parameters import declare
from replay.core.raising import throw
from replay.core.recording import MOST_TURNS
from replay.core.snapshot import Immutable, snapshot_error
from replay.core.turns import arrived_ns
from replay.core.world import Answer, Request, Ticket, World, failed, go_live, here, leave
from replay.errors import DivergenceError, UsageError

_NOTHING = Immutable(None)
F = TypeVar("F", bound=Callable[..., Any])
Mark = Callable[[Ticket, Any], None]
"""Writes on the ticket what is known of the returned value. Never raises."""


@overload
def boundary(function: F, /) -> F: ...
@overload
def boundary(*, name: str | None = None) -> Callable[[F], F]: ...
def boundary(function: Any = None, /, *, name: str | None = None) -> Any:
    """Record what `function` answers, and answer from the recording at replay instead of running it.

    `name` is the recorded target; without it `module:qualname`. Arguments are recorded as they were before the call.
    """
    if function is None:
        return lambda later: wrap(later, "call", name)
    return wrap(function, "call", name)


def wrap(function: Any, kind: str, target: str | None, mark: Mark | None = None) -> Any:
    """`function` behind a boundary of this kind. `target`: None for its own name."""
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(wrap(function.__func__, kind, target, mark))
    if not callable(function):
        raise UsageError(f"@replay.boundary is for what can be called, not for {type(function).__qualname__}.")
    target = target or target_of(function)
    declare(target, function)
    skipped = _skipped(function)
    asked = _asking(function, kind, target, skipped)
    build = next((build for test, build in _NATURES if _is(test, function)), _function)
    return build(function, asked, mark, skipped)


def _is(nature: Callable[[Any], bool], function: Any) -> bool:
    """An object that can be called has the nature of its class's `__call__`."""
    return nature(function) or nature(getattr(type(function), "__call__", None))  # noqa: B004  # asked for, not called


def target_of(function: Any) -> str:
    """`module:qualname`; of an object that can be called, its class's. Of a script as a replay imports it."""
    named = function if hasattr(function, "__qualname__") else type(function)
    module = named.__module__
    if module == "__main__":
        module = module_name(vars(sys.modules[module]))
    return f"{module}:{named.__qualname__}"


def _skipped(function: Any) -> int:
    """1 if the first argument is the object or class that a method belongs to."""
    owner = getattr(function, "__qualname__", "").rpartition("<locals>.")[2].rpartition(".")[0]
    code = getattr(inspect.unwrap(function), "__code__", None)
    return int(bool(owner) and code is not None and code.co_argcount > 0 and code.co_varnames[0] in ("self", "cls"))


def _asking(
    function: Any, kind: str, target: str, skipped: int
) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]:
    """How a call is asked of a world. Made for each function, so that a call pays for no decision."""
    awaits = _is(inspect.iscoroutinefunction, function) or _is(inspect.isasyncgenfunction, function)
    paced = _is(inspect.isgeneratorfunction, function)

    def asking(world: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        payload = _NOTHING if world.full else given(args[skipped:], kwargs)
        return world.ask(Request(kind, target, payload, awaits, paced))

    return asking


def _function(function: Any, asked: Any, mark: Mark | None, skipped: int) -> Any:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        world = found = None
        try:
            world = here()
            if world is not None:
                found = asked(world, args, kwargs)
        except Exception:
            failed("ask-failed", world)
        if world is None or found is None:
            return function(*args, **kwargs)
        if type(found) is Answer:
            if found.state == "raised":
                put_back(found, args[skipped:], kwargs)
            return opened(found.open(), found, args[skipped:], kwargs)
        token = go_live()
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            _raised(world, found, token, error, args[skipped:], kwargs)
            raise
        _returned(world, found, token, value, mark, args[skipped:], kwargs)
        return value

    return call


def _returned(world: World, found: Ticket, token: Any, value: object, mark: Mark | None, args: tuple[Any, ...],
              kwargs: dict[str, Any], *, is_awaited: bool = False) -> None:  # fmt: skip
    """The call ended with a value. By itself, so that what stands around the call is short: see
    `replay.core.encoder.Encoder._written`."""
    try:
        ended_ns = perf_counter_ns()
        if mark is not None:
            mark(found, value)
        leave(token)
        came_ns = arrived_ns(found.asked_ns, is_alone=world.awaited < 2) if is_awaited else ended_ns
        answer = answer_of(value, ended_ns, found.request.payload, args, kwargs)
        world.tell(found, "returned", answer, came_ns)
    except Exception:
        failed("tell-failed", world)


def _raised(world: World, found: Ticket, token: Any, error: BaseException, args: tuple[Any, ...],
            kwargs: dict[str, Any], *, is_awaited: bool = False) -> None:  # fmt: skip
    """The call ended in an error, which the application gets whatever happens here."""
    try:
        leave(token)
        if is_awaited and type(error).__name__ == "CancelledError":
            found.cancelled = _is_cancelled()
        came_ns = arrived_ns(found.asked_ns, is_alone=world.awaited < 2)
        world.tell(found, "raised", error_of(snapshot_error(error), found.request.payload, args, kwargs), came_ns)
    except Exception:
        failed("tell-failed", world)


def _is_cancelled() -> bool | None:
    """Whether somebody cancelled the running task; None: that is not known."""
    from asyncio import current_task  # loaded by now: a coroutine was cancelled

    task = current_task()
    return None if task is None else task.cancelling() > 0


async def _arrive(found: Answer) -> Any:
    """The recorded answer, when it comes. One that was cancelled, or still on its way at the end, never came: it is
    waited for until the code gives it up again."""
    from asyncio import CancelledError  # at replay only: the import is a large part of ours

    from replay.boundaries.virtual_loop import Arrival

    def beyond(message: str) -> BaseException:
        world = here()
        return DivergenceError(message) if world is None else world.beyond(found.seq, message)

    arrival = Arrival(found)
    if found.state == "unfinished":
        await arrival.never(beyond)
    value, raised = _opened(found)
    try:
        if isinstance(raised, CancelledError) and found.cancelled is not False:
            await arrival.never(beyond)
            if found.cancelled:
                raised = beyond("The recorded task was cancelled while it waited here; this time it was not.")
        await arrival.whole()
        if raised is not None:
            throw(raised)
        return value
    finally:
        del raised  # it holds this frame


def _opened(found: Answer) -> tuple[Any, BaseException | None]:
    """The value, or what is to be raised. That is waited for outside of an except clause: it is no context of what ends
    the waiting."""
    try:
        return found.open(), None
    except BaseException as error:
        return None, error


async def _told(found: Answer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The recorded answer, and what the call changed in its arguments."""
    try:
        value = await _arrive(found)
    except BaseException:
        if found.state == "raised":
            put_back(found, args, kwargs)
        raise
    return opened(value, found, args, kwargs)


@coroutine
def _watched(waits: Any, found: Ticket) -> Generator[Any, Any, Any]:
    """What a coroutine gives to who awaits it, and on the ticket what it waited for until then."""
    found.turns = turns = 0
    try:
        step = waits.send(None)
        while True:
            is_turn = step is None and 0 <= turns < MOST_TURNS
            found.turns = turns = turns + 1 if is_turn else -1
            given = thrown = None
            try:
                given = yield step
            except GeneratorExit:
                waits.close()
                raise
            except BaseException as error:
                thrown = error  # thrown on where it is no context of what comes of that
            if thrown is None and given is None and not is_turn:
                break
            try:
                step = waits.send(given) if thrown is None else waits.throw(thrown)
            finally:
                thrown = None
    except StopIteration as stop:
        return stop.value
    return (yield from waits)


def _as_watched(work: Any, found: Ticket) -> Any:
    """What is awaited in the place of `work`."""
    return _watched(work, found) if type(work) is CoroutineType else work


def _coroutine(function: Any, asked: Any, mark: Mark | None, skipped: int) -> Any:
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        world = found = None
        try:
            world = here()
            if world is not None:
                found = asked(world, args, kwargs)
        except Exception:
            failed("ask-failed", world)
        if world is None or found is None:
            return await function(*args, **kwargs)
        if type(found) is Answer:
            return await _told(found, args[skipped:], kwargs)
        token = go_live()
        try:
            value = await _as_watched(function(*args, **kwargs), found)
        except BaseException as error:
            _raised(world, found, token, error, args[skipped:], kwargs, is_awaited=True)
            raise
        _returned(world, found, token, value, mark, args[skipped:], kwargs, is_awaited=True)
        return value

    return call


def _generator(function: Any, asked: Any, mark: Mark | None, skipped: int) -> Any:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        world = found = stream = None
        try:
            world = here()
            if world is not None:
                found = asked(world, args, kwargs)
                if found is not None and type(found) is not Answer:
                    stream = Stream(world, found, mark, args[skipped:], kwargs)
        except Exception:
            failed("ask-failed", world)
        if world is not None and type(found) is Answer:
            return (yield from played(world, found, args[skipped:], kwargs))
        if stream is None:
            return (yield from function(*args, **kwargs))
        return (yield from recorded(function(*args, **kwargs), stream))

    return call


def _async_generator(function: Any, asked: Any, mark: Mark | None, skipped: int) -> Any:
    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Stream | None]:
        world = found = stream = None
        try:
            world = here()
            if world is not None:
                found = asked(world, args, kwargs)
                if found is not None and type(found) is not Answer:
                    stream = Stream(world, found, mark, args[skipped:], kwargs)
        except Exception:
            failed("ask-failed", world)
        if world is not None and type(found) is Answer:
            return played_async(world, found, args[skipped:], kwargs), None
        return function(*args, **kwargs), stream

    return following(function, begin)


_NATURES: tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
)


class CallBoundary(Seam):
    """Patches only what it tells of and does not take: the application names its functions with `boundary`."""

    def install(self) -> None:
        """See `unrecorded`."""
        watch_unrecorded()

    def describe(self) -> dict[str, str]:
        """Libraries that ask the world and are not recorded, where they are installed."""
        return unrecorded_libraries()


call = CallBoundary("call")
