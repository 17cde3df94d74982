"""Tables for a terminal, drawn by rich where it is installed; elsewhere each list has its own plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import msgspec

from replay.surfaces.printable import columns as text_columns
from replay.surfaces.text import Page


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


STATUS = {"reproduced": "bold green", "ok": "green", "changed": "bold yellow", "diverged": "bold red",
          "error": "bold red", "unanswerable": "bold magenta"}  # fmt: skip


FOLDED = 16
"""Columns below which what is folded cannot be read."""


def _least(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    """The width that a table takes at least."""
    least = 2 + 3 * (len(columns) - 1)
    for at, column in enumerate(columns):
        width = max(text_columns(text) for text in (column.name, *(row[at].text for row in rows)))
        least += width if column.whole else min(width, FOLDED)
    return least


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], page: Page, title: str = "") -> str | None:
    """The table, at most as wide as the page; None: there is no terminal, no rich, or too little room."""
    if not page.terminal or _least(columns, rows) > page.width:
        return None
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return None
    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False)
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
