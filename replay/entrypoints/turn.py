"""What all entry points share: entering a world and leaving it, reading what was recorded, running it again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Token, copy_context
from functools import partial
from threading import Thread
from typing import Any, Protocol, TypeVar

from replay.core.codec import Gap, Resolve, Value, encode
from replay.core.recording import Outcome, Recording, State
from replay.core.snapshot import snapshot_error
from replay.core.world import Settles, current, lost, put_back
from replay.errors import Unanswerable

T = TypeVar("T")
_ROUNDS = 100
"""Turns of a loop in which other tasks read what has come."""


class Runner(Protocol):
    """Runs the target of one kind of entry point with a recorded input."""

    def __call__(self, recording: Recording, target: Any, resolve: Resolve | None) -> Outcome:
        """How it ended. Exceptions of the target are outcomes; Unanswerable: it cannot be run at all."""
        ...


_reset = current.reset


def leave(token: Token[Any]) -> None:
    """Undo `current.set`. A coroutine may be closed in another context than it was started in."""
    try:
        _reset(token)
    except (ValueError, RuntimeError):
        put_back(None)


def end(recorder: Any, token: Token[Any], state: State, take: Callable[[T], Settles], given: T) -> None:
    """The unit of work ended: back out of its world, and to the recorder (see `Recorder.end`). A fault of ours stays
    here."""
    try:
        leave(token)
        recorder.end(state, take, given)
    except Exception:
        recorder.closed = True  # where its world could not be left, it keeps no later unit of work from its own
        put_back(None)
        lost("end-failed")


def as_it_is(captured: Settles) -> Settles:
    """For `end`: an outcome that was captured as it came."""
    return captured


def settle(run: Callable[[], T], payload: Callable[[T], object], recorded: str | None = None) -> Outcome:
    """How `run` ended, encoded. Unanswerable passes, and KeyboardInterrupt where it is not what was `recorded`."""
    try:
        value = run()
    except Unanswerable:
        raise
    except KeyboardInterrupt as error:
        if recorded != "KeyboardInterrupt":
            raise
        return Outcome("raised", snapshot_error(error).settle())
    except BaseException as error:
        return Outcome("raised", snapshot_error(error).settle())
    return Outcome("returned", encode(payload(value)))


def drive(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a loop of its own, in this context; also where a loop is running already."""
    if asyncio._get_running_loop() is None:  # not get_running_loop: its error would be the context of all later ones
        with asyncio.Runner() as runner:
            return runner.run(_started(work))
    ended: list[Callable[[], T]] = []
    thread = Thread(target=partial(copy_context().run, _drive_into, ended, work), name="replay-loop")
    thread.start()
    thread.join()
    return ended[0]()


async def _started(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    world = current.get()
    start_here, end_here = getattr(world, "start_here", None), getattr(world, "end_here", None)
    if start_here is not None:
        start_here()
    try:
        return await work()
    finally:
        if end_here is not None:  # its loop waits for threads yet that it left
            end_here()
        await others_go_on()


async def others_go_on() -> None:
    """What other tasks had asked and read by the end in production they may ask and read yet: what production computed
    before the entry point ended takes no time at replay."""
    owed: Callable[[], int | None] = getattr(current.get(), "owed", _nothing)
    for _ in range(_ROUNDS):
        left = owed() if len(asyncio.all_tasks()) > 1 else None
        if left is None:
            return
        await asyncio.sleep(left / 1e9)


def _nothing() -> None:
    return None


def _drive_into(ended: list[Callable[[], T]], work: Callable[[], Coroutine[Any, Any, T]]) -> None:
    try:
        value = drive(work)
    except BaseException as error:
        ended.append(partial(_throw, error))
    else:
        ended.append(lambda: value)


def _throw(error: BaseException) -> Any:
    raise error


def whole_input(recording: Recording, resolve: Resolve | None, *, ignore: str | None = None) -> Any:
    """The recorded input, decoded. Unanswerable if something of it was not kept (outside the path `ignore`)."""
    require_whole(recording, ignore=ignore)
    return recording.input.decode(resolve)


def require_whole(recording: Recording, *, ignore: str | None = None) -> None:
    """Raises Unanswerable if something of its input was not kept (outside the path `ignore`)."""
    for gap in recording.input.gaps:
        if ignore is None or not gap.path.startswith(ignore):
            raise Unanswerable(f"{recording.entrypoint}: its input was not kept whole: {describe(gap)}")


def describe(gap: Gap) -> str:
    """A gap in words."""
    return f"{gap.path} is {gap.reason} ({gap.type})"


def instead(gap: Gap) -> str:
    """What to do where an argument is no plain value."""
    web = " or wrap the web application whole (replay.WSGI, replay.ASGI)" if gap.type.endswith("Request") else ""
    return f"put @replay.capture on a function that is given plain data{',' * bool(web)}{web}."


class Joined:
    """A mapping whose parts were captured at different times; its text is joined from theirs."""

    def __init__(self) -> None:
        self._parts: dict[str, Settles | list[Settles]] = {}
        self._gaps: list[Gap] = []

    @property
    def size(self) -> int:
        return sum(each.size for part in self._parts.values() for each in (part if isinstance(part, list) else [part]))

    def put(self, name: str, part: Settles | list[Settles]) -> None:
        """Set the value (or list of values) of a name, which is plain ASCII."""
        self._parts[name] = part

    def gap(self, gap: Gap) -> None:
        """Note what the parts do not hold."""
        self._gaps.append(gap)

    def settle(self) -> Value:
        gaps = list(self._gaps)

        def text(path: str, part: Settles) -> str:
            value = part.settle()
            gaps.extend(Gap(path + gap.path.removeprefix("$"), gap.reason, gap.type) for gap in value.gaps)
            return value.text

        members = []
        for name, part in self._parts.items():
            if isinstance(part, list):
                joined = "[" + ",".join(text(f"$.{name}[{i}]", each) for i, each in enumerate(part)) + "]"
            else:
                joined = text(f"$.{name}", part)
            members.append(f'"{name}":{joined}')
        return Value("{" + ",".join(members) + "}", tuple(gaps))
