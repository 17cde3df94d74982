"""`replay minimize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from replay.surfaces.completion import complete_recording
from replay.surfaces.verbs.shared import (
    EXPECTED,
    INTERRUPTED,
    UNEXPECTED,
    code_options,
    emit,
    json_option,
    page,
    target,
)


@click.command(name="minimize")
@click.argument("incident", metavar="INCIDENT", shell_complete=complete_recording)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The bundle that is written (default: NAME.min.replay.db beside the incident).")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file if there is one.")
@click.option("--answer", "answers", multiple=True, metavar="TARGET=JSON",
              help="What a function is answered that only fixed code comes to call.")  # fmt: skip
@click.option("--answers-from", multiple=True, metavar="PATH[::ID]",
              help="Recordings that such answers are taken from (default: those beside it).")  # fmt: skip
@click.option("--runs", type=click.IntRange(min=10), default=3000, metavar="N", show_default=True,
              help="Run the code at most so many times.")  # fmt: skip
@click.option("--limit", type=click.FloatRange(min=0.1), default=5.0, metavar="SECONDS", show_default=True,
              help="After which one run counts as hung.")  # fmt: skip
@code_options
@json_option
def command(incident: str, out: Path | None, overwrite: bool, targets: tuple[str, ...], as_json: bool,
            answers: tuple[str, ...], answers_from: tuple[str, ...], **options: Any) -> int:  # fmt: skip
    """Make the smallest recording that fails in the same way, and write it as a bundle.

    After `replay why`, what fixed code goes on to read stays in it.
    """
    from replay.surfaces import minimize_report
    from replay.surfaces.minimize import shorten
    from replay.surfaces.promote_answers import given
    from replay.surfaces.quiet import running
    from replay.surfaces.select import one
    from replay.surfaces.why import Options, beside

    path, recording = one(incident)
    options["targets"] = dict(target(text) for text in targets)
    others = [each for _, each in beside(path, recording, answers_from) if each.edits is None]
    known = [given(text) for text in answers]
    with running("runs") as show:
        made = shorten(path, recording, Options(**options), out, overwrite=overwrite, others=others, answers=known,
                       on_run=show)  # fmt: skip
    if as_json:
        emit(minimize_report.document(made))
    else:
        click.echo(minimize_report.text(made, page()))
    if made.smaller.finding.interrupted:
        return INTERRUPTED
    return EXPECTED if made.bundle is not None else UNEXPECTED
