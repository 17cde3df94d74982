"""What a recording does not say of lanes that ran at the same time: why a concurrent service may replay otherwise.

Two lanes asked the same thing at the same time and got different answers. Which of them comes first at replay is for
the scheduler to say, so each may get the other's answer. And what they did with their answers, one before the other, is
known only where they asked again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from replay.core.compare import MOST, unexpected
from replay.core.near import Near, Place
from replay.core.recording import Interaction, Recording
from replay.core.verdict import Difference, Divergence, DivergenceKind
from replay.engine.steps import overlapping, stepped
from replay.engine.user_code import is_ours, user_code

NONDETERMINISTIC = "nondeterministic: "
"""How such a reason begins."""
_MOST = 3
"""Pairs named in a reason."""
_PART = re.compile(r"\w+")
_BEHIND = 1_000_000_000
"""Nanoseconds after its end from which on a recording has no order."""
_CANCELLED = '"$error":{"type":"asyncio.exceptions.CancelledError"'
_CLOSE = 1_000_000
"""Nanoseconds between what two tasks ask, in which either may have been first."""


def nondeterminism(recording: Recording) -> str | None:
    """`nondeterministic: ...` with the interactions that can change places; None if there are none."""
    alike: dict[tuple[str, str, str], list[Interaction]] = defaultdict(list)
    for interaction in recording.interactions:
        alike[(interaction.boundary, interaction.target, interaction.request.text)].append(interaction)
    pairs = [pair for group in alike.values() if len(group) > 1 for pair in _pairs(group)]
    if not pairs:
        return None
    named = "; ".join(
        f"#{one.seq} and #{two.seq} ({one.boundary} {one.target}, lanes {one.lane} and {two.lane})"
        for one, two in pairs[:_MOST]
    )
    more = f"; and {len(pairs) - _MOST} more" if len(pairs) > _MOST else ""
    return (
        "nondeterministic: lanes that ran at the same time asked the same thing and got different answers, so each may "
        f"get the other's at replay: {named}{more}. Give these requests something that tells them apart, or an order."
    )


def rearranged(recording: Recording, difference: Collection[Difference]) -> str | None:
    """`nondeterministic: ...` if the outcome differs only in which of its values stands where, and lanes were under way
    at once; else None."""
    found = unexpected(difference)
    before = {leaf for each in found if each.kind != "added" for leaf in _leaves(each.recorded)}
    now = {leaf for each in found if each.kind != "removed" for leaf in _leaves(each.actual)}
    if max(len(found), len(before)) < 2 or (
        before != now and (len(found) < MOST or len(before & now) < len(before ^ now))
    ):
        return None
    pair = _pair_at_once(recording)
    return pair and (
        f"nondeterministic: the result has the same values, some in another place, and {pair}. The recording has "
        "when each got its answer, not which of them then went on first. Sort the result, or keep with each value what "
        "it belongs to."
    )


def overtaken(recording: Recording, divergences: Collection[Divergence]) -> str | None:
    """`nondeterministic: ...` of a run in which only the order of asking is another, or one lane drew what another did
    in production; None if no lanes ran at once."""
    if divergences and all(each.kind == "reordered" for each in divergences):
        what = "all that production asked is asked, some before its turn"
    elif _draws(divergences, "exhausted") & _draws(divergences, "missing"):
        what = "what one lane drew in production another one draws now"
    elif divergences and all(map(_was_given_up, divergences)):
        what = "what production asked and gave up before it was answered is not asked, or read less far"
    else:
        return None
    pair = _pair_at_once(recording) or _drawing(divergences)
    return pair and (
        f"nondeterministic: {what}, and {pair}. Which of them takes the next piece of work from a queue, or a lock, or "
        "is cancelled first, no recording says."
    )


def _was_given_up(divergence: Divergence) -> bool:
    """Whether only production asked it, in a task that was cancelled meanwhile."""
    asked = divergence.nearest if divergence.kind == "missing" else None
    return asked is not None and asked.state == "raised" and _CANCELLED in asked.answer.text


def _drawing(divergences: Collection[Divergence]) -> str | None:
    """Of tasks that do no more than draw."""
    lanes = list(dict.fromkeys(each.lane for each in divergences if each.boundary == "random"))
    return f"tasks drew in turn ({' and '.join(lanes[:2])})" if len(lanes) > 1 else None


def _draws(divergences: Collection[Divergence], kind: DivergenceKind) -> set[str]:
    return {each.target for each in divergences if each.boundary == "random" and each.kind == kind}


def _pair_at_once(recording: Recording) -> str | None:
    pair = _at_once(recording)
    if pair is None:
        if (lanes := overlapping(recording)) is not None:
            return f"threads ran at the same time ({lanes[0]} and {lanes[1]})"
        pair = _in_turn(recording)
        return pair and f"tasks took turns (#{pair[0].seq} in {pair[0].lane}, #{pair[1].seq} in {pair[1].lane}, ...)"
    one, two = pair
    return f"lanes ran at the same time (#{one.seq} in {one.lane}, #{two.seq} in {two.lane}, ...)"


def nearly(recording: Recording, near: Sequence[Near], root: Path | None = None) -> str | None:
    """`nondeterministic: ...` of what came at about the same time, each with when, and where in the code of the project
    at `root` somebody waited for it. None if nothing did."""
    end = recording.started_at + recording.duration_ns + _BEHIND
    near = [each for each in near if each.at <= end]
    if not near:
        return None
    owns = user_code(root).owns
    moments = sorted(near, key=lambda each: (each.what == "woken", each.at))[:_MOST]
    told = "; ".join(dict.fromkeys(_moment(recording, each, owns, root) for each in moments))
    return (
        f"nondeterministic: what came at about the same time may have come in another order: {told}. The recording "
        "does not say which was first."
    )


def _moment(recording: Recording, near: Near, owns: Callable[[str], bool], root: Path | None) -> str:
    offset = near.at - recording.started_at
    found = next((each for each in recording.interactions if each.offset_ns + each.duration_ns == offset), None)
    answer = "an answer" if found is None else f"the answer to #{found.seq} ({found.boundary} {found.target})"
    places = list(dict.fromkeys(filter(None, (_place(stack, owns, root) for stack in near.stacks))))
    at, and_at = (f" at {places[0]}" if places else ""), (f" at {' and '.join(places)}" if places else "")
    said = {
        "answer": f"{answer} came about when a time limit or a sleep was over{at}",
        "step": f"a thread began or ended about when a time limit or a sleep was over{at}",
        "limits": f"two time limits or sleeps were over{and_at}",
        "woken": f"a thread was woken{at} about when another one began or ended",
        "spared": f"a time limit{at} was over by production's clock, and was not met",
        "given up": f"{answer} came about when what waited for it was given up{at}",
        "computed": f"how long the code computes decides{at}",
    }
    return f"{offset / 1e6:.1f} ms after the start {said[near.what]}"


def _place(stack: Sequence[Place], owns: Callable[[str], bool], root: Path | None) -> str | None:
    """The innermost line of the project; of a thread that runs none, the outermost of what it runs."""
    for file, line, function in stack:
        if owns(file):
            return f"{file.removeprefix(f'{root}/')}:{line} in {function}"
    outer = (each for each in reversed(stack) if not (each[2].startswith("_bootstrap") or is_ours(each[0])))
    found = next(outer, None)
    return found and f"{found[2]} in {Path(found[0]).name}"


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, str):  # it may be written of parts
        yield from _PART.findall(value)
        return
    elif not isinstance(value, list | tuple | set | frozenset):
        yield f"{type(value).__name__} {value!r}"
        return
    for each in value:
        yield from _leaves(each)


def _at_once(recording: Recording) -> tuple[Interaction, Interaction] | None:
    """The first two that were under way at the same time in two lanes."""
    open_: dict[str, Interaction] = {}
    for interaction in recording.interactions:
        for lane, other in list(open_.items()):
            if other.offset_ns + other.duration_ns < interaction.offset_ns:
                del open_[lane]
            elif lane != interaction.lane:
                return other, interaction
        open_[interaction.lane] = interaction
    return None


def _in_turn(recording: Recording) -> tuple[Interaction, Interaction] | None:
    """The first two of tasks neither of which began in the other, one right after the other. When threads ran is
    known."""
    threads = stepped(recording)
    for one, two in pairwise(recording.interactions):
        is_close = two.offset_ns - one.offset_ns - one.duration_ns < _CLOSE
        is_related = one.lane == two.lane or one.lane.startswith(f"{two.lane}.") or two.lane.startswith(f"{one.lane}.")
        if is_close and not is_related and one.lane not in threads and two.lane not in threads:
            return one, two
    return None


def _pairs(group: list[Interaction]) -> list[tuple[Interaction, Interaction]]:
    """Neighbours in the order of asking that can change places."""
    answers = {interaction.seq: _answer(interaction) for interaction in group}
    return [
        (one, two)
        for one, two in pairwise(group)
        if one.lane != two.lane and _unordered(one, two) and answers[one.seq] != answers[two.seq]
    ]


def _unordered(one: Interaction, two: Interaction) -> bool:
    """Whether nothing says which comes first: neither lane started the other, or both were under way at once."""
    related = one.lane.startswith(two.lane + ".") or two.lane.startswith(one.lane + ".")
    return not related or two.offset_ns < one.offset_ns + one.duration_ns


def _answer(interaction: Interaction) -> Any:
    """What an answer says, without when: its state, its pieces without their offsets, no headers."""
    node = interaction.answer.tree
    if isinstance(node, dict) and isinstance(node.get("pieces"), list):
        pieces = [piece[1:] if isinstance(piece, list) else piece for piece in node["pieces"]]
        return interaction.state, pieces, node.get("status"), node.get("returned"), _error(node.get("error"))
    return interaction.state, interaction.answer.text


def _error(node: Any) -> Any:
    return {key: value for key, value in node.items() if key != "offset_ns"} if isinstance(node, dict) else node
