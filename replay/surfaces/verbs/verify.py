"""`replay verify`: the fix certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from replay.errors import ReplayError, UsageError
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


@click.command(name="verify")
@click.argument("incident", metavar="PATH[::ID]")
@click.option("--base", metavar="REV", help="The commit that has the bug.")
@click.option("--neighbours", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N",
              help="Mutations of the incident that are tried too.")  # fmt: skip
@click.option("--seed", type=int, default=0, metavar="N", help="Equal seeds give equal mutations.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the statement (JSON), and beside it the summary (.md).")  # fmt: skip
@click.option("--key", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Sign with this Ed25519 key (PEM); with --check the public one.")  # fmt: skip
@click.option("--check", is_flag=True, help="PATH is a certificate: is it signed with --key, and verified?")
@click.option("--limit", type=click.FloatRange(min=0.1), default=5.0, metavar="SECONDS", show_default=True,
              help="After which one execution counts as hung.")  # fmt: skip
@code_options
@json_option
def command(incident: str, base: str | None, neighbours: int, out: Path | None, key: Path | None, check: bool,
            targets: tuple[str, ...], as_json: bool, **options: Any) -> int:  # fmt: skip
    """Certify a fix: the incident fails on REV and passes now, and so do its neighbours."""
    from replay.surfaces.certificate import markdown, private_key, signed, statement
    from replay.surfaces.documents import dumps
    from replay.surfaces.printable import escape
    from replay.surfaces.progress import progress
    from replay.surfaces.select import one
    from replay.surfaces.verify import Options, verify
    from replay.surfaces.verify_text import text

    if check:
        return _check(Path(incident), key, as_json)
    if base is None:
        raise UsageError("--base REV is missing: the commit that has the bug, for instance --base main")
    private = None if key is None else private_key(key)  # before the work: it may be the wrong file
    if out is not None:
        _free(out)
    path, recording = one(incident)
    chosen = Options(base=base, count=neighbours, targets=dict(target(text) for text in targets), **options)
    with progress(2 * (1 + neighbours)) as bar:
        found = verify(path, recording, chosen, bar.at)
    document = statement(found)
    sealed = document if private is None else signed(document, private)
    summary = markdown(found, signed_by=None if private is None else sealed["signatures"][0]["keyid"])
    if out is not None:
        _write(out, dumps(sealed) + "\n")
        _write(out.with_suffix(".md"), summary)
    if as_json:
        emit(sealed)
    elif (sheet := page()).terminal:
        click.echo(text(found, sheet))
        if out is not None:
            click.echo(sheet.whole("wrote", escape(f"{out}, {out.with_suffix('.md')}")))
    else:
        click.echo(summary.rstrip())
    return INTERRUPTED if found.interrupted else EXPECTED if found.result == "verified" else UNEXPECTED


def _free(out: Path) -> None:
    """Raises UsageError if either file is there and no earlier certificate, BundleError if neither can be written.
    Before the work, which takes its time."""
    from replay.store.durable import check_folder
    from replay.surfaces.certificate import PAYLOAD, PREDICATE

    check_folder(out.parent, out)
    if out.suffix == ".md":
        raise UsageError(f"{out} is the statement's, JSON: give it another suffix; the summary gets .md")
    for path, marks in ((out, (PREDICATE, PAYLOAD)), (out.with_suffix(".md"), ("## Fix ",))):
        try:
            there = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}", slug="out-exists") from error
        if not any(mark in there for mark in marks):
            raise UsageError(f"{path} is there already, and no certificate: give --out another name", slug="out-exists")


def _write(path: Path, text: str) -> None:
    from replay.store.durable import write_whole

    write_whole(text.encode(), path, overwrite=True)
    path.chmod(0o644)


def _check(path: Path, key: Path | None, as_json: bool) -> int:
    import json

    from replay.surfaces.certificate import opened
    from replay.surfaces.printable import escape

    if key is None:
        raise UsageError("--check needs --key FILE: the public key of whom you trust")
    try:
        envelope = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ReplayError(f"{path} cannot be read as a certificate: {error}", slug="certificate") from error
    document = opened(envelope, key)
    predicate = document["predicate"]
    if as_json:
        emit(document)
    else:
        head = predicate.get("head")
        tree = head.get("tree") if isinstance(head, dict) else None
        click.echo(f"signed with that key: {escape(str(predicate.get('result')))}, git tree {escape(str(tree))}")
    return EXPECTED if predicate.get("result") == "verified" else UNEXPECTED
