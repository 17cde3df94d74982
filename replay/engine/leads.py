"""What a signature itself suggests to edit: names and literals of the failing lines, values that the message quotes.

Nothing here knows a library. A value is data taken from the signature: out of the message (in quotes, as a number, in
the holes of the template that the failing line has), out of reported variables, out of the conditions around the line.
A place is named where its name stands in the failing line, or flows into it by assignments of the same function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from replay.core.edits import Edit
from replay.core.parts import Parts
from replay.core.recording import Recording
from replay.engine.flows import (
    SAMPLES,
    atoms,
    demand,
    heads,
    holes,
    names_of,
    node_of,
    parsed,
    sources,
    statement_at,
    tests_around,
    texts,
    texts_flowing,
)  # fmt: skip
from replay.engine.goal import Goal
from replay.engine.operators.site import Site
from replay.engine.places import places
from replay.engine.spots import FunctionNode, Spot
from replay.engine.typical import others

MOST = 4_000
"""Edits that are suggested."""
VALUES = 40
"""Values that are taken from a signature."""
LONG = 2_000
"""Characters of a message that are read."""
_QUOTED = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w])")
_CODEC = re.compile(r"'([\w-]{2,20})' codec can't encode")
_STRANGE = ("ß", "\u20ac", "\u6f22", "\ud800")
"""Characters, of which each codec lacks some."""
_TIMES = frozenset({
    "hour", "minute", "second", "day", "month", "year", "date", "time", "now", "today", "utcnow", "weekday", "datetime",
    "timedelta", "timezone", "fromisoformat", "strptime", "timestamp", "expired",
})  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_SECOND = 10**9
_MOVES = (10**6, _SECOND, 60 * _SECOND, *(hour * 3600 * _SECOND for hour in range(1, 24)),
          *(day * 86_400 * _SECOND for day in (1, 2, 3, 4, 5, 6, 7, 28, 30, 31, 365, -1, -30, -365)))  # fmt: skip
"""Nanoseconds by which the clock is put on: another hour, another day of the week."""


class Wanted(msgspec.Struct, frozen=True):
    """Values that a named place should hold for a condition to be met."""

    names: tuple[str, ...]
    values: tuple[Any, ...]
    keys: tuple[str, ...] = ()
    """Texts in what is tested: names that may be missing in a mapping that is named there."""


class Leads:
    """What a goal says of values and names."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.names: dict[str, int] = {}
        """Names as `plain_name` gives them, and how far from the failing line: 0 is the line itself."""
        self.values: list[Any] = []
        self.told: list[Wanted] = []
        """Names with the values that they had: of variables, of the holes in the message's template."""
        self.conditions: list[Wanted] = []
        self._read_message()
        for number, spot in enumerate(reversed(goal.spots)):
            self._read_spot(spot, number)
        for name, value in goal.signature.variables:
            self.told.append(Wanted((plain_name(name),), (value,)))
        for wanted in self.told:
            for value in wanted.values:
                _add(self.values, value)

    def edits(self, sites: Sequence[Site], plans: dict[str, list[Edit]]) -> Iterator[tuple[Edit, ...]]:
        """Mutations to try first, in that order, each once; `plans`: what is tried at each place anyway."""
        seen: set[str] = set()
        for count, edits in enumerate(self._all(sites, plans)):
            key = "\n".join(edit.key for edit in edits)
            if count >= 4 * MOST or len(seen) >= MOST:
                return
            if key not in seen:
                seen.add(key)
                yield edits

    def _all(self, sites: Sequence[Site], plans: dict[str, list[Edit]]) -> Iterator[tuple[Edit, ...]]:
        named = sorted(
            ((rank, site) for site in sites if (rank := self.rank(site)) is not None), key=lambda pair: pair[0]
        )
        near = [site for rank, site in named if rank < 10]
        yield from ((edit,) for edit in self._by_name(self.told, sites))
        yield from self._raised(sites)
        yield from self._met(sites)
        paths = {site.path for site in near}
        rest = [site for site in sites if site.path not in paths]
        whole = [site for site in sites if not site.steps and site.boundary in ("http", "call", "model")]
        turns: list[tuple[int, Iterator[Edit]]] = [
            (3, (edit for site in near for edit in self._at(site))),
            (2, _evenly([plans.get(site.path, ()) for site in whole])),
            (3, self._elsewhere([*near, *rest])),
            (4 if self._is_of_time() else 1, (edit for site in sites for edit in self._around(site))),
            (2, _evenly([plans.get(site.path, ()) for site in near])),
        ]
        yield from ((edit,) for edit in _by_turns(turns))
        yield from ((edit,) for _, site in named for edit in plans.get(site.path, ()))

    def _is_of_time(self) -> bool:
        """Whether the failing line or the message speaks of time."""
        words = {plain_name(word) for word in _WORD.findall(self.goal.signature.message[:LONG])}
        return any(distance < 2 and name in _TIMES for name, distance in self.names.items()) or bool(words & _TIMES)

    def held(self, recording: Recording) -> int:
        """How many of the names in the failing line, and of what flows into it, a recording has places for."""
        sites = places(Parts(recording), None, ())
        there = {plain_name(site.steps[-1]) for site in sites if site.steps and type(site.steps[-1]) is str}
        return sum(1 for name, distance in self.names.items() if distance < 2 and name in there)

    def rank(self, site: Site) -> int | None:
        """How near the failing line the name of a place stands; None: it is not named."""
        names = [
            self.names[name] for step in site.steps if type(step) is str and (name := plain_name(step)) in self.names
        ]
        if not names:
            return None
        last = plain_name(site.steps[-1]) if site.steps and type(site.steps[-1]) is str else ""
        return min(names) if last in self.names else min(names) + 10

    # What to try ------------------------------------------------------------------------------------------------

    def _at(self, site: Site) -> Iterator[Edit]:
        """What a named place may hold instead."""
        if not site.steps and site.boundary not in ("call", "model"):
            return
        if site.value is not None:
            yield Edit(site.path, "set", None)
        if site.steps and type(site.steps[-1]) is str and not (site.boundary == "input" and len(site.steps) < 3):
            yield Edit(site.path, "drop")
        yield from (Edit(site.path, "set", value) for value in self.values)

    def _elsewhere(self, sites: Sequence[Site]) -> Iterator[Edit]:
        """The values at all places of a matching type: characters put in, then each value instead."""
        texts = [site for site in sites if type(site.value) is str and not site.is_message]
        for value in self.values:
            if type(value) is str and 0 < len(value) <= 2 and not (value.isascii() and value.isalnum()):
                yield from (Edit(site.path, "put", [len(site.value), value]) for site in texts)
        for value in self.values:
            for site in sites:
                if _is_free(site) and _matches(site.value, value):
                    yield Edit(site.path, "set", value)

    def _around(self, site: Site) -> Iterator[Edit]:
        """Surroundings that no signature shows: the clock, variables, flags."""
        if site.root == "clock" and site.steps == ("started_at",):
            if self.goal.signature.when is not None:
                yield Edit(site.path, "at", self.goal.signature.when)
            yield from (Edit(site.path, "set", site.value + move) for move in _MOVES)
        elif site.boundary == "environ" and not isinstance(site.value, dict):
            yield from (Edit(site.path, "set", value) for value in others(site.value))

    def _raised(self, sites: Sequence[Site]) -> Iterator[tuple[Edit, ...]]:
        """The error itself, as the answer of the boundary that raised it."""
        signature = self.goal.signature
        for site in sites:
            if self.goal.cut is not None and not site.steps and site.target == self.goal.cut:
                yield (Edit(site.path, "raise", [signature.error_type, signature.message]),)

    def _by_name(self, wanted: Iterable[Wanted], sites: Sequence[Site]) -> Iterator[Edit]:
        for each in wanted:
            for site in sites:
                if not site.steps or type(site.steps[-1]) is not str or plain_name(site.steps[-1]) not in each.names:
                    continue
                if type(site.value) is not dict:
                    yield from (Edit(site.path, "set", value) for value in each.values)
                    continue
                missing = [
                    key for key in each.keys if key not in site.value and plain_name(key) != plain_name(site.steps[-1])
                ]
                yield from (Edit(site.path, "add", [key, value]) for key in missing[:4] for value in each.values)
                yield from (Edit(site.path, "set", value) for value in each.values)

    def _met(self, sites: Sequence[Site]) -> Iterator[tuple[Edit, ...]]:
        """The conditions around the line, each alone, then all of them together."""
        found: list[list[Edit]] = [list(self._by_name([each], sites)) for each in self.conditions]
        found = [edits for edits in found if edits]
        for edits in found:
            yield from ((edit,) for edit in edits)
        paths: set[str] = set()
        together: list[list[Edit]] = []
        for edits in found:
            free = [edit for edit in edits if edit.path not in paths]
            if free:
                together.append(free)
                paths.add(free[0].path)
        if len(together) > 1:
            for number in range(max(map(len, together))):
                yield tuple(edits[min(number, len(edits) - 1)] for edits in together)
            told = tuple(next(iter(self._by_name([each], sites)), None) for each in self.told)
            extra = tuple(edit for edit in told if edit is not None and edit.path not in paths)
            if extra:
                yield (*(edits[0] for edits in together), *extra)

    # What the signature says ------------------------------------------------------------------------------------

    def _read_message(self) -> None:
        for said in self.goal.signature.said:
            text = said[:LONG]
            for value in values_in(text):
                _add(self.values, value)
            for word in _WORD.findall(text):
                for sample in SAMPLES.get(word, ()):
                    _add(self.values, sample)
            for quoted in _QUOTED.findall(text):
                self._name(quoted[1:-1], 1)

    def _read_spot(self, spot: Spot, distance: int) -> None:
        """Names of one frame's line, then of what flows into it; of the last frame its template and conditions."""
        function = node_of(spot)
        statements = [found for line in sorted(spot.lines)[:2] if (found := statement_at(function, line)) is not None]
        nodes: list[ast.AST] = [head for each in statements for head in heads(each)] or parsed(spot.frame.source)
        for node in nodes:
            for name in names_of(node):
                self._name(name, 2 * distance)
        inner = set().union(*(names_of(node) for node in nodes)) if nodes else set()
        for name in sources(function, inner):
            self._name(name, 2 * distance + 1)
        if distance == 0:
            for node in nodes:
                for names, text in holes(node, self.goal.signature.message[:LONG]):
                    self.told.append(Wanted(self._flowing(function, names), _readings(text)))
        for line in sorted(spot.lines)[:2]:
            if function is not None:
                self._read_conditions(function, line)

    def _read_conditions(self, function: FunctionNode, line: int) -> None:
        for test, is_met in tests_around(function, line):
            for node, positive in atoms(test, is_met):
                names, values = demand(node, positive)
                if names and values:
                    keys = sorted(texts(node) | texts_flowing(function, names))
                    self.conditions.append(Wanted(self._flowing(function, names), values, tuple(keys)))

    def _flowing(self, function: FunctionNode | None, names: Iterable[str]) -> tuple[str, ...]:
        own = set(names)
        return tuple(sorted({plain_name(name) for name in own | sources(function, own)} - {""}))

    def _name(self, name: str, distance: int) -> None:
        found = plain_name(name)
        if found:
            self.names[found] = min(distance, self.names.get(found, distance))


