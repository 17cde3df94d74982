"""`replay show`: one recording, whole."""

from __future__ import annotations

import click

from replay.errors import BundleError
from replay.surfaces.verbs.shared import EXPECTED, REFUSED, Refusals, emit, json_option, names, page, recordings


@click.command(name="show")
@names(nargs=-1, required=True)
@json_option
def command(names: tuple[str, ...], as_json: bool) -> int:
    """Show recordings: input, context, interactions with timing, outcome, gaps."""
    from replay.surfaces import documents
    from replay.surfaces.select import choose
    from replay.surfaces.waterfall import recording_text

    refused = Refusals()
    shown: list[documents.Document] = []
    index = -1
    for index, (path, recording) in enumerate(recordings(choose(names, refused))):
        if as_json:
            shown.append(documents.recording(recording, path))
        else:
            click.echo(("\n" if index else "") + recording_text(recording, page(), path))
    if index < 0 and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there to show", slug="no-recording")
    if as_json:
        emit(shown)
    return REFUSED if refused.count else EXPECTED
