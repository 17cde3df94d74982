"""`replay diff`."""

from __future__ import annotations

import click

from replay.surfaces.completion import complete_recording
from replay.surfaces.verbs.shared import EXPECTED, UNEXPECTED, emit, json_option, page


@click.command(name="diff")
@click.argument("a", metavar="A", shell_complete=complete_recording)
@click.argument("b", metavar="B", shell_complete=complete_recording)
@json_option
def command(a: str, b: str, as_json: bool) -> int:
    """Compare two recordings: input, context, interactions, outcome."""
    from replay.surfaces.diff import compare, diff_text, document
    from replay.surfaces.select import one

    (_, first), (_, second) = one(a), one(b)
    found = compare(first, second)
    if as_json:
        emit(document(found))
    else:
        click.echo(diff_text(first, second, found, page()))
    return EXPECTED if found.same else UNEXPECTED
