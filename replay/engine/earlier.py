"""What a process asks once and keeps: a token, an identity provider's keys, a discovery document.

Later units of work have it in memory, so their recordings do not hold it; a replay begins with an empty process, and
asks. So the last answers to what few units of work ask are remembered, and a recording that is kept takes along those
that it did not ask for itself: in its `context`, under `earlier`, redacted with the rest. Whether production had one of
them in memory is not known: code that asks for it on another way than production did is answered, and told as `extra`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import msgspec

from replay.core.codec import Value
from replay.core.notes import with_note
from replay.core.recording import Interaction, Recording
from replay.core.world import Request, Ticket
from replay.core.written import json_text
from replay.engine.user_code import SHOWN, user_code

NAME = "earlier"
"""In the context; and the lane of these answers, in which no code runs."""
REMEMBERED = "the process had asked this before the recording: answered as it was then"
"""The note of a verdict's difference whose path is such a request."""
SELDOM = 8
"""Units of work of which at most one asks for what counts as kept."""
MOST_NAMES, MOST_THINGS = 6, 3
"""Of what is asked seldom: more names in one folder of a host, or things of one kind (`/users/17`, `/users/18`), are
what the process works on, not what it keeps."""
MOST_SELDOM, MOST_TARGETS = 64, 512
"""Of what is asked seldom, and of all that is asked and its kinds: beyond, nothing is remembered any more."""
LARGEST, MOST_BYTES = 32 << 10, 512 << 10
"""Characters of a request with its answer, and of all that are remembered."""
MOST_ALIKE, MOST_AT_ONCE = 4, 16
"""Answers of one target, and of one unit of work: each is encoded where it ends."""
TAKEN, TAKEN_SIZE = 8, 64 << 10
"""Answers that one recording takes along, and their characters."""
_BOUNDARIES = frozenset({"http", "call"})
_ID = re.compile(r"(?<=/)(?!v\d+(?:/|$))(?:[^/]*[\d%@][^/]*|[^/]{25,})(?=/|$)")
"""A part of a path that may name one of many things."""
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
    def size(self) -> int:
        """Characters."""
        return len(self.target) + len(self.request.text) + len(self.answer.text)


