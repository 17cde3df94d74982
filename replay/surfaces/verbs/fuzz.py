"""`replay fuzz`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from replay.errors import BundleError, UsageError
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
    note_lost,
    note_unsealed,
    one_form,
    package_option,
    page,
    recordings,
    target,
)

if TYPE_CHECKING:
    from replay.surfaces.ci import Run

F = TypeVar("F", bound=Callable[..., Any])
FOLDER = "captures"
"""What `--ci` searches if nothing is named."""
SETTINGS = ("base", "changed_only", "known", "accept", "corpus")


def ci_options(command: F) -> F:
    """`--ci` and what is said with it."""
    file = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option("--summary", type=file, metavar="FILE",
                     help="With --ci: write a Markdown summary there (else where GITHUB_STEP_SUMMARY says)."),
        click.option("--format", "form", type=click.Choice(["text", "github"]),
                     help="With --ci: github adds annotations to the text (default where GITHUB_ACTIONS is set)."),
        click.option("--corpus", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
                     help="With --ci: mutations kept between runs (default .replay-corpus)."),
        click.option("--accept", is_flag=True, help="With --ci: write the finds into the file of known ones."),
        click.option("--known", type=file, metavar="FILE",
                     help="With --ci: finds that do not fail (default captures/known-finds.json)."),
        click.option("--changed-only", is_flag=True,
                     help="With --ci: leave recordings out that execute no changed line."),
        click.option("--base", metavar="REV",
                     help="With --ci: lines changed since then choose what comes first (default: the target branch)."),
        click.option("--ci", "is_ci", is_flag=True,
                     help="For a build server: changed code first, known finds apart, a corpus (300 seconds)."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(name="fuzz")
@names(nargs=-1)
@click.option("--seconds", type=float, metavar="S", help="Search so long, all recordings together (20; --ci: 300).")
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
@package_option
@click.option("--kinds", multiple=True, metavar="KINDS",
              help="Kinds that count: error,status those; +silent beside the usual; -growth without.")  # fmt: skip
@click.option("--same-failure", is_flag=True, help="Also find what fails as the recording itself does.")
@click.option("--against", metavar="REV", help="Also find what ends in another way in that revision's code.")
@ci_options
@code_options
@json_option
@jsonl_option
def command(names: tuple[str, ...], targets: tuple[str, ...], as_json: bool, as_lines: bool, is_ci: bool,
            form: str | None, summary: Path | None, **options: Any) -> int:  # fmt: skip
    """Mutate recordings, run the code on each mutation, and keep the failures as bundles that replay."""
    from replay.surfaces import ci, ci_report, fuzz_report
    from replay.surfaces.documents import dump_line
    from replay.surfaces.fuzz import SECONDS, Kept, Options
    from replay.surfaces.fuzz import fuzz as search
    from replay.surfaces.report.make import check_place
    from replay.surfaces.select import choose

    one_form(as_json, as_lines)
    settings = {name: given for name in SETTINGS if (given := options.pop(name))}
    if not is_ci and (settings or form or summary):
        one = next((f"--{name.replace('_', '-')}" for name in settings), "--format" if form else "--summary")
        raise UsageError(f"{one} is for --ci: give both")
    if not names and not is_ci:
        raise UsageError("name a recording, a bundle or a folder: replay fuzz PATH[::ID]...")
    if summary is not None:
        check_place(summary, "markdown")
    names = names or (FOLDER,)
    refused = Refusals()
    chosen = list(recordings(choose(names, refused)))
    if not chosen and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there, so nothing was run", slug="no-recording")
    options["targets"] = dict(target(text) for text in targets)
    out = sys.stdout
    usual = ci.SECONDS if is_ci else SECONDS
    run = None
    with fuzz_report.watching(options["seconds"] or (None if options["executions"] else usual)) as show:

        def tell(kept: Kept) -> None:
            if as_lines:
                out.write(f"{dump_line(fuzz_report.find_document(kept))}\n")
                out.flush()

        if is_ci:
            run = ci.run(chosen, Options(**options), ci.Settings(**settings), show, tell)
            report = run.report
        else:
            report = search(chosen, Options(**options), show, tell)
    more = None if run is None else ci_report.document(run)
    if as_lines:
        emit_line({"kind": "summary", **fuzz_report.summary(report, more)})
    elif as_json:
        emit(fuzz_report.document(report, more))
    elif run is None:
        click.echo(fuzz_report.text(report, page()))
    else:
        click.echo(ci_report.text(run, page()))
        _annotate(run, form, options["root"])
    if run is not None:
        _summarise(run, summary)
    note_unsealed(chosen, report.finds, options["out"])
    lost = note_lost(report.finds)
    if report.stopped == "interrupted":
        return INTERRUPTED
    if lost:
        return REFUSED
    if any(not kept.known for kept in report.finds) and not settings.get("accept"):
        return UNEXPECTED
    return REFUSED if refused.count else NOT_RUN if report.skipped else EXPECTED


def _annotate(run: Run, form: str | None, root: str | None) -> None:
    from replay.surfaces import ci_report
    from replay.surfaces.config import load

    if form == "github" or (form is None and os.environ.get("GITHUB_ACTIONS")):
        folder = load(root).root
        click.echo(ci_report.commands(run, folder, ci_report.checkout_of(folder)), nl=False)


def _summarise(run: Run, summary: Path | None) -> None:
    """To the file that is named, in place of an earlier summary; or at the end of the build server's own."""
    from replay.surfaces import ci_report
    from replay.surfaces.report.make import put

    own = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary is not None:
        put(summary, ci_report.markdown(run))
    elif own:
        put(Path(own), ci_report.markdown(run), at_the_end=True)
