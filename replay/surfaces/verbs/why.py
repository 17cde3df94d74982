"""`replay why`."""

from __future__ import annotations

from typing import Any

import click

from replay.errors import BundleError
from replay.surfaces.completion import complete_recording
from replay.surfaces.verbs.shared import (
    EXPECTED,
    INTERRUPTED,
    UNEXPECTED,
    code_options,
    complain,
    emit,
    json_option,
    page,
    target,
)


@click.command(name="why")
@click.argument("incident", metavar="INCIDENT", shell_complete=complete_recording)
@click.argument("passing", nargs=-1, metavar="[PASSING]...", shell_complete=complete_recording)
@click.option("--runs", type=click.IntRange(min=10), default=600, metavar="N", show_default=True,
              help="Run the code at most so many times.")  # fmt: skip
@click.option("--limit", type=click.FloatRange(min=0.1), default=5.0, metavar="SECONDS", show_default=True,
              help="After which one run counts as hung.")  # fmt: skip
@click.option("--no-save", is_flag=True, help="Do not store the cause with the incident.")
@code_options
@json_option
def command(incident: str, passing: tuple[str, ...], no_save: bool, targets: tuple[str, ...], as_json: bool,
            **options: Any) -> int:  # fmt: skip
    """Name the captured values that make an incident fail, by swapping values with other recordings.

    PASSING are recordings of the same entry point to compare with; without them, those in the incident's folder.
    """
    from replay.surfaces import why_report
    from replay.surfaces.quiet import running
    from replay.surfaces.select import one
    from replay.surfaces.why import Options, beside, explain, remember

    path, recording = one(incident)
    options["targets"] = dict(target(text) for text in targets)
    with running("runs") as show:
        answer = explain(path, recording, beside(path, recording, passing), Options(**options), show)
    if as_json:
        emit(why_report.document(answer))
    else:
        click.echo(why_report.text(answer, page()))
    if not no_save:
        try:
            remember(answer)
        except BundleError as error:  # the answer stands; that it is not stored is said
            complain(error)
    if answer.finding.interrupted:
        return INTERRUPTED
    return EXPECTED if answer.finding.isolated else UNEXPECTED
