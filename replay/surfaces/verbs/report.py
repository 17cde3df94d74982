"""`replay report`: incidents as a page, a comment, test results or annotations."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    json_option,
    names,
    number_of,
    recordings,
    target,
)

if TYPE_CHECKING:
    from replay.core.recording import Recording
    from replay.core.verdict import Verdict
    from replay.surfaces.report.given import Fuzzed

PAGE = Path("replay-report.html")
"""Where a page goes if nothing is said."""


@click.command(name="report")
@names(nargs=-1)
@click.option("--format", "form", type=click.Choice(["html", "markdown", "junit", "github"]), default="html",
              show_default=True, help="A page, a comment, test results, or annotations.")  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE",
              help=f"Where to; - is stdout (default: {PAGE} for html, else stdout).")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite FILE even if it is no earlier report.")
@click.option("--no-run", is_flag=True, help="Show what was recorded; replay nothing.")
@click.option("--why", "whys", type=click.Path(dir_okay=False, path_type=Path), multiple=True, metavar="FILE",
              help="What `replay why --json` printed.")  # fmt: skip
@click.option("--fuzz", "fuzz", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="What `replay fuzz --json` printed; without PATH its finds are reported.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="After which a replay is given up (default 300).")  # fmt: skip
@code_options
@json_option
def command(names: tuple[str, ...], form: str, out: Path | None, force: bool, no_run: bool, whys: tuple[Path, ...],
            fuzz: Path | None, timeout: float | None, targets: tuple[str, ...], as_json: bool,
            **options: Any) -> int:  # fmt: skip
    """Write a report of incidents, replayed first."""
    from replay.surfaces.config import load
    from replay.surfaces.documents import run_row
    from replay.surfaces.isolation import replayer
    from replay.surfaces.printable import escape
    from replay.surfaces.progress import progress
    from replay.surfaces.report.given import Fuzzed, Whys, read
    from replay.surfaces.report.make import check_place, gather, write, written
    from replay.surfaces.select import choose

    fuzzed = None if fuzz is None else read(fuzz, Fuzzed)
    given = [read(path, Whys) for path in whys]
    known = [each for one in given for each in (one if isinstance(one, tuple) else (one,))]
    place = out or (PAGE if form == "html" else None)
    to_file = place is not None and str(place) != "-"
    if place is not None and to_file and not force:
        check_place(place, form)  # type: ignore[arg-type]  # click has checked it
    refused = Refusals()
    names = names or _finds(fuzzed)
    options["targets"] = dict(target(text) for text in targets)
    replay_one = None if no_run else replayer(options, timeout=timeout)
    with progress(0 if no_run else number_of(names)) as bar:

        def replayed(path: str, recording: Recording) -> Verdict:
            from msgspec.structs import replace

            assert replay_one is not None
            bar.step(f"{path}::{recording.id}")
            with redirect_stdout(sys.stderr):  # what the code under test prints is not our report
                return replace(replay_one(recording), path=path)

        owners = load(options["root"]).owners
        campaign, made = gather(
            recordings(choose(names, refused)), None if no_run else replayed, owners=owners, whys=known, fuzzed=fuzzed
        )
    if not made.incidents and not refused.count:
        raise BundleError(f"{', '.join(names)}: no recordings there to report", slug="no-recording")
    text = written(campaign, made, form)  # type: ignore[arg-type]  # click has checked it
    for why in known:
        if not any(why.of(name, name.rpartition("::")[2]) for name, _ in made.verdicts):
            click.echo(f"replay: --why tells of {escape(why.incident)}, which is not in this report", err=True)
    if to_file:
        assert place is not None
        write(place, text, form, force=force)  # type: ignore[arg-type]
    if as_json:
        rows = [run_row(verdict) for _, verdict in made.verdicts if verdict is not None]
        emit({"format": form, "out": str(place) if to_file else None, "characters": len(text),
              "recordings": [name for name, _ in made.verdicts], "verdicts": rows,
              **({} if to_file else {"report": text})})  # fmt: skip
    elif to_file:
        from replay.surfaces.page import count

        click.echo(f"{escape(str(place))}: {count(len(made.incidents), 'recording')} ({campaign.summed})")
    else:
        click.echo(text, nl=False)
    if made.interrupted:
        return INTERRUPTED
    statuses = [verdict.status for _, verdict in made.verdicts if verdict is not None]
    if refused.count:
        return REFUSED
    if any(status in ("changed", "diverged") for status in statuses):
        return UNEXPECTED
    return NOT_RUN if "unanswerable" in statuses else EXPECTED


def _finds(fuzzed: Fuzzed | None) -> tuple[str, ...]:
    """The bundles of what fuzzing found."""
    if fuzzed is None:
        raise UsageError("name a recording, a bundle or a folder, or give --fuzz FILE")
    found = tuple(find.bundle for find in fuzzed.finds if find.bundle is not None)
    if not found:
        raise UsageError("the fuzz document has no finds that were kept: name the recording that it was run on")
    return found
