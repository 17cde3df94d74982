"""What the code logs at WARNING and above, beside what it logged in production: told, and no part of a verdict.

Lines are the same by their level, logger and template. A template with its arguments filled in (an f-string, and any
recorded line) is known by its words: what holds a digit, a quote or a sign is another in each run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from replay.core.recording import HEARD, MOST_LOGS, Recording
from replay.core.verdict import Difference

LEVELS = frozenset({"WARNING", "ERROR", "CRITICAL"})
LOGS = "logs"
"""The path of such a difference."""
MOST = 20
"""Lines of each kind that are told."""
_CHANCE = frozenset({"asyncio", "py.warnings"})
"""Loggers whose lines come when the collector runs, or once a process."""
_WORD = re.compile(r"(?<!\S)[^\W\d_]+(?=[,.;:!?]?(?:\s|$))")
_FORMAT = re.compile(r"%(?:\(\w*\))?[#0 +-]*(?:\d+|\*)?(?:\.\d+)?[A-Za-z]")
_LONGEST = 2_000
"""Characters of a line that are looked at."""
_NOTE = "log lines are told and do not count"


class Line(msgspec.Struct, frozen=True):
    """A line that the code logged at replay."""

    level: str
    logger: str
    message: str
    template: str | None = None
    """What its arguments were filled into; None: it had none."""

    def is_as(self, recorded: str) -> bool:
        """Whether production's line, of the same level and logger, is one of the same template."""
        if self.message == recorded or _words(self.message) == _words(recorded):
            return True
        return self.template is not None and _may_become(self.template, recorded)

    def shown(self) -> str:
        """Without what may be another in each run."""
        said = " ".join(_words(self.message)) if self.template is None else self.template[:_LONGEST]
        return f"{self.level} {self.logger}: {said}"


def logged(recording: Recording, lines: Sequence[Line]) -> list[Difference]:
    """The lines that only production wrote, and those that only this run wrote. Of a mutation, and of an older
    recording, nobody knows that production wrote none."""
    if len(recording.logs) >= MOST_LOGS or len(lines) >= MOST_LOGS:
        return []
    left: dict[tuple[str, str], list[str]] = {}
    for each in recording.logs:
        if each.level in LEVELS and each.logger not in _CHANCE:
            left.setdefault((each.level, each.logger), []).append(each.message[:_LONGEST])
    more: list[Line] = []
    for line in lines:
        waiting = left.get((line.level, line.logger), [])
        found = next((at for at, message in enumerate(waiting) if line.is_as(message)), None)
        if found is not None:
            del waiting[found]
        elif line.logger not in _CHANCE:
            more.append(line)
    facts = recording.facts
    is_whole = recording.parent_digest is None and isinstance(facts, dict) and facts.get(HEARD) is True
    gone = _told(f"{level} {logger}: {each}" for (level, logger), waiting in left.items() for each in waiting)
    came = _told(line.shown() for line in more) if is_whole else ()
    return [
        *(Difference(LOGS, "removed", recorded=each, note=_NOTE) for each in gone),
        *(Difference(LOGS, "added", actual=each, note=_NOTE) for each in came),
    ]


def _told(lines: Iterator[str]) -> list[str]:
    """Each once, in one order: threads may have written them in another."""
    counts = Counter(lines)
    return [line if counts[line] == 1 else f"{line} ({counts[line]} times)" for line in sorted(counts)][:MOST]


def _words(message: str) -> list[str]:
    return _WORD.findall(message[:_LONGEST])


def _may_become(template: str, message: str) -> bool:
    """Whether its parts stand in a message, in their order."""
    first, *parts = (part.replace("\0", "%") for part in _FORMAT.split(template.replace("%%", "\0")))
    if not message.startswith(first):
        return False
    at = len(first)
    for part in parts[:-1]:
        at = message.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return not parts or (message.endswith(parts[-1]) and len(message) - len(parts[-1]) >= at)
