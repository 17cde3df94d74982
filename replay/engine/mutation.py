"""Mutations: a list of edits applied to a recording gives a recording, which shares with it all that was not edited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from replay.core.codec import Value
from replay.core.edits import Edit, parse, read_edit
from replay.core.opened import Unfit
from replay.core.parts import Draft, Parts
from replay.core.recording import TURNS, Interaction, Recording, turns_of
from replay.engine.operators import CHANGES
from replay.engine.operators.site import Change, applied

Edits = tuple[Edit, ...]
WHOLE = "answered"
"""The operator that puts another answer in the place of one, which may be an error: neither needs parts to edit."""


class Mutations:
    """Mutates one recording, many times: each part is opened once."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.parts = Parts(recording)
        self._digest: str | None = None
        self._turns = turns_of(recording)

    def draft(self, edits: Iterable[Edit]) -> Draft:
        """The fields that change. Edits that do not fit do nothing, in the order given."""
        values: dict[str, Any] = {}
        answers: dict[int, Any] = {}
        for edit in edits:
            root, steps = parse(edit.path)
            if edit.operator == WHOLE:
                found = self.parts.interaction(root)
                if found is not None and not steps:
                    answers[found.seq] = edit.argument
                continue
            part = self.parts.get(root)
            change = _stale(self.parts, root) if edit.operator == "stale" else CHANGES.get(edit.operator)
            if part is None or change is None:
                continue
            try:
                values[root] = applied(values.get(root, part.value), steps, change, edit.argument)
            except Unfit:
                continue
        recorded = self.recording.interactions
        draft: Draft = {"interactions": list(recorded)}
        if answers:
            draft["interactions"] = [_answered(each, answers.get(each.seq)) for each in draft["interactions"]]
        for root, value in values.items():
            part = self.parts.get(root)
            if part is not None and value is not part.value:
                try:
                    part.write(draft, value)
                except (Unfit, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
                    continue  # the recording cannot hold it
        every = tuple(draft["interactions"])
        draft["interactions"] = recorded if every == recorded else every
        if self._turns and every is not recorded:
            self._let_wait(draft, every)
        return draft

    def _let_wait(self, draft: Draft, every: Sequence[Interaction]) -> None:
        """An answer that comes later than it did is waited for, though a coroutine had it at once."""
        pairs = zip(self._turns, self.recording.interactions, every, strict=False)
        turns = "".join(
            "w" if sign not in "co" and now.duration_ns > was.duration_ns else sign for sign, was, now in pairs
        )
        if turns != self._turns:
            before = draft["context"].tree if "context" in draft else self.recording.facts
            draft["context"] = Value(msgspec.json.encode({**before, TURNS: turns}).decode())

    def quick(self, edits: Sequence[Edit]) -> Recording:
        """The mutation for a run: without lineage, its id the parent's."""
        return msgspec.structs.replace(self.recording, **self.draft(edits))

    def apply(self, edits: Sequence[Edit]) -> Recording:
        """The mutation with its lineage and an id of its own."""
        return self.named(self.quick(edits), edits)

    def named(self, mutated: Recording, edits: Sequence[Edit]) -> Recording:
        """A mutated recording with its lineage and an id of its own."""
        if self._digest is None:
            self._digest = self.recording.digest
        found = msgspec.structs.replace(mutated, parent_digest=self._digest, edits=write_edits(edits))
        return msgspec.structs.replace(found, id=found.digest[:16])


def whole(interaction: Interaction, path: str) -> Edit:
    """The edit that gives the interaction at `path` the answer of this one, an error too, whatever its form."""
    return Edit(path, WHOLE, [interaction.state, interaction.answer.text])


def _answered(interaction: Interaction, argument: Any) -> Interaction:
    state, text = argument if type(argument) is list and len(argument) == 2 else (None, None)
    if state not in ("returned", "raised") or type(text) is not str:
        return interaction
    return msgspec.structs.replace(interaction, state=state, answer=Value(text))


def _stale(parts: Parts, root: str) -> Change:
    """The one operator that looks elsewhere: the answer that another interaction got, of that number."""

    def change(value: Any, seq: int) -> Any:
        other = parts.get(f"{root.partition('[')[0]}[{int(seq)}]")
        if other is None:
            raise Unfit("no such answer")
        if root[:4] != "http":
            return other.value
        found = {name: part for name, part in other.value.items() if name not in ("headers", "stream")}
        return {"headers": value["headers"], **found}  # with the lengths and types of the answer that it replaces

    return change


def mutate(recording: Recording, edits: Sequence[Edit]) -> Recording:
    """`recording` with these edits applied, in order; its `parent_digest` and `edits` say where it comes from."""
    return Mutations(recording).apply(edits)


def write_edits(edits: Iterable[Edit]) -> Value:
    """Edits as a recording stores them."""
    return Value(msgspec.json.encode([edit.tree() for edit in edits]).decode())


def read_edits(stored: Value | None) -> Edits:
    """Stored edits. Raises ValueError for what are none."""
    if stored is None:
        return ()
    tree = stored.tree
    if type(tree) is not list:
        raise ValueError("not a list of edits")
    return tuple(read_edit(each) for each in tree)
