"""What the demo prints at its end: with rich where it is installed, in plain text otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from shutil import get_terminal_size
from statistics import median

from replay.surfaces.demo.result import DemoResult, Incident
from replay.surfaces.printable import escape

HEADERS = ("failure", "where", "captured", "reproduced", "ms a replay")
NAMED = 8
"""How many of those that did not reproduce are named."""


def table(result: DemoResult) -> str:
    """One row for each distinct failure, then the sum."""
    rows = [_row(group) for group in result.failures.values()]
    return f"\n{_rich(rows) or _plain(rows)}\n{_sum(result)}"


def next_steps(result: DemoResult) -> str:
    """The commands to try now."""
    folder = _short(result.folder)
    if not result.incidents:
        return f"\nNothing was captured; the service's log is {folder}/run/service.log"
    one = _short(next(iter(result.failures.values()))[0].path)
    lines = (
        (f"replay list --group {folder}", f"what was kept, by failure{_as_one(result)}"),
        (f"replay show {one}", "what production saw, call by call"),
        (f"replay run {one}", "the failure, here, offline"),
        (f"replay why {one}", "the captured value that makes it fail"),
        (f"pytest {folder}", "every incident as a test"),
        (f"replay promote {one}", "a test that demands the fix"),
    )
    return "\n".join(["\nTry next:", *(f"  # {what}\n  {command}" for command, what in lines)])


def _as_one(result: DemoResult) -> str:
    """Why that list is shorter than the table above, if it is."""
    if result.groups == len(result.failures):
        return ""
    return f": {result.groups} there, as other words of one type of error at one line make no other failure"


def _row(group: Sequence[Incident]) -> tuple[str, ...]:
    first, seconds = group[0], [incident.verdict.seconds for incident in group]
    green = sum(incident.verdict.green for incident in group)
    failure = ": ".join(filter(None, (first.error_type.rpartition(".")[2], escape(first.message))))
    times = f"{1000 * median(seconds):.0f}"
    return _cut(failure, 52), first.where, str(len(group)), f"{green} of {len(group)}", times


def _sum(result: DemoResult) -> str:
    count, green = len(result.incidents), sum(incident.verdict.green for incident in result.incidents)
    lines = [
        f"{count} incidents captured, {len(result.failures)} distinct failures, {green} reproduced in "
        f"{result.replay_seconds:.1f} s with every server stopped; {result.seconds:.1f} s in all."
    ]
    if result.missed:
        lines.append(f"{result.missed} answers of 500 and more were not captured.")
    failed = [incident for incident in result.incidents if not incident.verdict.green]
    for incident in failed[:NAMED]:
        lines.append(_cut(f"{incident.verdict.status}: {_short(incident.path)}::{incident.id} {_why(incident)}", 300))
    if len(failed) > NAMED:
        lines.append(f"... and {len(failed) - NAMED} more (replay run {_short(result.folder)})")
    return "\n".join(lines)


def _why(incident: Incident) -> str:
    found = incident.verdict.divergence
    if found is not None:
        return f"({found.kind} {found.boundary} {escape(found.target)})"
    return f"({escape(incident.verdict.reason)})" if incident.verdict.reason else ""


def _plain(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (HEADERS, *rows)) for column in range(len(HEADERS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in (HEADERS, *rows)]  # fmt: skip
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _rich(rows: Sequence[Sequence[str]]) -> str | None:
    """Drawn by rich; None if it is not installed or stdout is no terminal."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return None
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return None
    out = StringIO()
    drawn = Table(box=None, header_style="bold")
    for number, header in enumerate(HEADERS):
        drawn.add_column(header, justify="left" if number < 2 else "right", overflow="fold", no_wrap=number > 1)
    for row in rows:
        captured, _, total = row[3].partition(" of ")
        style = "green" if captured == total else "red"
        drawn.add_row(*map(Text, row[:3]), Text(row[3], style), Text(row[4]))
    console = Console(file=out, force_terminal=True, width=get_terminal_size((100, 24)).columns)
    console.print(drawn)
    return out.getvalue().rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _short(path: Path) -> str:
    """As seen from the current folder, when it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
