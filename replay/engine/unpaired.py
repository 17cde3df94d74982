"""The cause of a failure where no recording stands on the other side: values made up take its place.

First the places that do not matter are put aside, many at a time: the incident fails in the same way with other
values in all of them. Each place that is left gets its other values one by one. A cause is a place where another
value lets the code run through the failing line; a value that only keeps the code from coming there is a condition,
unless there is nothing else. A name that the failing line speaks of and a mapping lacks is a place, too. Where no one
place is the cause, texts of the failing line are tried in those that are left, then two and three places at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import Any

from replay.core.edits import Edit, parse
from replay.core.recording import Recording
from replay.engine.apart import MISSING, pair
from replay.engine.finding import Alternative, CauseValue, Finding
from replay.engine.hinted import names_in, texts_near
from replay.engine.shrink import fewest
from replay.engine.trials import Change, Spent, Trial, World
from replay.engine.typical import choices, lacking, others

MOST_VALUES = 3
"""Values of one cause that made-up values can name."""
MOST_SAID = 150
"""Runs of what the failing line says."""
JOINT = 4
"""Values of each place that are tried with those of the others."""
SAID = 5
"""Places that are named where there is no cause."""
BESIDE = 40
"""Recordings whose values are tried."""
_FORMS = frozenset({"input.args", "input.kwargs"})
"""How the code was called: what it was called with has places of its own."""
Place = tuple[Change, ...]
"""The changes for one place."""


def isolate(world: World, beside: Sequence[Recording], finding: Finding) -> None:
    """Fill `finding` for the incident that `world` runs; those `beside` it failed too, their values are likely ones."""
    places: list[Place] = []
    texts = _texts(world)
    for site, values in choices(world.stage.mutations.parts, _seen(world.stage.recording, beside)):
        path = site.path
        if path in _FORMS:
            continue
        places.append(tuple(Change(path, Edit(path, "set", value), here=site.value, there=value) for value in values))
    places += _lacking(world, texts)
    aside: list[Place] = []
    left: list[Place] = []
    _put_aside(world, places, aside, left)
    aside = _together(world, aside, left)
    found = [_tried(world, place) for place in left]
    if not any(way == "line" for _, way in found):  # one other value says little: text of another kind, another type
        more = [(place, _tried(world, place)) for place in aside if place[0].here is not MISSING]
        cured = [(place, tried) for place, tried in more if tried[1]]
        found += [tried for _, tried in cured]
        left += [place for place, _ in cured]
        gone = {id(place) for place, _ in cured}
        aside = [place for place in aside if id(place) not in gone]
    through = [value for value, way in found if way == "line"]
    around = [value for value, way in found if way == "around"]
    causes = through or around
    if not through:
        with suppress(Spent) if around else nullcontext():  # what was found stays
            said = _said(world, (*left, *aside), texts)
            left[:0] = [place for place, _ in said]
            causes = [value for _, value in said] or around or _jointly(world, (*left, *aside), finding)
    named = {value.path for value in causes}
    finding.irrelevant = tuple(sorted(
        place[0].path for place in aside if place[0].here is not MISSING and place[0].path not in named))  # fmt: skip
    finding.conditions = tuple(
        value.path for value, _ in found if value.path not in named and value.here is not MISSING
    )
    if not causes:
        finding.conditions = ()
        finding.reason = _unknown(world, left)
        return
    if len(causes) > MOST_VALUES:
        names = ", ".join(value.path for value in causes[:10])
        finding.reason = (f"it passes with another value in any of {len(causes)} places; name a passing recording "
                          f"beside it to tell them apart: {names}")  # fmt: skip
        return
    finding.values, finding.isolated = tuple(causes), True
    for value in () if finding.together else causes:
        _keep(world, value, left, finding)


def _texts(world: World) -> tuple[str, ...]:
    """What the failing line says."""
    failure = world.trials.failure
    return () if failure is None or not failure.frames else texts_near(world.stage.root, failure.frames[-1])


def _lacking(world: World, texts: tuple[str, ...]) -> Iterator[Place]:
    """Places of names that are not there; first of those that the error names."""
    message = "" if world.trials.failure is None else world.trials.failure.message
    names = sorted(names_in(texts), key=lambda name: name not in message)
    values = (*others(None), *(text for text in texts if text != "text"))
    for above, name, path in lacking(world.stage.mutations.parts, names):
        yield tuple(Change(path, Edit(above, "add", [name, value]), here=MISSING, there=value) for value in values)


def _said(world: World, places: Sequence[Place], texts: Sequence[str]) -> list[tuple[Place, CauseValue]]:
    """The causes among places that get what the failing line says may stand there: those that it names first, a few
    runs for all others."""
    found = []
    runs = MOST_SAID
    for place in sorted(places, key=lambda place: parse(place[0].path)[1][-1:] not in [(text,) for text in texts]):
        here, path = place[0].here, place[0].path
        if path == "zone" or not (here is MISSING or here is None or type(here) is str):
            continue
        more = place
        if here is not MISSING:
            said = (text for text in texts if text != here)
            more += tuple(Change(path, Edit(path, "set", text), here=here, there=text) for text in said)
        runs -= len(more)
        if runs < 0:
            break
        value, way = _tried(world, more)
        if way == "line":
            found.append((more, value))
    return found


def _jointly(world: World, places: Sequence[Place], finding: Finding) -> list[CauseValue]:
    """The fewest places that let it pass with other values in all of them at once: two names that lack in one line."""
    for at in range(JOINT):
        changes = tuple(place[min(at, len(place) - 1)] for place in places)
        if not _passes(world, changes):
            continue
        changes = fewest(changes, lambda kept: _passes(world, kept))
        if not 1 < len(changes) <= MOST_VALUES:
            continue
        trial = world.run(changes)
        finding.together = True
        finding.cure = tuple(each.edit for each in changes if each.edit is not None)
        if trial.ended == "passed":
            finding.passing = world.stage.recorded(trial.execution, ())
        return [CauseValue(each.path, each.here, (Alternative(each.there, trial.ended),), fails_with="same",
                           passes_without=trial.ended) for each in changes]  # fmt: skip
    return []


def _passes(world: World, changes: Sequence[Change]) -> bool:
    trial = world.run(changes)
    return trial.good and trial.way == "line"


def _unknown(world: World, left: Sequence[Place]) -> str:
    """Why no cause can be named, and what would help."""
    said, cannot = [], ""
    for place in left:
        trials = [world.run((change,)) for change in place]  # as they ended: none is run again
        if any(trial.ended != "same" for trial in trials):
            said.append(place[0].path)
        cannot = cannot or next((trial.execution.reason for trial in trials if trial.execution.reason), "")
    matters = f"; what happens hangs on {', '.join(said[:SAID])}" if said else ""
    help = "it takes a passing recording beside it (replay why INCIDENT PASSING)"
    if cannot:
        help = f"with other values it cannot be run on: {cannot.rstrip('.')}"
    return f"none of the values that were made up lets it pass{matters}; {help}"


def _seen(incident: Recording, others: Sequence[Recording]) -> dict[str, list[Any]]:
    """What other recordings held at the same places."""
    found: dict[str, list[Any]] = {}
    for other in others[:BESIDE]:
        for change in pair(incident, other).changes:
            if change.edit is not None and change.edit.operator == "set":
                found.setdefault(change.path, []).append(change.there)
    return found


def _put_aside(world: World, places: list[Place], aside: list[Place], left: list[Place]) -> None:
    """Places that do not matter, found by halves: all at once, then each half."""
    if not places:
        return
    if world.run([place[0] for place in places]).ended == "same":
        aside += places
    elif len(places) == 1:
        left += places
    else:
        middle = len(places) // 2
        _put_aside(world, places[:middle], aside, left)
        _put_aside(world, places[middle:], aside, left)


def _together(world: World, aside: list[Place], left: list[Place]) -> list[Place]:
    """What can be changed all at once; what cannot, since two such places matter together, is left too."""
    if not aside or world.run([place[0] for place in aside]).ended == "same":
        return aside

    def keeps(kept: tuple[Place, ...]) -> bool:
        held = set(map(id, kept))
        return world.run([place[0] for place in aside if id(place) not in held]).ended == "same"

    needed = set(map(id, fewest(tuple(aside), keeps)))
    left += [place for place in aside if id(place) in needed]
    return [place for place in aside if id(place) not in needed]


def _tried(world: World, place: Place) -> tuple[CauseValue, str]:
    """One place with each of its values: `line` if one runs through the failing line, `around` if one only passes."""
    way = ""
    tried: list[Alternative] = []
    proof: Trial | None = None
    for change in place:
        trial = world.run((change,))
        tried.append(Alternative(change.there, trial.ended))
        if trial.good and way != "line":
            way = "line" if trial.way == "line" else "around"
            proof = trial
    ended = "" if proof is None else proof.ended
    return CauseValue(place[0].path, place[0].here, tuple(tried), fails_with="same", passes_without=ended), way


def _keep(world: World, value: CauseValue, left: list[Place], finding: Finding) -> None:
    """The run that passes without the cause, as a recording."""
    if finding.passing is not None:
        return
    place = next(place for place in left if place[0].path == value.path)
    for change in place:
        trial = world.run((change,))
        if trial.good and not finding.cure and change.edit is not None:
            finding.cure = (change.edit,)
        if trial.ended == "passed":
            finding.passing = world.stage.recorded(trial.execution, ())
            return
