"""`@replay.capture`: one recording for each call of a function."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from functools import partial, wraps
from types import MethodType
from typing import Any, TypeVar, overload

from replay.core import world as worlds
from replay.core.codec import Resolve, encode
from replay.core.decoder import items_of
from replay.core.families.objects import WHERE, Rebuilding
from replay.core.families.seen import SEEN, belongs
from replay.core.parameters import declare
from replay.core.recording import Outcome, Recording, State
from replay.core.snapshot import snapshot, snapshot_error
from replay.core.world import is_free
from replay.engine import recorder as engine
from replay.entrypoints.methods import is_method, taker, with_object
from replay.entrypoints.naming import function_name
from replay.entrypoints.steps import Sent, Steps, Take, replayed, replayed_async
from replay.entrypoints.turn import drive, end, instead, require_whole, settle, whole_input
from replay.errors import CodecError, UsageError

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


@overload
def capture(function: F) -> F: ...


@overload
def capture(*, name: str | None = None) -> Callable[[F], F]: ...


def capture(function: Any = None, *, name: str | None = None) -> Any:
    """Record each call of a function, method, coroutine, generator or async generator function.

    `name` is the `module:qualname` under which a replay finds it, where that is not its own. A call inside another
    unit of work that is recorded belongs to that one. Of a coroutine or generator function the arguments are
    taken when its body starts, and a call with wrong arguments fails there.
    """
    if function is None:
        return partial(captured, name=name)
    return captured(function, name=name)


def captured(function: Any, name: str | None = None, take: Take | None = None) -> Any:
    """`capture(name=name)(function)`. `take`: what its arguments are taken by, where that is not as of any function."""
    if isinstance(function, staticmethod | classmethod):
        return type(function)(captured(function.__func__, name, take))
    entrypoint = name or function_name(function)
    if isinstance(function, type):
        raise UsageError(f"@replay.capture is for functions: mark a method of {function.__qualname__} instead.")
    if not callable(function) or entrypoint is None:
        raise UsageError(f"@replay.capture is for functions, not for {type(function).__qualname__}; or give it a name=")
    if ":" not in entrypoint:
        raise UsageError(f'@replay.capture(name={name!r}): say where a replay finds it, as "module:qualname"')
    declare(entrypoint, function)
    belongs(entrypoint)
    shape = shape_of(function)
    wrapper = _WRAPPERS[shape](function, entrypoint, take or taker(function))
    wrapper.__replay_entry__ = entrypoint
    wrapper.__replay_kind__ = shape
    return wrapper


def shape_of(function: Any) -> str:
    """`function`, `coroutine`, `generator` or `async generator`."""
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.isgeneratorfunction(function):
        return "generator"
    return "coroutine" if inspect.iscoroutinefunction(function) else "function"


def _plain(function: Callable[..., Any], entrypoint: str, take: Take) -> Any:
    begin = engine.begin

    @wraps(function)
    def captured(*args: Any, **kwargs: Any) -> Any:
        if engine.active is None:
            return function(*args, **kwargs)
        recorder = None
        try:
            if is_free():
                recorder = begin("function", entrypoint, take(args, kwargs), (args, kwargs))
        except Exception:
            engine.dropped["begin-failed"] += 1
        if recorder is None:
            return function(*args, **kwargs)
        token = worlds.current.set(recorder)
        try:
            value = function(*args, **kwargs)
        except BaseException as error:
            end(recorder, token, "raised", snapshot_error, error)
            raise
        end(recorder, token, "returned", snapshot, value)
        return value

    return captured


def _coroutine(function: Callable[..., Any], entrypoint: str, take: Take) -> Any:
    begin = engine.begin

    @wraps(function)
    async def captured(*args: Any, **kwargs: Any) -> Any:
        if engine.active is None:
            return await function(*args, **kwargs)
        recorder = None
        try:
            if is_free():
                recorder = begin("function", entrypoint, take(args, kwargs), (args, kwargs))
        except Exception:
            engine.dropped["begin-failed"] += 1
        if recorder is None:
            return await function(*args, **kwargs)
        token = worlds.current.set(recorder)
        try:
            value = await function(*args, **kwargs)
        except BaseException as error:
            # GeneratorExit: the coroutine is closed before its end, nobody waits for an outcome
            state: State = "unfinished" if type(error) is GeneratorExit else "raised"
            end(recorder, token, state, snapshot_error, error)
            raise
        end(recorder, token, "returned", snapshot, value)
        return value

    return captured


def _generator(function: Callable[..., Any], entrypoint: str, take: Take) -> Any:
    @wraps(function)
    def captured(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps = Steps.begin(entrypoint, take, args, kwargs) if engine.active is not None else None
        if steps is None:
            return (yield from function(*args, **kwargs))
        return (yield from steps.follow(steps.enter(function, args, kwargs)))

    return captured


def _async_generator(function: Callable[..., Any], entrypoint: str, take: Take) -> Any:
    @wraps(function)
    async def captured(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps = Steps.begin(entrypoint, take, args, kwargs) if engine.active is not None else None
        generator = function(*args, **kwargs) if steps is None else steps.enter(function, args, kwargs)
        step, given = generator.asend, None
        while True:
            try:
                item = await (step(given) if steps is None else steps.step(step, given))
            except StopAsyncIteration:
                return
            try:
                given = yield item
                step = generator.asend
                if given is not None and steps is not None:
                    steps.told(steps.sent, "send", given)
            except BaseException as error:  # GeneratorExit too: the body decides what becomes of it
                given, step = error, generator.athrow
                _threw(steps, error)

    return captured


def _threw(steps: Steps | None, error: BaseException) -> None:
    """By itself, so that what stands around the body is short: see `replay.core.encoder.Encoder._written`."""
    if steps is not None:
        steps.told(steps.sent, "throw", error)


_WRAPPERS: dict[str, Callable[[Callable[..., Any], str, Take], Any]] = {
    "function": _plain,
    "coroutine": _coroutine,
    "generator": _generator,
    "async generator": _async_generator,
}


def run_function(recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
    """Call `target` with the recorded arguments. A bound method of an instance brings its own `self`; of an unbound one
    the recorded object is rebuilt, a class method is called on the recorded class."""
    inner = _innermost(target)
    found = with_object(recording, inner, resolve)
    if found is not None:
        call, sent, rebuilding = found
        try:
            outcome = _called(call, recording, sent, partial(_leave, call.args[1:], call.keywords))
        finally:
            rebuilding.closed = True
        if (used := rebuilding.used(outcome.payload.text)) is not None:
            raise used
        return outcome
    bound = isinstance(target, MethodType) and is_method(recording.entrypoint)
    given, standing = _arguments(recording, resolve, bound)
    args = items_of(given["args"])[1 if bound else 0 :]
    call = partial(inner, *args, **given["kwargs"])
    if "request" in given and hasattr(inner, "__replay_within__"):
        call = partial(inner.__replay_within__, given["request"], *args, **given["kwargs"])
    leave = partial(_leave, tuple(args), given["kwargs"])
    if standing is None:
        return _called(call, recording, given.get("sent", ()), leave)
    try:
        outcome = _called(call, recording, given.get("sent", ()), leave)
    finally:
        standing.closed = True
    if (used := standing.used(outcome.payload.text)) is not None:
        raise used
    return outcome


def _arguments(recording: Recording, resolve: Resolve | None, bound: bool) -> tuple[Any, Rebuilding | None]:
    """The recorded input. For arguments that no recording can hold, as a session or a client that is handed on to a
    boundary, there are stand-ins: a run that uses one cannot be told, and says so. Raises Unanswerable."""
    gaps = recording.input.gaps
    if bound or not gaps or any(gap.reason not in ("opaque", SEEN) for gap in gaps):
        return whole_input(recording, resolve, ignore=WHERE if bound else None), None
    places = {gap.type: gap.path.removeprefix("$.") for gap in reversed(gaps)}
    standing = Rebuilding(recording.entrypoint, lambda name: None, f"Or {instead(gaps[0])}")
    try:
        given = recording.input.decode(resolve, lambda held: standing.stand_in(places.get(held.type, "one"), held))
    except CodecError:
        if standing.touched:  # as a key or in a set, which ask what it is
            require_whole(recording)
        raise
    return given, standing


def _leave(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Tell the world what the arguments are now, if it wants to know."""
    world: Any = worlds.current.get()
    if getattr(world, "leaves", False):
        world.left = encode({"args": list(args), "kwargs": kwargs})


