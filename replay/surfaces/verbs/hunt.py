"""`replay hunt`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import click

from replay.errors import BundleError
from replay.surfaces.verbs.shared import (
    EXPECTED,
    INTERRUPTED,
    NOT_RUN,
    REFUSED,
    UNEXPECTED,
    Refusals,
    code_options,
    emit,
    json_option,
    names,
    note_lost,
    note_unsealed,
    package_option,
    page,
    recordings,
    target,
)


@click.command(name="hunt")
@names(nargs=-1, required=True)
@click.option("--signature", type=click.File("rb"), metavar="FILE",
              help="A Sentry event (JSON) or a traceback (text, log lines around it too); -: stdin.")  # fmt: skip
@click.option("--error", metavar="TYPE", help="The error's type, where there is no FILE, or FILE ends before it.")
@click.option("--at", metavar="FILE:FUNCTION[:LINE]", help="With --error: where it was raised.")
@click.option("--message", metavar="TEXT", help="What the error said: values in it are tried.")
@click.option("--seconds", type=float, metavar="S", help="Search so long, all recordings together (default 60).")
@click.option("--executions", type=int, metavar="N", help="Run so many mutations, all recordings together.")
@click.option("--seed", type=int, default=0, metavar="N", help="Equal seeds search in equal order.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("finds"), show_default=True,
              help="Folder that the find is written to, as a bundle.")  # fmt: skip
@click.option("--limit", type=click.FloatRange(min=0.1), default=5.0, metavar="SECONDS", show_default=True,
              help="After which one execution counts as hung.")  # fmt: skip
@click.option("--workers", type=int, metavar="N",
              help="Forked processes that run the code (default: one a core); 0: run it in this process.")  # fmt: skip
@click.option("--memory", type=int, default=1024, metavar="MB", show_default=True,
              help="That one execution may take, in a worker.")  # fmt: skip
@package_option
@code_options
@json_option
def command(names: tuple[str, ...], signature: BinaryIO | None, error: str | None, at: str | None, message: str | None,
            targets: tuple[str, ...], as_json: bool, **options: Any) -> int:  # fmt: skip
    """Reproduce a failure that nobody captured, from its signature and benign recordings.

    Exits with 0 if a bundle that reproduces it was written, 1 if not.
    """
    from replay.core.tracebacks import LARGEST
    from replay.surfaces import fuzz_report, hunt_report
    from replay.surfaces.hunt import SECONDS, Options, hunt
    from replay.surfaces.select import choose
    from replay.surfaces.signature import signature_of

    given = None if signature is None else signature.read(4 * LARGEST)
    wanted = signature_of(given, error, at, message)
    refused = Refusals()
    chosen = list(recordings(choose(names, refused)))
    if not chosen and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was run", slug="no-recording")
    options["targets"] = dict(target(text) for text in targets)
    budget = options["seconds"] or (None if options["executions"] else SECONDS)
    with fuzz_report.watching(budget) as show:
        report = hunt(chosen, wanted, Options(**options), show)
    if as_json:
        emit(hunt_report.document(report))
    else:
        click.echo(hunt_report.text(report, page()))
    note_unsealed(chosen, report.finds, options["out"])
    lost = note_lost(report.finds)
    if report.stopped == "interrupted":
        return INTERRUPTED
    if report.finds:
        return REFUSED if lost else EXPECTED
    return UNEXPECTED if report.tried else REFUSED if refused.count else NOT_RUN
