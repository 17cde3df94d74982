"""`@replay.fuzz`: a test function that is told of each run of a search around recordings, and says what must hold."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import BoundArguments, Signature, getsourcefile, iscoroutinefunction, signature
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from replay.core.recording import Recording
from replay.engine.finished import Property, Run
from replay.errors import Unanswerable, UsageError
from replay.surfaces.fuzz import Options, Report
from replay.surfaces.fuzz import fuzz as search
from replay.surfaces.fuzz_report import found_line, text, watching
from replay.surfaces.page import Page
from replay.surfaces.select import choose, split

EXECUTIONS = 1000
"""Of each recording, where neither executions nor seconds are given."""
Test = Callable[..., Any]


def fuzz(name: str | os.PathLike[str], *, executions: int | None = None, seconds: float | None = None,
         seed: int | None = None, allowed: Iterable[str | type[BaseException]] = (), limit: float = 5.0,
         workers: int | None = None, out: str | os.PathLike[str] = "finds") -> Callable[[Test], Test]:  # fmt: skip
    """Decorate a test function: it gets each run of the mutations of a recording as `run` (a `replay.Run`) and asserts.

    `name`: `PATH` or `PATH::ID`, relative to the current folder or to one above the test. Options as of the command
    `replay fuzz`; `executions` is 1,000 unless one of the budgets is given, `seed` another one in each run unless it is
    given. An error that leaves the code is a find unless it is `allowed` (a type with those below it, or a name); the
    function is told of every run that returned. Other arguments (fixtures, those of `@given`) are passed on. The finds
    of the last time are tried first.

    The test fails with an AssertionError that lists the finds as `replay fuzz` does. Raises UsageError for a function
    without the argument `run`.
    """

    declared = tuple(allowed)

    def decorate(test: Test) -> Test:
        whole = signature(test)
        if "run" not in whole.parameters:
            raise UsageError(
                f"@replay.fuzz: {test.__qualname__} has no argument `run`, which is what it is to be given"
            )
        others = whole.replace(parameters=[each for each in whole.parameters.values() if each.name != "run"])
        options = Options(
            seconds=seconds,
            executions=EXECUTIONS if executions is None and seconds is None else executions,
            limit=limit,
            workers=workers,
            out=Path(out),
            remembers=f"{test.__module__}:{test.__qualname__}",
        )

        @wraps(test)
        def searching(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            given = others.bind(*args, **kwargs).arguments
            names = tuple(name for each in declared for name in _names(each))
            chosen = replace(options, seed=fresh_seed() if seed is None else seed, allowed=names,
                             properties=(_property(test, whole, given),))  # fmt: skip
            report = _searched(os.fspath(name), test, chosen)
            if report.finds:
                raise AssertionError(f"{found_line(report)} next to {os.fspath(name)}\n\n{text(report, Page())}")

        searching.__signature__ = others  # type: ignore[attr-defined]
        return searching

    return decorate


def fresh_seed() -> int:
    """Of a search that is given none."""
    return int.from_bytes(os.urandom(4))


def _property(test: Test, whole: Signature, given: Mapping[str, Any]) -> Property:
    """The test as a property, named as the test is."""

    def holds(run: Run) -> Any:
        arguments = {"run": run, **given}
        call = BoundArguments(whole, OrderedDict((n, arguments[n]) for n in whole.parameters if n in arguments))
        result = test(*call.args, **call.kwargs)
        return asyncio.run(result) if iscoroutinefunction(test) else result

    holds.__qualname__ = test.__qualname__
    return holds


def _searched(name: str, test: Test, options: Options) -> Report:
    recordings = _recordings(name, test)
    with watching():
        report = search(recordings, options)
    if report.stopped == "interrupted":
        raise KeyboardInterrupt
    if report.skipped:
        raise Unanswerable("; ".join(f"{skipped}: {reason}" for skipped, reason in report.skipped))
    return report


def _recordings(name: str, test: Test) -> list[tuple[str, Recording]]:
    path = split(name)[0]
    file = getsourcefile(test)
    above = [] if file is None else list(Path(file).resolve().parents)
    base = next((folder for folder in (Path(), *above) if (folder / path).exists()), Path())
    found = [(str(each.path), recording) for each in choose([str(base / name)]) for recording in each.recordings()]
    if not found:
        raise UsageError(f"@replay.fuzz({name!r}): there is no recording in it")
    return found


def _names(kind: str | type[BaseException]) -> list[str]:
    """Of a type and those below it."""
    if isinstance(kind, str):
        return [kind]
    own = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return [own, *(name for each in kind.__subclasses__() for name in _names(each))]
