"""`@replay.capture`: what is recorded, what the caller sees, and how it is run again."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from replay.core.recording import Outcome
from replay.core.world import current, here
from replay.engine import recorder
from replay.entrypoints.function import capture
from tests.entrypoints.conftest import Recordings

Again = Callable[..., Outcome]
HERE = "tests.entrypoints.test_function"


@capture
def divide(a: int, b: int = 1, *, note: str = "") -> float:
    """Divides."""
    return a / b


@capture()
def spend(budget: list[int]) -> int:
    """Changes its argument."""
    while budget:
        budget.pop()
    return 0


@capture
async def later(a: int) -> int:
    await asyncio.sleep(0)
    if a < 0:
        raise ValueError(f"negative {a}")
    return a * 2


@capture
def countdown(start: int) -> Generator[Any, Any, str]:
    """Yields, takes what is sent, survives one kind of error."""
    try:
        for number in range(start, 0, -1):
            try:
                given = yield number
            except KeyError as error:
                given = yield f"caught {error.args[0]}"
            if given == "stop":
                return "stopped"
            if given == "fail":
                raise ValueError("asked to fail")
    finally:
        CLOSED.append(start)
    return "done"


@capture
async def stream(size: int) -> AsyncGenerator[Any, Any]:
    try:
        for number in range(size):
            await asyncio.sleep(0)
            try:
                given = yield number
            except KeyError:
                given = yield "caught"
            if given is not None:
                yield f"got {given}"
    finally:
        CLOSED.append(size)


CLOSED: list[int] = []


@capture
def nested(levels: int) -> int:
    """Calls itself."""
    return 0 if levels == 0 else 1 + nested.__wrapped__(levels - 1)


def below(frames: int, work: Callable[[], Any]) -> Any:
    """`work`, called on so many frames more."""
    return work() if frames == 0 else below(frames - 1, work)


@dataclass
class Cart:
    """Rebuilt from what was captured of it."""

    items: list[int]

    @capture
    def total(self, factor: int = 1) -> int:
        return sum(self.items) * factor

    @capture
    @classmethod
    def size_of(cls, items: list[int]) -> int:
        return len(items) + len(cls.__name__)

    @staticmethod
    @capture
    def tax(amount: int) -> int:
        return amount // 5


class Session:
    """Holds something that no recording can keep."""

    def __init__(self) -> None:
        self.socket = object()

    @capture
    def ask(self, question: str) -> str:
        return question.upper()


WRAPPED = [divide, later, countdown, stream]


@pytest.mark.filterwarnings("ignore:.*iscoroutinefunction:DeprecationWarning")
@pytest.mark.parametrize("function", WRAPPED, ids=lambda f: f.__name__)
def test_the_wrapper_looks_like_the_function(function: Any) -> None:
    """Name, docstring, signature and all inspect predicates are those of the function itself."""
    plain = function.__wrapped__
    for predicate in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        asyncio.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
        inspect.getdoc,
    ):
        assert predicate(function) == predicate(plain)
    assert (function.__name__, function.__qualname__, function.__module__) == (
        plain.__name__,
        plain.__qualname__,
        plain.__module__,
    )
    assert function.__replay_entry__ == f"{HERE}:{plain.__qualname__}"


def test_a_call_is_recorded(recordings: Recordings) -> None:
    """Entry point, arguments and result."""
    assert divide(6, b=3, note="x") == 2.0
    recording = recordings.one
    assert (recording.kind, recording.entrypoint) == ("function", f"{HERE}:divide")
    assert recording.input.decode() == {"args": [6], "kwargs": {"b": 3, "note": "x"}}
    assert (recording.outcome.state, recording.outcome.value) == ("returned", 2.0)
    assert recording.status == "ok"


def test_an_error_is_recorded_and_unchanged(recordings: Recordings, again: Again) -> None:
    """The caller sees the error, the recording its type; the replay raises it again."""
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    recording = recordings.one
    assert (recording.outcome.state, recording.error_type, recording.status) == ("raised", "ZeroDivisionError", "error")
    replayed = again(recording, divide)
    assert (replayed.state, replayed.payload.error_type) == ("raised", "ZeroDivisionError")


def test_wrong_arguments_fail_as_without_capture(recordings: Recordings) -> None:
    """The TypeError of a call that does not fit is Python's own, and an outcome like any other."""
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'c'"):
        divide(1, c=2)  # type: ignore[call-arg]
    assert recordings.one.error_type == "TypeError"


def test_arguments_are_taken_before_the_call(recordings: Recordings, again: Again) -> None:
    """A function that empties its argument is recorded, and run again, with what it was given."""
    budget = [1, 2]
    spend(budget)
    assert budget == []
    assert recordings.one.input.decode() == {"args": [[1, 2]], "kwargs": {}}
    assert again(recordings.one, spend) == recordings.one.outcome


