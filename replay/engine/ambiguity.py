"""Requests of which a recording does not say whose they were: why a concurrent service may not replay as recorded.

Two lanes asked the same thing at the same time and got different answers. Which of them comes first at replay is for
the scheduler to say, so each may get the other's answer.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from replay.core.recording import Interaction, Recording

_MOST = 3
"""Pairs named in a reason."""


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
