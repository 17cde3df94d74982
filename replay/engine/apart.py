"""Where two recordings of one entry point are apart: the changes from the one's values to the other's."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from replay.core.deltas import OPENED, Deltas
from replay.core.edits import Edit, Steps, write
from replay.core.opened import Kept, Typed
from replay.core.parts import Parts
from replay.core.recording import Interaction, Recording
from replay.core.streaming import TAG
from replay.engine.operators.site import is_view
from replay.engine.trials import Change
from replay.engine.waiting import alike, request_of

MOST = 3_000
"""Changes between two recordings."""
_FRAMING = frozenset({"content-length", "transfer-encoding", "content-encoding"})
"""Headers that follow from the body."""


class Pair(msgspec.Struct, frozen=True):
    """An incident beside another recording."""

    joined: Recording
    """The incident, and after its last interaction those of the other that it never came to."""
    others: tuple[Interaction | None, ...]
    """The interaction of the other recording at each place of `joined`."""
    changes: tuple[Change, ...]


def pair(incident: Recording, other: Recording) -> Pair:
    """The incident joined with another recording, and the changes from the one's values to the other's."""
    matched, extra = aligned(incident, other)
    seqs = {theirs.seq: ours.seq for ours, theirs in zip(incident.interactions, matched, strict=True) if theirs}
    number = max((i.seq for i in incident.interactions), default=-1)
    late = incident.duration_ns
    more: list[Interaction] = []
    for each in extra:
        number += 1
        seqs[each.seq] = number
        more.append(msgspec.structs.replace(each, seq=number, offset_ns=max(late, each.offset_ns)))
    joined = msgspec.structs.replace(
        incident,
        interactions=(*incident.interactions, *more),
        duration_ns=max(incident.duration_ns, *(i.offset_ns + i.duration_ns for i in more), 0),
    )
    others = (*matched, *extra)
    renumbered = msgspec.structs.replace(other, interactions=tuple(
        msgspec.structs.replace(i, seq=seqs[i.seq]) for i in other.interactions))  # fmt: skip
    return Pair(joined, others, tuple(_changes(joined, renumbered, others))[:MOST])


def aligned(incident: Recording, other: Recording) -> tuple[list[Interaction | None], list[Interaction]]:
    """For each interaction of the incident the one of the other recording that answered the same question, or one like
    it; and those of the other that are left."""
    left = list(other.interactions)
    matched: list[Interaction | None] = [None] * len(incident.interactions)
    tests = (
        lambda one, two: one.target == two.target and one.request.text == two.request.text,
        lambda one, two: one.target == two.target and one.lane == two.lane,
        lambda one, two: one.target == two.target,
        lambda one, two: alike(one, request_of(two)),
    )
    for test in tests:
        for place, ours in enumerate(incident.interactions):
            if matched[place] is None:
                found = next((each for each in left if each.boundary == ours.boundary and test(ours, each)), None)
                if found is not None:
                    left.remove(found)
                    matched[place] = found
    return matched, left


def _changes(ours: Recording, theirs: Recording, others: tuple[Interaction | None, ...]) -> Iterator[Change]:
    one, two = Parts(ours), Parts(theirs)
    places = {interaction.seq: place for place, interaction in enumerate(ours.interactions)}
    for root in one.every():
        left, right = one.get(root), two.get(root)
        if left is not None and right is not None:
            here, there = left.value, right.value
            if root.startswith("http["):
                there = yield from _streamed(root, here, there)
            if root == "environ":
                yield from _variables(here, there)
            else:
                yield from differing(root, (), _once(here), _once(there))
    for interaction in ours.interactions:  # what cannot be edited is swapped as it is
        root, place = f"{interaction.boundary}[{interaction.seq}]", places[interaction.seq]
        other = others[place]
        if other is None or (one.get(root) is not None and two.get(root) is not None):
            continue
        if interaction.answer.text != other.answer.text or interaction.state != other.state:
            yield Change(root, None, place, other, Kept(interaction.answer.tree), Kept(other.answer.tree))


def _streamed(root: str, here: Any, there: Any) -> Generator[Change, None, Any]:
    """The texts that two streams of deltas make are swapped by themselves: a stream's ids and times are always others.
    Gives the other answer with our texts in its events, which is what the change of the body leaves to be swapped."""
    if not (is_view(here.get(TAG)) and is_view(there.get(TAG)) and type(there.get("body")) is str):
        return there
    ours, theirs = here[TAG].fields, there[TAG].fields
    texts = [name for name in ours if name in theirs and name not in OPENED.values()]
    deltas = Deltas(there["body"])
    body = deltas.write(deltas.changed({**deltas.fields, **{name: ours[name] for name in texts}}))
    if deltas.fields.keys() != theirs.keys() or Deltas(body).fields.keys() < set(texts):
        return there
    for name in texts:
        if not equal(ours[name], theirs[name]):
            held = OPENED.get(name)
            is_opened = held in ours and held in theirs
            inside = list(differing(root, (TAG, held), ours[held], theirs[held])) if held and is_opened else []
            yield from inside or differing(root, (TAG, name), ours[name], theirs[name])
    return {**there, "body": body}


def _variables(here: dict[str, Any], there: dict[str, Any]) -> Iterator[Change]:
    """One that is not set is None, or, where a pattern allowed it, not among them: to be unset it must be said."""
    for name in sorted({*here, *there}):
        ours, theirs = here.get(name), there.get(name)
        if ours == theirs:
            continue
        path = write("environ", (name,))
        edit = Edit(path, "set", theirs) if name in here else Edit("environ", "add", [name, theirs])
        yield Change(path, edit, here=MISSING if ours is None else ours, there=MISSING if theirs is None else theirs)


def _once(value: Any) -> Any:
    """A part without the second view of its body."""
    if type(value) is not dict:
        return value
    return {name: item for name, item in value.items() if not is_view(item)}


def differing(root: str, steps: Steps, here: Any, there: Any) -> Iterator[Change]:
    """The changes from one opened value to another."""
    if root.startswith("timing["):
        if here != there:
            yield Change(root, Edit(root, "set", there), here=here, there=there)
        return
    if type(here) is Typed and type(there) is Typed and (here.tag, here.rest) == (there.tag, there.rest):
        here, there = here.fields, there.fields
    if type(here) is dict and type(there) is dict:
        yield from _of_mappings(root, steps, here, there)
    elif type(here) is type(there) and isinstance(here, list | tuple):
        for at, (one, two) in enumerate(zip(here, there, strict=False)):
            yield from differing(root, (*steps, at), one, two)
        path = write(root, steps)
        if len(here) > len(there):
            yield Change(path, Edit(path, "cut", len(there)), here=here, there=there)
        elif len(here) < len(there):
            yield Change(path, Edit(path, "extend", list(there[len(here) :])), here=here, there=there)
    elif not equal(here, there):
        path = write(root, steps)
        yield Change(path, Edit(path, "set", there), here=here, there=there)


def _of_mappings(root: str, steps: Steps, here: dict[Any, Any], there: dict[Any, Any]) -> Iterator[Change]:
    framing = _FRAMING if root.startswith("http[") or root == "input" else frozenset()
    framing = framing if steps == ("headers",) else frozenset()
    for name, value in here.items():
        if type(name) not in (str, int) or name in framing:
            continue
        path = write(root, (*steps, name))
        if name in there:
            yield from differing(root, (*steps, name), value, there[name])
        else:
            yield Change(path, Edit(path, "drop"), here=value, there=MISSING)
    for name, value in there.items():
        if name not in here and type(name) in (str, int) and name not in framing:
            edit = Edit(write(root, steps), "add", [name, value])
            yield Change(write(root, (*steps, name)), edit, here=MISSING, there=value)


class _Missing:
    def __repr__(self) -> str:
        return "nothing there"


MISSING = _Missing()
"""In place of a value: the name is not there."""


def equal(one: Any, two: Any) -> bool:
    """Equal in type and value, not-a-number too."""
    if type(one) is not type(two):
        return False
    if type(one) is float:
        return repr(one) == repr(two)
    try:
        return bool(one == two)
    except Exception:  # a decimal that signals
        return False
