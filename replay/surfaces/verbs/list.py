"""`replay list`: what was recorded."""

from __future__ import annotations

import click

from replay.surfaces.verbs.shared import EXPECTED, REFUSED, Refusals, emit, json_option, names, page


@click.command(name="list")
@names(nargs=-1)
@click.option("--error", "errors", is_flag=True, help="Only recordings that ended in an error.")
@click.option("--status", type=click.Choice(["ok", "error"]), help="Only recordings of this status.")
@click.option("--entrypoint", metavar="TEXT", help="Only recordings whose entry point holds TEXT.")
@click.option(
    "--since", metavar="TIME", help="Only newer ones: a date, a time (ISO 8601, UTC), or 90s, 15m, 2h, 7d ago."
)
@json_option
def command(names: tuple[str, ...], errors: bool, status: str | None, entrypoint: str | None, since: str | None,
            as_json: bool) -> int:  # fmt: skip
    """List recordings (default: those in the current folder)."""
    from replay.surfaces.documents import list_rows
    from replay.surfaces.select import choose, since_ns
    from replay.surfaces.waterfall import list_text

    earliest = None if since is None else since_ns(since)
    refused = Refusals()
    rows = []
    for chosen in choose(names or (".",), refused):
        for row in chosen.rows(whole=as_json):
            if (errors and row["status"] != "error") or (status and row["status"] != status):
                continue
            if (entrypoint and entrypoint not in row["entrypoint"]) or (earliest and row["started_at"] < earliest):
                continue
            rows.append({"path": str(chosen.path), **row})
    if as_json:
        emit(list_rows(rows))
    else:
        click.echo(list_text(rows, page()))
    return REFUSED if refused.count else EXPECTED
