"""What a process asks once and keeps, remembered while it captures: a token, an identity provider's keys, a discovery
document.

Later units of work have it in memory, so their recordings do not hold it. So the last good answers to what few units
of work ask are remembered, and a recording that is kept takes along those that it did not ask for itself (see
`replay.engine.earlier`). Whether production had one of them in memory is not known.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from replay.core.codec import Value
from replay.core.world import Ticket
from replay.engine.user_code import SHOWN, user_code

SELDOM, FEW = 8, 3
"""Units of work of which at most one asks for what counts as kept; and how many ask it before that is judged."""
MOST_NAMES, MOST_THINGS = 6, 3
"""Of what is asked seldom: more names in one folder of a host, or things of one kind (`/users/17`, `/users/18`), are
what the process works on, not what it keeps."""
MOST_SELDOM, MOST_TARGETS = 64, 512
"""Of what is asked seldom, and of all that is asked and its kinds: beyond, nothing is remembered any more."""
LARGEST, MOST_BYTES = 32 << 10, 512 << 10
"""Characters of a request with its answer, and of all that are remembered."""
MOST_ALIKE, MOST_AT_ONCE = 4, 16
"""Answers of one target, and of one unit of work: each is encoded where it ends."""
TAKEN, TAKEN_SIZE = 16, 64 << 10
"""Answers that one recording takes along, and their characters."""
NAMED = 16
"""Those that have no room, and are named."""
_NO_ANSWER = Value("null")
_MOST_ASKING = 8
"""Entry points that ask the same thing, remembered."""
BOUNDARIES = frozenset({"http", "call"})
_ID = re.compile(r"(?<=/)(?!v\d+(?:/|$))(?:[^/]*[\d%@][^/]*|[^/]{25,})(?=/|$)")
"""A part of a path that may name one of many things."""
_TOKEN = re.compile(r'(?:access_|id_|access)[tT]oken\\?"')
"""In the answer to a request for one (RFC 6749, 5.1)."""
_user = user_code(None)
_ENTRYPOINTS = str(Path(__file__).parents[1] / "entrypoints")


Where = tuple[str, ...]
"""The functions of the project on the way to the asking, as `file.py:function`, innermost first."""


class Earlier(NamedTuple):
    """A request of an earlier unit of work, and its answer."""

    boundary: str
    target: str
    request: Value
    answer: Value
    where: Where

    @property
    def is_left_out(self) -> bool:
        """It had no room: its answer is not here."""
        return self.answer is _NO_ANSWER

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.target) + len(self.request.text) + len(self.answer.text)


class _Asked:
    """How often something is asked."""

    __slots__ = ("_known_ns", "_since", "_work", "number")

    def __init__(self, ticket: Ticket, since: int) -> None:
        self.number = 0
        """By how many units of work, though the process had been answered."""
        self._since = since
        """How many units of work had ended when it was asked for first."""
        self._work = 0
        """The last one that did."""
        self._known_ns = ticket.ended_ns
        """Who asked before that, at the same time, may keep the answer all the same."""

    def count(self, ticket: Ticket, work: int) -> None:
        if work != self._work and (self.number == 0 or ticket.asked_ns > self._known_ns):
            self._work = work
            self.number += 1

    def is_seldom(self, works: int) -> bool:
        return self.number <= FEW or self.number * SELDOM <= works - self._since


class _Held(_Asked):
    """One target."""

    __slots__ = ("answers", "group", "others")

    def __init__(self, ticket: Ticket, since: int, group: _Group) -> None:
        super().__init__(ticket, since)
        self.group = group
        self.others = 0
        """How many different requests of it were answered with no token: more than a few are what units of work are
        about."""
        self.answers: dict[str, _Answered] = {}
        """By the text of the request: one endpoint gives tokens for several scopes."""


class _Answered(_Asked):
    """One request of a target, and its last good answer."""

    __slots__ = ("by", "last")

    def __init__(self, ticket: Ticket, since: int) -> None:
        super().__init__(ticket, since)
        self.last: Earlier | None = None
        self.by = set[str]()
        """Entry points that asked it."""


class _Group:
    """Targets of one kind."""

    __slots__ = ("is_wide", "seldom")

    def __init__(self) -> None:
        self.seldom: set[str] = set()
        """Those that are asked seldom."""
        self.is_wide = False
        """There are too many."""


class Memory:
    """Of one process. Called from any thread, also in a signal handler: no lock. What two threads do at the same moment
    may leave a count or an answer out."""

    def __init__(self) -> None:
        self._works = 0
        self._size = 0
        self._targets: dict[str, _Held] | None = {}
        """None: there are too many."""
        self._groups: dict[str, _Group] = {}
        self.usual: set[str] = set()
        """Targets that many units of work ask: `place` need not be told of them."""

    def place(self, ticket: Ticket) -> bool:
        """Note on which way it is asked now, if its answer may be worth remembering; whether it was."""
        request, targets = ticket.request, self._targets
        if targets is None or request.boundary not in BOUNDARIES:
            return False
        if request.target not in targets:
            group = self._groups.get(_kind_of(request.target)[0])
            if group is not None and group.is_wide:
                return False
        ticket.way = _way()
        return True

    def hear(self, tickets: Sequence[Ticket], entrypoint: str = "") -> None:
        """A unit of work of this entry point ends that asked these. Before they are handed over: one thread at a time
        encodes them."""
        self._works = work = self._works + 1
        targets, taken = self._targets, 0
        if targets is None:
            return
        for ticket in tickets:
            target = ticket.request.target
            held = targets.get(target) or self._first(ticket, targets)
            if held is None or held.others > MOST_THINGS:
                continue
            held.count(ticket, work)
            if held.number > SELDOM and not held.is_seldom(work):
                self.usual.add(target)
                held.group.seldom.discard(target)
                self._forget(held)
                continue
            self.usual.discard(target)
            if taken < MOST_AT_ONCE:
                taken += self._keep(held, ticket, work, entrypoint)

    def beside(self, tickets: Sequence[Ticket], entrypoint: str = "") -> tuple[Earlier, ...]:
        """What a recording of these takes along: first what its own entry point asked before. Of a target that it asks
        itself nothing, whatever it asks there: of another customer, with another prompt. What has no room is there
        without its answer, last."""
        asked = {each.request.target for each in tickets}
        kinds = {kind for kind, most in map(_kind_of, asked) if most == MOST_THINGS}
        own, others = list[Earlier](), list[Earlier]()
        for target, held in list((self._targets or {}).items()):
            if not held.answers or target in asked or not held.is_seldom(self._works) or _kind_of(target)[0] in kinds:
                continue
            for answered in list(held.answers.values()):
                last = answered.last
                if last is None or not answered.is_seldom(self._works):
                    continue
                (own if entrypoint in answered.by else others).append(last)
        return _with_room([*own, *others])

    def _first(self, ticket: Ticket, targets: dict[str, _Held]) -> _Held | None:
        target = ticket.request.target
        if ticket.way is None:
            return None
        kind, most = _kind_of(target)
        group = self._groups.get(kind) or self._groups.setdefault(kind, _Group())
        if group.is_wide:
            return None
        if len(group.seldom) >= most:
            group.is_wide = True
            for each in tuple(group.seldom):
                held = targets.pop(each, None)
                if held is not None:
                    self._forget(held)
            group.seldom.clear()
            return None
        groups = list(self._groups.values())
        if max(len(targets), len(groups)) >= MOST_TARGETS or sum(len(each.seldom) for each in groups) >= MOST_SELDOM:
            self._targets = None
            self._groups.clear()
            self.usual.clear()
            return None
        group.seldom.add(target)
        held = targets[target] = _Held(ticket, self._works, group)
        return held

    def _keep(self, held: _Held, ticket: Ticket, work: int, entrypoint: str) -> bool:
        """Whether it was encoded: its answer is remembered if it is whole and good."""
        request, answer, where = ticket.request, ticket.answer, ticket.way
        if ticket.state != "returned" or answer is None or where is None:
            return False
        if request.payload.size + answer.size > LARGEST:
            return False
        asked = request.payload.settle()
        found = Earlier(request.boundary, request.target, asked, answer.settle(), where)
        answered = held.answers.get(asked.text)
        if answered is None:
            answered = _Answered(ticket, work)
            held.others += _TOKEN.search(found.answer.text) is None
            if held.others > MOST_THINGS:
                self.usual.add(request.target)
                held.group.seldom.discard(request.target)
                self._forget(held)
                return True
        answered.count(ticket, work)
        if len(answered.by) < _MOST_ASKING:
            answered.by.add(entrypoint)
        if found.size <= LARGEST and _is_good(found):
            self._drop(held, asked.text)
            if len(held.answers) >= MOST_ALIKE:
                self._drop(held, next(iter(held.answers)))
            if self._size + found.size <= MOST_BYTES:
                answered.last = found
                self._size += found.size
            held.answers[asked.text] = answered
        return True

    def _forget(self, held: _Held) -> None:
        for text in tuple(held.answers):
            self._drop(held, text)

    def _drop(self, held: _Held, text: str) -> None:
        answered = held.answers.pop(text, None)
        if answered is not None and answered.last is not None:
            self._size -= answered.last.size
            answered.last = None


def _with_room(wanted: Sequence[Earlier]) -> tuple[Earlier, ...]:
    found, left, room = list[Earlier](), list[Earlier](), TAKEN_SIZE
    for each in wanted:
        if len(found) < TAKEN and each.size <= room:
            found.append(each)
            room -= each.size
        elif len(left) < NAMED:
            left.append(each._replace(answer=_NO_ANSWER))
    return (*found, *left)


def _is_good(found: Earlier) -> bool:
    """A value without gaps; of http a status below 400, with the whole body."""
    if found.request.gaps or found.answer.gaps:
        return False
    if found.boundary != "http":
        return True
    answer = found.answer.tree
    return type(answer["status"]) is int and answer["status"] < 400 and answer["end"] == "complete"


def _kind_of(target: str) -> tuple[str, int]:
    """What it is one of, and how many there may be: of a URL its path without what may name a thing, if there is such a
    part, else its folder."""
    start = target.find("/", target.find("://") + 3)
    if start < 0:
        return target, MOST_NAMES
    path = _ID.sub("*", target[start:])
    return (target[:start] + path, MOST_THINGS) if "*" in path else (target[: target.rindex("/")], MOST_NAMES)


def _way() -> Where:
    """From here to the entry point."""
    frame: FrameType | None = sys._getframe(1)
    found: list[tuple[str, str]] = []
    while frame is not None and len(found) < SHOWN and not frame.f_code.co_filename.startswith(_ENTRYPOINTS):
        if _user(frame):
            found.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return way(found)


def way(places: Iterable[tuple[str, str]]) -> Where:
    """Of files and functions, innermost first. Comprehensions are functions in some versions of Python only."""
    return tuple(f"{Path(file).name}:{name}" for file, name in places if not name.endswith("comp>"))
