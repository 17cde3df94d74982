"""Groups of incidents as lines for people, and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from replay.surfaces.documents import Document
from replay.surfaces.grouping import Group
from replay.surfaces.printable import clip, escape
from replay.surfaces.tables import STATUS, Cell, Column, drawn
from replay.surfaces.text import Page, count, when


def document(group: Group) -> Document:
    """`{fingerprint, failure, message, place, statement, entrypoint, frames: [{file, function}], because, parted,
    cause, count, first_seen, last_seen, owner, representative, status, diverges_at, members}`; times in nanoseconds."""
    return {
        "fingerprint": group.fingerprint,
        "failure": group.failure,
        "message": group.message,
        "place": group.place,
        "statement": group.statement,
        "entrypoint": group.entrypoint,
        "frames": [{"file": file, "function": function} for file, function in group.frames],
        "because": list(group.because),
        "parted": group.parted,
        "cause": group.cause,
        "count": group.count,
        "first_seen": group.first_seen,
        "last_seen": group.last_seen,
        "owner": group.owner,
        "representative": group.representative,
        "status": group.status,
        "diverges_at": group.diverges_at,
        "members": list(group.members),
    }


def text(groups: Sequence[Group], page: Page) -> str:
    """A few lines each group, or a table in a terminal; then the sum."""
    incidents = sum(group.count for group in groups)
    total = f"{count(len(groups), 'failure')} in {count(incidents, 'incident')}"
    table = drawn(_COLUMNS, [list(_cells(group)) for group in groups], page) if groups else None
    if table is not None:
        return f"{table}\n{total}"
    lines: list[str] = []
    for group in groups:
        lines += [*_lines(group, page), ""]
    return "\n".join([*lines, total])


_COLUMNS = (Column("times", right=True, whole=True), Column("failure", ratio=3), Column("first seen", whole=True),
            Column("last seen", whole=True), Column("owner", whole=True), Column("verdict", whole=True),
            Column("look at", whole=True))  # fmt: skip


def _cells(group: Group) -> Iterator[Cell]:
    yield Cell(f"{group.count:,}", "bold")
    yield Cell(f"{escape(group.failure)} in {escape(group.place)}")
    yield Cell(when(group.first_seen)[:16])
    yield Cell(when(group.last_seen)[:16])
    yield Cell(escape(group.owner or ""))
    yield Cell(group.status or "", STATUS.get(group.status or "", ""))
    yield Cell(escape(group.representative))


def _lines(group: Group, page: Page) -> Iterator[str]:
    times = f"{group.count:,} x"
    what = f"{escape(group.failure)}: {escape(group.message)}" if group.message else escape(group.failure)
    yield f"{page.heading(times)}  {page.paint(clip(what, page.width - len(times) - 2), fg='red', bold=True)}"
    yield page.row("in", escape(f"{group.place}: {group.statement}" if group.statement else group.place))
    yield page.row("of", escape(group.entrypoint))
    for because in group.because[:1]:
        yield page.row("from", escape(because))
    if group.parted:
        yield page.row("asking", escape(group.parted))
    if group.cause:
        yield page.row("cause", escape(group.cause))
    yield page.row("seen", f"{when(group.first_seen)}  to  {when(group.last_seen)}")
    if group.owner:
        yield page.row("owner", escape(group.owner))
    if group.status:
        yield page.row("verdict", page.status(group.status))
    yield page.whole("look at", escape(group.representative))
    if group.diverges_at:
        yield page.row("parts at", escape(group.diverges_at))
