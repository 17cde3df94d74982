"""What `replay minimize` says: bytes before and after, and what had to stay."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from replay.surfaces.documents import Document
from replay.surfaces.known_values import known_values
from replay.surfaces.minimize import Minimized
from replay.surfaces.page import Page, count
from replay.surfaces.printable import escape
from replay.surfaces.shortened import named
from replay.surfaces.why_report import shown

LISTED = 25
"""Places that are named; `--json` has all."""


def document(made: Minimized) -> Document:
    """`{incident, bundle, recording, reason, failure: {error_type, message}, bytes: {before, after},
    file_bytes: {before, after}, interactions: {before, after}, stayed: [{path, value}], runs, most_runs, stopped,
    status}`. `bundle` is null if nothing was written, `reason` says why; `stopped`: the runs were used up or Ctrl-C was
    pressed, it may not be the smallest; `status`: of a strict replay of it. Values are JSON text.
    """
    smaller, found = made.smaller, made.smaller.recording
    failure = smaller.finding.failure
    return {
        "incident": f"{made.path}::{made.incident.id}",
        "bundle": None if made.bundle is None else str(made.bundle),
        "recording": None if found is None else found.id,
        "reason": smaller.reason,
        "failure": None if failure is None else {"error_type": failure.error_type, "message": failure.message},
        "bytes": {"before": smaller.before, "after": smaller.after},
        "file_bytes": {"before": made.file_before, "after": made.file_after},
        "interactions": {"before": len(made.incident.interactions), "after": len(found.interactions) if found else 0},
        "stayed": [{"path": path, "value": shown(value)} for path, value in smaller.stayed],
        "runs": smaller.finding.runs,
        "most_runs": smaller.finding.most,
        "stopped": smaller.stopped,
        "status": None if made.verdict is None else made.verdict.status,
    }


def text(made: Minimized, page: Page) -> str:
    """What it was and what it is now, what had to stay, how to see it again."""
    return "\n".join(_lines(made, page))


def _lines(made: Minimized, page: Page) -> Iterator[str]:
    smaller, found = made.smaller, made.smaller.recording
    failure = smaller.finding.failure
    name = named(f"{made.path}::{made.incident.id}")
    yield page.heading(escape(name))
    if failure is not None:
        where = "".join(f" at {f.file}:{f.line} in {f.function}" for f in failure.frames[-1:])
        yield from page.wrapped("failure", page.cut(escape(f"{failure.raised}{where}"), 4 * page.width))
        for number, known in enumerate(known_values(made.incident)):
            yield from page.wrapped("cause" if number == 0 else "and", escape(str(known)))
    if made.bundle is None or found is None:
        yield from page.wrapped("result", f"not written: {escape(smaller.reason)}")
        return
    share = f" ({100 * smaller.after / smaller.before:.0f}%)" if smaller.before else ""
    asked = f"interactions {len(made.incident.interactions):,} -> {len(found.interactions):,}"
    yield page.row("bytes", f"{smaller.before:,} -> {smaller.after:,}{share} of captured values; {asked}")
    for number, (path, value) in enumerate(smaller.stayed[: page.most(LISTED)]):
        yield page.row("stayed" if number == 0 else "", escape(f"{path} = {shown(value)}"))
    if not smaller.stayed:
        yield page.row("stayed", "nothing that is not neutral: empty, 0, null or false")
    if len(smaller.stayed) > page.most(LISTED):
        yield page.row("", f"and {len(smaller.stayed) - LISTED:,} more (--json)")
    why = "interrupted" if smaller.finding.interrupted else "they were used up"
    used = f"; {why}, it may not be the smallest" if smaller.stopped else ""
    yield page.row("runs", f"{count(smaller.finding.runs, 'run')} of at most {smaller.finding.most:,}{used}")
    if made.sealed:
        yield page.row("note", "the incident is sealed, this bundle is not: anybody can read what stayed")
    if made.incident.status == "error":
        yield page.whole("next", escape(f"replay promote {shlex.quote(name)}{made.code}"))
    yield page.whole("again", escape(f"replay run {shlex.quote(str(made.bundle))}{made.code}"))