def _is_free(site: Site) -> bool:
    """Whether any value may stand there."""
    if not site.steps:
        return site.boundary in ("call", "model")
    return not site.is_message or site.steps == ("status",)


def _by_turns(turns: list[tuple[int, Iterator[Edit]]]) -> Iterator[Edit]:
    """So many of each, in turn, until all are at their end."""
    while turns:
        for turn in list(turns):
            count, edits = turn
            chosen = list(islice(edits, count))
            yield from chosen
            if len(chosen) < count:
                turns.remove(turn)


def _evenly(plans: Sequence[Sequence[Edit]]) -> Iterator[Edit]:
    """The first of each, then the second of each, and so on."""
    for depth in range(max(map(len, plans), default=0)):
        yield from (plan[depth] for plan in plans if depth < len(plan))


def plain_name(name: Any) -> str:
    """A name without its style: `customerId`, `customer_id`, `Customer-Id`."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower()) if len(str(name)) < 100 else ""


def values_in(message: str) -> Iterator[Any]:
    """Values that a message quotes, holds as numbers, or ends in."""
    for quoted in _QUOTED.findall(message):
        try:
            value = ast.literal_eval(quoted)
        except (ValueError, SyntaxError):
            value = quoted[1:-1]
        yield value
        yield from _number(value)
    for codec in _CODEC.findall(message):
        yield from (text for text in _STRANGE if not _is_encoded(text, codec))
    bare = _QUOTED.sub(" ", message)
    for number in _NUMBER.findall(bare):
        yield from _number(number)
    before, _, last = message.rpartition(": ")
    if last and (before or len(last.split()) == 1) and len(last) < 200 and last[0] not in "'\"":
        yield last


def _is_encoded(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeError:
        return False
    except (LookupError, ValueError):  # no codec of that name
        return True
    return True


def _number(text: str) -> Iterator[Any]:
    if _NUMBER.fullmatch(text) and len(text) < 40:
        yield float(text) if re.search(r"[.eE]", text) else int(text)


def _readings(text: str) -> tuple[Any, ...]:
    """What a text in a message may have been: the value's `repr`, a number, itself."""
    found: list[Any] = []
    try:
        found.append(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    _add(found, text)
    return tuple(found)


# Conditions -------------------------------------------------------------------------------------------------------


def _matches(held: Any, value: Any) -> bool:
    """Whether a value may stand where another stood: of its kind, or both one word or number."""
    if type(held) is type(value):
        return True
    plain = (str, int, float)
    return isinstance(held, plain) and isinstance(value, plain) and not isinstance(value, bool) and held is not True


def _add(values: list[Any], value: Any) -> None:
    if len(values) < VALUES and not any(type(each) is type(value) and each == value for each in values):
        values.append(value)
