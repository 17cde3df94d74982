"""One run of a mutation, as it was."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import msgspec

from replay.core.behind import apart
from replay.core.codec import Resolve, Value
from replay.core.filling import refitted
from replay.core.left import LEFT
from replay.core.opened import Opened
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.world import Settles
from replay.engine.failures import Failure
from replay.engine.heard import Heard
from replay.engine.mutant import Taken
from replay.engine.player import UNREAD

_PYTHON = platform.python_version()


class Execution(msgspec.Struct, frozen=True):
    """One run of a mutation."""

    mutated: Recording
    outcome: Outcome | None
    """None: it could not be run."""
    failure: Failure | None
    """None also for what says nothing: a diverged run, a declared error."""
    diverged: bool
    stretched: int
    """Requests that got the nearest answer instead of their own."""
    taken: tuple[Taken, ...]
    drawn: Mapping[str, Mapping[str, list[Any]]]
    reason: str | None = None
    """Why it could not be run."""
    heard: tuple[Heard, ...] = ()
    """What it logged as an error, if the stage hears."""
    notes: Mapping[str, Settles] = {}
    """What it noted."""
    seed: str | None = None
    """Of the system's generator, where the recording has none and it was drawn from."""
    half_read: frozenset[int] = frozenset()
    """Interactions of the mutation whose answers it did not read to their end."""

    @property
    def effect(self) -> str:
        """What the run did, as far as the world sees it; equal for runs that did the same. Which of two lanes asked
        first is another each time, and so are headers in which a client counts or tells of the request before."""
        outcome = self.outcome
        ended = "" if outcome is None else f"{outcome.state} {_ending(outcome.payload)}"
        if not self.taken:
            return ended
        asked = sorted(self.taken, key=_lane) if len(self.taken) > 1 else self.taken
        return "\n".join((ended, *(f"{each.request.target!r} {_without_headers(each)}" for each in asked)))


_lane = attrgetter("lane")


def _without_headers(taken: Taken) -> str:
    text = taken.asked.text
    if taken.request.boundary == "http":
        start = text.find(',"headers":[')
        end = text.find('],"body":', start) if start > 0 else -1  # no string holds that: its quotes are escaped
        if end > 0:
            return text[:start] + text[end + 1 :]
    return text


def _ending(payload: Value) -> Any:
    """An error by its type and message: frames are long, and lines tell where it was raised."""
    return "".join(apart(payload.text)) if payload.error_type is None else payload.text[:200]


def asked_of(execution: Execution, resolve: Resolve) -> tuple[Interaction, ...]:
    """What a run asked and what answered."""
    return tuple(
        msgspec.structs.replace(
            each.answered_by,
            seq=seq,
            lane=each.lane,
            target=each.request.target,
            request=each.asked,
            answer=refitted(each.answered_by.answer, each.answered_by.request, each.asked, resolve),
        )  # with the times of what answered, which a replay goes by as the run did
        for seq, each in enumerate(execution.taken)
    )


def as_numbered(execution: Execution) -> Execution:
    """The same with what several lanes asked in the order of the recording: which of two threads is first is another
    each time. As it is where a lane asked in another order, or was answered twice by the same."""
    numbers: dict[str, list[int]] = {}
    for each in execution.taken:
        numbers.setdefault(each.lane, []).append(each.answered_by.seq)
    every = [number for lane in numbers.values() for number in lane]
    if len(set(every)) < len(every) or any(lane != sorted(lane) for lane in numbers.values()):
        return execution
    taken = tuple(sorted(execution.taken, key=lambda each: each.answered_by.seq))
    return msgspec.structs.replace(execution, taken=taken)


def not_run(mutated: Recording, reason: str) -> Execution:
    return Execution(mutated, None, None, True, 0, (), {}, reason)


def endless(mutated: Recording, target: str) -> Execution:
    """The world's answers made it ask the same thing for ever: a page that leads to itself."""
    message = f"asks {target} the same over and over, without a pause"
    hang = Failure("hang", "Overrun", message, (), target)
    return msgspec.structs.replace(not_run(mutated, message), failure=hang)


def context_of(execution: Execution) -> Value:
    """That of the recording, with what this run drew and left unread."""
    context, drawn, seed = execution.mutated.context, execution.drawn, execution.seed
    tree = dict(context.tree or {})
    for name in ("draws", LEFT, UNREAD):
        tree.pop(name, None)
    if "python" in tree:
        tree["python"] = _PYTHON  # which words its errors in its own way
    if drawn:
        tree["draws"] = Opened(Value("null")).tree({lane: dict(kinds) for lane, kinds in drawn.items()})
    if execution.half_read:
        tree[UNREAD] = [at for at, each in enumerate(execution.taken) if each.answered_by.seq in execution.half_read]
    if seed is not None:
        tree["entropy"] = {**tree.get("entropy", {}), "seed": seed}
    return Value(msgspec.json.encode(tree).decode(), context.gaps)
