"""Which task or thread asks: a name that is the same when the same code runs again.

The lane that started a recording is "0"; others get their parent's name and the next number: "0.0", "0.1", "0.1.0".
A thread or a job of an executor ("0.job0") is numbered as it is started, which its parent does in an order of its own;
it keeps its name inside `Context.run` (`asyncio.to_thread`, anyio), which hides the variable. A task is numbered when
it first asks: nobody sees it start. Its parent is known because a new task's context is a copy. Jobs have numbers of
their own: the openai and anthropic SDKs run one before their first request, and no later one, so the tasks behind it
would be others.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, Token
from itertools import count
from threading import get_ident

import msgspec

from replay.core.world import current, forks
from replay.engine.steps import BEGUN, ENDED, GIVEN, Clocked, Steps

_numbers = count(1)
_lane: ContextVar[_Lane | None] = ContextVar("replay_lane", default=None)
_running_loop = asyncio._get_running_loop
_current_task = asyncio.current_task


def owner_here() -> int:
    """The task that calls, or the thread where it is in none."""
    loop = _running_loop()
    if loop is None:
        return get_ident()
    task = _current_task(loop)
    return get_ident() if task is None else id(task)


class _Lane(msgspec.Struct, eq=False):
    world: int
    owner: int
    name: str
    children: count[int] = msgspec.field(default_factory=count)
    jobs: count[int] = msgspec.field(default_factory=count)
    steps: Steps | None = None
    """Of a thread or job: who is told as it begins and ends."""

    def hold(self) -> None:
        """The calling thread is about to begin it: wait until it may."""
        if self.steps is not None:
            self.steps.hold(self.name)


FIRST = "0"
"""The lane that started the recording."""
NUMBERINGS = ("asking", "started", "apart")
"""When threads and jobs got their numbers, the oldest way first: when they first asked; as they were started, with
those of tasks; as they are started, apart from those."""


def numbering(recorded: object) -> str:
    """That of a recording whose context says so."""
    return recorded if isinstance(recorded, str) and recorded in NUMBERINGS else NUMBERINGS[0]


class _Jobs:
    """The lanes of the threads and jobs that run now. Set like a variable, but for the thread and in its context."""

    def __init__(self) -> None:
        self.running: dict[int, _Lane] = {}

    def set(self, lane: _Lane | None) -> tuple[Token[_Lane | None], _Lane | None]:
        before = self.running.pop(get_ident(), None)
        if lane is not None:
            self.running[get_ident()] = lane
        token = _lane.set(lane)
        if lane is not None and lane.steps is not None:
            lane.steps.at(lane.name, BEGUN)
        return token, before

    def reset(self, was: tuple[Token[_Lane | None], _Lane | None]) -> None:
        token, before = was
        lane = self.running.get(get_ident())
        if lane is not None and lane.steps is not None:
            lane.steps.at(lane.name, ENDED)
        _lane.reset(token)
        self.running.pop(get_ident(), None)
        if before is not None:
            self.running[get_ident()] = before


_jobs = _Jobs()
_running = _jobs.running


def _forked() -> _Lane | None:
    """The lane of the thread or job that is about to start."""
    lanes: Lanes | None = getattr(current.get(), "lanes", None)
    if lanes is None:
        return None
    if lanes.numbered_when == "asking":
        return _lane.get()
    return lanes.fork()


forks.append((_jobs, _forked))


class Lanes(msgspec.Struct, eq=False, gc=False):
    """The lanes of one world. Holds no reference from a context to the world, so a context outlives it freely."""

    number: int = msgspec.field(default_factory=_numbers.__next__)
    owner: int = msgspec.field(default_factory=owner_here)
    """Of the first lane."""
    children: count[int] = msgspec.field(default_factory=count)
    """Of the first lane."""
    jobs: count[int] = msgspec.field(default_factory=count)
    """Of the first lane."""
    numbered_when: str = NUMBERINGS[-1]
    steps: Steps | None = None
    """Who is told of the steps of threads and jobs."""

    def fork(self) -> _Lane:
        """A lane for a thread or job that the calling one starts. Numbers are given out in the order of the calls."""
        parent, of = self._here()
        together = self.numbered_when == "started"
        name = f"{parent}.{next(of.children)}" if together else f"{parent}.job{next(of.jobs)}"
        if self.steps is None:
            self.steps = Clocked()
        self.steps.at(name, GIVEN)
        return _Lane(self.number, 0, name, steps=self.steps)

    def start_here(self) -> None:
        """The lane that calls is the first one: a replay runs a coroutine in a task of its own making."""
        self.owner = owner_here()

    def name(self) -> str:
        """The name of the lane that calls."""
        if _lane.get() is None and not _running and owner_here() == self.owner:  # most calls of most services
            return FIRST
        return self._here()[0]

    def _here(self) -> tuple[str, _Lane | Lanes]:
        """The name of the lane that calls, and who has the numbers of its tasks and jobs."""
        if _running_loop() is None:
            owner = get_ident()
            job = _running.get(owner)
            if job is not None and job.world == self.number and job.owner in (0, owner):
                job.owner = owner
                return job.name, job
        else:
            owner = owner_here()
        lane = _lane.get()
        if lane is None or lane.world != self.number:
            if owner == self.owner:
                return FIRST, self
            name, children = FIRST, self.children
        elif lane.owner in (0, owner):  # 0: numbered when it was started, it asks for the first time
            lane.owner = owner
            return lane.name, lane
        else:
            name, children = lane.name, lane.children
        lane = _Lane(self.number, owner, f"{name}.{next(children)}")
        _lane.set(lane)
        return lane.name, lane
