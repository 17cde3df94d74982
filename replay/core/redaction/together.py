"""Many texts, each in a place of its own: what they have in common is looked at once, what stands for each is put in.

What is found, in which order, and what it becomes is as if each was looked at by itself (`leaf`); but of texts that are
read on from one to the next (`streams`) the first walk does not see which were secrets by themselves. Only texts of a
known shape are taken together (`plans`). Each of the others has its own look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from replay.core.redaction.crowds import PIECE
from replay.core.redaction.marks import ENCODED, Path
from replay.core.redaction.marks import MOST as MARKED
from replay.core.redaction.plans import BETWEEN, Plan, Planned, filled
from replay.core.redaction.secrets import Told
from replay.core.redaction.tabled import ROWS, Walk

_AT_ONCE = 1000
"""Objects that are looked at while other threads wait."""
_FIRST = 4
"""That tell of most lists that they have no known shape."""
_Change = tuple[Path, str, str, str]
"""Where in a text, what stood there, what stands there now, its kind."""


class Together(Planned):
    """Takes texts together."""

    def together(
        self, texts: Sequence[str], path: Callable[[int], Path] | None, deep: int, one: Callable[[int], str]
    ) -> list[str] | None:
        """What `leaf` makes of each; None where each is better looked at by itself. `path`: of each; None: changes are
        not marked. `one` looks at one by itself."""
        if len(texts) < ROWS or self._rules.own or self._rules.any_allowed or self.known.any:
            return None
        if path is not None and all(self.shape_of(text, deep) == self.others for text in texts[:_FIRST]):
            return None
        out: list[str] = []
        for start, end in _groups(texts):
            part = self._together(
                texts[start:end],
                None if path is None else partial(_moved, path, start),
                deep,
                partial(_moved, one, start),
            )
            out += part
        return out

    def _together(
        self, texts: Sequence[str], path: Callable[[int], Path] | None, deep: int, one: Callable[[int], str]
    ) -> list[str]:
        """The same of so many that other threads need not wait."""
        self._pause(sum(map(len, texts)))
        plans = self.plans_of(texts, deep, None if path is not None else self.readings_of)
        if sum(plan is None for plan in plans) * 2 > len(texts):
            return list(map(one, range(len(texts))))
        if not self._armed:
            self._learned(plans, one)
            return [*texts]
        return self._written(texts, plans, path, one)

    def objects(self, values: list[Any], walk: Walk, at: Callable[[int], Path]) -> list[Any] | None:
        """What `walk` makes of JSON objects of several shapes; None where each is better looked at by itself. `at`: the
        path of each."""
        if len(values) < ROWS or self._rules.own or self._rules.any_allowed or self.known.any:
            return None
        path = at(0)
        if type(values[0]) is not dict or (
            path and self.kind_of(path[-1]) == "session"
        ):  # what that holds may have an id
            return None
        out: list[Any] = []
        for start in range(0, len(values), _AT_ONCE):
            out += self._objects_at(values[start : start + _AT_ONCE], walk, partial(_moved, at, start))
        return out

    def _objects_at(self, values: list[Any], walk: Walk, at: Callable[[int], Path]) -> list[Any]:
        self._pause(sum(map(len, values)))
        plans = self.plans_of_values(values)
        made = [*values]

        def one(number: int) -> None:
            made[number] = walk(values[number], at(number), None)

        if sum(plan is None for plan in plans) * 2 > len(values):
            for number in range(len(values)):
                one(number)
            return made
        if not self._armed:
            self._learned(plans, one)
            return made
        masks = self._masks(plans)
        for number in self._with_known([""] * len(values), plans, ()):
            masks[number] = None
        for number, (plan, said) in enumerate(zip(plans, masks, strict=True)):
            if plan is None or said is None:
                one(number)
            elif plan.secrets:
                made[number] = {**values[number], **{name: one for (name,), one in zip(plan.steps, said, strict=True)}}
                if len(self.marks) < MARKED:
                    self._mark(at(number), "", "", plan, said, None)
        return made

    def _learned(self, plans: list[Plan | None], one: Callable[[int], object]) -> None:
        """The first walk."""
        waiting: list[Told] = []
        places: list[int] = []
        drawn = self.crowd.secrets
        for at, plan in enumerate(plans):
            if plan is not None and not plan.secrets:
                continue
            if (
                plan is None
                or len(self.secrets) < self.few
                or (drawn and any(text in drawn for text, _, _ in plan.secrets))
            ):
                self.learn_all(waiting, places, one)
                waiting, places = [], []
                one(at)
            else:
                waiting += plan.secrets
                places += [at] * len(plan.secrets)
        self.learn_all(waiting, places, one)

    def _written(
        self, texts: Sequence[str], plans: list[Plan | None], path: Callable[[int], Path] | None,
        one: Callable[[int], str],
    ) -> list[str]:  # fmt: skip
        """The second walk."""
        masks = self._masks(plans)
        made = [
            "" if plan is None or said is None else filled(text, plan, said)
            for text, plan, said in zip(texts, plans, masks, strict=True)
        ]
        for at in self._with_known(texts, plans, made if path is not None else ()):
            plan = plans[at]
            is_all = plan is not None and [text for text, _, _ in plan.secrets] == [texts[at]]
            if not (is_all and path is not None and made[at] == self._needles.exact(texts[at])):
                masks[at] = None
        if path is None and None not in masks:
            self._mark_inside(plans, masks)
            return made
        kinds = self.kinds_in(texts[:MARKED]) if path is not None and len(self.marks) < MARKED else {}
        for at, (plan, said) in enumerate(zip(plans, masks, strict=True)):
            if plan is None or said is None:
                made[at] = one(at)
            elif len(self.marks) < MARKED:
                kind = kinds.get(at, ENCODED) if at < MARKED else None
                self._mark(path(at) if path else None, texts[at], made[at], plan, said, kind)
        return made

    def _masks(self, plans: list[Plan | None]) -> list[Sequence[str] | None]:
        """What stands for the secrets of each; None where they need a look of their own."""
        drawn, known = self.crowd.secrets, self.secrets
        masks: list[Sequence[str] | None] = []
        both = known.keys() & drawn.keys()
        for plan in plans:
            if plan is None:
                masks.append(None)
                continue
            said = [drawn.get(text) for text, _, _ in plan.secrets]
            if None in said or both:
                for at, (text, kind, named) in enumerate(plan.secrets):
                    said[at] = said[at] or self.value(text, kind) if named else known.get(text, said[at])
            masks.append(None if None in said else said)  # type: ignore[arg-type]  # mypy does not see that none is None
        return masks

    def _mark(self, path: Path | None, text: str, made: str, plan: Plan, said: Sequence[str], kind: str | None) -> None:
        """Mark what changed as `leaf` does, which marks what is encoded in a text at the root."""
        before = len(self.marks)
        base = () if plan.inside or path is None else path
        for step, one, new, named in _changes(plan, said) if plan.steps else ():
            self.mark((*base, *step), one, new, named)
        inside = len(self.marks) > before and base == path
        if path is not None and not inside and made != text:
            self.mark(path, text, made, self.crowd.kind_of(text) or kind)

    def _mark_inside(self, plans: Iterable[Plan | None], masks: Iterable[Sequence[str] | None]) -> None:
        """The same of texts without a path: of each step the last change."""
        last: dict[Path, tuple[str, str, str]] = {}
        for plan, said in zip(plans, masks, strict=True):
            if plan is not None and said is not None and plan.steps:
                for step, one, new, named in _changes(plan, said):
                    if one != new:
                        last[step] = one, new, named
        for step, change in last.items():
            self.mark(step, *change)

    def _with_known(self, texts: Sequence[str], plans: list[Plan | None], made: Sequence[str]) -> Iterable[int]:
        """Those in which other known secrets are: beside what was found, or in what is `made` of encoded ones."""
        held = [(at, plan) for at, plan in enumerate(plans) if plan is not None]
        beside = ["\0".join(plan.between) for _, plan in held]
        if made:
            beside += [made[at] for at, plan in held if plan.parts]
        different = dict.fromkeys(beside)
        changed: set[int] = set()
        inside = [plan.inside for _, plan in held if plan.inside]
        wholes = [whole for _, plan in held for whole in plan.wholes]
        if any(map(self._needles.any_of, (texts, inside, wholes))) or (inside and self.crowd.any_drawn(texts)):
            exact = self._needles.any_of
            changed.update(at for at, plan in held if exact((texts[at], *plan.wholes, plan.inside)))
            changed.update(at for at, plan in held if plan.inside and self._is_drawn(texts[at]))
        if any(plan.numbers for _, plan in held):
            numbers = self.secrets.keys() | self.crowd.secrets.keys()
            changed.update(at for at, plan in held if not numbers.isdisjoint(plan.numbers))
        whole = BETWEEN.join(different)
        known = self.masked(whole)
        if known != whole:
            touched = {one for one, new in zip(different, known.split(BETWEEN), strict=True) if one != new}
            places = [*(at for at, _ in held), *(at for at, plan in held if plan.parts)]
            changed.update(at for at, one in zip(places, beside, strict=False) if one in touched)
        return changed


def _groups(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where groups of these begin and end, each of some `PIECE` characters."""
    start = size = 0
    for at, text in enumerate(texts):
        size += len(text)
        if size > PIECE:
            yield start, at + 1
            start, size = at + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _moved(of: Callable[[int], Any], start: int, at: int) -> Any:
    return of(start + at)


def _changes(plan: Plan, said: Sequence[str]) -> Iterator[_Change]:
    """What is made of each step; of a URL the name and the password are one."""
    apart = plan.steps.count(())
    if apart:
        before = ":".join(one for one, _, _ in plan.secrets[:apart])
        yield (), before, ":".join(said[:apart]), plan.secrets[0][1]
    for at in range(apart, len(said)):
        one, kind, _ = plan.secrets[at]
        yield plan.steps[at], one, said[at], kind
