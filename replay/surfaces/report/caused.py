"""What a report says of a cause: from a document of `replay why`, or from what it stored with the incident."""

from __future__ import annotations

from collections.abc import Sequence

from replay.core.recording import Recording
from replay.surfaces.known_values import known_values
from replay.surfaces.page import count, glance
from replay.surfaces.report.given import Cause as Isolated
from replay.surfaces.report.given import Why
from replay.surfaces.report.incidents import Cause, Side, known
from replay.surfaces.report.trees import Node

_ENDED = {"passed": "passes", "past": "gets past the failing line", "same": "fails in the same way",
          "other": "fails in another way", "foreign": "asks what nothing answers",
          "unresolved": "ends in no clear way"}  # fmt: skip
LISTED = 12
"""Names in one line."""
COMPARED = 2
"""Of recordings, whose names are long."""


def caused(why: Why) -> Cause:
    """What a document of `replay why` says."""
    values = tuple(_side(one.path, one.passing, one.value, one.of) for one in why.values)
    several = len(why.values) > 1
    chain = tuple(
        f"{link.path if several else ''} {link.what}: {glance(link.file)}:{link.line} in {link.function}".strip()
        for link in why.chain
    )
    facts = [("proof", f"{one.path}: {_proof(one)}") for one in why.values]
    if why.isolated and why.reproduced_again is not None:
        again = f"{'fails' if why.reproduced_again else 'does not fail'} in the same way"
        passes = {None: "", True: "; without the cause it passes", False: "; without the cause it does not pass"}
        facts.append(("in fresh processes", again + passes[why.passed_again]))
    facts += [
        ("but", why.reason if why.isolated else ""),
        ("needed to get there", ", ".join(why.conditions[:LISTED])),
        ("does not matter", _listed(why.irrelevant)),
        ("compared with", _listed(why.compared, COMPARED) or why.side),
        ("runs", f"{why.runs:,} of at most {why.most_runs:,}" if why.runs else ""),
    ]
    return Cause(_cause(why), values, known(facts), chain)


def remembered(recording: Recording) -> Cause | None:
    """What `replay why` stored with the incident; None if it has not isolated a cause."""
    found = known_values(recording)
    if not found:
        return None
    values = tuple(_side(one.path, one.cure, one.value, one.of) for one in found)
    return Cause(_together(len(found)), values, (("found by", "replay why, which stored it with the incident"),))


def _side(path: str, passing: str | None, failing: str | None, of: str | None) -> Side:
    return Side(
        path, Node("", "another value" if passing is None else passing), _told(failing), f"of {of}" if of else ""
    )


def _cause(why: Why) -> str:
    if not why.isolated:
        return f"Not isolated: {why.reason or 'no reason given'}"
    return _together(len(why.values))


def _together(number: int) -> str:
    if number == 1:
        return "It fails with this value, and passes with others in its place."
    return f"It fails only if these {number} values come together."


def _proof(one: Isolated) -> str:
    parts = [f"with {one.good:,} of {count(one.tried, 'other value')} it passes" if one.tried else ""]
    parts += [f"with the cause alone it {_ended(one.fails_with)}" if one.fails_with else ""]
    parts += [f"with all but it, it {_ended(one.passes_without)}" if one.passes_without else ""]
    return "; ".join(part for part in parts if part)


def _ended(word: str) -> str:
    return _ENDED.get(word, word)


def _told(text: str | None) -> Node | None:
    return None if text is None else Node("", text)


def _listed(names: Sequence[str], most: int = LISTED) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
