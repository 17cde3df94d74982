"""`@replay.invariant`: what a project says of every run of an entry point."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from linecache import getline
from typing import Any, TypeVar

from replay.core.recording import Interaction, Outcome, Recording
from replay.core.verdict import Frame, Violation
from replay.core.world import Settles
from replay.engine.failures import relative, status_of
from replay.engine.finished import NOT_MEANT, Run, broken
from replay.engine.targets import Targets
from replay.errors import UsageError

F = TypeVar("F", bound=Callable[[Run], Any])


class BrokenInvariant(Exception):
    """An invariant ended in another error than that of an `assert`."""


class Invariant:
    """A property of every run of one entry point. Called with a run, it raises where the run does not have it."""

    def __init__(self, entrypoint: str, function: Callable[[Run], Any]) -> None:
        self.entrypoint = entrypoint
        self.function = function
        self.__qualname__ = getattr(function, "__qualname__", type(function).__name__)
        code = getattr(inspect.unwrap(function), "__code__", None)
        self.file: str = code.co_filename if code is not None else "?"
        self.line: int = code.co_firstlineno if code is not None else 0

    def __call__(self, run: Run) -> Any:
        try:
            return self.function(run)
        except AssertionError as error:
            if str(error).strip():
                raise
            raise AssertionError(_asserted(error)).with_traceback(error.__traceback__) from None
        except Exception as error:
            if type(error).__name__ in NOT_MEANT:
                raise
            said = f"it raised {type(error).__name__}: {error}; correct it: what is demanded is said by `assert`"
            raise BrokenInvariant(said).with_traceback(error.__traceback__) from error

    def __str__(self) -> str:
        return f"the invariant {self.__qualname__} ({self.file}:{self.line})"


own: dict[str, Invariant] = {}
"""What the project declares, by entry point and the function's `module:qualname`: loading a module again replaces."""


def invariant(entrypoint: str) -> Callable[[F], F]:
    """Declare a property of every run of `entrypoint` (`module:qualname`, as recordings name it).

    The function gets the run (`replay.Run`) and asserts; a run that ended in an error is not asked. Raises UsageError
    for what is no name of an entry point.
    """
    if not isinstance(entrypoint, str) or not all(entrypoint.partition(":")[::2]):
        raise UsageError(
            f'@replay.invariant({entrypoint!r}): name the entry point, @replay.invariant("shop.app:triage")',
            slug="invariant",
        )

    def declare(function: F) -> F:
        if not callable(function):
            raise UsageError(f"@replay.invariant({entrypoint!r}) is for a function of a run", slug="invariant")
        found = Invariant(entrypoint, function)
        own[f"{entrypoint} {getattr(function, '__module__', '?')}:{found.__qualname__}"] = found
        return function

    return declare


def load(modules: Iterable[str]) -> None:
    """Import the modules that the configuration names. Raises UsageError if one cannot be."""
    for name in modules:
        try:
            importlib.import_module(name)
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(
                f"`imports` in [tool.replay-harness] names {name}, whose import failed with "
                f"{type(error).__name__}: {error}",
                slug="config",
            ) from error


def invariants_of(entrypoint: str, targets: Targets) -> tuple[Invariant, ...]:
    """Those of an entry point, in the order of their declaration. To be called when its module is loaded.

    Raises UsageError for one that names nothing that can be run.
    """
    names = {entrypoint, targets.replacements.get(entrypoint, entrypoint)}
    found = tuple(each for each in own.values() if each.entrypoint in names)
    for each in own.values():
        if each not in found and each.entrypoint not in targets.replacements:
            _check(each)
    return found


def _check(each: Invariant) -> None:
    """Its entry point may be one: loaded, or in a module that can be found."""
    module, _, path = each.entrypoint.partition(":")
    loaded = sys.modules.get(module)
    if loaded is None:
        try:
            if importlib.util.find_spec(module) is not None:
                return
        except (ImportError, ValueError):
            pass
        raise UsageError(f"{each} is of {each.entrypoint}, and there is no module {module}", slug="invariant")
    found: Any = loaded
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is not None and (hasattr(type(found), "__replay_entry__") or hasattr(found, "__replay_entry__")):
        return
    names = [f"{module}:{name}" for name, value in vars(loaded).items() if hasattr(value, "__replay_entry__")]
    near = get_close_matches(each.entrypoint, names, n=1) or names[:1]
    hint = f"; did you mean {near[0]}?" if near else ": mark it with @replay.capture, replay.ASGI or replay.WSGI"
    raise UsageError(f"{each} is of {each.entrypoint}, which is no entry point{hint}", slug="invariant")


def violations(recording: Recording, outcome: Outcome, asked: Sequence[Interaction], notes: Mapping[str, Settles],
               targets: Targets) -> tuple[Violation, ...]:  # fmt: skip
    """The invariants that a replay of a recording breaks; of a run that failed by itself none are asked."""
    if (
        not own
        or outcome.state != "returned"
        or (recording.kind in ("asgi", "wsgi") and (status_of(outcome) or 0) >= 500)
    ):
        return ()
    run = Run(recording, outcome, interactions=lambda: tuple(asked), notes=notes)
    found: list[Violation] = []
    for each in invariants_of(recording.entrypoint, targets):
        failure = broken(run, [each], targets.root)
        if failure is not None:
            declared = Frame(relative(targets.root, each.file), each.line, each.__qualname__)
            place = failure.frames[-1] if failure.frames else declared
            said = failure.message.removeprefix(f"{each.__qualname__}: ")
            found.append(Violation(each.__qualname__, said, place.file, place.line))
    return tuple(found)


def _asserted(error: AssertionError) -> str:
    """The text of the assert that failed."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return "" if step is None else getline(step.tb_frame.f_code.co_filename, step.tb_lineno).strip()
