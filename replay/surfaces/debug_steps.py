"""Steps: forwards and backwards between the interactions of a replay.

Backwards is a fresh run that goes on to the interaction before: a replay is deterministic, so it is the same one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Frame
from replay.engine.earlier import NAME as EARLIER
from replay.engine.user_code import UserCode, place
from replay.surfaces.asking import answer_line
from replay.surfaces.debug_frames import STACK, local_values
from replay.surfaces.debug_process import Depart, Message
from replay.surfaces.debug_prompt import stop_outside_trace
from replay.surfaces.debug_world import outside, sealed
from replay.surfaces.literals import bare, literal, tree
from replay.surfaces.page import Page, duration
from replay.surfaces.printable import clip, escape
from replay.surfaces.text import frame_lines, plain

HELP = """\
n, next, Enter   to the next interaction        p, prev     to the one before (a fresh run up to it)
g N, goto N      to interaction N               r, restart  to the first one
l, locals        variables of the frame here    s, stack    the stack of user code, each with its variables
a, answer        the whole request and answer   ! EXPR      evaluate in the frame here
d, debug         pdb here; q there ends all     q, quit     the end"""
SHOWN = 8
"""Variables shown with a step; `locals` shows all."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction where it was asked."""

    interaction: Interaction
    asked: Value
    stack: tuple[tuple[Frame, dict[str, str]], ...]
    """Frames of user code, innermost first, with their variables."""

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        one = self.interaction
        return {
            "seq": one.seq,
            "lane": one.lane,
            "boundary": one.boundary,
            "target": one.target,
            "request": tree(self.asked),
            "answer": tree(one.answer),
            "state": one.state,
            "stack": [msgspec.to_builtins(frame) for frame, _ in self.stack],
            "locals": self.stack[0][1] if self.stack else {},
        }


class Steps:
    """The walk through one run. `depart` None: nobody walks, the steps are collected. `wanted`: where to stop first."""

    def __init__(self, recording: Recording, user: UserCode, page: Page, depart: Depart | None, wanted: int) -> None:
        self._recording = recording
        self._user = user
        self._page = page
        self._depart = depart
        self._wanted = wanted
        self._asked: list[int] = []
        self.documents: list[dict[str, Any]] = []

    def on_ask(self, interaction: Interaction, asked: Value) -> None:
        self._asked.append(interaction.seq)
        if self._wanted >= 0 and interaction.seq != self._wanted:
            return
        self._wanted = -1
        frame = self._user.asking(sys._getframe(1))
        with outside():
            running = list(self._user.outward(frame))[:STACK] or [frame]
            stack = tuple((place(one), local_values(one)) for one in running)
            step = Step(interaction=interaction, asked=asked, stack=stack)
            if self._depart is None:
                self.documents.append(step.document())
                return
            print("\n".join(self._text(step)))
            wants_pdb = self._prompt(step, frame, self._depart)
        if wants_pdb:
            depart = self._depart
            stop_outside_trace(frame, self._user, lambda end: depart(Message(end=end)))

    def end(self, text: str, code: int) -> Message:
        """The run is over: the last prompt."""
        assert self._depart is not None
        if self._wanted >= 0:
            print(f"Interaction {self._wanted} was not asked in this run.")
        print(f"The replay has ended: {text}")
        while True:
            word, _, rest = self._line().partition(" ")
            if word in ("p", "prev") and self._asked:
                self._depart(Message(end="goto", seq=self._asked[-1]))
            elif word in ("g", "goto"):
                self._goto(rest, self._depart, passed=True)
            elif word in ("r", "restart", "run"):
                self._depart(Message(end="restart"))
            elif word in ("q", "quit", "exit", "EOF"):
                return Message(end="done", text=text, code=code, reached=True)
            else:
                print("The replay has ended: p (back), g N, r (from the start), q.")

    # Inside -----------------------------------------------------------------------------------------------------

    def _line(self) -> str:
        try:
            return input("(steps) ").strip()
        except EOFError:
            print()
            return "EOF"

    def _prompt(self, step: Step, frame: FrameType, depart: Depart) -> bool:
        """Serve commands until the run goes on; True: in pdb."""
        while True:
            word, _, rest = self._line().partition(" ")
            if word in ("", "n", "next"):
                return False
            if word in ("d", "debug"):
                return True
            if word in ("q", "quit", "exit", "EOF"):
                depart(Message(end="quit"))
            elif word in ("r", "restart", "run"):
                depart(Message(end="restart"))
            elif word in ("p", "prev"):
                if len(self._asked) > 1:
                    depart(Message(end="goto", seq=self._asked[-2]))
                print("This is the first interaction.")
            elif word in ("g", "goto"):
                if self._goto(rest, depart):
                    return False
            elif word[0] == "!":
                print(self._evaluated(f"{word} {rest}"[1:].strip(), frame))
            else:
                print("\n".join(self._told(word, step)))

    def _goto(self, text: str, depart: Depart, passed: bool = False) -> bool:
        """True: it is still to come in this run."""
        number = len(self._recording.interactions)
        if not text.strip().isdecimal() or int(text) >= number:
            print(f"goto needs a number from 0 to {number - 1}.")
            return False
        if passed or int(text) in self._asked:
            depart(Message(end="goto", seq=int(text)))
        self._wanted = int(text)
        return True

    def _evaluated(self, expression: str, frame: FrameType) -> str:
        with sealed():
            try:
                return plain(eval(expression, frame.f_globals, frame.f_locals))  # noqa: S307  # typed by the user
            except Exception as error:
                return escape(f"{type(error).__name__}: {error}")

    def _told(self, word: str, step: Step) -> Iterator[str]:
        page = self._page
        if word in ("l", "locals"):
            yield from _variables(step.stack[0][1], page, len(step.stack[0][1]))
        elif word in ("s", "stack"):
            for frame, values in step.stack:
                yield from frame_lines([frame], page)
                yield from _variables(values, page, SHOWN)
        elif word in ("a", "answer"):
            yield "request"
            yield from _whole(step.asked)
            yield f"answer ({step.interaction.state})"
            yield from _whole(step.interaction.answer)
        else:
            yield HELP

    def _text(self, step: Step) -> Iterator[str]:
        one, page = step.interaction, self._page
        what = f"{escape(one.boundary)} {escape(one.target)}"
        place, when = f"#{one.seq} of {len(self._recording.interactions)}", f"+{duration(one.offset_ns)}"
        took = f"{one.state}, {duration(one.duration_ns)}"
        if one.lane == EARLIER:
            place, when, took = f"#{one.seq}", "in production before the recording", one.state
        else:
            when = f"lane {escape(one.lane)}  {when}"
        yield page.heading(clip(f"{place}  {what}  {when}", page.width))
        yield page.row("request", literal(bare(tree(step.asked)), longest=page.text))
        yield page.row("answer", f"{answer_line(one)}  ({took})")
        yield from frame_lines([frame for frame, _ in reversed(step.stack[:3])], page)
        if step.stack:
            yield from _variables(step.stack[0][1], page, SHOWN)


def _variables(values: dict[str, str], page: Page, most: int) -> Iterator[str]:
    if not values:
        yield page.row("locals", "none")
    for index, (name, text) in enumerate(list(values.items())[:most]):
        yield page.row("" if index else "locals", f"{escape(name)} = {text}")
    if len(values) > most:
        yield page.row("", f"and {len(values) - most:,} more: l")


def _whole(value: Value) -> Iterator[str]:
    from replay.surfaces.documents import dumps

    yield from ("  " + line for line in dumps(tree(value)).splitlines())
