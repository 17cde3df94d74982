"""`replay promote`: an incident becomes a test that demands its fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from replay.errors import BundleError, UsageError
from replay.surfaces.verbs.shared import EXPECTED, code_options, emit, json_option, names, page, target

if TYPE_CHECKING:
    from replay.core.verdict import Verdict
    from replay.surfaces.promote import Plan

FINDS = "finds"


@click.command(name="promote")
@names(nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), metavar="PATH", help="The test's file, or a folder for it "
              "(default: tests).")  # fmt: skip
@click.option("--captures", type=click.Path(file_okay=False, path_type=Path), help="Folder of the bundle (default: "
              "captures).")  # fmt: skip
@click.option("--expect", type=click.Choice(["no-exception", "result", "property"]),
              help="What the test demands (default: no-exception of a failure, else the result).")  # fmt: skip
@click.option("--result", metavar="JSON", help="The right answer, for --expect result.")
@click.option("--property", "property_", metavar="MODULE:NAME", help="A function that takes the verdict of the run.")
@click.option("--answer", "answers", multiple=True, metavar="TARGET=JSON",
              help="What a function is answered that only fixed code comes to call.")  # fmt: skip
@click.option(
    "--answers-from", multiple=True, metavar="PATH[::ID]", help="Recordings that such answers are taken from."
)
@click.option("--from-fuzz", is_flag=True, help=f"Promote each find of `replay fuzz` (default folder: {FINDS}).")
@click.option("--whole", is_flag=True, help="Promote the incident itself, not the minimal recording beside it.")
@click.option("--unsealed", is_flag=True, help="Write a sealed incident whole, as a bundle that anybody can read.")
@click.option("--dry-run", is_flag=True, help="Show the test, write nothing.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@code_options
@json_option
def command(names: tuple[str, ...], from_fuzz: bool, dry_run: bool, force: bool, targets: tuple[str, ...],
            root: str | None, allow: tuple[str, ...], as_json: bool, property_: str | None,
            **options: Any) -> int:  # fmt: skip
    """Write a pytest test that demands the fix of an incident, and keep its bundle in captures/."""
    from replay.surfaces.config import load
    from replay.surfaces.promote import Options, judged, plan, write

    config = load(root)
    project = config.root if config.file is None else config.file.parent
    chosen = Options(root=project.absolute(), property=property_, **options)
    found = [plan(path, recording, chosen) for path, recording in _recordings(names, from_fuzz)]
    _apart(found)
    code = {"root": root, "allow": allow, "targets": dict(target(text) for text in targets)}
    documents = []
    for each in found:
        verdict = judged(each, code)
        if not dry_run:
            write(each, force=force)
        if as_json:
            documents.append(_document(each, verdict, dry_run))
        else:
            _say(each, verdict, dry_run, force)
    if as_json:
        emit(documents)
    return EXPECTED


def _recordings(names: tuple[str, ...], from_fuzz: bool) -> list[tuple[Path, Any]]:
    from replay.core.cause import is_minimal
    from replay.surfaces.select import choose, one

    if not from_fuzz:
        if not names:
            raise UsageError("name the incident to promote: PATH, PATH::ID or PATH::ID-prefix")
        return [one(name) for name in names]
    found = [(chosen.path, recording) for chosen in choose(names or (FINDS,)) for recording in chosen.recordings()]
    if not found:
        raise BundleError(f"{', '.join(names or (FINDS,))}: no finds there", slug="no-recording")
    return [(path, each) for path, each in found if each.edits is not None and not is_minimal(each)]


def _apart(found: list[Plan]) -> None:
    """Nothing is written twice."""
    paths = [each.path for plan in found for each in (plan.test, plan.side) if each is not None]
    twice = {str(path) for path in paths if paths.count(path) > 1}
    if twice:
        raise UsageError(f"{', '.join(sorted(twice))} would be written twice: name a folder with --out")


def _objection(found: Plan, verdict: Verdict) -> str | None:
    """Why the test fails now; None: it passes."""
    from replay.core.behind import FAILED
    from replay.core.recording import WEB
    from replay.engine.failures import status_of
    from replay.surfaces.demand import objection
    from replay.surfaces.text import outcome_line

    why = objection(verdict)
    if why is not None or verdict.outcome is None or found.recording.kind not in WEB:
        return why
    if found.expect == "no-exception" and (status_of(verdict.outcome) or 0) >= FAILED:
        line = outcome_line(verdict.outcome)
        return f"it {line}" if line.startswith("answered") else f"it answered {status_of(verdict.outcome)}"
    return None


def _document(found: Plan, verdict: Verdict, dry_run: bool) -> dict[str, Any]:
    """`{recording, id, digest, minimal, expect, answers, files: [{path, state}], code, fails, status, written}`;
    `fails` says why the test fails now, null if it passes."""
    return {
        "recording": found.source,
        "id": found.recording.id,
        "digest": found.recording.digest,
        "minimal": found.minimal,
        "expect": found.expect,
        "answers": found.onward,
        "files": [{"path": str(each.path), "state": each.state} for each in found.files],
        "code": found.code,
        "fails": _objection(found, verdict),
        "status": verdict.status,
        "written": not dry_run,
    }


def _say(found: Plan, verdict: Verdict, dry_run: bool, force: bool) -> None:
    import os
    import shlex

    from replay.surfaces.printable import escape

    sheet = page()
    if dry_run:
        click.echo("\n".join(escape(line) for line in found.code.splitlines()))
        click.echo("")
    words = {} if dry_run else {"new": "wrote", "differs": "overwrote", **({"kept": "overwrote"} if force else {})}
    for each in found.files:
        word = words.get(each.state, each.state)
        also = ": the same in other words; --force writes it anew" if word == "kept" else ""
        click.echo(sheet.whole(word, escape(os.path.relpath(each.path)) + also))
    if found.minimal:
        click.echo(sheet.whole("of", f"the minimal recording, {escape(found.source)}"))
    if found.left is not None:
        click.echo(f"{sheet.row('note', '')}{escape(os.path.relpath(found.left))} is still an open incident: delete it")
    if found.earlier is not None:
        click.echo(f"{sheet.row('note', '')}{escape(os.path.relpath(found.earlier))} and its test are of the same "
                   "incident, whole: one is enough")  # fmt: skip
    why = _objection(found, verdict)
    now = "passes on the code as it is" if why is None else f"fails on the code as it is: {why}"
    click.echo("\n".join(sheet.wrapped("now", escape(now))))
    if not dry_run:
        click.echo(f"{sheet.row('next', '')}pytest {escape(shlex.quote(os.path.relpath(found.test.path)))}")
