"""The cause of a failure, by experiment: values swapped between the incident and recordings that do not fail so.

Delta debugging (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE TSE 2002): of all
values in which the incident is apart from another recording, the fewest are looked for that make the other one fail
in the same way. What is found is proved both ways, against each recording that came near the failing line; what
cannot be proved is no cause. Where there is no such recording, see `replay.engine.unpaired`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from replay.core.edits import Edit, parse, write
from replay.core.recording import Recording
from replay.engine import unpaired
from replay.engine.apart import MISSING, Pair, equal, pair
from replay.engine.chain import links
from replay.engine.failures import error_of
from replay.engine.finding import Alternative, CauseValue, Finding
from replay.engine.mutation import whole
from replay.engine.shrink import fewest
from replay.engine.stage import Stage
from replay.engine.trials import Change, Spent, Trial, Trials, World, identity

LOOKED_AT = 16
"""Recordings tried as the other side, the most alike first."""
SIDES = 5
"""Of those that can be used, how many the cause is proved against."""
MOST_VALUES = 6
"""Values of one cause: of more, nobody can say what the cause is."""
ALTERNATIVES = 40
"""Other values tried in the place of one."""
_NEAR = {"line": 0, "function": 1, "elsewhere": 2}
_FLAKY = 2
"""Times that the incident is run again as it is."""
Named = tuple[str, Recording]


class _Side:
    """A recording of the other side, ready for runs."""

    def __init__(self, name: str, pair: Pair, world: World, far: Trial) -> None:
        self.name, self.pair, self.world, self.far = name, pair, world, far

    def with_only(self, kept: Iterable[Change]) -> Trial:
        """The other recording with these values of the incident."""
        held = set(map(id, kept))
        return self.world.run(tuple(each for each in self.pair.changes if id(each) not in held))

    def of(self, paths: Iterable[str], *, lengths: bool = False) -> tuple[Change, ...]:
        """The changes at these places and below them, and those that set what holds them; with `lengths` those too that
        cut or extend it."""
        wanted = list(paths)
        return tuple(
            each for each in self.pair.changes
            if any(related(each.path, path) and (lengths or holds(each, path)) for path in wanted)
        )  # fmt: skip


def why(
    incident: Recording,
    others: Sequence[Named],
    stage: Callable[[Recording], Stage],
    *,
    runs: int,
    on_run: Callable[[int, int], None] = lambda runs, most: None,
) -> Finding:
    """The smallest set of values that makes `incident` fail, in at most so many runs.

    `others`: further recordings of the entry point, passing or not. Raises Unanswerable if the code cannot be run.
    """
    trials = Trials(stage, runs, on_run)
    finding = Finding(most=runs)
    try:
        with trials.stoppable(), trials.world(incident).stage.limited():
            _search(incident, others, trials, finding)
    except Spent:
        if not finding.isolated:
            finding.reason = trials.enough
    finally:
        trials.close()
    finding.interrupted = trials.interrupted
    finding.runs = trials.runs
    return finding


def _search(incident: Recording, others: Sequence[Named], trials: Trials, finding: Finding) -> None:
    world = trials.world(incident)
    if not baseline(incident, world, trials, finding):
        return
    sides, further, unmoved = _sides(incident, others, trials, world)
    if sides:
        finding.side = "recordings"
        _isolate(sides, further, others, incident, finding)
    else:
        finding.side = "mutations"
        unpaired.isolate(world, [other for _, other in others], finding)
        if unmoved:  # their values do not tell them apart from it
            said = (f"{unmoved:,} {'recording' if unmoved == 1 else 'recordings'} that passed in production fail here "
                    "with all their values: code, files or a state that no recording holds have changed")  # fmt: skip
            finding.reason = f"{finding.reason}; {said}" if finding.reason else said
    if finding.isolated and trials.failure is not None:
        trials.close()  # marks would be lines of their own
        trials.runs += 1
        finding.chain = links(world.stage, incident, finding.values, trials.failure)


def baseline(incident: Recording, world: World, trials: Trials, finding: Finding) -> bool:
    """Run the incident as it is: it fails as recorded, each time in the same way."""
    first = world.run(())
    failure = first.execution.failure
    if failure is None:
        what = first.execution.reason or ("it diverged" if first.execution.diverged else "it did not fail")
        finding.reason = f"the incident does not fail when it is run here: {what}; see `replay run`"
        return False
    recorded = error_of(incident.outcome, world.stage.root)
    if recorded is not None and recorded.error_type != failure.error_type:
        finding.reason = (f"here it fails in another way than in production: {failure.error_type} instead of "
                          f"{recorded.error_type}; see `replay run`")  # fmt: skip
        return False
    trials.failure = finding.failure = failure
    world.asked = len(first.execution.taken)
    for _ in range(_FLAKY):
        if world.run((), again=True).ended != "same":
            finding.reason = "the same values do not always fail: it is flaky; see `replay run --check`"
            return False
    return True


def _sides(
    incident: Recording, others: Sequence[Named], trials: Trials, base: World
) -> tuple[list[_Side], list[_Side], int]:
    """The recordings that do not fail so, those that come nearest to the failing line; those that pass first, of these
    the most alike. Then the other ones that do not fail so, and how many of those that ended well fail so here."""
    pairs = [(name, other, pair(incident, other)) for name, other in others]
    sides: list[_Side] = []
    rest: list[_Side] = []
    well = {name for name, other in others if other.status == "ok"}
    unmoved = 0
    for name, each in _mixed(pairs, base)[:LOOKED_AT]:
        world = trials.world(each.joined, each.others)
        world.asked = base.asked
        if world.run(()).ended != "same":
            continue
        far = world.run(each.changes)
        unmoved += far.ended == "same" and name in well
        if far.ended != "same":
            (sides if far.good else rest).append(_Side(name, each, world, far))
    nearest = min((_NEAR[side.far.way] for side in sides), default=0)
    near = [side for side in sides if _NEAR[side.far.way] == nearest]
    further = [side for side in sides if side not in near] + rest
    near.sort(key=lambda side: (side.far.ended != "passed", len(side.pair.changes)))
    return near[:SIDES], further, unmoved


def _mixed(pairs: list[tuple[str, Recording, Pair]], base: World) -> list[tuple[str, Pair]]:
    """Passing ones first, the most alike first; of those that failed, the most alike of each failure in turn."""
    pairs.sort(key=lambda found: (found[1].status != "ok", len(found[2].changes)))
    turns: dict[object, int] = {}
    ranked: list[tuple[int, int, str, Pair]] = []
    for place, (name, other, each) in enumerate(pairs):
        failed = error_of(other.outcome, base.stage.root)
        turn = 0
        if failed is not None:
            turn = turns[identity(failed)] = turns.get(identity(failed), 0) + 1
        ranked.append((turn, place, name, each))
    ranked.sort(key=lambda found: found[:2])
    return [(name, each) for _, _, name, each in ranked]


def _isolate(
    sides: list[_Side], further: list[_Side], others: Sequence[Named], incident: Recording, finding: Finding
) -> None:
    first = sides[0]
    cause = fewest(first.pair.changes, lambda kept: first.with_only(kept).ended == "same")
    paths = [each.path for each in cause]
    for side in sides[1:]:
        paths += _missing(side, paths)
    for side in further:
        got = side.with_only(side.of(paths))
        if not got.good or got.way != "line":
            continue  # it is kept from the failing line by something else
        more = _missing(side, paths)
        if more and len(paths) + len(more) <= MOST_VALUES:
            paths += more
            sides.append(side)
    finding.compared = tuple(side.name for side in sides)
    places = {path for side in sides for path in (each.path for each in side.pair.changes)}
    finding.irrelevant = tuple(sorted(path for path in places if not any(related(path, one) for one in paths)))
    if len(paths) > MOST_VALUES:
        finding.reason = f"it takes {len(paths)} values together; that is no cause that can be named"
        return
    groups = _groups(paths, sides)
    if groups is None:
        finding.reason = ("there is more than one cause: it fails with these values alone, and without them too: "
                          f"{', '.join(paths)}")  # fmt: skip
        return
    found = [_proved(name, groups, sides, others, incident) for name in groups]
    finding.values = tuple(value for value in found if value.passes_without in ("passed", "past"))
    finding.conditions = tuple(value.path for value in found if value not in finding.values)
    if not finding.values:
        finding.reason = f"without {', '.join(paths)} it fails in another way, or asks what no recording answers"
        return
    finding.isolated = True
    paths = [path for group in groups.values() for path in group]
    swapped = first.of(paths, lengths="[*]" in "".join(groups))
    without = first.world.run(swapped)
    finding.cure = _cure(swapped, without) or next(filter(None, (
        _cure(one, side.world.run(one)) for side in sides for value in finding.values
        if (one := side.of(groups[value.path]))
    )), ())  # fmt: skip
    if without.ended == "passed":
        finding.passing = first.world.stage.recorded(without.execution, ())
    finding.failing = first.world.stage.recorded(first.with_only(first.of(paths)).execution, ())


def _missing(side: _Side, paths: Sequence[str]) -> list[str]:
    """The fewest further values of the incident that make the other recording fail in the same way, if those at these
    places do not; without lists and mappings in which one of these lies, which is then there anyway."""
    held = side.of(paths)
    if side.with_only(held).ended == "same":
        return []
    known = set(map(id, held))
    rest = tuple(each for each in side.pair.changes if id(each) not in known)
    found = [each.path for each in fewest(rest, lambda kept: side.with_only((*held, *kept)).ended == "same")]
    return [path for path in found if not any(_lies_in(known, path) for known in paths)]


def _cure(swapped: tuple[Change, ...], trial: Trial) -> tuple[Edit, ...]:
    """The edits that led to a run past the failing line; none, if it did not come there."""
    if not trial.good:
        return ()
    edits = (each.edit if each.answer is None else whole(each.answer, each.path) for each in swapped)
    return tuple(each for each in edits if each is not None)


def _groups(paths: list[str], sides: list[_Side]) -> dict[str, list[str]] | None:
    """The places of the cause by name. Where each item of a list has it and one suffices, they are one cause,
    `items[*].price`. None if it fails without them too."""
    if not any(side.world.run(side.of(paths)).ended == "same" for side in sides):
        return {path: [path] for path in paths}
    groups: dict[str, list[str]] = {}
    for path in paths:
        name = general(path)
        alike = [each.path for side in sides for each in side.pair.changes if general(each.path) == name]
        groups[name] = list(dict.fromkeys([path, *alike]))
    wide = [path for group in groups.values() for path in group]
    if any(side.world.run(side.of(wide, lengths=True)).ended == "same" for side in sides):
        return None
    return groups


def general(path: str) -> str:
    """A place with `[*]` for the numbers of items."""
    root, steps = parse(path)
    name = root
    for step in steps:
        name = f"{name}[*]" if type(step) is int else write(name, (step,))
    return name


def holds(change: Change, path: str) -> bool:
    """Whether a change at or above a place says what lies there."""
    below = len(parse(change.path)[1]) >= len(parse(path)[1])
    return below or change.edit is None or change.edit.operator == "set"


def _proved(name: str, groups: dict[str, list[str]], sides: list[_Side], others: Sequence[Named],
            incident: Recording) -> CauseValue:  # fmt: skip
    """One value of the cause with the runs that prove it."""
    fails = without = ""
    here: object = MISSING
    own = groups[name]
    every = [path for group in groups.values() for path in group]
    rest = [path for path in every if path not in own]
    for side in sides:
        mine = side.of(own, lengths="[*]" in name)
        if not mine:
            continue
        here = next((each.here for each in mine if each.path in own), here)
        if not fails:
            fails = side.with_only(side.of(every)).ended
        if without not in ("passed", "past"):
            without = side.with_only(side.of(rest)).ended
        if without not in ("passed", "past"):
            without = side.world.run(mine).ended
    tried = tuple(_alternatives(own[0], sides, others, incident)) if "[*]" not in name else ()
    return CauseValue(name, here, tried, fails_with=fails, passes_without=without)


def _alternatives(path: str, sides: list[_Side], others: Sequence[Named], incident: Recording) -> Iterable[Alternative]:
    """Other values seen in its place, each tried: in the incident; where that says nothing, in the other recording."""
    seen: list[object] = []
    own = {side.name: side for side in sides}
    for name, other in others:
        side = own.get(name)
        changes = side.pair.changes if side is not None else pair(incident, other).changes
        for change in changes:
            if change.path != path or any(equal(change.there, each) for each in seen):
                continue
            if len(seen) >= ALTERNATIVES:
                return
            seen.append(change.there)
            try:
                ended = (side or sides[0]).world.run((change,)).ended
            except Spent:
                return
            if side is not None and ended not in ("passed", "past", "same"):
                ended = side.far.ended  # the recording that held it, as it is
            yield Alternative(change.there, ended)


def _lies_in(one: str, other: str) -> bool:
    """Whether one place is inside the other, and not the same."""
    return len(parse(one)[1]) > len(parse(other)[1]) and related(one, other)


def related(one: str, other: str) -> bool:
    """Whether one place is the other, or lies in it."""
    (root, steps), (root2, steps2) = parse(one), parse(other)
    shorter = min(len(steps), len(steps2))
    return root == root2 and steps[:shorter] == steps2[:shorter]
