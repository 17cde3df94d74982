"""Calls and models: the wrapper is what it wraps, keeps what was asked and answered, and answers it again."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from replay.boundaries.call import boundary
from replay.boundaries.model import model
from replay.core.world import Reading, here
from replay.errors import DivergenceError
from tests.boundaries.worlds import Listener, Teller, answer, asked, inside

RAN: list[str] = []
"""What really ran."""


@boundary
def double(value: int, *, plus: int = 0) -> int:
    """Twice."""
    RAN.append("double")
    if value < 0:
        raise ValueError("negative", value)
    return 2 * value + plus


@boundary(name="crm.lookup")
async def lookup(key: str) -> dict[str, str]:
    RAN.append("lookup")
    await asyncio.sleep(0)
    return {"key": key}


@boundary
def numbers(count: int) -> Iterator[int]:
    RAN.append("numbers")
    yield from range(count)
    if count > 3:
        raise ValueError("too many")
    return count  # the returned value is what is tested


@boundary
async def later(count: int) -> AsyncIterator[int]:
    RAN.append("later")
    for number in range(count):
        await asyncio.sleep(0)
        yield number
    if count > 3:
        raise ValueError("too many")


@boundary
def echo() -> Iterator[object]:
    RAN.append("echo")
    given = yield "ready"
    try:
        given = yield given
    except KeyError as error:
        given = yield ["caught", error.args[0]]
    return given


class Shop:
    @boundary
    def price(self, item: str) -> str:
        return f"{item}: 1"

    @classmethod
    @boundary
    def made(cls, item: str) -> str:
        return cls.__name__ + item

    @boundary
    @classmethod
    def outside(cls, item: str) -> str:
        return cls.__name__ + item

    @boundary
    @staticmethod
    def free(item: str) -> str:
        return item

    @boundary
    async def wait(self, item: str) -> str:
        return item


def both(run: Callable[[], Any]) -> tuple[Listener, Any]:
    """Record `run`, replay it, compare, and demand that nothing ran at replay."""
    heard = Listener()
    with inside(heard):
        expected = run()
    RAN.clear()
    teller = Teller(heard)
    with inside(teller):
        assert expected == run()
    assert RAN == []
    assert not teller.answers
    return heard, expected


def test_nature_and_names_are_kept() -> None:
    """Every wrapper passes for its function: signature, name, documentation and kind."""
    assert ["double", "Twice.", __name__] == [double.__name__, double.__doc__, double.__module__]
    assert str(inspect.signature(double)) == "(value: 'int', *, plus: 'int' = 0) -> 'int'"
    assert inspect.iscoroutinefunction(lookup)
    assert inspect.iscoroutinefunction(Shop.wait)
    assert inspect.isgeneratorfunction(numbers)
    assert inspect.isasyncgenfunction(later)
    assert not inspect.iscoroutinefunction(double)
    assert inspect.unwrap(Shop.price).__name__ == "price"
    assert isinstance(inspect.getattr_static(Shop, "outside"), classmethod)
    assert isinstance(inspect.getattr_static(Shop, "free"), staticmethod)


def test_without_a_world_nothing_changes() -> None:
    """Straight through: results, errors, sent values, early ends."""
    assert double(3, plus=1) == 7
    assert asyncio.run(lookup("a")) == {"key": "a"}
    assert list(numbers(2)) == [0, 1]
    steps = echo()
    assert [next(steps), steps.send(5), steps.throw(KeyError("k"))] == ["ready", 5, ["caught", "k"]]
    assert asyncio.run(_collect(3)) == [0, 1, 2]


def test_a_call_is_asked_once_with_its_arguments() -> None:
    """Target, arguments and answer are kept; at replay the function does not run."""
    heard, _ = both(lambda: double(3, plus=1))
    assert f"{__name__}:double" == heard.tickets[0].request.target
    assert asked(heard.tickets[0]) == {"args": [3], "kwargs": {"plus": 1}}
    assert (answer(heard.tickets[0]), heard.tickets[0].state) == (7, "returned")


def test_a_raised_error_is_raised_again() -> None:
    """Type and arguments of the error come back."""

    def run() -> object:
        with pytest.raises(ValueError) as caught:
            double(-1)
        return caught.value.args

    heard, expected = both(run)
    assert expected == ("negative", -1)
    assert heard.tickets[0].state == "raised"


def test_arguments_are_kept_as_they_were_before_the_call() -> None:
    """A function that changes its argument is recorded with what it was given."""

    @boundary
    def drain(items: list[int]) -> int:
        total = sum(items)
        items.clear()
        return total

    heard = Listener()
    with inside(heard):
        drain([1, 2])
    assert asked(heard.tickets[0]) == {"args": [[1, 2]], "kwargs": {}}


def test_methods_leave_out_what_they_belong_to() -> None:
    """`self` and `cls` are not part of the request."""
    shop = Shop()
    heard, values = both(
        lambda: [shop.price("tea"), Shop.made("a"), Shop.outside("b"), Shop.free("c"), asyncio.run(shop.wait("d"))]
    )
    assert values == ["tea: 1", "Shopa", "Shopb", "c", "d"]
    assert [asked(ticket)["args"] for ticket in heard.tickets] == [["tea"], ["a"], ["b"], ["c"], ["d"]]
    assert f"{__name__}:Shop.price" == heard.tickets[0].request.target


def test_only_the_outermost_call_is_asked() -> None:
    """What a boundary calls inside is part of its answer."""

    @boundary
    def outer() -> int:
        assert here() is None
        return double(1)

    heard = Listener()
    with inside(heard):
        outer()
        assert here() is heard
    assert len(heard.tickets) == 1


def test_coroutines_are_numbered_when_asked() -> None:
    """Under `gather` the order is that of the asking, and each gets its own answer back."""

    async def run() -> list[dict[str, str]]:
        return list(await asyncio.gather(*(lookup(key) for key in "abc")))

    heard, expected = both(lambda: asyncio.run(run()))
    assert [value["key"] for value in expected] == ["a", "b", "c"]
    assert [ticket.request.target for ticket in heard.tickets] == ["crm.lookup"] * 3


def test_a_cancelled_coroutine_times_out_again() -> None:
    """An answer that never came does not come at replay either: the application's own timeout ends the wait."""

    @boundary
    async def slow() -> None:
        await asyncio.sleep(30)

    async def run() -> str:
        try:
            async with asyncio.timeout(0.05):
                await slow()
        except TimeoutError:
            return "timed out"
        return "answered"

    _, expected = both(lambda: asyncio.run(run()))
    assert expected == "timed out"


