"""The recorded interactions that nobody has asked for yet, in the order of their lanes."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from replay.core.codec import Value
from replay.core.recording import Interaction, Recording
from replay.core.world import Request


class Waiting:
    """One queue a lane. Not locked: the player asks under its lock.

    An interaction that the code went past stays in its queue: it may still be asked, and those behind it are next too.
    """

    def __init__(self, recording: Recording, through: Collection[str]) -> None:
        self._lanes: dict[str, deque[Interaction]] = {}
        self._passed: set[int] = set()
        self._boundaries: dict[str, dict[int, Interaction]] = {}
        self._targets: dict[tuple[str, str], dict[int, Interaction]] = {}
        """The same by what was asked and by number, in production's order; empty until somebody asks out of turn."""
        for interaction in recording.interactions:
            if interaction.boundary not in through:
                self._lanes.setdefault(interaction.lane, deque()).append(interaction)

    def __contains__(self, seq: int) -> bool:
        return any(interaction.seq == seq for interaction in self)

    def __iter__(self) -> Iterator[Interaction]:
        return (interaction for queue in self._lanes.values() for interaction in queue)

    def left(self) -> list[Interaction]:
        """All of them, in the order in which production asked."""
        return sorted(self, key=lambda interaction: interaction.seq)

    def next(self, request: Request) -> list[Interaction]:
        """Those that are next in their lane and ask the same thing."""
        found = []
        passed = self._passed
        for queue in self._lanes.values():
            for interaction in queue:
                if same(interaction, request):
                    found.append(interaction)
                if interaction.seq not in passed:
                    break
        return found

    def later(self, request: Request) -> list[Interaction]:
        """Those that ask the same thing, wherever they stand, in the order in which production asked."""
        return [*(self._of_boundary(request) if request.boundary == "http" else self._of_target(request)).values()]

    def nearest(self, request: Request, lane: str) -> Interaction | None:
        """The first with the same target, else that is `alike`, wherever it stands; of this lane, if there is one."""
        likely = (each for each in self._of_boundary(request).values() if alike(each, request))
        for among in (self._of_target(request).values(), likely):
            first = None
            for each in among:
                if each.lane == lane:
                    return each
                first = first if first is not None else each
            if first is not None:
                return first
        return None

    @property
    def has_lanes(self) -> bool:
        """There is more than one."""
        return len(self._lanes) > 1

    def _of_boundary(self, request: Request) -> dict[int, Interaction]:
        self._index()
        return self._boundaries.get(request.boundary, {})

    def _of_target(self, request: Request) -> dict[int, Interaction]:
        self._index()
        return self._targets.get((request.boundary, request.target), {})

    def _index(self) -> None:
        if not self._boundaries:
            for each in self.left():
                self._boundaries.setdefault(each.boundary, {})[each.seq] = each
                self._targets.setdefault((each.boundary, each.target), {})[each.seq] = each

    def expected(self, lane: str) -> Interaction | None:
        """What production asked next in this lane."""
        return next((i for i in self._lanes.get(lane, ()) if i.seq not in self._passed), None)

    def before(self, interaction: Interaction) -> list[Interaction]:
        """What its lane had to ask first and the code has not gone past yet."""
        queue = self._lanes[interaction.lane]
        return [each for each in queue if each.seq < interaction.seq and each.seq not in self._passed]

    def is_passed(self, interaction: Interaction) -> bool:
        """The code went on without asking it."""
        return interaction.seq in self._passed

    def go_past(self, interaction: Interaction) -> None:
        """The code went on without asking it."""
        self._passed.add(interaction.seq)

    def take(self, interaction: Interaction) -> None:
        """It is asked for."""
        queue = self._lanes[interaction.lane]
        if queue[0] is interaction:
            queue.popleft()
        else:
            queue.remove(interaction)
        if not queue:
            del self._lanes[interaction.lane]
        if self._boundaries:
            self._boundaries[interaction.boundary].pop(interaction.seq, None)
            self._targets[interaction.boundary, interaction.target].pop(interaction.seq, None)


def same(interaction: Interaction, request: Request) -> bool:
    """Whether they ask the same thing, as far as targets tell. URLs of http are compared by its own matchers."""
    if interaction.boundary != request.boundary:
        return False
    return request.boundary == "http" or interaction.target == request.target


def alike(interaction: Interaction, request: Request) -> bool:
    """Whether one can be the other with other values: the same target, or a URL of which one part is another."""
    if interaction.boundary != request.boundary:
        return False
    if interaction.target == request.target:
        return True
    recorded, asked = interaction.target.split("/"), request.target.split("/")
    parted = [at for at, (one, two) in enumerate(zip(recorded, asked, strict=False)) if one != two]
    if len(recorded) <= _PATH or len(recorded) != len(asked) or len(parted) != 1:
        return False
    return parted[0] < _PATH or len(recorded) > _PATH + 1  # the only part of a path says what is asked


def request_of(interaction: Interaction) -> Request:
    """What was asked, as if it were asked again."""
    return Request(interaction.boundary, interaction.target, _Recorded(interaction.request))


class _Recorded:
    """A request that was settled long ago."""

    size = 0

    def __init__(self, value: Value) -> None:
        self._value = value

    def settle(self) -> Value:
        return self._value


_PATH = 3
"""Where the path begins among the parts of `GET https://host/path`."""
