"""`replay fuzz`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

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
    emit_line,
    json_option,
    jsonl_option,
    names,
    page,
    recordings,
    target,
)


@click.command(name="fuzz")
@names(nargs=-1, required=True)
@click.option("--seconds", type=float, metavar="S", help="Search so long, all recordings together (default 20).")
@click.option("--executions", type=int, metavar="N", help="Run so many mutations of each recording.")
@click.option("--seed", type=int, default=0, metavar="N", help="Equal seeds give equal finds in equal order.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("finds"), show_default=True,
              help="Folder that each find is written to, as a bundle.")  # fmt: skip
@click.option("--allowed", multiple=True, metavar="TYPE", help="An exception that the code may raise.")
@click.option("--limit", type=click.FloatRange(min=0.1), default=5.0, metavar="SECONDS", show_default=True,
              help="After which one execution counts as hung.")  # fmt: skip
@click.option("--workers", type=int, metavar="N",
              help="Forked processes that run the code (default: one a core); 0: run it in this process.")  # fmt: skip
@click.option("--memory", type=int, default=1024, metavar="MB", show_default=True,
              help="That one execution may take, in a worker.")  # fmt: skip
@click.option("--kinds", multiple=True, metavar="KINDS",
              help="Kinds that count: error,status those; +silent beside the usual; -growth without.")  # fmt: skip
@click.option("--same-failure", is_flag=True, help="Also find what fails as the recording itself does.")
@click.option("--against", metavar="REV", help="Also find what ends in another way in that revision's code.")
@code_options
@json_option
@jsonl_option
def command(names: tuple[str, ...], targets: tuple[str, ...], as_json: bool, as_lines: bool,
            **options: Any) -> int:  # fmt: skip
    """Mutate recordings, run the code on each mutation, and keep the failures as bundles that replay."""
    from replay.surfaces import fuzz_report
    from replay.surfaces.documents import dump_line
    from replay.surfaces.fuzz import SECONDS, Kept, Options
    from replay.surfaces.fuzz import fuzz as search
    from replay.surfaces.select import choose

    refused = Refusals()
    chosen = list(recordings(choose(names, refused)))
    if not chosen and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was run", slug="no-recording")
    options["targets"] = dict(target(text) for text in targets)
    out = sys.stdout
    budget = options["seconds"] or (None if options["executions"] else SECONDS)
    with fuzz_report.watching(budget) as show:

        def tell(kept: Kept) -> None:
            if as_lines:
                out.write(f"{dump_line(fuzz_report.find_document(kept))}\n")
                out.flush()

        report = search(chosen, Options(**options), show, tell)
    if as_lines:
        emit_line({"kind": "summary", **fuzz_report.summary(report)})
    elif as_json:
        emit(fuzz_report.document(report))
    else:
        click.echo(fuzz_report.text(report, page()))
    if report.finds:
        return UNEXPECTED
    if report.stopped == "interrupted":
        return INTERRUPTED
    return REFUSED if refused.count else NOT_RUN if report.skipped else EXPECTED
