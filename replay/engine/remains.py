"""Whether a run does again what its recording was found for: damage that no error tells.

A find of `replay fuzz` that ended well has a note of it (`replay.core.damage`); what its promoted test demands is that
the damage is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from replay.core.damage import Damage, Rule, digest_of
from replay.core.recording import Interaction, Outcome, Recording
from replay.core.verdict import Frame, Violation
from replay.core.world import Request
from replay.engine.breaches import Predict, breaches
from replay.engine.failures import Failure, relative, status_of
from replay.engine.heard import Heard
from replay.engine.mutant import Taken
from replay.engine.returns import Returns
from replay.engine.silent import failed
from replay.engine.targets import Targets

LONGEST = 190
"""Characters of a target that are compared: a find's type keeps as many."""


def remaining(noted: Damage, recording: Recording, target: Any, outcome: Outcome, asked: Sequence[Interaction],
              heard: Sequence[Heard], caught: Sequence[Frame], targets: Targets,
              predict: Predict | None) -> tuple[Violation, ...]:  # fmt: skip
    """What a run does again; nothing of one that failed by itself. `heard`: what it logged, `caught`: where it took
    whatever was raised (see `replay.engine.silent`). `predict`: what is read off a model's answer."""
    if not _is_well(recording, outcome):
        return ()
    if noted.kind == "schema":
        failure = Returns(recording, target, targets.resolve, targets.root).judge(recording, outcome)
        return () if failure is None else (_violation(failure),)
    if noted.kind == "policy":
        taken = tuple(Taken(each, Request(each.boundary, each.target, _Stored(each)), each.request, each.lane)
                      for each in asked)  # fmt: skip
        return tuple(map(_violation, breaches(taken, outcome, predict or _nobody, targets.resolve)))[:1]
    if noted.rule == "swallowed":
        return () if heard else tuple(_swallowed(noted, caught, targets))[:1]
    own = [(relative(targets.root, each.place.file), each) for each in heard]
    rule = _RULES.get(noted.rule)
    return () if rule is None else tuple(rule(noted, outcome, asked, own))[:1]


class _Stored:
    """A recorded request as one that was asked."""

    def __init__(self, interaction: Interaction) -> None:
        self._request = interaction.request

    def settle(self) -> Any:
        return self._request

    @property
    def size(self) -> int:
        return len(self._request.text)


def _nobody(interaction: Interaction, resolve: Any) -> None:
    return None


def noted(failure: Failure, parent: Recording) -> Damage | None:
    """The note of a find; None where no later run can be judged by one. `parent`: the recording that was mutated."""
    if failure.kind == "schema":
        return Damage(kind="schema")
    if failure.kind == "policy":
        return Damage(kind="policy")
    rule, _, target = failure.error_type.partition(" ")
    if failure.kind != "silent":
        return None
    placed: dict[str, Rule] = {"logged": "logged", "swallowed": "swallowed"}
    if rule in placed:
        place = failure.frames[0]
        return Damage(kind="silent", rule=placed[rule], file=place.file, function=place.function)
    if rule == "lost":
        return Damage(kind="silent", rule="lost", target=target[:LONGEST], result=digest_of(parent.outcome))
    same = Counter(each.request.text for each in parent.interactions if _is_of(each, target))
    return Damage(kind="silent", rule="repeated", target=target[:LONGEST], made=max(1, *same.values(), 0))


Found = Iterator[Violation]


def _lost(noted: Damage, outcome: Outcome, asked: Sequence[Interaction], heard: Sequence[tuple[str, Heard]]) -> Found:
    done = any(_is_of(each, noted.target) and not failed(each) for each in asked)
    if not done and not heard and digest_of(outcome) == noted.result:
        yield Violation("silent damage", f"{noted.target} was not made or failed, and the result is the same", "", 0)


def _repeated(
    noted: Damage, outcome: Outcome, asked: Sequence[Interaction], heard: Sequence[tuple[str, Heard]]
) -> Found:
    succeeded: Counter[str] = Counter()
    for each in asked:
        if not _is_of(each, noted.target):
            continue
        if succeeded[each.request.text] >= max(1, noted.made):
            yield Violation("silent damage", f"{noted.target} was made again, though it had succeeded", "", 0)
        succeeded[each.request.text] += not failed(each)


def _logged(noted: Damage, outcome: Outcome, asked: Sequence[Interaction], heard: Sequence[tuple[str, Heard]]) -> Found:
    for file, each in heard:
        if (file, each.place.function) == (noted.file, noted.function):
            said = f"an error was logged, and the run ended well: {each.logger}: {each.message}"
            yield Violation("silent damage", said[:500], file, each.place.line)


def _swallowed(noted: Damage, caught: Sequence[Frame], targets: Targets) -> Found:
    for frame in caught:
        file = relative(targets.root, frame.file)
        if (file, frame.function) == (noted.file, noted.function):
            yield Violation("silent damage", "an exception was caught, and the run returned", file, frame.line)


_RULES: dict[str, Callable[[Damage, Outcome, Sequence[Interaction], Sequence[tuple[str, Heard]]], Found]] = {
    "lost": _lost,
    "repeated": _repeated,
    "logged": _logged,
}


def _is_of(interaction: Interaction, target: str) -> bool:
    return interaction.target[:LONGEST] == target[:LONGEST]


def _is_well(recording: Recording, outcome: Outcome) -> bool:
    if outcome.state != "returned":
        return False
    return recording.kind not in ("asgi", "wsgi") or (status_of(outcome) or 599) < 400


def _violation(failure: Failure) -> Violation:
    frame = failure.frames[-1] if failure.frames else None
    said = f"{failure.error_type}: {failure.message}"
    return Violation(failure.kind, said, "" if frame is None else frame.file, 0 if frame is None else frame.line)
