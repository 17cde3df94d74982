"""The world that answers from a recording.

Order is exact within a lane: a request is answered by the next unserved interaction of a lane. Which recorded lane
a live task or thread follows is found by what it asks (its own name first), so that threads may start in another
order. What nothing answers is noted as a divergence *before* it is raised, since applications swallow exceptions.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from linecache import getline
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from replay.core.codec import Resolve, Value
from replay.core.compare import differences, unexpected
from replay.core.recording import Interaction, Recording, State
from replay.core.verdict import Difference, Divergence, Frame, Window
from replay.core.world import Answer, Request, Settles, Shelf, Ticket
from replay.engine.entropy import drawn
from replay.engine.lanes import Lanes
from replay.errors import DivergenceError

T = TypeVar("T")
_PACKAGE = str(Path(__file__).parent.parent)
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class EqualityShelf:
    """Finds an answer by equality of requests: canonical text first, then with times in the window excused."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def take(self, asked: Value, candidates: Sequence[Interaction]) -> Interaction | None:
        for candidate in candidates:
            if candidate.request.text == asked.text:
                return candidate
        return next((c for c in candidates if not unexpected(self.differences(c, asked))), None)

    def differences(self, recorded: Interaction, asked: Value) -> list[Difference]:
        return differences(recorded.request, asked, window=self._window)

    def refusal(self, asked: Value, message: str) -> BaseException:
        return DivergenceError(message)


