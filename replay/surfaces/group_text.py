"""Groups of incidents as lines for people, and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from replay.surfaces.documents import Document
from replay.surfaces.grouping import Group
from replay.surfaces.page import Page, count, when
from replay.surfaces.printable import columns, escape
from replay.surfaces.tables import STATUS, Cell, Column, Narrower, Short, drawn


def document(group: Group) -> Document:
    """`{fingerprint, failure, message, place, statement, entrypoint, frames: [{file, function}], because, parted,
    cause, count, first_seen, last_seen, owner, representative, minimal, status, diverges_at, members}`; times in
    nanoseconds."""
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
        "minimal": group.minimal,
        "status": group.status,
        "diverges_at": group.diverges_at,
        "members": list(group.members),
    }


def text(groups: Sequence[Group], page: Page, short: Short | None = None) -> str:
    """A few lines each group, or a table in a terminal; then the sum.

    `short`: the shortest name of a recording, by path and id, for where there is no room for the whole.
    """
    incidents = sum(group.count for group in groups)
    total = f"{count(len(groups), 'failure')} in {count(incidents, 'incident')}"
    unused = {name for name, used in (("owner", any(group.owner for group in groups)),
                                      ("verdict", any(group.status for group in groups))) if not used}  # fmt: skip
    rows = [list(_cells(group, short)) for group in groups]
    shown = [at for at, column in enumerate(_COLUMNS) if column.name not in unused]
    table = drawn([_COLUMNS[at] for at in shown], [[row[at] for at in shown] for row in rows], page,
                  narrower=_NARROWER) if groups else None  # fmt: skip
    if table is not None:
        return f"{table}\n{total}"
    lines: list[str] = []
    for group in groups:
        lines += [*_lines(group, page, short), ""]
    return "\n".join([*lines, total])


_COLUMNS = (Column("times", right=True, whole=True), Column("failure", whole=True), Column("seen", whole=True),
            Column("owner", whole=True), Column("verdict", whole=True), Column("look at", whole=True))  # fmt: skip
_NARROWER: tuple[Narrower, ...] = (("short", "seen"), ("short", "look at"), ("short", "failure"))


def _cells(group: Group, short: Short | None) -> Iterator[Cell]:
    """Two lines a row."""
    first, last = when(group.first_seen), when(group.last_seen)
    path, _, id = group.representative.rpartition("::")
    yield Cell(f"{group.count:,}", "bold")
    place, function = escape(group.place), escape(group.frames[-1][1] if group.frames else group.place)
    name = escape(group.failure)
    yield Cell(f"{name}\nin {place}", short=f"{name.rpartition('.')[2]}\nin {function}")
    yield Cell(f"{first[:16]}\n{last[:16]}", short=f"{first[5:16]}\n{last[5:16]}")
    yield Cell(escape(group.owner or ""))
    yield Cell(group.status or "", STATUS.get(group.status or "", ""))
    look, briefly = escape(group.representative), None if short is None else escape(short(path, id))
    if group.minimal:
        path, _, id = group.minimal.rpartition("::")
        look += f"\nminimal: {escape(group.minimal)}"
        briefly = None if short is None else f"{briefly}\nminimal: {escape(short(path, id))}"
    yield Cell(look, short=briefly)


def _lines(group: Group, page: Page, short: Short | None) -> Iterator[str]:
    times = f"{group.count:,} x"
    what = f"{escape(group.failure)}: {escape(group.message)}" if group.message else escape(group.failure)
    yield f"{page.heading(times)}  {page.paint(page.cut(what, page.width - len(times) - 2), fg='red', bold=True)}"
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
    yield page.whole("look at", _named(group.representative, page, short))
    if group.minimal:
        yield page.whole("minimal", _named(group.minimal, page, short))
    if group.diverges_at:
        yield page.row("parts at", escape(group.diverges_at))


def _named(name: str, page: Page, short: Short | None) -> str:
    """A recording, by its short name where a terminal has no room for the whole."""
    path, _, id = name.rpartition("::")
    fits = short is None or not page.terminal or columns(name) <= page.room
    return escape(name if fits or short is None else short(path, id))