def test_a_call_inside_a_recording_belongs_to_it(recordings: Recordings) -> None:
    """The outermost entry point wins, and the world is gone after it."""

    @capture
    def outer() -> float:
        assert here() is not None
        return divide(4, 2)

    assert outer() == 2.0
    assert recordings.one.entrypoint == f"{HERE}:test_a_call_inside_a_recording_belongs_to_it.<locals>.outer"
    assert current.get() is None


def test_off_means_straight_through() -> None:
    """Without settings each kind of function works and nothing is current."""
    assert recorder.active is None
    assert divide(4, 2) == 2.0
    assert asyncio.run(later(2)) == 4
    assert list(countdown(2)) == [2, 1]
    assert asyncio.run(_collect(stream(2))) == [0, 1]


async def _collect(items: AsyncGenerator[Any, Any]) -> list[Any]:
    return [item async for item in items]


def test_a_coroutine(recordings: Recordings, again: Again) -> None:
    """Recorded when it is awaited, replayed in a loop of its own, also from inside a running loop."""
    assert asyncio.run(later(3)) == 6
    recording = recordings.one
    assert again(recording, later) == recording.outcome

    async def inside() -> Outcome:
        return again(recording, later)

    assert asyncio.run(inside()) == recording.outcome


def test_a_cancelled_coroutine_ends_with_that(recordings: Recordings) -> None:
    """Cancellation reaches the body and is the outcome."""

    @capture
    async def forever() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert recordings.one.error_type == "asyncio.exceptions.CancelledError"


def test_a_coroutine_closed_early_is_unfinished(recordings: Recordings) -> None:
    """Nobody waited for its end."""

    @capture
    async def forever() -> None:
        await asyncio.sleep(60)

    coroutine = forever()
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(asyncio.sleep(0))
        loop.run_until_complete(task)

        async def step() -> None:
            coroutine.send(None)

        loop.run_until_complete(step())
        coroutine.close()
    finally:
        loop.close()
    assert recordings.one.outcome.state == "unfinished"


def test_many_tasks_each_have_their_own(recordings: Recordings) -> None:
    """Tasks that run at once do not see each other's recording."""

    async def main() -> list[int]:
        return await asyncio.gather(*(later(number) for number in range(50)))

    assert asyncio.run(main()) == [number * 2 for number in range(50)]
    found = sorted((each.input.decode()["args"][0], each.outcome.value) for each in recordings.all)
    assert found == [(number, number * 2) for number in range(50)]


def test_a_generator(recordings: Recordings, again: Again) -> None:
    """Items and return value are the outcome."""
    generator = countdown(2)
    assert inspect.isgenerator(generator)
    assert [next(generator), next(generator)] == [2, 1]
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "done"
    recording = recordings.one
    assert recording.outcome.value == {"yielded": [2, 1], "returned": "done"}
    assert again(recording, countdown) == recording.outcome


def test_what_a_generator_is_sent_is_input(recordings: Recordings, again: Again) -> None:
    """Sent values and thrown errors are recorded with their place and given again."""
    generator = countdown(3)
    assert next(generator) == 3
    assert generator.send("go on") == 2
    assert generator.throw(KeyError("k")) == "caught k"
    with pytest.raises(StopIteration) as stop:
        generator.send("stop")
    assert stop.value.value == "stopped"
    recording = recordings.one
    sent = recording.input.decode()["sent"]
    assert [(position, how) for position, how, _ in sent] == [(1, "send"), (2, "throw"), (3, "send")]
    assert recording.outcome.value == {"yielded": [3, 2, "caught k"], "returned": "stopped"}
    assert again(recording, countdown) == recording.outcome


def test_a_generator_that_fails(recordings: Recordings, again: Again) -> None:
    """The error comes out of the same step."""
    generator = countdown(3)
    next(generator)
    with pytest.raises(ValueError, match="asked to fail"):
        generator.send("fail")
    assert recordings.one.error_type == "ValueError"
    assert again(recordings.one, countdown).payload.error_type == "ValueError"


@pytest.mark.parametrize("how", ["close", "drop", "throw"])
def test_a_generator_left_early_is_unfinished(recordings: Recordings, again: Again, how: str) -> None:
    """Closed or dropped, its body is closed at once; what was drawn is the outcome."""
    CLOSED.clear()
    generator = countdown(3)
    next(generator)
    if how == "close":
        generator.close()
    elif how == "throw":
        with pytest.raises(GeneratorExit):
            generator.throw(GeneratorExit())
    del generator
    gc.collect()
    assert CLOSED == [3]
    recording = recordings.one
    assert (recording.outcome.state, recording.outcome.value) == ("unfinished", {"yielded": [3], "returned": None})
    assert again(recording, countdown) == recording.outcome


