"""What a check found out: as lines for people, and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from replay.core.noise import OUTCOME
from replay.core.plain import readable
from replay.surfaces.check import Report, Variation
from replay.surfaces.page import Page, count, duration
from replay.surfaces.printable import escape
from replay.surfaces.text import frame_lines, headline, plain

MOST = 40
"""Variations that are shown."""
_MATCHERS = {
    "time": "a time inside the recorded window",
    "uuid": "a UUID, or a text that is the same but for such",
    "unordered": "the same items, or words, in any order",
    "near": "the same number but for rounding",
    "took": "a number that is apart by no more than the recording took",
    "type": "any value of that type",
}


def document(report: Report) -> dict[str, Any]:
    """`{path, id, status, varies, clock, runs, seconds, cut, saved}`; of what varies `{place, path, matcher, cause,
    where: {file, line, function, source}, source, examples}`. `reason`: why it could not be run."""
    found: dict[str, Any] = {
        "path": report.path,
        "id": report.id,
        "status": report.verdict.status,
        "varies": [_document(each) for each in report.varies],
        "clock": [{"place": each.place, "path": each.path, "cause": each.cause} for each in report.clock],
        "runs": report.runs,
        "seconds": report.seconds,
        "cut": report.cut,
        "saved": report.saved,
    }
    if report.verdict.reason is not None:
        found["reason"] = report.verdict.reason
    return found


def _document(found: Variation) -> dict[str, Any]:
    return {
        "place": found.place,
        "path": found.path,
        "matcher": found.matcher,
        "cause": found.cause,
        "where": None if found.where is None else msgspec.to_builtins(found.where),
        "source": found.source,
        "examples": [readable(each) for each in found.examples],
    }


def text(report: Report, page: Page) -> str:
    """Lines for a terminal."""
    name = escape(f"{report.path}::{report.id}" if report.path else report.id)
    took = f"{count(report.runs, 'replay')}, {duration(report.seconds * 1e9)}"
    if report.verdict.status == "unanswerable":
        return f"{page.status('unanswerable')}  {name}\n{page.row('', headline(report.verdict))}"
    word = (
        page.paint("varies", fg="yellow", bold=True) if report.varies else page.paint("steady", fg="green", bold=True)
    )
    lines = [f"{word}  {page.cut(name, page.width - 30)}  {took}"]
    if not report.varies:
        lines.append(page.row("", "nothing varies"))
    for found in report.varies[:MOST]:
        lines += ["", *_lines(found, page)]
    if len(report.varies) > MOST:
        lines += ["", page.row("", f"and {len(report.varies) - MOST:,} more; see --json")]
    if report.clock:
        lines += ["", page.heading("Moves with what a replay sets from the recording (declared, so no noise)")]
        lines += [page.row("", f"{escape(_place(each))}  {each.cause}") for each in report.clock[:MOST]]
    if report.cut:
        lines += ["", page.row("", "a run was too long to be followed to its end: a line may be missing")]
    lines += ["", page.row("replayed", headline(report.verdict)), page.row("", _stored(report))]
    return "\n".join(lines)


def _place(found: Variation) -> str:
    return found.path if found.place == OUTCOME else f"{found.place} {found.path}"


def _lines(found: Variation, page: Page) -> Iterator[str]:
    yield "  " + page.heading(page.cut(f"{escape(_place(found))}  {found.cause}", page.width - 2))
    if found.where is not None:
        yield from frame_lines([found.where], page, "comes in")
    else:
        yield page.row("comes in", "no line of the project's code tells")
    if found.source is not None:
        yield page.row("", escape(found.source))
    if found.examples != (None, None):
        one, two = (plain(readable(each)) for each in found.examples)
        yield page.row("was", one)
        yield page.row("and then", two)
    known = "nothing may cover that: it is not stored" if found.matcher is None else _MATCHERS[found.matcher]
    yield page.row("compared" if found.matcher else "", known)


def _stored(report: Report) -> str:
    if not report.varies:
        return "no noise to store"
    if not report.saved:
        return "not stored (--no-save)"
    return f"{count(len(report.noise), 'entry').replace('entrys', 'entries')} of known noise stored with the recording"
