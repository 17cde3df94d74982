"""A run that has ended, as invariants and the functions of `@replay.fuzz` are given it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from replay.core.edits import Edit
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.verdict import Frame
from replay.core.world import Settles
from replay.engine.failures import Failure, printable, relative
from replay.engine.lines import in_project


class Run:
    """One run of an entry point. What is not asked for is not made."""

    __slots__ = ("_input", "_interactions", "_made", "_make", "_notes", "_started", "edits", "outcome")

    def __init__(self, started: Recording, outcome: Outcome, edits: tuple[Edit, ...] = (),
                 interactions: Callable[[], tuple[Interaction, ...]] | None = None,
                 make: Callable[[], Recording] | None = None,
                 notes: Mapping[str, Settles] | None = None) -> None:  # fmt: skip
        """`started`: what it was started with. `interactions`: what it asked, if not what stands there; `make`: the
        run as a recording, if `started` is not the one; `notes`: what it noted, if not what stands there."""
        self.outcome = outcome
        """How it ended: `.state` (`returned`, `raised`), `.value`."""
        self.edits = edits
        """What was changed; none of a recording as it is."""
        self._started, self._interactions, self._make = started, interactions, make
        self._notes = notes
        self._made: Recording | None = None
        self._input: tuple[Any] | None = None

    @property
    def input(self) -> Any:
        """The decoded input: of a function `{"args": ..., "kwargs": ...}`."""
        if self._input is None:
            self._input = (self._started.input.decode(),)
        return self._input[0]

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """What it asked, and what answered: `.boundary`, `.target`, `.request.decode()`, `.answer.decode()`."""
        return self._started.interactions if self._interactions is None else self._interactions()

    @property
    def notes(self) -> dict[str, Any]:
        """What the code noted of its state (`replay.note`), decoded."""
        if self._notes is None:
            found = self._started.context.decode().get("notes") or {}
            return dict(found)
        return {name: value.settle().decode() for name, value in self._notes.items()}

    @property
    def recording(self) -> Recording:
        """The run as a recording of its own, with its lineage."""
        if self._made is None:
            self._made = self._started if self._make is None else self._make()
        return self._made

    def __repr__(self) -> str:
        changed = "; ".join(str(edit) for edit in self.edits) or "as recorded"
        return f"<run of {self._started.entrypoint}: {changed}>"


Property = Callable[[Run], Any]
"""Holds of any run of an entry point: it raises, or gives `False`, where it does not."""
NOT_MEANT = frozenset({"Skipped", "SkipTest", "UnsatisfiedAssumption"})
"""Raised to say that a property is not about this run."""


def broken(run: Run, properties: Iterable[Property], root: Path) -> Failure | None:
    """The first property that does not hold of a run."""
    for each in properties:
        try:
            if each(run) is not False:
                continue
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # `pytest.fail` raises no Exception
            if type(error).__name__ in NOT_MEANT:
                continue
            return _failure(each, type(error), str(error), _frames(error, root))
        return _failure(each, AssertionError, "gave False", ())
    return None


def _failure(each: Property, kind: type[BaseException], said: str, frames: tuple[Frame, ...]) -> Failure:
    name = getattr(each, "__qualname__", type(each).__name__)
    said = said.strip()
    message = f"{name}: {said}" if said else f"{name} does not hold"
    return Failure("invariant", _type(kind), printable(message), frames)


def _type(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _frames(error: BaseException, root: Path) -> tuple[Frame, ...]:
    """Of the project, outermost first."""
    found: list[Frame] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if in_project(root, code.co_filename):
            found.append(Frame(relative(root, code.co_filename), step.tb_lineno, code.co_name))
        step = step.tb_next
    return tuple(found)