def test_a_generator_gives_its_pieces_and_its_value_again() -> None:
    """Pieces, returned value, and the world between the pieces."""

    def run() -> list[object]:
        seen: list[object] = []

        def outer() -> Iterator[object]:
            seen.append((yield from numbers(3)))

        for piece in outer():
            seen.append(piece)
            assert here() is not None
        return seen

    heard, expected = both(run)
    assert expected == [0, 1, 2, 3]
    form = answer(heard.tickets[0])
    assert [piece[1] for piece in form["pieces"]] == [0, 1, 2]
    assert all(type(piece[0]) is int for piece in form["pieces"])
    assert (form["returned"], form["error"], heard.tickets[0].state) == (3, None, "returned")


def test_a_generator_that_raises_raises_after_its_pieces() -> None:
    """The pieces before an error are kept."""

    def run() -> list[object]:
        seen: list[object] = []
        try:
            for piece in numbers(4):
                seen.append(piece)
        except ValueError as error:
            seen.append(error.args)
        return seen

    heard, expected = both(run)
    assert expected == [0, 1, 2, 3, ("too many",)]
    assert heard.tickets[0].state == "raised"


def test_an_abandoned_generator_is_unfinished() -> None:
    """Closing early is recorded as such and fine at replay; reading further than production is not."""

    def run() -> int:
        steps = numbers(3)
        first = next(steps)
        steps.close()  # type: ignore[attr-defined]  # of every generator
        return first

    heard, _ = both(run)
    assert heard.tickets[0].state == "unfinished"
    teller = Teller(heard)
    with inside(teller), pytest.raises(DivergenceError):
        list(numbers(3))
    assert len(teller.refused) == 1


