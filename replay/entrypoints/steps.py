"""A captured generator: its items one by one, the world current only while its body runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from typing import Any

from replay.core.codec import Gap, Value
from replay.core.recording import Outcome, Recording, State
from replay.core.snapshot import snapshot, snapshot_error
from replay.core.world import Settles, current, dropped, is_free
from replay.engine.recorder import Recorder, begin
from replay.entrypoints.turn import Joined, as_it_is, leave

Take = Callable[[tuple[Any, ...], dict[str, Any]], Settles]
"""What takes the arguments of a call as they are now."""
MOST_BYTES = 8 << 20
"""Of the items of one generator; later ones are counted and not kept."""
MOST_STEPS = 1_000_000
"""Where a replay stops to draw from a generator of which it is not known how many items it gave."""


class Items:
    """What a generator yielded and returned: the outcome `{"yielded": [...], "returned": value}`."""

    def __init__(self) -> None:
        self._kept: list[Settles] = []
        self._left_out = 0
        self._returned: Settles = snapshot(None)
        self.size = 0

    def add(self, item: Any) -> None:
        """The generator yielded `item`."""
        if self.size > MOST_BYTES:
            self._left_out += 1
            return
        kept = snapshot(item)
        self.size += kept.size + 64
        self._kept.append(kept)

    def end(self, value: Any) -> None:
        """The generator returned `value`."""
        self._returned = snapshot(value)

    def settle(self) -> Value:
        joined = Joined()
        joined.put("yielded", self._kept)
        joined.put("returned", self._returned)
        if self._left_out:
            joined.gap(Gap("$.yielded", "truncated-size", f"{self._left_out} more items"))
        return joined.settle()


class Arguments:
    """The input `{"args", "kwargs"}`, and `sent` if the consumer sent or threw something in.

    `sent` is `[[position, how, value], ...]`: after how many items, `send` or `throw`, and what.
    """

    def __init__(self, called: Settles) -> None:
        self.called = called
        self._sent: list[tuple[int, str, Settles]] = []
        self.size = called.size

    def sent(self, position: int, how: str, value: Any) -> None:
        """The consumer did more than ask for the next item."""
        kept = snapshot_error(value) if how == "throw" else snapshot(value)
        self.size += kept.size
        if self.size <= MOST_BYTES:
            self._sent.append((position, how, kept))

    def settle(self) -> Value:
        called = self.called.settle()
        if not self._sent:
            return called
        gaps = list(called.gaps)
        if self.size > MOST_BYTES:
            gaps.append(Gap("$.sent", "truncated-size", "list"))
        sent = []
        for number, (position, how, kept) in enumerate(self._sent):
            value = kept.settle()
            sent.append(f'[{position},"{how}",{value.text}]')
            path = f"$.sent[{number}][2]"
            gaps.extend(Gap(path + gap.path.removeprefix("$"), gap.reason, gap.type) for gap in value.gaps)
        return Value(f'{called.text[:-1]},"sent":[{",".join(sent)}]}}', tuple(gaps))


class Steps:
    """One recording of a generator."""

    @classmethod
    def begin(cls, entrypoint: str, take: Take, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Steps | None:
        """None: nothing to record."""
        try:
            if not is_free():
                return None
            given = Arguments(take(args, kwargs))
            recorder = begin("function", entrypoint, given, (args, kwargs))
            return None if recorder is None else cls(recorder, given)
        except Exception:
            dropped["begin-failed"] += 1
            return None

    def __init__(self, recorder: Recorder, given: Arguments) -> None:
        self._recorder = recorder
        self._given = given
        self._items = Items()
        self._position = 0
        self._closing = False

    def told(self, what: Callable[..., None], *given: Any) -> None:
        """Tell it something; a fault of ours stays here."""
        try:
            what(*given)
        except Exception:
            dropped["steps-failed"] += 1

    def enter(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the generator function: only wrong arguments can fail here."""
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            self.told(self._raised, error)
            raise

    def sent(self, how: str, value: Any) -> None:
        """The consumer sent a value or threw an error in."""
        self._closing = type(value) is GeneratorExit
        if not self._closing:
            self._given.sent(self._position, how, value)

    def _item(self, item: Any) -> None:
        self._position += 1
        self._items.add(item)

    def _end(self, state: State) -> None:
        self._recorder.end("unfinished" if self._closing else state, as_it_is, self._items)

    def _raised(self, error: BaseException) -> None:
        if self._closing and type(error) is GeneratorExit:
            self._end("unfinished")
        else:
            self._recorder.end("raised", snapshot_error, error)

    def follow(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The same items, sends, errors and return value; each step of the body in the recorder's world."""
        step: Callable[[Any], Any] = generator.send
        given: Any = None
        while True:
            try:
                item = self._stepped(step, given)
            except StopIteration as stop:
                return stop.value
            given = None
            self.told(self._item, item)
            try:
                given = yield item
                step = generator.send
                if given is not None:
                    self.told(self.sent, "send", given)
            except BaseException as error:  # GeneratorExit too: the body decides what becomes of it
                given, step = error, generator.throw
                self.told(self.sent, "throw", error)

    def _stepped(self, step: Callable[[Any], Any], given: Any) -> Any:
        """One step of a generator, in the recorder's world. By itself, so that both are short: see
        `replay.core.encoder.Encoder._written`."""
        token = current.set(self._recorder)
        try:
            return step(given)
        except StopIteration as stop:
            self.told(self._items.end, stop.value)
            self.told(self._end, "returned")
            raise
        except BaseException as error:
            self.told(self._raised, error)
            raise
        finally:
            self.told(leave, token)

    async def step(self, step: Callable[[Any], Awaitable[Any]], given: Any) -> Any:
        """One step of an async generator, in the recorder's world."""
        token = current.set(self._recorder)
        try:
            item = await step(given)
        except StopAsyncIteration:
            self.told(self._end, "returned")
            raise
        except BaseException as error:
            self.told(self._raised, error)
            raise
        finally:
            self.told(leave, token)
        self.told(self._item, item)
        return item


Sent = Iterable[tuple[int, str, Any]]


def replayed(call: Callable[[], Generator[Any, Any, Any]], recording: Recording, sent: Sent) -> Outcome:
    """Draw from the generator what production drew."""
    items, inputs, limit = Items(), _by_position(sent), _limit(recording)
    try:
        generator = call()
        step: Callable[[Any], Any] = generator.send
        given: Any = None
        for position in range(1, limit + 1):
            items.add(step(given))
            how, given = inputs.get(position, ("send", None))
            step = generator.throw if how == "throw" else generator.send
        if recording.outcome.state != "unfinished":  # one step more: does it end where it ended?
            items.add(step(given))
        generator.close()
    except StopIteration as stop:
        items.end(stop.value)
        return Outcome("returned", items.settle())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome("raised", snapshot_error(error).settle())
    return Outcome("unfinished", items.settle())


async def replayed_async(call: Callable[[], AsyncGenerator[Any, Any]], recording: Recording, sent: Sent) -> Outcome:
    """`replayed` for an async generator."""
    items, inputs, limit = Items(), _by_position(sent), _limit(recording)
    try:
        generator = call()
        step: Callable[[Any], Awaitable[Any]] = generator.asend
        given: Any = None
        for position in range(1, limit + 1):
            items.add(await step(given))
            how, given = inputs.get(position, ("send", None))
            step = generator.athrow if how == "throw" else generator.asend
        if recording.outcome.state != "unfinished":
            items.add(await step(given))
        await generator.aclose()
    except StopAsyncIteration:
        return Outcome("returned", items.settle())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome("raised", snapshot_error(error).settle())
    return Outcome("unfinished", items.settle())


def _by_position(sent: Sent) -> dict[int, tuple[str, Any]]:
    return {position: (how, value) for position, how, value in sent}


def _limit(recording: Recording) -> int:
    """How many items production drew, if that is known."""
    payload = recording.outcome.payload
    if recording.outcome.state == "raised" or any(gap.path == "$.yielded" for gap in payload.gaps):
        return MOST_STEPS
    return len(payload.decode()["yielded"])
