"""Recordings that do not reproduce in pytest's process are replayed once more in a fresh one.

Items share a process. What one leaves there (a warm cache, a token, a counter) may be other than what production had,
and the verdict would hang on the order of items. A fresh process has nothing of it, and gives the verdict of `replay
run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest
from msgspec.structs import replace

from replay.core.recording import Recording
from replay.core.verdict import Verdict
from replay.surfaces.printable import escape
from replay.surfaces.text import headline

PROPERTY = "replay: in the shared process"
"""Of a report: what the verdict was there, where it counts no more."""
MOST = 20
"""Replays in fresh processes that end as before, with none in between that does not: then all items have a cause in
common, and no more are tried."""


class Replays(Protocol):
    """How a pytest run replays."""

    def fresh(self, recording: Recording) -> Verdict | None:
        """In a process of its own; None: there is no such process, or it would not be the same replay."""
        ...


_confirmed = pytest.StashKey[int]()


def settled(item: pytest.Item, recording: Recording, verdict: Verdict, replays: Replays) -> tuple[Verdict, str]:
    """The verdict that counts, and a line of what another process says, empty if there is nothing to say."""
    if verdict.status == "reproduced":
        return verdict, ""
    stash = item.config.stash
    confirmed = stash.get(_confirmed, 0)
    if confirmed >= MOST:
        return verdict, ""
    fresh = replays.fresh(recording)
    if fresh is None:
        return verdict, ""
    if fresh.status == "reproduced":
        stash[_confirmed] = 0
        item.user_properties.append((PROPERTY, escape(headline(verdict))))
    else:
        stash[_confirmed] = confirmed + 1
        if fresh.status == "unanswerable" or headline(fresh) == headline(verdict):
            return verdict, ""
    beside = f"; this is in a fresh process: in that of pytest it is {escape(headline(verdict))}"
    return replace(fresh, path=verdict.path), beside


def summary(reporter: pytest.TerminalReporter) -> None:
    """Which verdicts are those of a fresh process."""
    found = [*_overturned(reporter)]
    if not found:
        return
    reporter.section("reproduced in a fresh process only", yellow=True)
    for name, here in found:
        reporter.line(f"{name}: in the process of pytest it is {here}")
    reporter.line(
        "The process keeps something of other items or tests: put @replay.boundary on what keeps it, or see what "
        "`replay run` says. "
        "`incident_fresh = false` takes the verdicts of this process."
    )


def _overturned(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str]]:
    for outcome in ("passed", "xfailed", "failed"):
        for report in reporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and getattr(report, "when", "call") == "call":
                    yield report.nodeid, str(value)
