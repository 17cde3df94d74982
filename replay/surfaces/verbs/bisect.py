"""`replay bisect`: the commit since which an incident fails."""

from __future__ import annotations

from typing import Any

import click

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

LISTED = 20
"""Commits that are named where it may be any of them."""


@click.command(name="bisect")
@click.argument("incident", metavar="PATH[::ID]")
@click.option("--good", required=True, metavar="REV", help="A commit where the incident passes.")
@click.option("--bad", default="HEAD", show_default=True, metavar="REV", help="A later one where it fails.")
@code_options
@json_option
def command(incident: str, targets: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Name the first commit on which an incident fails."""
    from replay.surfaces.bisect import Options, bisect
    from replay.surfaces.printable import escape
    from replay.surfaces.progress import progress
    from replay.surfaces.select import one

    _, recording = one(incident)
    chosen = Options(targets=dict(target(text) for text in targets), **options)
    with progress(0) as bar:
        found = bisect(recording, chosen, lambda what, done, most: bar.at(what, done, most))
    author, date, subject = ([*found.about.split("\n", 2), "", "", ""])[:3]
    code = INTERRUPTED if found.interrupted else EXPECTED if found.first else UNEXPECTED
    if as_json:
        about = {"author": author, "date": date, "subject": subject} if found.first else {}
        emit({
            "first_bad": {"commit": found.first, **about} if found.first else None,
            "candidates": list(found.candidates),
            "interrupted": found.interrupted,
            "failure": str(found.failure),
            "steps": [{"commit": s.commit, "judgement": s.judgement, "why": s.why} for s in found.steps],
        })  # fmt: skip
        return code
    sheet = page()
    for step in found.steps:
        click.echo(sheet.row(step.judgement, f"{step.commit[:12]}  {sheet.cut(escape(step.why), sheet.room - 14)}"))
    if found.first:
        click.echo(sheet.row("first bad", f"{found.first}"))
        click.echo(sheet.row("", escape(f"{subject} ({author}, {date})")))
        return code
    why = "interrupted" if found.interrupted else "not to be told, since some commits cannot be run"
    more = len(found.candidates) - LISTED
    click.echo(f"{why}: it is one of" + (f" {len(found.candidates):,}, --json has all" if more > 0 else ""))
    for commit in found.candidates[:LISTED]:
        click.echo(f"  {commit}")
    return code
