"""Each planted failure searched for by three methods, in the same recording with the same edits.

Ours is the search of `replay fuzz`. The others draw from one flat list of all edits: plain Hypothesis by a strategy of
lists, and a random mutator. All run the code on the same stage.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import msgspec
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import replay
from replay.boundaries import ALL
from replay.boundaries.clock import move_to, wait
from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine import recorder
from replay.engine.constants import constants_of
from replay.engine.explorer import DEEPEST
from replay.engine.operators import suggested
from replay.engine.places import places
from replay.engine.progress import Progress
from replay.engine.stage import Stage
from replay.engine.targets import Targets
from replay.entrypoints import RUNNERS
from replay.surfaces.fuzz import Options, fuzz
from replay.surfaces.init import install, replaying
from tests.benchmarks.mutation import planted
from tests.benchmarks.public.server import serving

PROJECT = Path(__file__).parent
ALLOWED = ("Refused",)
OURS, HYPOTHESIS, RANDOM = "replay fuzz", "Hypothesis, flat list of edits", "random mutator"
BUDGET = 20_000


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one method made of one failure."""

    number: int
    seed: int
    executions: int
    """Until it was found, or all that were made."""
    seconds: float
    """Of CPU."""
    total: int
    """Executions in these seconds: shrinking too."""
    edits: tuple[str, ...] | None
    """The smallest mutation; None: not found."""

    @property
    def is_minimal(self) -> bool:
        return self.edits is not None and len(self.edits) <= planted.LEAST[self.number]


def record(folder: Path) -> tuple[str, Recording]:
    """The benign order, captured through the product."""
    replay.init(service="parcels", spool=folder, keep=replay.always())
    try:
        with serving(json.dumps(planted.LABEL).encode()) as address:
            planted.ship(planted.ORDER, address)
        assert replay.flush(20)
    finally:
        recorder.configure(None)
    (bundle,) = folder.glob("*.replay.db")
    return str(bundle), next(iter(replay.open(bundle)))


class Contest:
    """One recording, and the methods that search around it."""

    def __init__(self, bundle: str, recording: Recording) -> None:
        self._bundle, self._recording = bundle, recording
        install()
        targets = Targets(PROJECT, ("tests",))
        self._stage = Stage(recording, boundaries=ALL, runners=RUNNERS, targets=targets, move=move_to, wait=wait,
                            allowed=ALLOWED)  # fmt: skip
        parts = self._stage.mutations.parts
        constants = constants_of([str(Path(planted.__file__))])
        self.edits: list[Edit] = [edit for site in places(parts, None, constants) for edit in suggested(site)]

    def ours(self, number: int, chance: int, budget: int) -> Found:
        """`replay fuzz`, ended when it has found the failure."""

        def watch(progress: Progress) -> None:
            if not enough and progress.finds and _is_planted(progress.finds[-1].failure.error_type):
                enough.append(progress.executions)
                raise KeyboardInterrupt  # as a user who has seen enough

        enough: list[int] = []
        with _armed(number), TemporaryDirectory() as folder:
            options = Options(executions=budget, seed=chance, workers=0, allowed=ALLOWED, root=str(PROJECT),
                              out=Path(folder))  # fmt: skip
            started = process_time()
            report = fuzz([(self._bundle, self._recording)], options, watch)
            seconds = process_time() - started
        find = next((each.find for each in report.finds if _is_planted(each.find.failure.error_type)), None)
        return Found(
            number=number,
            seed=chance,
            executions=report.executions if find is None else find.executions,
            seconds=seconds,
            total=report.executions,
            edits=None if find is None else tuple(map(str, find.edits)),
        )

    def hypothesis(self, number: int, chance: int, budget: int) -> Found:
        """A list strategy over all edits, with its own shrinking."""
        first: list[int] = []
        last: list[tuple[Edit, ...]] = []
        runs = 0

        @seed(chance)
        @settings(max_examples=budget, database=None, deadline=None, suppress_health_check=list(HealthCheck),
                  report_multiple_bugs=False)  # fmt: skip
        @given(st.lists(st.sampled_from(self.edits), max_size=DEEPEST))
        def look(edits: list[Edit]) -> None:
            nonlocal runs
            runs += 1
            if self._fails(edits):
                first.append(runs)
                last.append(tuple(edits))
                raise AssertionError

        with _armed(number), replaying():
            started = process_time()
            try:
                look()
            except AssertionError:
                pass  # found
            seconds = process_time() - started
        return Found(
            number=number,
            seed=chance,
            executions=first[0] if first else runs,
            seconds=seconds,
            total=runs,
            edits=tuple(map(str, last[-1])) if last else None,
        )

    def random(self, number: int, chance: int, budget: int) -> Found:
        """One to three edits, drawn alike."""
        draw = Random(chance)
        found: list[Edit] = []
        with _armed(number), replaying():
            started = process_time()
            runs = 0
            while runs < budget and not found:
                runs += 1
                edits = draw.choices(self.edits, k=draw.choice((1, 1, 2, 3)))
                if self._fails(edits):
                    found = edits
            seconds = process_time() - started
        edits_found = tuple(map(str, found)) if found else None
        return Found(number=number, seed=chance, executions=runs, seconds=seconds, total=runs, edits=edits_found)

    def _fails(self, edits: list[Edit]) -> bool:
        failure = self._stage.execute(edits).failure
        return failure is not None and _is_planted(failure.error_type)


def run(
    *, numbers: tuple[int, ...] = tuple(planted.KINDS), seeds: int = 5, others: int = 1, budget: int = BUDGET,
    examples: int = BUDGET, tell: Callable[[str, Found], None] = lambda method, found: None,
) -> dict[str, list[Found]]:  # fmt: skip
    """By method, one result for each failure and seed; the methods take turns. `others`: the seeds of the others, which
    use up their budget wherever they find nothing; `examples`: that budget."""
    with TemporaryDirectory() as folder:
        contest = Contest(*record(Path(folder)))
        found: dict[str, list[Found]] = {OURS: [], HYPOTHESIS: [], RANDOM: []}
        for chance in range(seeds):
            for number in numbers:
                for name, method, most in ((OURS, contest.ours, budget), (HYPOTHESIS, contest.hypothesis, examples),
                                           (RANDOM, contest.random, examples)):  # fmt: skip
                    if name != OURS and chance >= others:
                        continue
                    found[name].append(method(number, chance, most))
                    tell(name, found[name][-1])
    return found


def _is_planted(error_type: str) -> bool:
    return error_type.rpartition(".")[2] == "Planted"


@contextmanager
def _armed(number: int) -> Iterator[None]:
    planted.armed = number
    try:
        yield
    finally:
        planted.armed = 0


def rows(found: dict[str, list[Found]]) -> list[tuple[str, tuple[str, ...]]]:
    """Of each method: found, minimal, the median of executions until a failure was found, executions a second."""
    made = []
    for name, results in found.items():
        successes = [each for each in results if each.edits is not None]
        middle = f"{median(each.executions for each in successes):,.0f}" if successes else ""
        seconds = sum(each.seconds for each in results)
        rate = f"{sum(each.total for each in results) / seconds:,.0f}" if seconds else ""  # --others 0
        minimal = sum(each.is_minimal for each in successes)
        made.append((name, (f"{len(successes)} of {len(results)}", f"{minimal}", middle, rate)))
    return made
