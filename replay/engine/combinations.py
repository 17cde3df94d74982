"""Which pairs and triples of edits to try: grown from mutations that reached new lines, none twice.

What the code speaks of on those lines comes first (see `frontier`): the values that it compares with there, then the
likeliest edits of the places that it names. The others are drawn: at a place that the first edits made matter, near the
last of them, or at any that matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import TypeVar

import msgspec

from replay.core.edits import Edit, parse
from replay.core.looking import address_of
from replay.engine.frontier import Frontier, plain
from replay.engine.lines import Line
from replay.engine.mutation import Edits
from replay.engine.places import beside

T = TypeVar("T")
DEEPEST = 3
"""Edits of one mutation, before it is shrunk."""
LIKELY = 6
"""Edits of a place that are preferred."""
NAMED = 8
"""Edits that are tried of a place that the code names."""
PLACES = 40
"""Places that the code names on the lines of one mutation."""
FURTHER = 3
"""Ranks by which a place comes later that is named only where a name was assigned."""
IDLE = 2_000
"""Draws in a row that had all been tried before: the space is exhausted."""
DRAWN = 16
"""Parents that are drawn at a time."""
MISSES = 40
"""Draws in a row that found nothing new at a parent, after which it is left alone."""


class Parent(msgspec.Struct, eq=False):
    """A mutation to grow from."""

    edits: Edits
    returned: bool
    live: list[str]
    """Places that matter since these edits."""
    used: int = 0
    misses: int = 0
    """Draws in a row that had all been tried before."""
    left: dict[str, list[Edit]] | None = {}
    """Of places that were drawn: the edits that were not. None: it is drawn once, nobody counts."""


class Combinations:
    """The pairs and triples of one search. `plans`: the edits of each place, the likeliest first."""

    def __init__(self, random: Random, plans: Mapping[str, list[Edit]]) -> None:
        self.parents: list[Parent] = []
        self.live: set[str] = set()
        """Places that matter."""
        self._random, self._plans = random, plans
        self._chance = random.random
        self._frontier = Frontier()
        self._names: dict[str, list[str]] = {}
        """Places by what they are called."""
        self._named: list[list[Edits]] = []
        """What the code speaks of, by rank; the newest of a rank is tried first."""
        self._numbers: dict[int, tuple[int, Edit]] = {}
        """Of the planned edits, by identity. The edit is kept, so that its identity stays its own."""
        self._tried: set[tuple[int, ...]] = set()
        self._sorted: list[str] = []
        self._beside: dict[str, list[str]] = {}
        """Places that matter and lie beside another; forgotten when more matter."""
        self._drawn: list[Parent] = []
        self._is_spent = True
        """No parent is left to draw from; a new one may come."""

    def add(self, parent: Parent, lines: Iterable[Line]) -> None:
        """A mutation that reached these lines, which none had reached before."""
        self.parents.append(parent)
        self._drawn.clear()
        self._is_spent = False
        if len(parent.edits) < DEEPEST:
            for rank, edit in self.spoken(parent.edits, lines):
                while len(self._named) <= rank:
                    self._named.append([])
                self._named[rank].append((*parent.edits, edit))

    def spoken(self, edits: Edits, lines: Iterable[Line]) -> list[tuple[int, Edit]]:
        """The edits to add where the code came to these lines, with their ranks: what it compares with, 0."""
        said = self._frontier.at(lines)
        if not self._names:
            for path in self._plans:
                self._names.setdefault(_called(path), []).append(path)
        edited = {edit.path for edit in edits}
        found: list[tuple[int, Edit]] = []
        left = PLACES
        for distance, words in enumerate(said.words):
            paths = [path for name in self._names if name in words for path in self._names[name] if path not in edited]
            for path in paths[:left]:
                for rank, edit in enumerate(self._plans[path]):
                    is_compared = edit.operator == "set" and _is_one_of(edit.argument, said.constants)
                    if is_compared or rank < NAMED:
                        found.append((distance * FURTHER + (0 if is_compared else rank + 1), edit))
            left = max(0, left - len(paths))
        return sorted(found, key=lambda pair: pair[0])

    def named(self) -> Iterator[Edits]:
        """What the code speaks of on the lines that were reached so far."""
        while True:
            waiting = next((each for each in self._named if each), None)
            if waiting is None:
                return
            edits = waiting.pop()
            if self._is_new(edits):
                yield edits

    def between(self, others: Iterable[Edits]) -> Iterator[Edits]:
        """These mutations, and after each the next of `named`, if there is one."""
        for edits in others:
            yield edits
            yield from self._next_named()

    def _next_named(self) -> Iterator[Edits]:
        for edits in self.named():
            yield edits
            return

    def drawn(self, parents: Iterator[Parent]) -> Iterator[Edits]:
        """Pairs and triples by chance, grown from the parents that come."""
        idle = 0
        while idle < IDLE:
            parent = next(parents)
            edit = self._added(parent)
            if edit is None or not self._is_new(edits := (*parent.edits[: DEEPEST - 1], edit)):
                idle += 1
                parent.misses += 1
                continue
            if parent.misses >= MISSES:
                self._is_spent = False
            idle = parent.misses = 0
            yield edits

    def _is_new(self, edits: Edits) -> bool:
        """Each place is edited once; so their order makes no difference. Numbers are quicker to compare than texts."""
        if len({edit.path for edit in edits}) < len(edits):
            return False
        numbers = []
        for edit in edits:
            found = self._numbers.get(address_of(edit))
            if found is None:
                found = self._numbers[address_of(edit)] = len(self._numbers), edit
            numbers.append(found[0])
        numbers.sort()
        key = tuple(numbers)
        if key in self._tried:
            return False
        self._tried.add(key)
        return True

    def parent(self) -> Parent:
        """A mutation to grow from; now and then edits that led nowhere yet."""
        if not self._drawn and not self._is_spent:
            self._drawn = self._more()
            self._is_spent = not self._drawn
        if not self._drawn or self._chance() < 0.1:
            return self._anywhere()
        found = self._drawn.pop()
        found.used += 1
        return found

    def _more(self) -> list[Parent]:
        """Those that returned and that made places matter before others, those that were grown from less often."""
        left = [each for each in self.parents if each.misses < MISSES]
        weights = [(1.0 if each.returned else 0.2) * (2.0 if each.live else 1.0) / (1 + each.used / 20)
                   for each in left]  # fmt: skip
        return self._random.choices(left, weights, k=DRAWN) if left else []

    def _anywhere(self) -> Parent:
        number = 1 if self._chance() < 0.7 else DEEPEST - 1
        ordered, plans = self._ordered(), self._plans
        edits = tuple([self._one_edit(plans[self._one_of(ordered)]) for _ in range(number)])
        return Parent(edits, True, [], left=None)

    def _one_of(self, among: Sequence[T]) -> T:
        return among[int(self._chance() * len(among))]

    def _one_edit(self, plan: list[Edit]) -> Edit:
        return plan[self._place_in(plan)]

    def _place_in(self, plan: list[Edit]) -> int:
        """Every other time among the likeliest."""
        most = len(plan)
        if self._chance() < 0.5 and most > LIKELY:
            most = LIKELY
        return int(self._chance() * most)

    def _added(self, parent: Parent) -> Edit | None:
        """The edit to add: at a place that the parent made matter, near its last one, or at any that matters. None:
        all of that place were tried."""
        chance = self._chance()
        paths: list[str] = []
        if parent.live and chance < 0.35:
            paths = parent.live
        elif chance < 0.6:
            paths = self._near(parent.edits[-1].path)
        path = self._one_of(paths or self._ordered())
        if parent.left is None:
            return self._one_edit(self._plans[path])
        left = parent.left.get(path)
        if left is None:
            left = parent.left[path] = list(self._plans[path])
        if not left:
            return None
        return left.pop(self._place_in(left))

    def _near(self, last: str) -> list[str]:
        ordered = self._ordered()
        found = self._beside.get(last)
        if found is None:
            root, steps = parse(last)
            found = self._beside[last] = [path for path in ordered if beside(path, root, steps)]
        return found

    def _ordered(self) -> list[str]:
        if len(self.live) != len(self._sorted):
            self._sorted = sorted(self.live)
            self._beside.clear()
        return self._sorted


def _called(path: str) -> str:
    """What a place is called: its last name."""
    root, steps = parse(path)
    return plain(next((step for step in reversed(steps) if type(step) is str), root))


def _is_one_of(value: object, constants: set[tuple[type, object]]) -> bool:
    return type(value) in (str, int, float) and (type(value), value) in constants
