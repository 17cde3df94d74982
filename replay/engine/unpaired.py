"""The cause of a failure where no recording stands on the other side: values made up take its place.

First the places that do not matter are put aside, many at a time: the incident fails in the same way with other
values in all of them. Each place that is left gets its other values one by one. A cause is a place where another
value lets the code run through the failing line; a value that only keeps the code from coming there is a condition,
unless there is nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from replay.core.edits import Edit
from replay.core.recording import Recording
from replay.engine.apart import pair
from replay.engine.finding import Alternative, CauseValue, Finding
from replay.engine.shrink import fewest
from replay.engine.trials import Change, Trial, World
from replay.engine.typical import choices

MOST_VALUES = 3
"""Values of one cause that made-up values can name."""
BESIDE = 40
"""Recordings whose values are tried."""
_FORMS = frozenset({"input.args", "input.kwargs"})
"""How the code was called: what it was called with has places of its own."""
Place = tuple[Change, ...]
"""The changes for one place."""


def isolate(world: World, others: Sequence[Recording], finding: Finding) -> None:
    """Fill `finding` for the incident that `world` runs; `others` failed too, their values are likely ones."""
    places: list[Place] = []
    for site, values in choices(world.stage.mutations.parts, _seen(world.stage.recording, others)):
        path = site.path
        if path in _FORMS:
            continue
        places.append(tuple(Change(path, Edit(path, "set", value), here=site.value, there=value) for value in values))
    aside: list[Place] = []
    left: list[Place] = []
    _put_aside(world, places, aside, left)
    aside = _together(world, aside, left)
    found = [_tried(world, place) for place in left]
    if not any(way == "line" for _, way in found):  # one other value says little: text of another kind, another type
        more = [(place, _tried(world, place)) for place in aside]
        cured = [(place, tried) for place, tried in more if tried[1]]
        found += [tried for _, tried in cured]
        left += [place for place, _ in cured]
        aside = [place for place, tried in more if not tried[1]]
    finding.irrelevant = tuple(sorted(place[0].path for place in aside))
    through = [value for value, way in found if way == "line"]
    around = [value for value, way in found if way == "around"]
    causes = through or around
    finding.conditions = tuple(value.path for value, _ in found if value not in causes)
    if not causes:
        finding.reason = ("no other value of one place lets it pass: there is more than one cause, or it takes a "
                          "passing recording beside it (replay why INCIDENT PASSING)")  # fmt: skip
        return
    if len(causes) > MOST_VALUES:
        names = ", ".join(value.path for value in causes[:10])
        finding.reason = (f"it passes with another value in any of {len(causes)} places; name a passing recording "
                          f"beside it to tell them apart: {names}")  # fmt: skip
        return
    finding.values, finding.isolated = tuple(causes), True
    for value in causes:
        _keep(world, value, left, finding)


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