class _Held:
    """One target."""

    __slots__ = ("answers", "asked", "group", "since", "work")

    def __init__(self, group: _Group, since: int) -> None:
        self.group: _Group = group
        self.since = since
        """How many units of work had ended when it was asked for first."""
        self.asked = 0
        """By how many of them."""
        self.work = -1
        """The last one that did."""
        self.answers: list[Earlier] = []

    def is_seldom(self, works: int) -> bool:
        return self.asked < 2 or self.asked * SELDOM <= works - self.since


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
        self.places: dict[str, Where | None] = {}
        """How each target was first asked for; None: at a boundary whose answers are not remembered."""

    def place(self, request: Request) -> None:
        """A target of which `places` knows nothing is asked for now."""
        if self._targets is None or len(self.places) >= MOST_TARGETS:
            return
        group = self._groups.get(_kind_of(request.target)[0])
        if group is None or not group.is_wide:
            self.places[request.target] = _way() if request.boundary in _BOUNDARIES else None

    def hear(self, tickets: Sequence[Ticket]) -> None:
        """A unit of work has ended that asked these."""
        self._works = work = self._works + 1
        targets, taken = self._targets, 0
        if targets is None:
            return
        for ticket in tickets:
            held = targets.get(ticket.request.target) or self._first(ticket.request, targets)
            if held is None:
                continue
            if held.work != work:
                held.work = work
                held.asked += 1
                self._forget(held)
            if not held.is_seldom(work):
                held.group.seldom.discard(ticket.request.target)
            elif taken < MOST_AT_ONCE:
                taken += self._keep(held, ticket)

    def beside(self, tickets: Sequence[Ticket]) -> tuple[Earlier, ...]:
        """What a recording of these takes along."""
        asked = {ticket.request.target for ticket in tickets}
        kinds = {kind for kind, most in map(_kind_of, asked) if most == MOST_THINGS}
        found, room = list[Earlier](), TAKEN_SIZE
        for target, held in list((self._targets or {}).items()):
            if not held.answers or target in asked or not held.is_seldom(self._works) or _kind_of(target)[0] in kinds:
                continue
            for each in held.answers:
                if len(found) < TAKEN and each.size <= room:
                    found.append(each)
                    room -= each.size
        return tuple(found)

    def _first(self, request: Request, targets: dict[str, _Held]) -> _Held | None:
        if self.places.get(request.target) is None:
            return None
        kind, most = _kind_of(request.target)
        group = self._groups.get(kind) or self._groups.setdefault(kind, _Group())
        if group.is_wide:
            return None
        if len(group.seldom) >= most:
            group.is_wide = True
            for target in tuple(group.seldom):
                self.places.pop(target, None)
                held = targets.pop(target, None)
                if held is not None:
                    self._forget(held)
            return None
        groups = list(self._groups.values())
        if max(len(targets), len(groups)) >= MOST_TARGETS or sum(len(each.seldom) for each in groups) >= MOST_SELDOM:
            self._targets = None
            self._groups.clear()
            self.places.clear()
            return None
        group.seldom.add(request.target)
        held = targets[request.target] = _Held(group, self._works)
        return held

    def _keep(self, held: _Held, ticket: Ticket) -> bool:
        """Whether its answer was encoded: it is remembered if it is whole and good."""
        request, answer = ticket.request.payload, ticket.answer
        where = self.places.get(ticket.request.target)
        if ticket.state != "returned" or answer is None or where is None or len(held.answers) >= MOST_ALIKE:
            return False
        if request.size + answer.size > LARGEST or self._size + LARGEST > MOST_BYTES:
            return False
        found = Earlier(ticket.request.boundary, ticket.request.target, request.settle(), answer.settle(), where)
        if found.size <= LARGEST and _is_good(found):
            held.answers.append(found)
            self._size += found.size
        return True

    def _forget(self, held: _Held) -> None:
        if held.answers:
            self._size -= sum(each.size for each in held.answers)
            held.answers = []


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


class Remembered(msgspec.Struct, frozen=True):
    """One of those that a recording took along."""

    interaction: Interaction
    where: Where

    @property
    def name(self) -> str:
        """What was asked, in words."""
        return f"{self.interaction.boundary} {self.interaction.target}"


def with_earlier(recording: Recording, found: Iterable[Earlier]) -> Recording:
    """The recording with these behind its own interactions, to be redacted with them. What a process has in memory
    takes no time."""
    further = tuple(
        Interaction(
            seq=number,
            lane=NAME,
            boundary=each.boundary,
            target=each.target,
            request=each.request,
            answer=_at_once(each.answer) if each.boundary == "http" else each.answer,
            state="returned",
            offset_ns=0,
            duration_ns=0,
        )
        for number, each in enumerate(found, len(recording.interactions))
    )
    return msgspec.structs.replace(recording, interactions=(*recording.interactions, *further))


def _at_once(answer: Value) -> Value:
    tree = answer.tree
    pieces = [[0, piece] for _, piece in tree["pieces"]]
    return Value(json_text({**tree, "offset_ns": 0, "pieces": pieces}))


def put_apart(recording: Recording, found: Sequence[Earlier]) -> Recording:
    """The recording with its own interactions alone; these, the last of them, in its context."""
    own = len(recording.interactions) - len(found)
    behind = [
        msgspec.to_builtins(Remembered(interaction, each.where))
        for interaction, each in zip(recording.interactions[own:], found, strict=True)
    ]
    alone = msgspec.structs.replace(recording, interactions=recording.interactions[:own])
    return with_note(alone, NAME, behind)


def earlier(recording: Recording) -> tuple[Remembered, ...]:
    """What it took along; nothing if that is not of the right form: a bundle is untrusted."""
    if f'"{NAME}"' not in recording.context.text:
        return ()
    found: Any = recording.facts
    try:
        return msgspec.convert(found[NAME], tuple[Remembered, ...])
    except (KeyError, TypeError, ValueError):  # msgspec's errors are ValueErrors
        return ()
