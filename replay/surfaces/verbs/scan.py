"""`replay scan`: are there secrets in it?"""

from __future__ import annotations

from pathlib import Path

import click

from replay.surfaces.verbs.shared import EXPECTED, REFUSED, UNEXPECTED, Refusals, emit, json_option


@click.command(name="scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--personal", is_flag=True, help="Mail addresses, phone numbers, cards and the like count too.")
@json_option
def command(paths: tuple[Path, ...], personal: bool, as_json: bool) -> int:
    """Find secrets in bundles, tests, reports and any text; exit code 1 if there are some.

    Bundles are looked through whole: compressed bodies, Base64, JSON in strings. What is printed never holds a secret.
    """
    from replay.surfaces.page import count
    from replay.surfaces.printable import escape
    from replay.surfaces.scan import Scan, document

    refused = Refusals()
    scan = Scan(personal=personal, refused=refused)
    found = list(scan(paths))
    if as_json:
        emit(document(found))
    else:
        for each in found:
            where = f"{each.path}::{each.recording}" if each.recording else each.path
            inside = "" if each.inside == "$" else f" {each.inside}"
            click.echo(escape(f"{where} {each.place}{inside}: {each.kind} {each.excerpt}"))
        click.echo(f"{count(len(found), 'secret')} in {count(scan.files, 'file')}")
    return REFUSED if refused.count else UNEXPECTED if found else EXPECTED
