"""`replay list`: what was recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from replay.errors import UsageError
from replay.surfaces.verbs.shared import (
    EXPECTED,
    INTERRUPTED,
    REFUSED,
    Refusals,
    code_options,
    emit,
    emit_line,
    json_option,
    jsonl_option,
    names,
    one_form,
    page,
    target,
)

if TYPE_CHECKING:
    from replay.core.recording import Recording
    from replay.core.verdict import Verdict
    from replay.surfaces.grouping import Member
    from replay.surfaces.select import Chosen

Wanted = Callable[[dict[str, Any]], bool]


@click.command(name="list")
@names(nargs=-1)
@click.option("--error", "errors", is_flag=True, help="Only recordings that ended in an error.")
@click.option("--status", type=click.Choice(["ok", "error"]), help="Only recordings of this status.")
@click.option("--entrypoint", metavar="TEXT", help="Only recordings whose entry point holds TEXT.")
@click.option(
    "--since", metavar="TIME", help="Only newer ones: a date, a time (ISO 8601, UTC), or 90s, 15m, 2h, 7d ago."
)
@click.option("--group", is_flag=True, help="Incidents that failed the same way as one; one of each is replayed.")
@click.option("--no-run", is_flag=True, help="With --group: replay nothing.")
@code_options
@json_option
@jsonl_option
def command(names: tuple[str, ...], errors: bool, status: str | None, entrypoint: str | None, since: str | None,
            group: bool, no_run: bool, as_json: bool, as_lines: bool, **options: Any) -> int:  # fmt: skip
    """List recordings (default: those in the current folder)."""
    from replay.surfaces.documents import list_rows
    from replay.surfaces.select import since_ns
    from replay.surfaces.shortened import Shortened
    from replay.surfaces.waterfall import list_text

    one_form(as_json, as_lines)
    if no_run and not group:
        raise UsageError("--no-run is for --group: a plain list replays nothing")
    earliest = None if since is None else since_ns(since)

    def wanted(row: dict[str, Any]) -> bool:
        if (errors and row["status"] != "error") or (status and row["status"] != status):
            return False
        return not (entrypoint and entrypoint not in row["entrypoint"]) and not (
            earliest and row["started_at"] < earliest
        )

    if group:
        return _groups(names, wanted, options, run=not no_run, as_json=as_json, as_lines=as_lines)
    refused = Refusals()
    rows = []
    short = Shortened()
    for name, chosen in _each(names, refused):
        short.add(name, chosen)
        for row in chosen.rows(whole=as_json or as_lines):
            if wanted(row):
                found = {"path": str(chosen.path), **row}
                if as_lines:
                    emit_line(list_rows([found])[0])
                else:
                    rows.append(found)
    if as_json:
        emit(list_rows(rows))
    elif not as_lines:
        sheet = page()
        if rows or not sheet.pipe:  # whose lines are recordings, and nothing else
            click.echo(list_text(rows, sheet, short))
    return REFUSED if refused.count else EXPECTED


def _groups(names: Sequence[str], wanted: Wanted, options: dict[str, Any], *, run: bool, as_json: bool,
            as_lines: bool) -> int:  # fmt: skip
    """Ctrl-C ends the replays: groups whose turn did not come are shown by their smallest recording."""
    from msgspec.structs import replace

    from replay.surfaces.config import load
    from replay.surfaces.group_text import document, text
    from replay.surfaces.grouping import Groups
    from replay.surfaces.isolation import replayer
    from replay.surfaces.progress import progress
    from replay.surfaces.shortened import Shortened

    options["targets"] = dict(target(text) for text in options["targets"])
    refused = Refusals()
    gathered = Groups(load(options["root"]).owners)
    short = Shortened()
    for name, chosen in _each(names, refused):
        short.add(name, chosen)
        ids = tuple(row["id"] for row in chosen.rows() if row["status"] == "error" and wanted(row))
        for recording in replace(chosen, ids=ids).recordings():
            gathered.add(str(chosen.path), recording)
    replay_one = replayer(options) if run else None
    stopped = False
    with progress(len(gathered)) as bar:

        def replayed(member: Member) -> Verdict | None:
            nonlocal stopped
            if replay_one is None or stopped:
                return None
            bar.step(member.name)
            try:
                with redirect_stdout(sys.stderr):  # what the code under test prints is not our list
                    return replay_one(_recording(member))
            except KeyboardInterrupt:
                stopped = True
                return None

        groups = []
        for one in gathered.groups(replayed):
            groups.append(one)
            if as_lines:
                bar.clear()
                emit_line(document(one))
    if as_json:
        emit([document(one) for one in groups])
    elif not as_lines:
        click.echo(text(groups, page(), short))
    return INTERRUPTED if stopped else REFUSED if refused.count else EXPECTED


def _each(names: Sequence[str], refused: Refusals) -> Iterator[tuple[str, Chosen]]:
    """The bundles that are meant, each with the name that means it; those of the current folder, if none is given."""
    from replay.surfaces.select import choose

    for name in names or (".",):
        for chosen in choose([name], refused):
            yield name, chosen


def _recording(member: Member) -> Recording:
    """Read again rather than held: a folder may have more recordings than fit into memory."""
    from replay.store.bundle import open_bundle

    return open_bundle(member.path)[member.id]