def _called(call: partial[Any], recording: Recording, sent: Sent, leave: Callable[[], None]) -> Outcome:
    """How the call ended. `leave` is called then: of a coroutine before its loop is left, which cancels the tasks that
    it began, and these may change more."""
    function = call.func
    shape = getattr(function, "__replay_kind__", None) or shape_of(function)
    if shape == "coroutine":
        return _awaited_outcome(call, recording, leave)
    if shape == "async generator":
        return drive(lambda: _left(replayed_async(call, recording, sent), leave))
    try:
        return replayed(call, recording, sent) if shape == "generator" else settle(call, _same, recording.error_type)
    finally:
        leave()


def _awaited_outcome(call: partial[Any], recording: Recording, leave: Callable[[], None]) -> Outcome:
    limit = _cancelled_after(recording)
    returned = encode(None)

    async def work() -> None:
        nonlocal returned
        returned = encode(await _left(_awaited(call, limit), leave))

    outcome = settle(lambda: drive(work), _same, recording.error_type)
    return Outcome("returned", returned) if outcome.state == "returned" else outcome


async def _left(work: Coroutine[Any, Any, T], leave: Callable[[], None]) -> T:
    try:
        return await work
    finally:
        leave()


LONGEST = 5.0
"""Seconds that a replay in real time waits before it cancels what was cancelled in production."""


def _cancelled_after(recording: Recording) -> float | None:
    """Seconds after which the one who waited gave up, if that is how the recording ended."""
    if recording.error_type not in ("asyncio.exceptions.CancelledError", "asyncio.CancelledError"):
        return None
    return recording.duration_ns / 1e9


async def _awaited(call: Callable[[], Any], limit: float | None) -> Any:
    if limit is None:
        return await call()
    from replay.boundaries.virtual_loop import VirtualLoop  # at replay only

    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    loop.call_later(limit if isinstance(loop, VirtualLoop) else min(limit, LONGEST), task.cancel)
    return await call()


def _same(value: Any) -> Any:
    return value


def _innermost(target: Any) -> Any:
    """The captured function itself: decorators around it saw other arguments than the recorded ones."""
    while not isinstance(target, MethodType):
        inner = getattr(target, "__wrapped__", None)
        if inner is None or not hasattr(inner, "__replay_entry__"):
            break
        target = inner
    return target
