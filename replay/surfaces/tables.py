"""Tables for a terminal, drawn by rich where it is installed; elsewhere each list has its own plain lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any, Literal

import msgspec

from replay.surfaces.page import Page
from replay.surfaces.printable import columns as text_columns


class Column(msgspec.Struct, frozen=True):
    """A column: its heading, and whether it is kept whole when there is little room."""

    name: str
    right: bool = False
    whole: bool = False
    """Not folded. Names of recordings are not: they are copied, and a table that has no room for them is not drawn."""
    ratio: int = 1


class Cell(msgspec.Struct, frozen=True):
    """Escaped text in a style of rich."""

    text: str
    style: str = ""
    short: str | None = None
    """What stands there where there is little room."""


Short = Callable[[str, str], str]
"""The shortest name of a recording, by path and id."""
Narrower = tuple[Literal["short", "drop"], str]
"""What is done to a column, by its heading, where there is too little room."""
STATUS = {"reproduced": "bold green", "ok": "green", "changed": "bold yellow", "diverged": "bold red",
          "error": "bold red", "unanswerable": "bold magenta"}  # fmt: skip


FOLDED = 16
"""Columns below which what is folded cannot be read."""


def _least(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    """The width that a table takes at least."""
    least = 2 + 2 * (len(columns) - 1)
    for at, column in enumerate(columns):
        width = max(text_columns(line) for text in (column.name, *(row[at].text for row in rows))
                    for line in text.split("\n"))  # fmt: skip
        least += width if column.whole else min(width, FOLDED)
    return least


def _narrowed(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], step: Narrower) -> tuple[Any, Any]:
    what, name = step
    at = next((at for at, column in enumerate(columns) if column.name == name), None)
    if at is None:
        return columns, rows
    if what == "drop":
        return [*columns[:at], *columns[at + 1 :]], [[*row[:at], *row[at + 1 :]] for row in rows]
    return columns, [[*row[:at], _shorter(row[at]), *row[at + 1 :]] for row in rows]


def _shorter(cell: Cell) -> Cell:
    return cell if cell.short is None else Cell(cell.short, cell.style)


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], page: Page, title: str = "",
          narrower: Sequence[Narrower] = ()) -> str | None:  # fmt: skip
    """The table, at most as wide as the page; None: there is no terminal, no rich, or too little room.

    `narrower`: what may be done, one after the other, until there is room.
    """
    for step in narrower if page.terminal else ():
        if _least(columns, rows) <= page.width:
            break
        columns, rows = _narrowed(columns, rows, step)
    if not page.terminal or _least(columns, rows) > page.width:
        return None
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return None
    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False,
                  padding=(0, 1, 0, 0))  # fmt: skip
    for column in columns:
        table.add_column(
            Text(column.name),
            justify="right" if column.right else "left",
            no_wrap=column.whole,
            overflow="fold",
            ratio=None if column.whole else column.ratio,
        )
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.style if page.colour else "") for cell in row))
    out = StringIO()
    console = Console(file=out, width=page.width, force_terminal=page.colour, no_color=not page.colour,
                      color_system="standard" if page.colour else None, highlight=False,
                      legacy_windows=False)  # fmt: skip
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