class Player:
    """One replay of one recording. A `World`; safe to call from any thread.

    `shelves` find answers by boundary, `move` sets the virtual clock (nanoseconds since the epoch), `root` tells user
    code from libraries, `through` names boundaries that the user wants live.
    """

    live = False

    def __init__(
        self,
        recording: Recording,
        *,
        shelves: Mapping[str, Shelf],
        resolve: Resolve | None = None,
        move: Callable[[int], None] = lambda ns: None,
        root: Path | None = None,
        through: Collection[str] = (),
    ) -> None:
        self.recording = recording
        self._through = frozenset(through)
        self.divergences: list[Divergence] = []
        self.served = 0
        self.unanswered = 0
        self._shelves = shelves
        self._equality = EqualityShelf(window(recording))
        self._resolve = resolve
        self._move = move
        self._now = recording.started_at
        self._root = None if root is None else str(root)
        self._lock = RLock()
        self._lanes = Lanes()
        self._follows: dict[str, str] = {}
        self._waiting: dict[str, deque[Interaction]] = {}
        for interaction in recording.interactions:
            if interaction.boundary in self._through:
                continue
            self._waiting.setdefault(interaction.lane, deque()).append(interaction)
        self._spent: list[Interaction] = []
        self._skipped: list[Interaction] = []
        context = recording.context.tree or {}
        drawn_values = recording.context.decode()["draws"] if "draws" in context else {}
        self._draws = {
            (lane, kind): deque(values) for lane, kinds in drawn_values.items() for kind, values in kinds.items()
        }
        self._seed: str | None = context.get("entropy", {}).get("seed")
        self._entropy: dict[str, int] = {}
        self.closed = False

    def start_here(self) -> None:
        """The calling task is the one that runs the entry point."""
        self._lanes.start_here()

    # The world --------------------------------------------------------------------------------------------------

    def ask(self, request: Request) -> Answer | None:
        if request.boundary in self._through:
            return None
        asked = request.payload.settle()
        shelf = self._shelves.get(request.boundary, self._equality)
        with self._lock:
            lane = self._lanes.name()
            found = None if self.closed else self._take(shelf, request, asked, lane)
            if found is None:
                raise self._refuse(shelf, request, asked, lane)
            self.served += 1
            self._spent.append(found)
            self._advance(self.recording.started_at + found.offset_ns + found.duration_ns)
        return Answer(found.answer, found.state, self._resolve, found.seq, found.duration_ns)

    def tell(self, ticket: Ticket, state: State, answer: Settles | None) -> None:
        """Nothing to hear: a player never gives a ticket."""

    def draw(self, kind: str, live: Callable[[], T]) -> T:
        with self._lock:
            lane = self._lanes.name()
            values = self._draws.get((lane, kind))
            if values:
                return values.popleft()  # type: ignore[no-any-return]
            self._note(Divergence(kind="exhausted", lane=lane, boundary="random", target=kind, where=self._where()))
        return live()

    def entropy(self, size: int, live: Callable[[int], bytes]) -> bytes:
        with self._lock:
            lane = self._lanes.name()
            number = self._entropy.get(lane, 0)
            self._entropy[lane] = number + 1
            if not self._seed:
                self._seed = self.recording.digest
        return drawn(self._seed, lane, number, size)

    def sleep(self, seconds: float, live: Callable[[float], None]) -> None:
        with self._lock:
            self._advance(self._now + max(0, int(seconds * 1e9)))

    def beyond(self, seq: int, message: str) -> BaseException:
        with self._lock:
            read = self.recording.interactions[seq]
            divergence = Divergence(
                kind="exhausted",
                lane=self._lanes.name(),
                boundary=read.boundary,
                target=read.target,
                nearest=read,
                differences=(Difference("$", "added", actual=message),),
                where=self._where(),
            )
            self._note(divergence)
        return DivergenceError(message)

    def note(self, name: str, value: Settles) -> None:
        """A replay writes no notes."""

    # What is left -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """The run is over: what was not asked for is noted, and late requests are refused."""
        with self._lock:
            self.closed = True
            for interaction in self.left_over:
                if interaction not in self._skipped:
                    self._note(_missing(interaction))
            for (lane, kind), values in self._draws.items():
                if values:
                    text = f"{len(values)} recorded draws of {kind} were not taken"
                    lost = Difference("$", "removed", recorded=text)
                    self._note(
                        Divergence(kind="missing", lane=lane, boundary="random", target=kind, differences=(lost,))
                    )

    @property
    def left_over(self) -> list[Interaction]:
        """Recorded interactions that no request took, in the order in which production asked them."""
        waiting = [interaction for lane in self._waiting.values() for interaction in lane]
        return sorted([*waiting, *self._skipped], key=lambda interaction: interaction.seq)

    # Inside -----------------------------------------------------------------------------------------------------

    def _advance(self, now: int) -> None:
        if now > self._now:
            self._now = now
            self._move(now)

    def _take(self, shelf: Shelf, request: Request, asked: Value, lane: str) -> Interaction | None:
        own = self._follows.get(lane, lane)
        heads = [queue[0] for queue in self._waiting.values() if queue and _same(queue[0], request)]
        heads.sort(key=lambda head: (head.lane != own, head.seq))
        found = shelf.take(asked, heads) if heads else None
        if found is None:
            later = [i for queue in self._waiting.values() for i in queue if _same(i, request) and i not in heads]
            later.sort(key=lambda interaction: interaction.seq)
            found = shelf.take(asked, later) if later else None
            if found is not None:
                expected = self._waiting[found.lane][0]
                divergence = Divergence(
                    kind="reordered",
                    lane=lane,
                    boundary=request.boundary,
                    target=request.target,
                    asked=asked,
                    nearest=expected,
                    where=self._where(),
                )
                self._note(divergence)
        if found is not None:
            self._waiting[found.lane].remove(found)
            self._follows.setdefault(lane, found.lane)
        return found

    def _refuse(self, shelf: Shelf, request: Request, asked: Value, lane: str) -> BaseException:
        self.unanswered += 1
        nearest, fields = self._nearest(shelf, request, asked, lane)
        kind: Any = "extra" if nearest is None else "exhausted" if nearest in self._spent else "changed"
        divergence = Divergence(
            kind=kind,
            lane=lane,
            boundary=request.boundary,
            target=request.target,
            asked=asked,
            nearest=nearest,
            differences=tuple(fields),
            where=self._where(),
        )
        self._note(divergence)
        if kind == "changed" and nearest is not None:
            self._waiting[nearest.lane].remove(nearest)
            self._skipped.append(nearest)
        return shelf.refusal(asked, describe(divergence))

    def _nearest(
        self, shelf: Shelf, request: Request, asked: Value, lane: str
    ) -> tuple[Interaction | None, Sequence[Difference]]:
        waiting = [i for queue in self._waiting.values() for i in queue if i.boundary == request.boundary]
        for spent in self._spent:
            if _same(spent, request) and spent.request.text == asked.text:
                return spent, ()
        if not waiting:
            return None, ()
        own = self._follows.get(lane, lane)
        compared = [(i, shelf.differences(i, asked)) for i in sorted(waiting, key=lambda i: i.seq)[:50]]
        compared.sort(key=lambda pair: (pair[0].target != request.target, pair[0].lane != own, len(pair[1])))
        return compared[0]

    def _note(self, divergence: Divergence) -> None:
        self.divergences.append(divergence)

    def _where(self) -> tuple[Frame, ...]:
        frame = sys._getframe(1)
        found: list[Frame] = []
        while frame is not None and len(found) < 10:
            file = frame.f_code.co_filename
            if self._is_user_code(file):
                source = getline(file, frame.f_lineno).strip()
                found.append(Frame(file, frame.f_lineno, frame.f_code.co_name, source))
            frame = frame.f_back  # type: ignore[assignment]
        return tuple(reversed(found))

    def _is_user_code(self, file: str) -> bool:
        if self._root is not None and file.startswith(self._root) and "site-packages" not in file:
            return not file.startswith(_PACKAGE) or "/demo/" in file
        if file.startswith(_PACKAGE):
            return "/demo/" in file
        return not file.startswith(("<", *_LIBRARY))


def _same(interaction: Interaction, request: Request) -> bool:
    if interaction.boundary != request.boundary:
        return False
    return request.boundary == "http" or interaction.target == request.target


def _missing(interaction: Interaction) -> Divergence:
    return Divergence(
        kind="missing",
        lane=interaction.lane,
        boundary=interaction.boundary,
        target=interaction.target,
        nearest=interaction,
    )


def window(recording: Recording) -> Window:
    """The wall-clock span of the recording."""
    return Window(recording.started_at, recording.started_at + recording.duration_ns)


def describe(divergence: Divergence) -> str:
    """One divergence in two or three lines, for the exception that the application sees."""
    lines = [f"replay: no recorded answer for {divergence.boundary} {divergence.target} ({divergence.kind})."]
    if divergence.nearest is not None:
        fields = ", ".join(_field(d) for d in divergence.differences[:5]) or "nothing but its place"
        lines.append(f"Nearest: [{divergence.nearest.seq}] {divergence.nearest.target}; differs in {fields}.")
    if divergence.where:
        frame = divergence.where[-1]
        lines.append(f"Asked at {frame.file}:{frame.line} in {frame.function}.")
    return " ".join(lines)


def _field(difference: Difference) -> str:
    return f"{difference.path} (recorded {difference.recorded!r}, now {difference.actual!r})"
