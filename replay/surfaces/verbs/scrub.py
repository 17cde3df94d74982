"""`replay scrub`: a bundle without its secrets."""

from __future__ import annotations

from pathlib import Path

import click

from replay.surfaces.verbs.shared import EXPECTED, emit, json_option


@click.command(name="scrub")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where to write it (default: NAME-scrubbed.replay.db).")
@click.option("--in-place", is_flag=True, help="Replace the bundle; its secrets are gone then.")
@click.option("--unsealed", is_flag=True, help="Write a sealed bundle as one that anybody can read.")
@json_option
def command(bundle: Path, out: Path | None, in_place: bool, unsealed: bool, as_json: bool) -> int:
    """Write a bundle anew with pseudonyms for its secrets, by the rules that capture has now.

    The pseudonyms are those of REPLAY_REDACTION_KEY; without it they are random, equal within the bundle.
    """
    import msgspec

    from replay.surfaces.printable import escape
    from replay.surfaces.scrub import scrub

    done = scrub(bundle, out, in_place=in_place, unsealed=unsealed)
    if as_json:
        emit(msgspec.to_builtins(done))
        return EXPECTED
    for row in done.recordings:
        what = (
            ", ".join(f"{number} {kind}" for kind, number in row["kinds"].items()) if row["changed"] else "no secrets"
        )
        click.echo(escape(f"{row['from']} -> {row['id']}: {what}" if row["changed"] else f"{row['id']}: {what}"))
    click.echo(escape(f"written to {done.out}"))
    return EXPECTED
