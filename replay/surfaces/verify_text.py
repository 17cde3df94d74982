"""What `replay verify` says on a terminal; elsewhere it prints the summary for the pull request."""

from __future__ import annotations

from collections.abc import Iterator

from replay.surfaces.page import Page, count
from replay.surfaces.printable import escape
from replay.surfaces.trial import Ran
from replay.surfaces.verify import Finding, words

SHOWN = 5
"""Neighbours that fail, in lines of their own."""
_COLOURS = {"verified": "green", "refused": "red", "unfinished": "yellow"}


def text(found: Finding, page: Page) -> str:
    """The verdict, why, both runs, what came of the neighbours."""
    return "\n".join(_lines(found, page))


def _lines(found: Finding, page: Page) -> Iterator[str]:
    word = page.paint(found.result, fg=_COLOURS[found.result], bold=True)
    yield f"{word}  {page.heading(escape(f'{found.path}::{found.recording.id}'))}"
    for number, reason in enumerate(found.reasons):
        yield from page.wrapped("because" if number == 0 else "", escape(reason))
    yield from _run("before", f"{escape(found.revision)}, {found.base_commit[:12]}", found.before.incident, page)
    also = f" with {count(len(found.changed), 'file')} changed" if found.changed else ""
    yield from _run("now", f"{found.head_commit[:12]}{also}", found.now.incident, page)
    yield page.row("around it", f"{count(len(found.neighbours), 'neighbour')}, {found.telling:,} of them fail before "
                                "as the incident does")  # fmt: skip
    yield page.row("", f"now {found.counted('survived'):,} pass, {found.counted('fails'):,} fail, "
                       f"{found.counted('failed before'):,} fail for another reason, "
                       f"{found.counted('not judged'):,} not judged")  # fmt: skip
    failing = [each for each in found.neighbours if each.standing == "fails"]
    for number, each in enumerate(failing[:SHOWN]):
        yield page.row("fails" if number == 0 else "", escape(" and ".join(words(each.edits))))
    if len(failing) > SHOWN:
        yield page.row("", f"and {len(failing) - SHOWN:,} more (--out FILE writes up to 20)")


def _run(label: str, where: str, ran: Ran, page: Page) -> Iterator[str]:
    yield page.row(label, where)
    if ran.ended != "failed":
        yield page.row("", f"  {escape('passes' if ran.ended == 'passed' else str(ran))}")
        return
    yield page.row("", escape(f"  {ran.error_type}{': ' if ran.message else ''}{ran.message}"))
    if ran.file:
        place = escape(f"{ran.file}:{ran.line}")
        yield page.linked(page.whole("", f"  at {place} in {escape(ran.function)}"), place, ran.file)