def test_an_open_generator_already_has_its_pieces() -> None:
    """A stream that is still being read when the recording ends is kept as far as it came."""
    heard = Listener()
    with inside(heard):
        steps = numbers(3)
        next(steps)
        assert [piece[1] for piece in answer(heard.tickets[0])["pieces"]] == [0]
        assert heard.tickets[0].state == "unfinished"


def test_sent_and_thrown_values_reach_the_generator() -> None:
    """`send` and `throw` work while recording, and the same pieces follow them at replay."""

    def run() -> list[object]:
        steps: Any = echo()
        seen = [next(steps), steps.send(5), steps.throw(KeyError("k"))]
        try:
            steps.send("end")
        except StopIteration as stop:
            seen.append(stop.value)
        return seen

    heard, expected = both(run)
    assert expected == ["ready", 5, ["caught", "k"], "end"]
    assert [len(piece) for piece in answer(heard.tickets[0])["pieces"]] == [2 + 1, 2, 2 + 1]


async def _collect(count: int) -> list[object]:
    seen: list[object] = []
    try:
        async for piece in later(count):
            seen.append(piece)
    except ValueError as error:
        seen.append(error.args)
    return seen


@pytest.mark.parametrize("count", [0, 3, 4])
def test_an_async_generator_gives_its_pieces_again(count: int) -> None:
    """Pieces and error of an asynchronous generator."""
    heard, expected = both(lambda: asyncio.run(_collect(count)))
    assert [0, 1, 2, 3, ("too many",)][: len(expected)] == expected
    assert ("raised" if count == 4 else "returned") == heard.tickets[0].state


def test_an_abandoned_async_generator_is_unfinished() -> None:
    """`aclose` reaches the generator and the recording."""

    async def run() -> int:
        steps: Any = later(3)
        first: int = await anext(steps)
        await steps.aclose()
        return first

    heard, _ = both(lambda: asyncio.run(run()))
    assert heard.tickets[0].state == "unfinished"


def test_a_destroyed_coroutine_leaves_no_noise() -> None:
    """A coroutine that is dropped while it waits ends silently, though it ends in another context."""
    from contextvars import copy_context

    @boundary
    async def waits() -> None:
        await asyncio.sleep(0)

    heard = Listener()
    with inside(heard):
        coroutine = waits()
        with suppress(StopIteration):
            copy_context().run(coroutine.send, None)
    coroutine.close()
    assert heard.tickets[0].state == "raised"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="only coroutine functions are told to be some")
def test_what_is_awaited_need_be_no_coroutine() -> None:
    """Any iterator may be behind it, one that nothing can be sent to, too."""

    class Answer:
        def __await__(self) -> Iterator[None]:
            return iter(())

    def ask() -> Answer:
        RAN.append("ask")
        return Answer()

    inspect.markcoroutinefunction(ask)  # type: ignore[attr-defined,unused-ignore]
    both(lambda: asyncio.run(boundary(ask)()))  # type: ignore[arg-type,unused-ignore]


def test_a_model_tells_its_score() -> None:
    """Score, label and threshold stand on the ticket; the target is the model's name."""

    @model("fraud-v3", score=lambda out: out["score"], label=lambda out: out["label"], threshold=0.8)
    def predict(amount: int) -> dict[str, Any]:
        RAN.append("predict")
        return {"score": amount / 100, "label": "fraud"}

    heard, _ = both(lambda: predict(93))
    ticket = heard.tickets[0]
    assert (ticket.request.boundary, ticket.request.target) == ("model", "fraud-v3")
    assert ticket.reading == Reading(score=0.93, label="fraud", threshold=0.8, policy=None)


def test_a_failing_score_is_none() -> None:
    """A score that cannot be read never reaches the application."""

    @model("m", score=lambda out: out["missing"])
    async def predict() -> dict[str, Any]:
        return {}

    heard, expected = both(lambda: asyncio.run(predict()))
    assert expected == {}
    assert heard.tickets[0].reading == Reading(score=None, label=None, threshold=None, policy=None)


def test_a_streaming_model_is_scored_by_its_pieces() -> None:
    """The score of a generator is read off the list of its pieces."""

    @model("m", score=len)
    def tokens() -> Iterator[str]:
        yield from ("a", "b")

    heard, _ = both(lambda: list(tokens()))
    assert heard.tickets[0].reading == Reading(score=2.0, label=None, threshold=None, policy=None)
