"""The world of a mutated recording: it answers as far as sense goes where a strict replay would stop.

A mutation changes what the code asks: another customer is looked up, an item is asked for twice. In this order:
1. the recorded answer of that very request, as in any replay;
2. the nearest answer that is still unserved: of the same target, in the order of the recording, the own lane first;
   then of a URL of which one part is another;
3. an answer that was served already: of the same request (the world would say the same again), then of the same target.
Answers of the second and third kind are counted (`stretched`): they are answers to another question. What nothing
answers ends the run as diverged, which is never a failure of the code. Random draws beyond the recorded ones go on
deterministically. What was asked, answered and drawn is kept: with it the run is a recording of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from replay.core.codec import Value
from replay.core.recording import Interaction, Recording
from replay.core.standins import STARTED
from replay.core.verdict import Difference, Divergence
from replay.core.world import Request, Shelf
from replay.engine.beyond import UNIQUE, beyond
from replay.engine.entropy import BELOW
from replay.engine.heard import Heard
from replay.engine.player import EqualityShelf, Player, window
from replay.errors import DivergenceError

T = TypeVar("T")
MOST_AGAIN = 200
"""Requests of a run (and ten for each recorded one) before served answers are not given again: the run has gone too far
from the recording."""
MOST_REPEATED = 1000
"""Draws that are given again: `choice` draws until one is small enough, and an edit may have made it large."""
_HARMLESS = frozenset({"missing", "reordered"})


class Taken(msgspec.Struct, frozen=True):
    """One request of the run and what answered it."""

    answered_by: Interaction
    request: Request
    asked: Value
    lane: str


class _Same:
    """A shelf that finds an answer by the text of the request: what differs gets the nearest answer anyway, and nobody
    reads in what it differs. What may differ in times alone, or has what stands for something, is compared in full."""

    __slots__ = ("_recording",)

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def take(self, asked: Value, candidates: Sequence[Interaction]) -> Interaction | None:
        text = asked.text
        for each in candidates:
            if each.request.text == text:
                return each
        likely = candidates if STARTED in text else [each for each in candidates if _may_be(each.request.text, text)]
        return EqualityShelf(window(self._recording), {}).take(asked, likely) if likely else None

    def differences(self, recorded: Interaction, asked: Value) -> list[Difference]:
        return []

    def noted(self, recorded: Interaction, asked: Value) -> list[Difference]:
        return []

    def refusal(self, asked: Value, message: str, *, brief: bool = False) -> BaseException:
        return DivergenceError(message)


def _may_be(one: str, other: str) -> bool:
    """Whether two texts differ in digits alone, of which there are enough for a time."""
    if len(one) != len(other):
        return False
    masked = other.translate(_DIGITS)
    return masked.count("0") >= _OF_TIME and one.translate(_DIGITS) == masked


_OF_TIME = 4
_DIGITS = str.maketrans("123456789", "000000000")


class Mutant(Player):
    """A player that does not mind other requests than the recorded ones."""

    __slots__ = ("_indexed", "_kinds", "_most", "_paused", "_pauses", "_repeated", "_row", "_served", "drawn",
                 "endless", "heard", "made_seed", "stretched", "taken")  # fmt: skip

    def __init__(self, *args: Any, pauses: Callable[[], int] | None = None, **kwargs: Any) -> None:
        """`pauses` counts the waits of the code that were for no answer; None: they are not known."""
        super().__init__(*args, **kwargs)
        self._pauses = pauses
        self._repeated = 0
        self._paused = 0
        self.taken: list[Taken] = []
        self.heard: list[Heard] = []
        self.stretched = 0
        self.endless: str | None = None
        """What it asked over and over, without a pause, until it was given no more answers."""
        self._row = 0
        self._most = MOST_AGAIN + 10 * len(self.recording.interactions)
        self._indexed = 0
        self._served: dict[tuple[str, str, str | None], Interaction] = {}
        self.drawn: dict[str, dict[str, list[Any]]] = {}
        self.made_seed: str | None = None
        """What the system's generator was seeded with, if the recording does not say."""
        self._kinds: dict[str, deque[Any]] = {}
        for (_, kind), values in self._draws.items():
            self._kinds.setdefault(kind, deque()).extend(values)

    def _shelf_of_others(self) -> Shelf:
        return _Same(self.recording)

    @property
    def diverged(self) -> bool:
        """Something could not be answered, or reached for the real world: how the run ended says nothing."""
        found = self.divergences
        return self.unanswered > 0 or (bool(found) and any(each.kind not in _HARMLESS for each in found))

    def _seeded(self) -> str:
        if not self._seed:
            self._seed = self.made_seed = f"mutation of {self.recording.id}"
        return self._seed

    def below(self, among: int, live: Callable[[], int]) -> int:
        if self._choices is None or self.closed:
            return super().below(among, live)
        with self._lock:
            lane = self.lanes.name()
            values = self._draws.get((lane, BELOW))
            value: int = values.popleft() % among if values else self._choose(lane, among)
            self._noted(lane, BELOW, value)
            return value

    def draw(self, kind: str, live: Callable[[], T]) -> T:
        if self.closed:
            return live()
        with self._lock:
            lane = self.lanes.name()
            values = self._draws.get((lane, kind))
            value = values.popleft() if values else self._more(kind, live)
            self._noted(lane, kind, value)
            return value  # type: ignore[no-any-return]

    def _noted(self, lane: str, kind: str, value: Any) -> None:
        self.drawn.setdefault(lane, {}).setdefault(kind, []).append(value)

    def _more(self, kind: str, live: Callable[[], T]) -> Any:
        """Draws of that kind again from the start; where there were none, or none of them will do, or none may come
        twice, from a generator of fixed seed."""
        before = None if kind in UNIQUE else self._kinds.get(kind)
        if before and self._repeated < MOST_REPEATED:
            self._repeated += 1
            before.rotate(-1)
            return before[-1]
        number = sum(len(kinds.get(kind, ())) for kinds in self.drawn.values())
        return beyond(kind, f"{self.recording.id}/{kind}/{number}", live)

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        self._row = 0
        super().sleep(seconds, live)

    def _has_paused(self, request: Request) -> bool:
        """Since the last request; of a coroutine only the clock can tell."""
        if self._pauses is None:
            return request.awaits
        before, self._paused = self._paused, self._pauses()
        return self._paused != before

    def _take(
        self, shelf: Shelf, request: Request, asked: Value, lane: str, among: list[Interaction]
    ) -> Interaction | None:
        found = super()._take(shelf, request, asked, lane, among)
        if found is None:
            found = self._nearest(request, asked, lane)
            if found is None:
                return None
            self.stretched += 1
        last = self.taken[-1] if self.taken else None
        is_same = last is not None and last.asked.text == asked.text and _same_target(last.answered_by, request)
        self._row = self._row + 1 if not self._has_paused(request) and is_same else 0
        self.taken.append(Taken(found, request, asked, lane))
        return found

    def _nearest(self, request: Request, asked: Value, lane: str) -> Interaction | None:
        course = self._partings.course
        own = course.recorded.get(lane, lane)
        found = self._waiting.nearest(request, own)
        if found is not None:
            self._waiting.take(found)
            course.recorded.setdefault(lane, found.lane)
            course.answered[lane] = course.answered.get(lane, 0) + 1
            return found
        if len(self.taken) > self._most:
            if self._row >= MOST_AGAIN // 2:
                self.endless = request.target
            return None
        for each in self.taken[self._indexed :]:
            found = each.answered_by
            self._served.setdefault((found.boundary, found.target, found.request.text), found)
            self._served.setdefault((found.boundary, found.target, None), found)
        self._indexed = len(self.taken)
        same = self._served.get((request.boundary, request.target, asked.text))
        return same or self._served.get((request.boundary, request.target, None))

    def _ask_elsewhere(self, divergence: Divergence) -> None:
        self.stretched += 1

    def _refuse(self, shelf: Shelf, request: Request, asked: Value, lane: str) -> BaseException:
        """Nobody reads where it parted: the run is given up."""
        self.unanswered += 1
        message = f"replay: nothing answers {request.boundary} {request.target} in this mutation"
        return shelf.refusal(asked, message, brief=True)


def _same_target(interaction: Interaction, request: Request) -> bool:
    return interaction.boundary == request.boundary and interaction.target == request.target