def test_a_generator_that_ignores_its_close(recordings: Recordings) -> None:
    """Python's RuntimeError is the same with and without capture."""

    @capture
    def stubborn() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    for make in (stubborn.__wrapped__, stubborn):  # type: ignore[attr-defined]
        generator = make()
        next(generator)
        with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
            generator.close()
        generator.close()
    assert recordings.one.outcome.value == {"yielded": [1, 2], "returned": None}


def test_the_world_is_current_only_inside_the_body(recordings: Recordings) -> None:
    """Between two items the consumer is in its own world, also when two generators take turns."""
    worlds = []

    @capture
    def body() -> Generator[None, None, None]:
        for _ in range(2):
            worlds.append(current.get())
            yield

    one, two = body(), body()
    for _ in range(2):
        next(one)
        assert current.get() is None
        next(two)
        assert current.get() is None
    assert worlds[0] is worlds[2] is not None
    assert worlds[1] is worlds[3] is not worlds[0]


def test_an_async_generator(recordings: Recordings, again: Again) -> None:
    """Items are the outcome; sends and throws reach the body and are given again."""

    async def use() -> None:
        items = stream(3)
        assert inspect.isasyncgen(items)
        assert await anext(items) == 0
        assert current.get() is None
        assert await items.asend("x") == "got x"
        assert await anext(items) == 1
        assert await items.athrow(KeyError("k")) == "caught"
        assert [item async for item in items] == [2]

    asyncio.run(use())
    recording = recordings.one
    assert recording.outcome.value == {"yielded": [0, "got x", 1, "caught", 2], "returned": None}
    assert again(recording, stream) == recording.outcome


def test_an_async_generator_left_early_is_unfinished(recordings: Recordings, again: Again) -> None:
    """`aclose` closes the body."""
    CLOSED.clear()

    async def use() -> None:
        items = stream(3)
        await anext(items)
        await items.aclose()
        assert CLOSED == [3]

    asyncio.run(use())
    recording = recordings.one
    assert (recording.outcome.state, recording.outcome.value["yielded"]) == ("unfinished", [0])
    assert again(recording, stream) == recording.outcome


def test_a_method_is_run_again_on_a_rebuilt_self(recordings: Recordings, again: Again) -> None:
    """A dataclass is captured as the first argument; a bound target brings its own."""
    Cart([1, 2]).total(factor=2)
    recording = recordings.one
    assert recording.entrypoint == f"{HERE}:Cart.total"
    assert again(recording, Cart.total).value == 6
    assert again(recording, Cart([10]).total).value == 20


def test_class_and_static_methods(recordings: Recordings, again: Again) -> None:
    """Both stay what they are and are run again."""
    assert Cart.size_of([1, 2]) == 6
    assert Cart([]).tax(10) == 2
    first, second = recordings.all
    assert again(first, Cart.size_of).value == 6
    assert again(second, Cart.tax).value == 2


def test_a_self_that_is_kept_in_part(recordings: Recordings, again: Again) -> None:
    """It is run again without what could not be kept; a bound replacement brings all of it."""
    Session().ask("why")
    assert [gap.path for gap in recordings.one.gaps] == ["input.args[0].socket"]
    assert again(recordings.one, Session.ask).value == "WHY"
    assert again(recordings.one, Session().ask).value == "WHY"


def test_code_recurses_as_far_wherever_it_runs(recordings: Recordings, again: Again) -> None:
    """On few frames and on many: what went well goes well, what went too deep does so again. The limit stays."""
    limit = sys.getrecursionlimit()
    nested(limit - 200)
    with pytest.raises(RecursionError):
        nested(limit + 1)
    well, deep = recordings.all
    for frames in (0, 300):
        assert below(frames, lambda: again(well, nested)).decode() == limit - 200
        assert below(frames, lambda: again(deep, nested)).payload.error_type == "RecursionError"
    assert sys.getrecursionlimit() == limit


@capture
def room() -> int:
    """How deep it can go."""

    def down(frames: int) -> int:
        try:
            return down(frames + 1)
        except RecursionError:
            return frames

    return down(0)


def test_to_the_very_frame(recordings: Recordings, again: Again) -> None:
    """Calls of C count too where the interpreter counts them: else a smallest find is none in the next process."""
    room()

    def found() -> int:
        value = again(recordings.one, room).decode()
        assert type(value) is int
        return value

    assert len({found(), below(300, found), deeply(found, 30)}) == 1


def deeply(work: Callable[[], int], calls: int) -> int:
    """Run it below calls of C."""
    return work() if calls == 0 else next(iter(partial(deeply, work, calls - 1), None))
