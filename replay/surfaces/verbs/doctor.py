"""`replay doctor`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import click

from replay.surfaces.completion import complete_recording
from replay.surfaces.verbs.shared import EXPECTED, UNEXPECTED, emit, json_option, page


@click.command(name="doctor")
@click.option("--spool", type=click.Path(), help="Where the service writes its bundles.")
@click.option("--path", "names", multiple=True, metavar="PATH[::ID]", help="Check that these can be run here.",
              shell_complete=complete_recording)  # fmt: skip
@click.option("--root", type=click.Path(exists=True, file_okay=False), help="The project whose code runs.")
@json_option
def command(spool: str | None, names: tuple[str, ...], root: str | None, as_json: bool) -> int:
    """Check the set-up: Python, libraries, clients patched, spool, configuration, targets."""
    from replay.surfaces.doctor import checks, text

    with redirect_stdout(sys.stderr):  # importing targets runs the project's code
        found = list(checks(spool=spool, names=names, root=root))
    if as_json:
        emit([{"name": one.name, "level": one.level, "found": one.found, "advice": one.advice} for one in found])
    else:
        click.echo(text(found, page()))
    return UNEXPECTED if any(one.level == "fail" for one in found) else EXPECTED
